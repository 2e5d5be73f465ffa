#include <algorithm>
#include <cmath>

#include "octavo/import/builtins.h"

namespace octavo::import {
namespace {

// A number, or the number that a 0-dimensional tensor holds.
struct Operand {
  Value number;
  std::optional<DType> dtype;  // of a tensor
};

Result<std::optional<Operand>> AsNumber(Evaluator& evaluator, const Value& value) {
  if (value.is_number() || value.Is<const Undecided*>()) return std::optional<Operand>(Operand{value, {}});
  if (TensorBox* box = value.Get<TensorBox*>()) {
    const auto number = evaluator.NumberOf(*box, 0);
    if (!number) return std::optional<Operand>();
    const TensorType type = OCTAVO_TRY(evaluator.TypeOf(box));
    return std::optional<Operand>(Operand{*number, type.dtype});
  }
  return std::optional<Operand>();
}

int Category(DType dtype) { return dtype == DType::kBool ? 0 : IsInteger(dtype) ? 1 : 2; }

DType NumberDType(const Value& number) {
  if (number.Is<bool>() || number.Is<const Undecided*>()) return DType::kBool;
  return number.Is<double>() ? DType::kFloat32 : DType::kInt64;
}

// PyTorch's promotion of two 0-dimensional tensors, or of one and a Python number.
DType Promote(const Operand& a, const Operand& b) {
  if (a.dtype && b.dtype) {
    if (Category(*a.dtype) != Category(*b.dtype)) {
      return Category(*a.dtype) > Category(*b.dtype) ? *a.dtype : *b.dtype;
    }
    if (ElementSize(*a.dtype) == ElementSize(*b.dtype) && *a.dtype != *b.dtype) {
      return Category(*a.dtype) == 2 ? DType::kFloat32 : DType::kInt16;  // half and bfloat16; uint8 and int8
    }
    return ElementSize(*a.dtype) >= ElementSize(*b.dtype) ? *a.dtype : *b.dtype;
  }
  const DType tensor = a.dtype ? *a.dtype : *b.dtype;
  const DType number = NumberDType(a.dtype ? b.number : a.number);
  return Category(number) > Category(tensor) ? number : tensor;
}

// TorchScript's result for two numbers: int ** int is a float.
Result<Value> PythonArithmetic(Evaluator& evaluator, BinaryOp op, const Value& a, const Value& b) {
  if (op == BinaryOp::kPow && !a.Is<const Dim*>() && !b.Is<const Dim*>()) {
    return Value(std::pow(ToDouble(a), ToDouble(b)));
  }
  return Arithmetic(evaluator, op, a, b);
}

}  // namespace

BuiltinResult NumberBinary(Evaluator& evaluator, const CallArguments& call, BinaryOp op) {
  if (call.positional.size() < 2) return NotMine();
  const auto a = OCTAVO_TRY(AsNumber(evaluator, call.positional[0]));
  const auto b = a ? OCTAVO_TRY(AsNumber(evaluator, call.positional[1])) : std::nullopt;
  if (!a || !b) return NotMine();
  if (op == BinaryOp::kDiv) {
    const Value* mode = call.Find(2, "rounding_mode");
    const auto* text = mode ? mode->Get<const std::string*>() : nullptr;
    if (text) op = *text == "floor" ? BinaryOp::kFloorDivide : BinaryOp::kTruncateDivide;
    // Before version 4 the quotient of integers was one, too, if one of them was a tensor.
    const bool integers = (a->dtype || b->dtype) && !IsFloat(Promote(*a, *b));
    if (!mode && integers && evaluator.format_version() < 4) op = BinaryOp::kTruncateDivide;
  }
  if (a->number.Is<const Undecided*>() || b->number.Is<const Undecided*>()) return NotMine();
  const bool adds = op == BinaryOp::kAdd || op == BinaryOp::kSub;
  const Value* alpha = adds ? call.Find(2, "alpha") : nullptr;
  if (alpha && !alpha->is_number()) alpha = nullptr;
  if (!a->dtype && !b->dtype) {
    const Value right =
        alpha ? OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kMul, b->number, *alpha)) : b->number;
    return Done(OCTAVO_TRY(PythonArithmetic(evaluator, op, a->number, right)));
  }
  DType dtype = Promote(*a, *b);
  if (op == BinaryOp::kDiv && !IsFloat(dtype)) dtype = DType::kFloat32;
  if (dtype == DType::kBool && op != BinaryOp::kAnd && op != BinaryOp::kOr && op != BinaryOp::kXor) {
    return NotMine();
  }
  const bool known = !a->number.Is<const Dim*>() && !b->number.Is<const Dim*>();
  if (op == BinaryOp::kPow && !b->dtype && known && (dtype == DType::kFloat32 || dtype == DType::kFloat64)) {
    return Done(evaluator.NewNumberTensor(PowerOfTensor(a->number, ToDouble(b->number), dtype), dtype));
  }
  const Value right =
      alpha ? OCTAVO_TRY(TypedArithmetic(evaluator, BinaryOp::kMul, b->number, *alpha, dtype)) : b->number;
  const Value result = OCTAVO_TRY(TypedArithmetic(evaluator, op, a->number, right, dtype));
  return Done(evaluator.NewNumberTensor(result, dtype));
}

