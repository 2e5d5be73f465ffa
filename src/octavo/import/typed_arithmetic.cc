#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/import/builtins.h"

// Arithmetic of 0-dimensional tensors as PyTorch's kernels do it: both operands are converted to the common
// dtype, and each operation rounds to that dtype.  Sources: c10/util/TypeCast.h, c10/util/Half.h,
// aten/src/ATen/native/cpu/BinaryOpsKernel.cpp, c10/util/generic_math.h.

namespace octavo::import {

float RoundToHalf(float x) {
  if (!std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  // float16 has 11 significant bits, and none below 2^-24.
  const int shift = std::max(exponent - 11, -24);
  const float rounded = std::ldexp(std::nearbyint(std::ldexp(x, -shift)), shift);
  constexpr float kLargest = 65504.0F;
  return std::abs(rounded) > kLargest ? std::copysign(std::numeric_limits<float>::infinity(), x) : rounded;
}

namespace {

float RoundToBFloat16(float x) {
  if (std::isnan(x)) return x;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t odd = (bits >> 16) & 1;
  return std::bit_cast<float>((bits + 0x7FFF + odd) & 0xFFFF0000);
}

// What x86's conversions give: beyond the range, and for NaN, the lowest number.
std::int64_t TruncateToInt64(double real) {
  constexpr double kEnd = 0x1p63;
  return real >= -kEnd && real < kEnd ? static_cast<std::int64_t>(real)
                                      : std::numeric_limits<std::int64_t>::min();
}

std::int64_t TruncateToInt32(double real) {
  const double whole = std::trunc(real);
  constexpr double kEnd = 0x1p31;
  return whole >= -kEnd && whole < kEnd ? static_cast<std::int64_t>(whole)
                                        : std::int64_t{std::numeric_limits<std::int32_t>::min()};
}

double ToFloatDType(const Value& number, DType dtype) {
  if (dtype == DType::kFloat64) return ToDouble(number);
  // An integer is rounded once, to float32.
  const float real = number.Is<std::int64_t>() ? static_cast<float>(number.As<std::int64_t>())
                                               : static_cast<float>(ToDouble(number));
  if (dtype == DType::kFloat16) return static_cast<double>(RoundToHalf(real));
  if (dtype == DType::kBFloat16) return static_cast<double>(RoundToBFloat16(real));
  return static_cast<double>(real);
}

std::int64_t LowBits(std::int64_t integer, DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return static_cast<std::uint8_t>(integer);
    case DType::kInt8:
      return static_cast<std::int8_t>(integer);
    case DType::kInt16:
      return static_cast<std::int16_t>(integer);
    case DType::kInt32:
      return static_cast<std::int32_t>(integer);
    default:
      return integer;
  }
}

bool IsNarrowFloat(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

// The quotient rounded down, as PyTorch's div_floor computes it from the remainder.
template <typename T>
T FloorQuotient(T a, T b) {
  if (b == 0) return a / b;
  const T mod = std::fmod(a, b);
  T quotient = (a - mod) / b;
  if (mod != 0 && (b < 0) != (mod < 0)) quotient -= T{1};
  if (quotient == 0) return std::copysign(T{0}, a / b);
  T floor = std::floor(quotient);
  if (quotient - floor > T{0.5}) floor += T{1};
  return floor;
}

template <typename T>
std::optional<T> FloatOperation(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::kAdd:
      return a + b;
    case BinaryOp::kSub:
      return a - b;
    case BinaryOp::kMul:
      return a * b;
    case BinaryOp::kDiv:
      return a / b;
    case BinaryOp::kFloorDivide:
      return FloorQuotient(a, b);
    case BinaryOp::kTruncateDivide:
      return std::trunc(a / b);
    case BinaryOp::kRemainder: {
      const T mod = std::fmod(a, b);
      return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;
    }
    case BinaryOp::kFmod:
      return std::fmod(a, b);
    case BinaryOp::kPow:
      return static_cast<T>(std::pow(static_cast<double>(a), static_cast<double>(b)));
    default:
      return std::nullopt;
  }
}

Result<Value> FloatArithmeticOf(BinaryOp op, const Value& left, const Value& right, DType dtype) {
  const double a = ToFloatDType(left, dtype), b = ToFloatDType(right, dtype);
  std::optional<double> result;
  if (dtype == DType::kFloat64) {
    result = FloatOperation(op, a, b);
  } else {
    result = FloatOperation(op, static_cast<float>(a), static_cast<float>(b));
  }
  const bool once =
      op == BinaryOp::kAdd || op == BinaryOp::kSub || op == BinaryOp::kMul || op == BinaryOp::kDiv;
  // PyTorch's kernels of 16-bit floats keep more digits of a Python number, and of what is in between.
  const auto exact = [](const Value& v, double rounded) {
    return ToDouble(v) == rounded || std::isnan(rounded);
  };
  if (!result || (IsNarrowFloat(dtype) && (!once || !exact(left, a) || !exact(right, b)))) {
    return Unsupported(fmt::format("this arithmetic of {} numbers is not supported", Name(dtype)),
                       "Compute the number in float32.");
  }
  return Value(ToFloatDType(Value(*result), dtype));
}

// A float tensor to the power of a Python number, which is not rounded to the tensor's dtype (PowKernel.cpp).
template <typename T>
T PowerByNumber(T x, double exponent) {
  if (exponent == 3) return x * x * x;
  if (exponent == -2) return T{1} / (x * x);
  if (exponent == -0.5) return T{1} / std::sqrt(x);
  return static_cast<T>(std::pow(static_cast<double>(x), exponent));
}

Result<Value> IntegerPower(std::int64_t base, std::int64_t exponent) {
  if (base == 1 || base == -1) return Value(exponent % 2 == 0 ? std::int64_t{1} : base);
  return Value(std::int64_t{0});
}

}  // namespace

Value RoundToDType(const Value& number, DType dtype) {
  if (number.Is<const Dim*>() || number.Is<const Undecided*>()) return number;
  if (dtype == DType::kBool) return Value(ToDouble(number) != 0);
  if (IsFloat(dtype)) return Value(ToFloatDType(number, dtype));
  if (number.Is<double>()) {
    const double real = number.As<double>();
    const bool narrow = dtype == DType::kInt8 || dtype == DType::kInt16 || dtype == DType::kInt32;
    return Value(LowBits(narrow ? TruncateToInt32(real) : TruncateToInt64(real), dtype));
  }
  return Value(LowBits(ToDim(number).value(), dtype));
}

Value PowerOfTensor(const Value& base, double exponent, DType dtype) {
  const double x = ToFloatDType(base, dtype);
  if (dtype == DType::kFloat64) return Value(PowerByNumber(x, exponent));
  return Value(static_cast<double>(PowerByNumber(static_cast<float>(x), exponent)));
}

Result<Value> TypedArithmetic(Evaluator& evaluator, BinaryOp op, const Value& a, const Value& b,
                              DType dtype) {
  if (a.Is<const Dim*>() || b.Is<const Dim*>()) {
    return RoundToDType(OCTAVO_TRY(Arithmetic(evaluator, op, a, b)), dtype);
  }
  if (IsFloat(dtype)) return FloatArithmeticOf(op, a, b, dtype);
  const Value x = RoundToDType(a, dtype), y = RoundToDType(b, dtype);
  if (op == BinaryOp::kPow && !y.Is<bool>() && y.As<std::int64_t>() < 0) {
    return IntegerPower(ToDim(x).value(), y.As<std::int64_t>());
  }
  const bool shifts = op == BinaryOp::kShiftLeft || op == BinaryOp::kShiftRight;
  if (shifts &&
      (ToDim(y).value() < 0 || ToDim(y).value() >= static_cast<std::int64_t>(8 * ElementSize(dtype)))) {
    return Unsupported("a shift by more bits than the integer has is not supported");
  }
  return RoundToDType(OCTAVO_TRY(Arithmetic(evaluator, op, x, y)), dtype);
}

}  // namespace octavo::import
