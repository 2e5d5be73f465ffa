#include "octavo/dim.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cctype>
#include <limits>
#include <set>

namespace octavo {
namespace {

// Products and sums of sizes from a file may pass 2^63; they stay at the end of int64 then, which is larger
// than any tensor, and whoever allocates checks against the bytes that exist.
std::int64_t Most(bool negative) {
  return negative ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}
std::int64_t BoundedSum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? Most(a < 0) : sum;
}
std::int64_t BoundedProduct(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? Most((a < 0) != (b < 0)) : product;
}

// Division by -1 could overflow.
bool Divides(std::int64_t divisor, std::int64_t number) { return divisor == -1 || number % divisor == 0; }
std::int64_t Quotient(std::int64_t number, std::int64_t divisor) {
  return divisor == -1 ? BoundedProduct(number, -1) : number / divisor;
}

// A file can make polynomials grow exponentially.  Larger ones are unknown sizes, as is a quotient with a
// longer text.
constexpr std::size_t kMaxTerms = 256, kMaxFactors = 64, kMaxText = 4096;

std::int64_t FloorDivideNumbers(std::int64_t a, std::int64_t b) {
  if (b == -1) return BoundedProduct(a, -1);
  const std::int64_t q = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

}  // namespace

Dim::Dim(std::int64_t value) {
  if (value != 0) terms_[{}] = value;
}

Dim Dim::Symbol(std::string name) {
  Dim d;
  d.terms_[{std::move(name)}] = 1;
  return d;
}

Dim Dim::Unknown() {
  static std::atomic<std::uint64_t> count{0};
  return Symbol("?" + std::to_string(++count));
}

bool Dim::known() const { return terms_.empty() || (terms_.size() == 1 && terms_.begin()->first.empty()); }

std::int64_t Dim::value() const {
  assert(known());
  return terms_.empty() ? 0 : terms_.begin()->second;
}

std::optional<std::int64_t> Dim::maybe() const { return known() ? std::optional(value()) : std::nullopt; }

Dim operator+(const Dim& a, const Dim& b) {
  Dim sum = a;
  for (const auto& [monomial, coefficient] : b.terms_) {
    auto [at, added] = sum.terms_.try_emplace(monomial, coefficient);
    if (!added) {
      at->second = BoundedSum(at->second, coefficient);
      if (at->second == 0) sum.terms_.erase(at);
    }
  }
  return sum.terms_.size() > kMaxTerms ? Dim::Unknown() : sum;
}

Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

Dim operator*(const Dim& a, const Dim& b) {
  Dim product;
  for (const auto& [ma, ca] : a.terms_) {
    for (const auto& [mb, cb] : b.terms_) {
      if (ma.size() + mb.size() > kMaxFactors || product.terms_.size() > kMaxTerms) return Dim::Unknown();
      Dim::Monomial monomial;
      std::merge(ma.begin(), ma.end(), mb.begin(), mb.end(), std::back_inserter(monomial));
      std::int64_t& coefficient = product.terms_[monomial];
      coefficient = BoundedSum(coefficient, BoundedProduct(ca, cb));
      if (coefficient == 0) product.terms_.erase(monomial);
    }
  }
  return product;
}

Dim Dim::FloorDivide(const Dim& a, const Dim& b) {
  if (a.known() && b.known()) return Dim(FloorDivideNumbers(a.value(), b.value()));
  if (b == Dim(1)) return a;
  if (a == b) return Dim(1);
  if (b.terms_.size() == 1) {
    // Terms that the divisor divides exactly leave the floor: floor((4*N + r)/4) = N + floor(r/4).
    const auto& [divisor, coefficient] = *b.terms_.begin();
    Dim whole, rest;
    for (const auto& [monomial, c] : a.terms_) {
      Monomial quotient;
      const bool divides = std::includes(monomial.begin(), monomial.end(), divisor.begin(), divisor.end());
      if (divides && Divides(coefficient, c)) {
        std::set_difference(monomial.begin(), monomial.end(), divisor.begin(), divisor.end(),
                            std::back_inserter(quotient));
        whole.terms_[quotient] = Quotient(c, coefficient);
      } else {
        rest.terms_[monomial] = c;
      }
    }
    if (rest.terms_.empty()) return whole;
    if (rest.known() && b.known()) return whole + Dim(FloorDivideNumbers(rest.value(), b.value()));
    if (!whole.terms_.empty()) return whole + FloorDivide(rest, b);
  }
  std::string top = a.ToString(), bottom = b.ToString();
  if (a.terms_.size() > 1 || top.front() == '-') top = "(" + top + ")";
  if (!b.known() || bottom.front() == '-') bottom = "(" + bottom + ")";
  if (top.size() + bottom.size() > kMaxText) return Unknown();
  return Symbol("floor(" + top + "/" + bottom + ")");
}

Dim Dim::Modulo(const Dim& a, const Dim& b) { return a - FloorDivide(a, b) * b; }

std::optional<bool> Dim::Equal(const Dim& a, const Dim& b) {
  const Dim difference = a - b;
  if (difference.known()) return difference.value() == 0;
  if (Less(a, b) == true || Less(b, a) == true) return false;
  return std::nullopt;
}

std::optional<bool> Dim::Less(const Dim& a, const Dim& b) {
  // a < b  <=>  d = b - a > 0.  Every monomial of plain symbols is at least 1, so d is at least the sum of
  // its coefficients where those of symbols are positive, and at most that sum where they are negative.
  const Dim d = b - a;
  if (d.known()) return d.value() > 0;
  bool all_positive = true, all_negative = true;
  std::int64_t sum = 0;
  for (const auto& [monomial, coefficient] : d.terms_) {
    sum = BoundedSum(sum, coefficient);
    if (monomial.empty()) continue;
    for (const std::string& factor : monomial) {
      if (factor.rfind("floor(", 0) == 0) return std::nullopt;  // may be 0
    }
    all_positive &= coefficient > 0;
    all_negative &= coefficient < 0;
  }
  if (all_positive && sum > 0) return true;
  if (all_negative && sum <= 0) return false;
  return std::nullopt;
}

std::string Dim::ToString() const {
  if (known()) return std::to_string(value());
  std::string out;
  auto append = [&out](const Monomial& monomial, std::int64_t coefficient) {
    const bool negative = coefficient < 0;
    if (out.empty()) {
      if (negative) out += "-";
    } else {
      out += negative ? " - " : " + ";
    }
    const std::uint64_t magnitude =
        negative ? 0 - static_cast<std::uint64_t>(coefficient) : static_cast<std::uint64_t>(coefficient);
    if (monomial.empty() || magnitude != 1) {
      out += std::to_string(magnitude);
      if (!monomial.empty()) out += "*";
    }
    for (std::size_t i = 0; i < monomial.size(); ++i) out += (i ? "*" : "") + monomial[i];
  };
  // The constant comes last, as people write it.
  for (const auto& [monomial, coefficient] : terms_) {
    if (!monomial.empty()) append(monomial, coefficient);
  }
  if (const auto constant = terms_.find({}); constant != terms_.end()) append({}, constant->second);
  return out;
}

namespace {

// sum := ["-"] product {("+" | "-") product};  product := factor {"*" factor};
// factor := number | name | "floor(" top "/" bottom ")" with top, bottom := factor | "(" sum ")"
class DimParser {
 public:
  using Numbers = std::map<std::string, std::int64_t>;
  // `numbers` take the place of names.
  explicit DimParser(const std::string& text, const Numbers& numbers = {}) : text_(text), numbers_(numbers) {}