namespace {

template <BinaryOp op>
BuiltinResult BinaryBuiltin(Evaluator& evaluator, const CallArguments& call) {
  return NumberBinary(evaluator, call, op);
}

// a.rsub(b) is b - a.
BuiltinResult ReverseSubtract(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2 || !call.keywords.empty()) return NotMine();
  return NumberBinary(evaluator, {.expr = call.expr, .positional = {call.positional[1], call.positional[0]}},
                      BinaryOp::kSub);
}

// A message needs no more of the text of a comparison that was negated again and again.
Value Not(Evaluator& evaluator, const Undecided& undecided) {
  constexpr std::size_t kLongest = 4096;
  const bool shown = undecided.text.size() < kLongest;
  return evaluator.arena().NewUndecided({(shown ? "not " : "") + undecided.text, undecided.size});
}

template <CompareOp op>
BuiltinResult CompareBuiltin(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  const Value& left = call.positional[0];
  const Value& right = call.positional[1];
  const auto a = OCTAVO_TRY(AsNumber(evaluator, left));
  const auto b = a ? OCTAVO_TRY(AsNumber(evaluator, right)) : std::nullopt;
  if (a && b) {
    if (a->number.Is<const Undecided*>() || b->number.Is<const Undecided*>()) return NotMine();
    if (!a->dtype && !b->dtype) return Done(CompareNumbers(evaluator, op, a->number, b->number));
    // Tensors are compared in their common dtype: tensor(0.1) == 0.1.
    const DType dtype = Promote(*a, *b);
    const Value result =
        CompareNumbers(evaluator, op, RoundToDType(a->number, dtype), RoundToDType(b->number, dtype));
    return Done(evaluator.NewNumberTensor(result, DType::kBool));
  }
  if (left.Is<TensorBox*>() || right.Is<TensorBox*>()) return NotMine();
  const auto* s = left.Get<const std::string*>();
  const auto* t = right.Get<const std::string*>();
  if (s && t) {
    OCTAVO_TRY(evaluator.ChargeText(std::min(s->size(), t->size())));
    return Done(Value(CompareStrings(op, *s, *t)));
  }
  if (op != CompareOp::kEqual && op != CompareOp::kNotEqual) return NotMine();
  const auto equal = OCTAVO_TRY(Equal(evaluator, left, right));
  if (!equal || op == CompareOp::kEqual) return equal;
  if (const Undecided* undecided = equal->Get<const Undecided*>()) return Done(Not(evaluator, *undecided));
  return Done(Value(!equal->As<bool>()));
}

