#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/map.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

// The operator that is `f` of each element, a float.  `f` has no state.
template <typename F>
Prepare OfReals(F) {
  return [](Call& call) { return Map(call, [](double v) { return F{}(v); }); };
}

// Likewise for integers, by `g`.
template <typename F, typename G>
Prepare OfNumbers(F, G) {
  return [](Call& call) -> Result<Prepared> {
    OCTAVO_TRY(call.Inputs(1, 1));
    const ValueType type = OCTAVO_TRY(call.type(0));
    if (IsFloat(type.dtype)) return Map(call, [](double v) { return F{}(v); });
    OCTAVO_TRY(CheckNumber(call, 0));
    return One(type.dtype, *type.sizes, [](const Operands& in) -> Result<Tensor> {
      std::vector<std::int64_t> x = Integers(*in[0]);
      for (std::int64_t& v : x) v = G{}(v);
      return FromIntegers(in[0]->dtype, in[0]->sizes, x);
    });
  };
}

// Wraps at the least int64, as the others do at theirs.
std::int64_t Negated(std::int64_t v) {
  return static_cast<std::int64_t>(std::uint64_t{0} - static_cast<std::uint64_t>(v));
}

Result<Prepared> Test(Call& call, bool (*test)(double)) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  return One(DType::kBool, OCTAVO_TRY(call.sizes(0)), [test](const Operands& in) -> Result<Tensor> {
    const std::vector<double> x = Reals(*in[0]);
    std::vector<bool> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = test(x[i]);
    return FromBools(in[0]->sizes, y);
  });
}

Result<Prepared> IsInf(Call& call) {
  const bool negative = OCTAVO_TRY(call.Int("detect_negative", 1)) != 0;
  const bool positive = OCTAVO_TRY(call.Int("detect_positive", 1)) != 0;
  if (negative && positive) return Test(call, [](double v) { return std::isinf(v); });
  if (negative) return Test(call, [](double v) { return std::isinf(v) && v < 0; });
  if (positive) return Test(call, [](double v) { return std::isinf(v) && v > 0; });
  return Test(call, [](double) { return false; });
}

}  // namespace

void AddUnary(Registry& registry) {
  const auto magnitude = [](std::int64_t v) { return v < 0 ? Negated(v) : v; };
  const auto sign = [](double v) { return std::isnan(v) ? v : double(v > 0) - double(v < 0); };
  const auto integer_sign = [](std::int64_t v) { return std::int64_t{v > 0} - std::int64_t{v < 0}; };
  registry.Add("Abs", OfNumbers([](double v) { return std::fabs(v); }, magnitude));
  registry.Add("Neg", OfNumbers([](double v) { return -v; }, [](std::int64_t v) { return Negated(v); }));
  registry.Add("Sign", OfNumbers(sign, integer_sign));
  registry.Add("Reciprocal", OfReals([](double v) { return 1 / v; }));
  registry.Add("Sqrt", OfReals([](double v) { return std::sqrt(v); }));
  registry.Add("Exp", OfReals([](double v) { return std::exp(v); }));
  registry.Add("Log", OfReals([](double v) { return std::log(v); }));
  registry.Add("Floor", OfReals([](double v) { return std::floor(v); }));
  registry.Add("Ceil", OfReals([](double v) { return std::ceil(v); }));
  registry.Add("Round", OfReals([](double v) { return std::nearbyint(v); }));
  registry.Add("Erf", OfReals([](double v) { return std::erf(v); }));
  registry.Add("Sin", OfReals([](double v) { return std::sin(v); }));
  registry.Add("Cos", OfReals([](double v) { return std::cos(v); }));
  registry.Add("Tan", OfReals([](double v) { return std::tan(v); }));
  registry.Add("Asin", OfReals([](double v) { return std::asin(v); }));
  registry.Add("Acos", OfReals([](double v) { return std::acos(v); }));
  registry.Add("Atan", OfReals([](double v) { return std::atan(v); }));
  registry.Add("Sinh", OfReals([](double v) { return std::sinh(v); }));
  registry.Add("Cosh", OfReals([](double v) { return std::cosh(v); }));
  registry.Add("Tanh", OfReals([](double v) { return std::tanh(v); }));
  registry.Add("Asinh", OfReals([](double v) { return std::asinh(v); }));
  registry.Add("Acosh", OfReals([](double v) { return std::acosh(v); }));
  registry.Add("Atanh", OfReals([](double v) { return std::atanh(v); }));
  registry.Add("IsNaN", [](Call& call) { return Test(call, [](double v) { return std::isnan(v); }); });
  registry.Add("IsInf", IsInf);
}

}  // namespace octavo::engine::literal
