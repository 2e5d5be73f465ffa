#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace octavo {

// An integer that may depend on open sizes, which are known only when the model runs.  It is a polynomial
// with integer coefficients over named sizes ("N", "height") and over quotients that have no simpler form
// ("floor((H + 1)/2)").  Every named size is assumed to be at least 1.  Tensor sizes and all integers of an
// imported program are Dims.
class Dim {
 public:
  Dim(std::int64_t value = 0);  // NOLINT(google-explicit-constructor): a number is a Dim
  static Dim Symbol(std::string name);
  // A size about which nothing is known; it equals no other size.  Its name begins with "?" and is not
  // written into models.
  static Dim Unknown();

  bool known() const;
  // The number.  Precondition: known().
  std::int64_t value() const;
  // The number, or nullopt if it depends on an open size.
  std::optional<std::int64_t> maybe() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // Python's a // b: rounds down.  Precondition: b is not the number 0.
  static Dim FloorDivide(const Dim& a, const Dim& b);
  // Python's a % b: the result has the sign of b.  Precondition: b is not the number 0.
  static Dim Modulo(const Dim& a, const Dim& b);

  // True if both are the same polynomial.
  bool operator==(const Dim& other) const { return terms_ == other.terms_; }
  // The answer if it is the same for all sizes >= 1, else nullopt.
  static std::optional<bool> Equal(const Dim& a, const Dim& b);
  static std::optional<bool> Less(const Dim& a, const Dim& b);

  // "N", "2*N + 1", "floor(H/2)", or the number if known.
  std::string ToString() const;
  // Reads the text that ToString writes; nullopt for any other text.
  static std::optional<Dim> Parse(const std::string& text);
  // The names of the sizes that it depends on, without the names inside quotients.
  std::vector<std::string> symbols() const;
  // The names of the sizes that it depends on, also inside quotients, without those of Unknown().
  std::set<std::string> named_sizes() const;
  // Replaces each named size by its number, and returns the result.
  Dim With(const std::map<std::string, std::int64_t>& numbers) const;

 private:
  using Monomial = std::vector<std::string>;  // sorted factors; empty: the constant
  std::map<Monomial, std::int64_t> terms_;    // no zero coefficients
};

using Shape = std::vector<Dim>;

// All sizes as numbers, or nullopt if one of them is open.
std::optional<std::vector<std::int64_t>> KnownSizes(const Shape& shape);
// The product of all sizes; 1 for a scalar.
Dim NumElements(const Shape& shape);
// "[1,64,N]"
std::string ToString(const Shape& shape);

}  // namespace octavo