// The bitwise and logical forms, which are decided by one side where that is enough.
template <BinaryOp op>
BuiltinResult Logical(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() == 2) {
    for (std::size_t i = 0; i < 2; ++i) {
      const Value& value = call.positional[i];
      if (!value.Is<const Undecided*>()) continue;
      const Value& other = call.positional[1 - i];
      if (other.Is<bool>() && op == BinaryOp::kAnd) return Done(other.As<bool>() ? value : other);
      if (other.Is<bool>() && op == BinaryOp::kOr) return Done(other.As<bool>() ? other : value);
      return Done(value);
    }
  }
  return NumberBinary(evaluator, call, op);
}

BuiltinResult NotNumber(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const Value& value = call.positional[0];
  if (const Undecided* undecided = value.Get<const Undecided*>()) return Done(Not(evaluator, *undecided));
  return Done(Value(!OCTAVO_TRY(evaluator.Truth(value, "this condition"))));
}

using RealFunction = double (*)(double);

// A function of one number.  `rounds`: ints and sizes stay themselves.  `to_int`: of a float it gives an int.
BuiltinResult Unary(Evaluator& evaluator, const CallArguments& call, RealFunction function, bool rounds,
                    bool to_int) {
  if (call.size() != 1) return NotMine();
  const auto a = OCTAVO_TRY(AsNumber(evaluator, call.positional[0]));
  if (!a || a->number.Is<const Undecided*>()) return NotMine();
  Value result = a->number;
  DType dtype = a->dtype.value_or(DType::kFloat64);
  if (rounds && !a->number.Is<double>()) {
    if (a->number.Is<bool>()) result = Value(ToDim(a->number).value());
  } else {
    if (a->number.Is<const Dim*>()) {
      return NeedsInput(
          "this computation needs a number for the open size " + a->number.As<const Dim*>()->ToString(),
          kGiveSize);
    }
    if (a->dtype && !IsFloat(dtype)) dtype = DType::kFloat32;
    const double real = function(ToDouble(RoundToDType(a->number, dtype)));
    result = Value(real);
    if (to_int && !a->dtype) {
      if (!(std::abs(real) < 9.2e18)) return Unsupported("a float is too large to be converted to an int");
      result = Value(static_cast<std::int64_t>(real));
    }
  }
  if (!a->dtype) return Done(result);
  return Done(evaluator.NewNumberTensor(RoundToDType(result, dtype), dtype));
}

double RoundHalfEven(double x) { return std::nearbyint(x); }
double Reciprocal(double x) { return 1 / x; }

template <RealFunction function>
BuiltinResult RealBuiltin(Evaluator& evaluator, const CallArguments& call) {
  return Unary(evaluator, call, function, false, false);
}
template <RealFunction function>
BuiltinResult RoundingBuiltin(Evaluator& evaluator, const CallArguments& call) {
  return Unary(evaluator, call, function, true, true);
}

// Unlike floor, TorchScript's round of a float is a float.
BuiltinResult Round(Evaluator& evaluator, const CallArguments& call) {
  return Unary(evaluator, call, RoundHalfEven, true, false);
}

BuiltinResult Negate(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  return NumberBinary(evaluator,
                      {.expr = call.expr, .positional = {call.positional[0], Value(std::int64_t{-1})}},
                      BinaryOp::kMul);
}

BuiltinResult Absolute(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const auto a = OCTAVO_TRY(AsNumber(evaluator, call.positional[0]));
  if (!a || a->number.Is<const Undecided*>()) return NotMine();
  Value result = a->number;
  if (result.Is<double>()) {
    result = Value(std::abs(result.As<double>()));  // -0.0, too
  } else {
    const Value negative = CompareNumbers(evaluator, CompareOp::kLess, result, Value(std::int64_t{0}));
    if (OCTAVO_TRY(evaluator.Truth(negative, "this absolute value"))) {
      result = OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kMul, result, Value(std::int64_t{-1})));
    }
  }
  if (!a->dtype) return Done(result);
  return Done(evaluator.NewNumberTensor(RoundToDType(result, *a->dtype), *a->dtype));
}

BuiltinResult BitwiseNot(Evaluator&, const CallArguments& call) {
  if (call.positional.size() != 1 || !call.positional[0].Is<std::int64_t>()) return NotMine();
  return Done(Value(~call.positional[0].As<std::int64_t>()));
}

