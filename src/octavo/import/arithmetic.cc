#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

namespace octavo::import {
namespace {

// 64-bit integers wrap, as PyTorch's do.
std::int64_t Wrap(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }
std::uint64_t Bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

Result<std::int64_t> Power(std::int64_t base, std::int64_t exponent) {
  std::uint64_t result = 1, factor = Bits(base);
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= factor;
    factor *= factor;
  }
  return Wrap(result);
}

Error DivisionByZero() { return Unsupported("the model divides by zero"); }

Result<Value> IntegerArithmetic(BinaryOp op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value(Wrap(Bits(a) + Bits(b)));
    case BinaryOp::kSub:
      return Value(Wrap(Bits(a) - Bits(b)));
    case BinaryOp::kMul:
      return Value(Wrap(Bits(a) * Bits(b)));
    case BinaryOp::kDiv:
      return Value(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOp::kFloorDivide:
      if (b == 0) return DivisionByZero();
      return Value(Dim::FloorDivide(Dim(a), Dim(b)).value());
    case BinaryOp::kTruncateDivide:
      if (b == 0) return DivisionByZero();
      return Value(b == -1 ? Wrap(0 - Bits(a)) : a / b);
    case BinaryOp::kRemainder:
      if (b == 0) return DivisionByZero();
      return Value(Dim::Modulo(Dim(a), Dim(b)).value());
    case BinaryOp::kFmod:  // a float in TorchScript, NaN for a divisor of 0
      return Value(std::fmod(static_cast<double>(a), static_cast<double>(b)));
    case BinaryOp::kPow:
      if (a == 0 && b < 0) return Unsupported("the model raises 0 to a negative power");
      if (b < 0) return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
      return Value(OCTAVO_TRY(Power(a, b)));
    case BinaryOp::kMin:
      return Value(std::min(a, b));
    case BinaryOp::kMax:
      return Value(std::max(a, b));
    case BinaryOp::kAnd:
      return Value(a & b);
    case BinaryOp::kOr:
      return Value(a | b);
    case BinaryOp::kXor:
      return Value(a ^ b);
    case BinaryOp::kShiftLeft:
    case BinaryOp::kShiftRight:
      // C++ does not define it, and PyTorch computes what the processor happens to.
      if (b < 0 || b > 63) return Unsupported(fmt::format("shifting an int by {} bits has no meaning", b));
      return Value(op == BinaryOp::kShiftLeft ? Wrap(Bits(a) << static_cast<unsigned>(b)) : a >> b);
  }
  return Unsupported("this arithmetic operator is not supported");
}

Result<Value> FloatArithmetic(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value(a + b);
    case BinaryOp::kSub:
      return Value(a - b);
    case BinaryOp::kMul:
      return Value(a * b);
    case BinaryOp::kDiv:
      return Value(a / b);
    case BinaryOp::kFloorDivide:
      if (b == 0) return DivisionByZero();
      return Value(std::floor(a / b));
    case BinaryOp::kTruncateDivide:
      if (b == 0) return DivisionByZero();
      return Value(std::trunc(a / b));
    case BinaryOp::kRemainder: {
      if (b == 0) return DivisionByZero();
      const double r = std::fmod(a, b);
      return Value(r != 0 && (r < 0) != (b < 0) ? r + b : r);
    }
    case BinaryOp::kFmod:
      return Value(std::fmod(a, b));
    case BinaryOp::kPow:
      if (a == 0 && b < 0) return Unsupported("the model raises 0 to a negative power");
      return Value(std::pow(a, b));
    case BinaryOp::kMin:
      return Value(std::min(a, b));
    case BinaryOp::kMax:
      return Value(std::max(a, b));
    default:
      return Unsupported("bit operations on floats are not supported");
  }
}

// A float that holds a whole number may meet a symbolic size: 2.0 * H is still a polynomial.
std::optional<Dim> WholeNumber(const Value& value) {
  if (!value.Is<double>()) return ToDim(value);
  const double number = value.As<double>();
  if (std::floor(number) != number || std::abs(number) > 1e15) return std::nullopt;
  return Dim(static_cast<std::int64_t>(number));
}

constexpr std::size_t kMaxDimText = 2000;

