#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace octavo {

// A whole number that may depend on sizes known only when the model runs: a polynomial with integer
// coefficients over named sizes ("N", "height") and over quotients that have no simpler form
// ("floor((H + 1)/2)").  Named sizes are assumed to be at least 1.  Used for the sizes of tensors and for
// every integer of the imported program.
class Dim {
 public:
  Dim(std::int64_t value = 0);  // NOLINT(google-explicit-constructor): a number is a Dim
  static Dim Symbol(std::string name);
  // A size of which nothing is known, equal to no other; its name begins with "?" and is not written into
  // models.
  static Dim Unknown();

  bool known() const;
  // Needs known().
  std::int64_t value() const;
  std::optional<std::int64_t> maybe() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // Rounded down as Python's // does; divisor must not be the known number 0.
  static Dim FloorDivide(const Dim& a, const Dim& b);
  // Python's %: the sign follows the divisor.
  static Dim Modulo(const Dim& a, const Dim& b);

  // The same polynomial.
  bool operator==(const Dim& other) const { return terms_ == other.terms_; }
  // Answers that hold for every size >= 1 of the symbols; nullopt where it depends on them.
  static std::optional<bool> Equal(const Dim& a, const Dim& b);
  static std::optional<bool> Less(const Dim& a, const Dim& b);

  // "N", "2*N + 1", "floor(H/2)"; a number when known.
  std::string ToString() const;
  // Reads what ToString writes; nullopt if it is not such a text.
  static std::optional<Dim> Parse(const std::string& text);
  // The names of the symbols that it depends on, without those inside quotients' text.
  std::vector<std::string> symbols() const;

 private:
  using Monomial = std::vector<std::string>;  // sorted factors; empty: the constant
  std::map<Monomial, std::int64_t> terms_;    // no zero coefficients
};

using Shape = std::vector<Dim>;

// Known sizes, or nullopt if one is not.
std::optional<std::vector<std::int64_t>> KnownSizes(const Shape& shape);
// The product of all sizes; 1 for a scalar.
Dim NumElements(const Shape& shape);
// "[1,64,N]"
std::string ToString(const Shape& shape);

}  // namespace octavo