// min(a, b, ...) and min(list): the smallest number.
template <BinaryOp op>
BuiltinResult Extreme(Evaluator& evaluator, const CallArguments& call) {
  std::vector<Value> numbers = call.positional;
  if (numbers.size() == 1 && (numbers[0].Is<List*>() || numbers[0].Is<Tuple*>())) {
    numbers = OCTAVO_TRY(evaluator.Iterate(numbers[0]));
    if (numbers.empty()) return Unsupported("min() or max() was called on an empty list");
  } else if (numbers.size() < 2) {
    return NotMine();
  }
  for (const Value& number : numbers) {
    if (!number.is_number()) return NotMine();
  }
  Value result = numbers[0];
  const bool bools = std::ranges::all_of(numbers, [](const Value& number) { return number.Is<bool>(); });
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    result = OCTAVO_TRY(Arithmetic(evaluator, op, result, numbers[i]));
  }
  return Done(bools ? Value(OCTAVO_TRY(evaluator.Truth(result, "a maximum or minimum"))) : result);
}

BuiltinResult DivMod(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  const Value quotient =
      OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kFloorDivide, call.positional[0], call.positional[1]));
  const Value rest =
      OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kRemainder, call.positional[0], call.positional[1]));
  return Done(Value(evaluator.arena().NewTuple({quotient, rest})));
}

bool IsFiniteNumber(double x) { return std::isfinite(x); }
bool IsNanNumber(double x) { return std::isnan(x); }
bool IsInfNumber(double x) { return std::isinf(x); }

// A question about a float; of a tensor the answer is a tensor, too.
template <bool (*question)(double)>
BuiltinResult AskNumber(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const auto a = OCTAVO_TRY(AsNumber(evaluator, call.positional[0]));
  if (!a || a->number.Is<const Dim*>() || a->number.Is<const Undecided*>()) return NotMine();
  if (!a->dtype && !a->number.Is<double>()) return NotMine();
  const Value answer(question(ToDouble(a->number)));
  return Done(a->dtype ? evaluator.NewNumberTensor(answer, DType::kBool) : answer);
}

// logical_and and its like ask of each number whether it is 0; the answer for tensors is a tensor of bools.
template <BinaryOp op>
BuiltinResult LogicalOfTensors(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  const auto a = OCTAVO_TRY(AsNumber(evaluator, call.positional[0]));
  const auto b = a ? OCTAVO_TRY(AsNumber(evaluator, call.positional[1])) : std::nullopt;
  if (!a || !b || (!a->dtype && !b->dtype)) return Logical<op>(evaluator, call);
  const auto known = [](const Value& v) { return !v.Is<const Dim*>() && !v.Is<const Undecided*>(); };
  if (!known(a->number) || !known(b->number)) return NotMine();
  const Value x = RoundToDType(a->number, DType::kBool), y = RoundToDType(b->number, DType::kBool);
  return Done(evaluator.NewNumberTensor(OCTAVO_TRY(Arithmetic(evaluator, op, x, y)), DType::kBool));
}

}  // namespace

