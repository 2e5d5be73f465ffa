#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/ops/arithmetic.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/proven_reals.h"
#include "octavo/row.h"

namespace octavo {
namespace {

enum class DivisionRounding { kNone, kTrunc, kFloor };

Result<DivisionRounding> DivisionRoundingOf(const Arguments& a) {
  if (a.specs().size() < 3 || !a.has("rounding_mode")) return DivisionRounding::kNone;
  const std::string& mode = a.text("rounding_mode");
  if (mode == "trunc") return DivisionRounding::kTrunc;
  if (mode == "floor") return DivisionRounding::kFloor;
  return Unsupported(fmt::format("argument rounding_mode must be \"trunc\" or \"floor\", not \"{}\"", mode));
}

Result<DivisionRounding> AlwaysFloor(const Arguments&) { return DivisionRounding::kFloor; }

using RoundingRule = Result<DivisionRounding> (*)(const Arguments&);

// A quotient that is not rounded is a floating-point number.
TypeRule QuotientType(RoundingRule rounding) {
  return [rounding](const Arguments& a) -> Result<std::vector<TensorType>> {
    const DivisionRounding mode = OCTAVO_TRY(rounding(a));
    TensorType type;
    type.dtype = OCTAVO_TRY(CommonDType(a, {"self", "other"}));
    if (mode == DivisionRounding::kNone && !IsFloat(type.dtype)) type.dtype = DType::kFloat32;
    OCTAVO_TRY(CheckArithmetic(type.dtype));
    type.shape = OCTAVO_TRY(BroadcastShape(a, {"self", "other"}));
    return std::vector<TensorType>{std::move(type)};
  };
}

// PyTorch divides integers by 0 only where there are none to divide.
TypeRule NotByZero(TypeRule rule) {
  return [rule = std::move(rule)](const Arguments& a) -> Result<std::vector<TensorType>> {
    std::vector<TensorType> types = OCTAVO_TRY(rule(a));
    const bool by_zero = !IsFloat(types[0].dtype) && !a.is_tensor("other") && a.number("other") == 0;
    if (by_zero && types[0].shape && Dim::Equal(NumElements(*types[0].shape), 0) == false) {
      return Unsupported("argument other is 0, by which integers cannot be divided");
    }
    return types;
  };
}

Status CheckMod(Builder& g) {
  if (g.opset() >= 10) return {};
  return Unsupported("the caffe2 dialect (opset 9) has no Mod operator", "Use --dialect qdq.");
}

struct Division {
  Value x, y;
  Value zero;  // of the dtype
  bool is_float;
  double divisor;  // 0 where it is a tensor
  bool positive() const { return divisor > 0; }
};

Result<Division> DivisionOf(Builder& g, const Arguments& a) {
  const DType dtype = a.result().dtype;
  Division d;
  d.x = OCTAVO_TRY(Operand(g, a, "self", dtype));
  d.y = OCTAVO_TRY(Operand(g, a, "other", dtype));
  d.is_float = IsFloat(dtype);
  d.zero = OCTAVO_TRY(NumberOf(g, ir::Operand(Dim(0)), dtype));
  d.divisor = a.is_tensor("other") ? 0 : a.number("other");
  return d;
}

// Where a remainder that is not 0 has another sign than the divisor.
Value WrongSign(Builder& g, const Division& d, Value remainder) {
  const Value negative = g.Op("Less", {remainder, d.zero});
  if (d.positive()) return negative;
  const Value differs = g.Op("Xor", {negative, g.Op("Less", {d.y, d.zero})});
  const Value divides = g.Op("Equal", {remainder, d.zero});
  return g.Op("And", {differs, g.Op("Not", {divides})});
}

Value Trunc(Builder& g, Value x) {
  return g.Op("Mul", {g.Op("Sign", {x}), g.Op("Floor", {g.Op("Abs", {x})})});
}

// PyTorch rounds the quotient of what divides without remainder, which 1.0 // 0.1 = 9 shows: floor(1.0 / 0.1)
// is 10.
Result<Value> FloorReals(Builder& g, const Arguments& a, const Division& d) {
  OCTAVO_TRY(CheckMod(g));
  const DType dtype = a.result().dtype;
  const Value remainder = g.Op("Mod", {d.x, d.y}, {{"fmod", 1}});
  const Value quotient = g.Op("Div", {g.Op("Sub", {d.x, remainder}), d.y});
  const Value one = OCTAVO_TRY(NumberOf(g, ir::Operand(Dim(1)), dtype));
  const Value lower = g.Op("Sub", {quotient, one});
  const Value floor = g.Op("Round", {g.Op("Where", {WrongSign(g, d, remainder), lower, quotient})});
  if (d.divisor != 0) return floor;
  return g.Op("Where", {g.Op("Equal", {d.y, d.zero}), g.Op("Div", {d.x, d.y}), floor});
}

Result<Value> FloorIntegers(Builder& g, const Arguments& a, const Division& d) {
  // ONNX divides integers towards 0.
  const Value quotient = g.Op("Div", {d.x, d.y});
  const Value remainder = g.Op("Sub", {d.x, g.Op("Mul", {quotient, d.y})});
  const Value one = OCTAVO_TRY(NumberOf(g, ir::Operand(Dim(1)), a.result().dtype));
  return g.Op("Where", {WrongSign(g, d, remainder), g.Op("Sub", {quotient, one}), quotient});
}

Emitter EmitDiv(RoundingRule rounding) {
  return [rounding](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const DivisionRounding mode = OCTAVO_TRY(rounding(a));
    const Division d = OCTAVO_TRY(DivisionOf(g, a));
    if (mode == DivisionRounding::kFloor) {
      return One(d.is_float ? OCTAVO_TRY(FloorReals(g, a, d)) : OCTAVO_TRY(FloorIntegers(g, a, d)));
    }
    const Value quotient = g.Op("Div", {d.x, d.y});
    if (mode == DivisionRounding::kTrunc) return One(d.is_float ? Trunc(g, quotient) : quotient);
    return One(a.result().dtype == DType::kFloat32 ? MarkProven(g, quotient, {d.x, d.y}) : quotient);
  };
}

// The sign follows the divisor, as in Python.
Result<std::vector<Value>> EmitRemainder(Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckMod(g));
  const Division d = OCTAVO_TRY(DivisionOf(g, a));
  if (!d.is_float) return One(g.Op("Mod", {d.x, d.y}));
  const Value remainder = g.Op("Mod", {d.x, d.y}, {{"fmod", 1}});
  return One(g.Op("Where", {WrongSign(g, d, remainder), g.Op("Add", {remainder, d.y}), remainder}));
}

// The sign follows the dividend, as in C.
Result<std::vector<Value>> EmitFmod(Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckMod(g));
  const Division d = OCTAVO_TRY(DivisionOf(g, a));
  return One(g.Op("Mod", {d.x, d.y}, {{"fmod", 1}}));
}

