#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "octavo/reference/elementwise.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/wrapping.h"

// div and its roundings, remainder, fmod.  Source: c10::div_floor_floating, at::native::remainder
// (PyTorch 1.13).

namespace octavo::reference {
namespace {

// PyTorch refuses to divide integers by 0; where nothing is divided, it does not look.
Status CheckDivisor(const Call& call) {
  const DType dtype = ResultDType(call);
  if (IsFloat(dtype)) return {};
  if (Count(OCTAVO_TRY(CommonSizesOf<2>(call, {"self", "other"}))) == 0) return {};
  const Tensor divisor = OCTAVO_TRY(Converted(NumberTensor(call, "other"), dtype));
  for (const std::int64_t number : divisor.ToInts()) {
    if (number == 0) return Unsupported("integer division by zero");
  }
  return {};
}

// The lowest integer by -1 is itself.
std::int64_t Quotient(std::int64_t x, std::int64_t y) { return y == -1 ? WrappedDifference(0, x) : x / y; }
std::int64_t Rest(std::int64_t x, std::int64_t y) { return y == -1 ? 0 : x % y; }

std::int64_t FloorQuotient(std::int64_t x, std::int64_t y) {
  const std::int64_t rest = Rest(x, y);
  return Quotient(x, y) - (rest != 0 && (rest < 0) != (y < 0) ? 1 : 0);
}

// The sign follows the divisor, as in Python.
std::int64_t FloorRest(std::int64_t x, std::int64_t y) {
  const std::int64_t rest = Rest(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

double FloorRest(double x, double y) {
  const double rest = std::fmod(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

// The quotient of what divides without a remainder, so that 1.0 // 0.1 is 9, though 1.0 / 0.1 is 10.  Each
// step is rounded to `dtype`.
double FloorQuotient(double x, double y, DType dtype) {
  if (y == 0) return x / y;
  const double rest = std::fmod(x, y);
  double quotient = Rounded(Rounded(x - rest, dtype) / y, dtype);
  if (rest != 0 && (y < 0) != (rest < 0)) quotient = Rounded(quotient - 1, dtype);
  if (quotient == 0) return std::copysign(0.0, x / y);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

Results FloorDivide(const Call& call) {
  OCTAVO_TRY(CheckDivisor(call));
  const DType dtype = ResultDType(call);
  return Elementwise<2>(
      call, {"self", "other"}, [dtype](double x, double y) { return FloorQuotient(x, y, dtype); },
      [](std::int64_t x, std::int64_t y) { return FloorQuotient(x, y); });
}

Results TruncatedDivide(const Call& call) {
  OCTAVO_TRY(CheckDivisor(call));
  const DType dtype = ResultDType(call);
  return Elementwise<2>(
      call, {"self", "other"}, [dtype](double x, double y) { return std::trunc(Rounded(x / y, dtype)); },
      Quotient);
}

Results Divide(const Call& call) {
  if (call.has("rounding_mode")) {
    const std::string& mode = call.text("rounding_mode");
    if (mode == "floor") return FloorDivide(call);
    if (mode == "trunc") return TruncatedDivide(call);
    return Unsupported(
        fmt::format("argument rounding_mode must be \"trunc\" or \"floor\", not \"{}\"", mode));
  }
  if (!IsFloat(ResultDType(call))) return Unsupported("true division cannot have an integer result");
  return Elementwise<2>(
      call, {"self", "other"}, [](double x, double y) { return x / y; }, Quotient);
}

Results Remainder(const Call& call) {
  OCTAVO_TRY(CheckDivisor(call));
  return Elementwise<2>(
      call, {"self", "other"}, [](double x, double y) { return FloorRest(x, y); },
      [](std::int64_t x, std::int64_t y) { return FloorRest(x, y); });
}

// The sign follows the dividend, as in C.
Results Fmod(const Call& call) {
  OCTAVO_TRY(CheckDivisor(call));
  return Elementwise<2>(
      call, {"self", "other"}, [](double x, double y) { return std::fmod(x, y); }, Rest);
}

}  // namespace

void AddDivision(Kernels& kernels) {
  for (const char* name : {"aten::div", "aten::divide", "aten::true_divide"}) kernels.Add(name, Divide);
  kernels.Add("aten::floor_divide", FloorDivide);
  kernels.Add("aten::remainder", Remainder);
  kernels.Add("aten::fmod", Fmod);
}

}  // namespace octavo::reference
