#include <cmath>

#include "octavo/reference/elementwise.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/wrapping.h"

// add, sub, mul, pow, addcmul, addcdiv, lerp.  Integers keep the low bits of the result.

namespace octavo::reference {
namespace {

// x + alpha y
double AddReals(double x, double y, double alpha) { return x + alpha * y; }
std::int64_t AddIntegers(std::int64_t x, std::int64_t y, std::int64_t alpha) {
  return WrappedSum(x, WrappedProduct(alpha, y));
}

Results Add(const Call& call) {
  return Elementwise<3>(call, {"self", "other", "alpha"}, AddReals, AddIntegers);
}

Results Sub(const Call& call) {
  return Elementwise<3>(
      call, {"self", "other", "alpha"}, [](double x, double y, double alpha) { return x - alpha * y; },
      [](std::int64_t x, std::int64_t y, std::int64_t alpha) {
        return WrappedDifference(x, WrappedProduct(alpha, y));
      });
}

Results Rsub(const Call& call) {
  return Elementwise<3>(
      call, {"self", "other", "alpha"}, [](double x, double y, double alpha) { return y - alpha * x; },
      [](std::int64_t x, std::int64_t y, std::int64_t alpha) {
        return WrappedDifference(y, WrappedProduct(alpha, x));
      });
}

Results Mul(const Call& call) {
  return Elementwise<2>(
      call, {"self", "other"}, [](double x, double y) { return x * y; }, WrappedProduct);
}

// A negative power of an integer is 0, but for 1 and -1.
std::int64_t IntegerPower(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  std::int64_t power = 1;
  for (std::int64_t rest = exponent; rest > 0; rest /= 2) {
    if (rest % 2 == 1) power = WrappedProduct(power, base);
    base = WrappedProduct(base, base);
  }
  return power;
}

// A number as exponent takes the square root where it can, of which -0 and -inf tell the difference.
double PowerOfNumber(double base, double exponent) {
  if (exponent == 0.5) return std::sqrt(base);
  if (exponent == -0.5) return 1 / std::sqrt(base);
  return std::pow(base, exponent);
}

double Power(double base, double exponent) { return std::pow(base, exponent); }

Results Pow(const Call& call) {
  const bool number = !call.is_tensor("exponent");
  if (number && !IsFloat(ResultDType(call)) && call.number("exponent") < 0) {
    return Unsupported("negative powers of integers are not supported");
  }
  return Elementwise<2>(call, {"self", "exponent"}, number ? PowerOfNumber : Power, IntegerPower);
}

Results Square(const Call& call) {
  return Elementwise<1>(
      call, {"self"}, [](double x) { return x * x; }, [](std::int64_t x) { return WrappedProduct(x, x); });
}

// self + value tensor1 op tensor2
Results Addcmul(const Call& call) {
  return Elementwise<4>(
      call, {"self", "tensor1", "tensor2", "value"},
      [](double x, double y, double z, double value) { return x + value * y * z; },
      [](std::int64_t x, std::int64_t y, std::int64_t z, std::int64_t value) {
        return WrappedSum(x, WrappedProduct(WrappedProduct(value, y), z));
      });
}

Results Addcdiv(const Call& call) {
  if (!IsFloat(ResultDType(call))) return Unsupported("addcdiv of integers is not supported");
  return Elementwise<4>(
      call, {"self", "tensor1", "tensor2", "value"},
      [](double x, double y, double z, double value) { return x + value * y / z; },
      [](std::int64_t x, std::int64_t, std::int64_t, std::int64_t) { return x; });
}

// The form that is exact at the nearer end.
double Between(double x, double end, double weight) {
  return std::abs(weight) < 0.5 ? x + weight * (end - x) : end - (end - x) * (1 - weight);
}

Results Lerp(const Call& call) {
  if (!IsFloat(ResultDType(call))) return Unsupported("lerp of integers is not supported");
  return Elementwise<3>(call, {"self", "end", "weight"}, Between,
                        [](std::int64_t x, std::int64_t, std::int64_t) { return x; });
}

}  // namespace

void AddArithmetic(Kernels& kernels) {
  kernels.Add("aten::add", Add);
  kernels.Add("aten::sub", Sub);
  kernels.Add("aten::subtract", Sub);
  kernels.Add("aten::rsub", Rsub);
  kernels.Add("aten::mul", Mul);
  kernels.Add("aten::multiply", Mul);
  kernels.Add("aten::pow", Pow);
  kernels.Add("aten::square", Square);
  kernels.Add("aten::addcmul", Addcmul);
  kernels.Add("aten::addcdiv", Addcdiv);
  kernels.Add("aten::lerp", Lerp);
}

}  // namespace octavo::reference