  std::optional<Dim> Whole() {
    auto d = Sum(0);
    Space();
    if (!d || at_ != text_.size()) return std::nullopt;
    return d;
  }
  // The names that Whole() met.
  const std::set<std::string>& names() const { return names_; }

 private:
  static constexpr int kMaxDepth = 64;

  void Space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Eat(char c) {
    Space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::optional<Dim> Sum(int depth) {
    const bool negative = Eat('-');
    auto sum = Product(depth);
    if (!sum) return std::nullopt;
    if (negative) sum = *sum * Dim(-1);
    for (;;) {
      const bool plus = Eat('+');
      if (!plus && !Eat('-')) return sum;
      auto next = Product(depth);
      if (!next) return std::nullopt;
      sum = plus ? *sum + *next : *sum - *next;
    }
  }
  std::optional<Dim> Product(int depth) {
    auto product = Factor(depth);
    while (product && Eat('*')) {
      auto next = Factor(depth);
      if (!next) return std::nullopt;
      product = *product * *next;
    }
    return product;
  }
  std::optional<Dim> Operand(int depth) {
    if (Eat('(')) {
      auto d = Sum(depth + 1);
      return d && Eat(')') ? d : std::nullopt;
    }
    return Product(depth);
  }
  std::optional<Dim> Factor(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    Space();
    const std::size_t begin = at_;
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      std::int64_t number = 0;
      for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_) {
        if (number > (INT64_MAX - 9) / 10) return std::nullopt;
        number = number * 10 + (text_[at_] - '0');
      }
      return Dim(number);
    }
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' ||
                                  text_[at_] == '.' || text_[at_] == '?')) {
      ++at_;
    }
    std::string name = text_.substr(begin, at_ - begin);
    if (name.empty()) return std::nullopt;
    if (name != "floor") {
      if (const auto number = numbers_.find(name); number != numbers_.end()) return Dim(number->second);
      names_.insert(name);
      return Dim::Symbol(std::move(name));
    }
    if (!Eat('(')) return std::nullopt;
    auto top = Operand(depth + 1);
    if (!top || !Eat('/')) return std::nullopt;
    auto bottom = Operand(depth + 1);
    if (!bottom || !Eat(')') || *bottom == Dim(0)) return std::nullopt;
    return Dim::FloorDivide(*top, *bottom);
  }

  const std::string text_;
  const Numbers numbers_;
  std::set<std::string> names_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Dim> Dim::Parse(const std::string& text) { return DimParser(text).Whole(); }

std::set<std::string> Dim::named_sizes() const {
  if (known()) return {};
  DimParser parser(ToString());
  parser.Whole();
  std::set<std::string> names = parser.names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with('?'); });
  return names;
}

Dim Dim::With(const std::map<std::string, std::int64_t>& numbers) const {
  if (known()) return *this;
  return DimParser(ToString(), numbers).Whole().value_or(*this);
}

std::vector<std::string> Dim::symbols() const {
  std::set<std::string> names;
  for (const auto& [monomial, coefficient] : terms_) names.insert(monomial.begin(), monomial.end());
  return {names.begin(), names.end()};
}

std::optional<std::vector<std::int64_t>> KnownSizes(const Shape& shape) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(shape.size());
  for (const Dim& d : shape) {
    if (!d.known()) return std::nullopt;
    sizes.push_back(d.value());
  }
  return sizes;
}

Dim NumElements(const Shape& shape) {
  Dim product = 1;
  for (const Dim& d : shape) product = product * d;
  return product;
}

std::string ToString(const Shape& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? "," : "") + shape[i].ToString();
  return out + "]";
}

}  // namespace octavo