Result<Value> SymbolicArithmetic(Evaluator& evaluator, BinaryOp op, const Value& left, const Value& right) {
  const std::optional<Dim> a = WholeNumber(left), b = WholeNumber(right);
  const auto needs_number = [&]() -> Error {
    return NeedsInput(
        fmt::format("this computation needs a number for the open size {}",
                    (left.Is<const Dim*>() ? *left.As<const Dim*>() : *right.As<const Dim*>()).ToString()),
        kGiveSize);
  };
  if (!a || !b) return needs_number();
  const bool divides = op == BinaryOp::kDiv || op == BinaryOp::kFloorDivide || op == BinaryOp::kRemainder ||
                       op == BinaryOp::kTruncateDivide;
  if (divides && *b == Dim(0)) return DivisionByZero();
  // A program can make long polynomials, whose product takes as many steps as the product of their lengths.
  OCTAVO_TRY(evaluator.Charge(a->ToString().size() * b->ToString().size() / 16));
  std::optional<Dim> result;
  switch (op) {
    case BinaryOp::kAdd:
      result = *a + *b;
      break;
    case BinaryOp::kSub:
      result = *a - *b;
      break;
    case BinaryOp::kMul:
      result = *a * *b;
      break;
    case BinaryOp::kDiv:
      // Exact for all sizes, or not to be told.
      if (const Dim quotient = Dim::FloorDivide(*a, *b); quotient * *b == *a) result = quotient;
      break;
    case BinaryOp::kTruncateDivide:
      // Both round alike where nothing is negative.
      if (Dim::Less(*a, Dim(0)) == false && Dim::Less(Dim(0), *b) == true) result = Dim::FloorDivide(*a, *b);
      break;
    case BinaryOp::kFloorDivide:
      result = Dim::FloorDivide(*a, *b);
      break;
    case BinaryOp::kRemainder:
      result = Dim::Modulo(*a, *b);
      break;
    case BinaryOp::kPow:
      if (b->known() && b->value() >= 0 && b->value() <= 8) {
        result = Dim(1);
        for (std::int64_t i = 0; i < b->value(); ++i) result = *result * *a;
      }
      break;
    case BinaryOp::kMin:
    case BinaryOp::kMax:
      if (const auto less = Dim::Less(*a, *b)) result = (*less == (op == BinaryOp::kMin)) ? *a : *b;
      break;
    default:
      break;
  }
  if (!result) return needs_number();
  const std::size_t length = result->ToString().size();
  if (length > kMaxDimText) return NeedsInput("the expression of an open size is too long", kGiveSize);
  evaluator.arena().Count(length / sizeof(Value));
  return evaluator.arena().Number(*result);
}

}  // namespace

Result<Value> Arithmetic(Evaluator& evaluator, BinaryOp op, const Value& a, const Value& b) {
  if (a.Is<std::int64_t>() && b.Is<std::int64_t>()) {
    return IntegerArithmetic(op, a.As<std::int64_t>(), b.As<std::int64_t>());
  }
  const bool bitwise = op == BinaryOp::kAnd || op == BinaryOp::kOr || op == BinaryOp::kXor;
  if (a.Is<bool>() && b.Is<bool>() && bitwise) {
    const bool x = a.As<bool>(), y = b.As<bool>();
    return Value(op == BinaryOp::kAnd ? (x && y) : op == BinaryOp::kOr ? (x || y) : x != y);
  }
  if (a.Is<const Dim*>() || b.Is<const Dim*>()) return SymbolicArithmetic(evaluator, op, a, b);
  if (a.Is<double>() || b.Is<double>()) return FloatArithmetic(op, ToDouble(a), ToDouble(b));
  return IntegerArithmetic(op, ToDim(a).value(), ToDim(b).value());
}

namespace {

template <typename T>
bool CompareKnown(CompareOp op, const T& a, const T& b) {
  switch (op) {
    case CompareOp::kEqual:
      return a == b;
    case CompareOp::kNotEqual:
      return a != b;
    case CompareOp::kLess:
      return a < b;
    case CompareOp::kLessEqual:
      return a <= b;
    case CompareOp::kGreater:
      return a > b;
    case CompareOp::kGreaterEqual:
      return a >= b;
  }
  return false;
}

const char* Sign(CompareOp op) {
  switch (op) {
    case CompareOp::kEqual:
      return "==";
    case CompareOp::kNotEqual:
      return "!=";
    case CompareOp::kLess:
      return "<";
    case CompareOp::kLessEqual:
      return "<=";
    case CompareOp::kGreater:
      return ">";
    case CompareOp::kGreaterEqual:
      return ">=";
  }
  return "?";
}

std::optional<bool> Not(std::optional<bool> value) { return value ? std::optional(!*value) : std::nullopt; }

std::optional<bool> CompareDims(CompareOp op, const Dim& a, const Dim& b) {
  switch (op) {
    case CompareOp::kEqual:
      return Dim::Equal(a, b);
    case CompareOp::kNotEqual:
      return Not(Dim::Equal(a, b));
    case CompareOp::kLess:
      return Dim::Less(a, b);
    case CompareOp::kLessEqual:
      return Not(Dim::Less(b, a));
    case CompareOp::kGreater:
      return Dim::Less(b, a);
    case CompareOp::kGreaterEqual:
      return Not(Dim::Less(a, b));
  }
  return std::nullopt;
}

}  // namespace

Value CompareNumbers(Evaluator& evaluator, CompareOp op, const Value& a, const Value& b) {
  if (a.Is<std::int64_t>() && b.Is<std::int64_t>()) {
    return Value(CompareKnown(op, a.As<std::int64_t>(), b.As<std::int64_t>()));
  }
  if (a.Is<const Dim*>() || b.Is<const Dim*>()) {
    const Value& symbolic = a.Is<const Dim*>() ? a : b;
    const std::optional<Dim> x = WholeNumber(a), y = WholeNumber(b);
    if (x && y) {
      if (const auto decided = CompareDims(op, *x, *y)) return Value(*decided);
    } else if (op == CompareOp::kEqual || op == CompareOp::kNotEqual) {
      return Value(op == CompareOp::kNotEqual);  // a whole number is no fraction
    }
    const auto text = [](const Value& v) {
      return v.is_integer() || v.Is<bool>() ? ToDim(v).ToString() : fmt::format("{}", ToDouble(v));
    };
    return evaluator.arena().NewUndecided({.text = fmt::format("{} {} {}", text(a), Sign(op), text(b)),
                                           .size = symbolic.As<const Dim*>()->ToString()});
  }
  return Value(CompareKnown(op, ToDouble(a), ToDouble(b)));
}

bool CompareStrings(CompareOp op, const std::string& a, const std::string& b) {
  return CompareKnown(op, a, b);
}

}  // namespace octavo::import