void AddNumberBuiltins(BuiltinTable& table) {
  // aten::add and aten::mul are in lists.cc, since lists and strings have them, too.
  table["aten::sub"] = BinaryBuiltin<BinaryOp::kSub>;
  table["aten::rsub"] = ReverseSubtract;
  table["aten::div"] = table["aten::true_divide"] = table["aten::__truediv__"] =
      BinaryBuiltin<BinaryOp::kDiv>;
  table["aten::floordiv"] = table["aten::floor_divide"] = table["aten::__floordiv__"] =
      BinaryBuiltin<BinaryOp::kFloorDivide>;
  table["aten::remainder"] = table["aten::__mod__"] = BinaryBuiltin<BinaryOp::kRemainder>;
  table["aten::fmod"] = table["math::fmod"] = BinaryBuiltin<BinaryOp::kFmod>;
  table["aten::pow"] = table["math::pow"] = table["aten::__pow__"] = BinaryBuiltin<BinaryOp::kPow>;
  table["aten::divmod"] = DivMod;
  table["aten::__and__"] = table["aten::bitwise_and"] = Logical<BinaryOp::kAnd>;
  table["aten::__or__"] = table["aten::bitwise_or"] = Logical<BinaryOp::kOr>;
  table["aten::__xor__"] = table["aten::bitwise_xor"] = Logical<BinaryOp::kXor>;
  table["aten::logical_and"] = LogicalOfTensors<BinaryOp::kAnd>;
  table["aten::logical_or"] = LogicalOfTensors<BinaryOp::kOr>;
  table["aten::logical_xor"] = LogicalOfTensors<BinaryOp::kXor>;
  table["aten::__lshift__"] = BinaryBuiltin<BinaryOp::kShiftLeft>;
  table["aten::__rshift__"] = BinaryBuiltin<BinaryOp::kShiftRight>;
  table["aten::eq"] = CompareBuiltin<CompareOp::kEqual>;
  table["aten::ne"] = CompareBuiltin<CompareOp::kNotEqual>;
  table["aten::lt"] = CompareBuiltin<CompareOp::kLess>;
  table["aten::le"] = CompareBuiltin<CompareOp::kLessEqual>;
  table["aten::gt"] = CompareBuiltin<CompareOp::kGreater>;
  table["aten::ge"] = CompareBuiltin<CompareOp::kGreaterEqual>;
  table["aten::__not__"] = NotNumber;
  table["aten::neg"] = table["aten::negative"] = Negate;
  table["aten::abs"] = table["prim::abs"] = table["abs"] = table["math::fabs"] = Absolute;
  table["aten::bitwise_not"] = BitwiseNot;
  table["prim::min"] = table["min"] = Extreme<BinaryOp::kMin>;
  table["prim::max"] = table["max"] = Extreme<BinaryOp::kMax>;
  table["aten::floor"] = table["math::floor"] = RoundingBuiltin<std::floor>;
  table["aten::ceil"] = table["math::ceil"] = RoundingBuiltin<std::ceil>;
  table["aten::trunc"] = table["math::trunc"] = RoundingBuiltin<std::trunc>;
  table["aten::round"] = table["round"] = Round;
  table["aten::sqrt"] = table["math::sqrt"] = RealBuiltin<std::sqrt>;
  table["aten::reciprocal"] = RealBuiltin<Reciprocal>;
  table["aten::exp"] = table["math::exp"] = RealBuiltin<std::exp>;
  table["aten::expm1"] = table["math::expm1"] = RealBuiltin<std::expm1>;
  table["aten::log"] = table["math::log"] = RealBuiltin<std::log>;
  table["aten::log2"] = table["math::log2"] = RealBuiltin<std::log2>;
  table["aten::log10"] = table["math::log10"] = RealBuiltin<std::log10>;
  table["aten::log1p"] = table["math::log1p"] = RealBuiltin<std::log1p>;
  table["aten::sin"] = table["math::sin"] = RealBuiltin<std::sin>;
  table["aten::cos"] = table["math::cos"] = RealBuiltin<std::cos>;
  table["aten::tan"] = table["math::tan"] = RealBuiltin<std::tan>;
  table["aten::asin"] = table["math::asin"] = RealBuiltin<std::asin>;
  table["aten::acos"] = table["math::acos"] = RealBuiltin<std::acos>;
  table["aten::atan"] = table["math::atan"] = RealBuiltin<std::atan>;
  table["aten::sinh"] = table["math::sinh"] = RealBuiltin<std::sinh>;
  table["aten::cosh"] = table["math::cosh"] = RealBuiltin<std::cosh>;
  table["aten::tanh"] = table["math::tanh"] = RealBuiltin<std::tanh>;
  table["aten::erf"] = table["math::erf"] = RealBuiltin<std::erf>;
  table["aten::isfinite"] = table["math::isfinite"] = AskNumber<IsFiniteNumber>;
  table["aten::isnan"] = table["math::isnan"] = AskNumber<IsNanNumber>;
  table["aten::isinf"] = table["math::isinf"] = AskNumber<IsInfNumber>;
}

}  // namespace octavo::import