void AddPair(Registry& registry, std::string name, ArgumentSpec self, ArgumentSpec other,
             const TypeRule& rule, const Emitter& emitter, bool mode = false) {
  std::vector<ArgumentSpec> arguments = {std::move(self), std::move(other)};
  if (mode) arguments.push_back(arg::KeywordOnly(arg::OptionalString("rounding_mode")));
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = rule,
                .qdq = emitter,
                .caffe2 = emitter});
}

}  // namespace

void RegisterDivision(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self"), y = arg::Tensor("other"), number = arg::Scalar("other");
  const TypeRule quotient = NotByZero(QuotientType(DivisionRoundingOf));
  const TypeRule floor = NotByZero(QuotientType(AlwaysFloor));
  const Emitter div = EmitDiv(DivisionRoundingOf), floor_divide = EmitDiv(AlwaysFloor);
  for (const std::string name : {"aten::div", "aten::divide", "aten::true_divide"}) {
    AddPair(registry, name + ".Tensor", x, y, quotient, div);
    AddPair(registry, name + ".Scalar", x, number, quotient, div);
    if (name == "aten::true_divide") continue;
    AddPair(registry, name + ".Tensor_mode", x, y, quotient, div, true);
    AddPair(registry, name + ".Scalar_mode", x, number, quotient, div, true);
  }
  AddPair(registry, "aten::floor_divide", x, y, floor, floor_divide);
  AddPair(registry, "aten::floor_divide.Scalar", x, number, floor, floor_divide);
  const TypeRule promoted = NotByZero(PromotedType({"self", "other"}));
  AddPair(registry, "aten::remainder.Tensor", x, y, promoted, EmitRemainder);
  AddPair(registry, "aten::remainder.Scalar", x, number, promoted, EmitRemainder);
  AddPair(registry, "aten::remainder.Scalar_Tensor", arg::Scalar("self"), y, promoted, EmitRemainder);
  AddPair(registry, "aten::fmod.Tensor", x, y, promoted, EmitFmod);
  AddPair(registry, "aten::fmod.Scalar", x, number, promoted, EmitFmod);
}

}  // namespace octavo
