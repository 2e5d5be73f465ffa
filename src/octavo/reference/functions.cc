#include <cmath>

#include "octavo/reference/elementwise.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/wrapping.h"

// Functions of one number.

namespace octavo::reference {
namespace {

// ---- of reals

template <double (*kFunction)(double)>
Results OfReal(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (!IsFloat(x.dtype)) return Unsupported("the input must be floating-point");
  Array<double> result = OCTAVO_TRY(Numbers<double>(x));
  for (double& number : result.data) number = kFunction(number);
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

double Reciprocal(double x) { return 1 / x; }
double Rsqrt(double x) { return 1 / std::sqrt(x); }

// ---- of integers, too

double Sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double Negative(double x) { return -x; }

Results Abs(const Call& call) {
  return Elementwise<1>(
      call, {"self"}, [](double x) { return std::abs(x); },
      [](std::int64_t x) { return x < 0 ? WrappedDifference(0, x) : x; });
}

Results Neg(const Call& call) {
  return Elementwise<1>(call, {"self"}, Negative, [](std::int64_t x) { return WrappedDifference(0, x); });
}

Results SignOf(const Call& call) {
  return Elementwise<1>(call, {"self"}, Sign,
                        [](std::int64_t x) { return std::int64_t{x > 0} - std::int64_t{x < 0}; });
}

}  // namespace

void AddFunctions(Kernels& kernels) {
  kernels.Add("aten::exp", OfReal<std::exp>);
  kernels.Add("aten::log", OfReal<std::log>);
  kernels.Add("aten::sqrt", OfReal<std::sqrt>);
  kernels.Add("aten::rsqrt", OfReal<Rsqrt>);
  kernels.Add("aten::reciprocal", OfReal<Reciprocal>);
  kernels.Add("aten::erf", OfReal<std::erf>);
  kernels.Add("aten::sin", OfReal<std::sin>);
  kernels.Add("aten::cos", OfReal<std::cos>);
  kernels.Add("aten::tan", OfReal<std::tan>);
  kernels.Add("aten::asin", OfReal<std::asin>);
  kernels.Add("aten::acos", OfReal<std::acos>);
  kernels.Add("aten::atan", OfReal<std::atan>);
  kernels.Add("aten::sinh", OfReal<std::sinh>);
  kernels.Add("aten::cosh", OfReal<std::cosh>);
  kernels.Add("aten::floor", OfReal<std::floor>);
  kernels.Add("aten::ceil", OfReal<std::ceil>);
  kernels.Add("aten::round", OfReal<std::nearbyint>);  // ties to even
  kernels.Add("aten::abs", Abs);
  kernels.Add("aten::neg", Neg);
  kernels.Add("aten::sign", SignOf);
}

}  // namespace octavo::reference
