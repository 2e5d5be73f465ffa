#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/arithmetic.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/quantized_number.h"
#include "octavo/row.h"

namespace octavo {
namespace {

TensorType Bools(std::optional<Shape> shape) {
  TensorType type;
  type.dtype = DType::kBool;
  type.shape = std::move(shape);
  return type;
}

// ---- eq, ne, lt, le, gt, ge: quantized tensors are compared as the numbers that they stand for

Result<std::vector<TensorType>> ComparedType(const Arguments& a) {
  return std::vector<TensorType>{Bools(OCTAVO_TRY(BroadcastShape(a, {"self", "other"})))};
}

enum class Order { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

// Compares equal neither way where one is not a number.
Value EqualBeforeOpset11(Builder& g, Value x, Value y) {
  const Value differ = g.Op("Or", {g.Op("Less", {x, y}), g.Op("Greater", {x, y})});
  const Value no_number = g.Op("Or", {g.Op("IsNaN", {x}), g.Op("IsNaN", {y})});
  return g.Op("Not", {g.Op("Or", {differ, no_number})});
}

Value Equal(Builder& g, Value x, Value y, DType dtype) {
  if (g.opset() < 11 && IsFloat(dtype)) return EqualBeforeOpset11(g, x, y);
  return g.Op("Equal", {x, y});
}

Value Compare(Builder& g, Order order, Value x, Value y, DType dtype) {
  switch (order) {
    case Order::kEqual:
      return Equal(g, x, y, dtype);
    case Order::kNotEqual:
      return g.Op("Not", {Equal(g, x, y, dtype)});
    case Order::kLess:
      return g.Op("Less", {x, y});
    case Order::kGreater:
      return g.Op("Greater", {x, y});
    case Order::kLessOrEqual:
      if (g.opset() >= 12) return g.Op("LessOrEqual", {x, y});
      return g.Op("Or", {g.Op("Less", {x, y}), Equal(g, x, y, dtype)});
    case Order::kGreaterOrEqual:
      break;
  }
  if (g.opset() >= 12) return g.Op("GreaterOrEqual", {x, y});
  return g.Op("Or", {g.Op("Greater", {x, y}), Equal(g, x, y, dtype)});
}

Emitter EmitCompare(Order order) {
  return OnReals([order](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    DType dtype = OCTAVO_TRY(CommonDType(a, {"self", "other"}));
    // Runtimes compare int32, int64 and floating point.
    if (dtype == DType::kBool || (IsInteger(dtype) && dtype != DType::kInt64)) dtype = DType::kInt32;
    const Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
    const Value y = OCTAVO_TRY(Operand(g, a, "other", dtype));
    return One(Compare(g, order, x, y, dtype));
  });
}

void AddComparison(Registry& registry, const std::string& name, Order order) {
  for (const bool scalar : {false, true}) {
    registry.Add({.name = name + (scalar ? ".Scalar" : ".Tensor"),
                  .arguments = {arg::Tensor("self"), scalar ? arg::Scalar("other") : arg::Tensor("other")},
                  .result = ComparedType,
                  .qdq = EmitCompare(order),
                  .caffe2 = EmitCompare(order)});
  }
}

// ---- logical_*: any number that is not 0 is true

Result<std::vector<TensorType>> LogicalType(const Arguments& a) {
  std::vector<std::string_view> names;
  for (const ArgumentSpec& spec : a.specs()) names.emplace_back(spec.name);
  OCTAVO_TRY(CommonDType(a, names));
  return std::vector<TensorType>{Bools(OCTAVO_TRY(BroadcastShape(a, names)))};
}

Emitter EmitLogical(const char* op) {
  return [op](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    std::vector<Value> inputs;
    for (const ArgumentSpec& spec : a.specs()) {
      inputs.push_back(OCTAVO_TRY(Operand(g, a, spec.name, DType::kBool)));
    }
    return One(g.Op(op, inputs));
  };
}

void AddLogical(Registry& registry, std::string name, const char* op, bool binary) {
  std::vector<ArgumentSpec> arguments = {arg::Tensor("self")};
  if (binary) arguments.push_back(arg::Tensor("other"));
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = LogicalType,
                .qdq = EmitLogical(op),
                .caffe2 = EmitLogical(op)});
}

// ---- bitwise_*: of bools the logical operators

Result<std::vector<TensorType>> BitwiseType(const Arguments& a) {
  std::vector<std::string_view> names;
  for (const ArgumentSpec& spec : a.specs()) names.emplace_back(spec.name);
  TensorType type;
  type.dtype = OCTAVO_TRY(CommonDType(a, names));
  if (IsFloat(type.dtype))
    return Unsupported(fmt::format("bit operations on {} are not supported", Name(type.dtype)));
  type.shape = OCTAVO_TRY(BroadcastShape(a, names));
  return std::vector<TensorType>{std::move(type)};
}

Emitter EmitBitwise(const std::string& logical) {
  return [logical](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const DType dtype = a.result().dtype;
    if (dtype == DType::kBool) return EmitLogical(logical.c_str())(g, a);
    if (g.opset() < 18) {
      return Unsupported(fmt::format("Bitwise{} needs ONNX opset 18 or later", logical),
                         "Use --dialect qdq --opset 18 or later.");
    }
    std::vector<Value> inputs;
    for (const ArgumentSpec& spec : a.specs()) inputs.push_back(OCTAVO_TRY(Operand(g, a, spec.name, dtype)));
    return One(g.Op("Bitwise" + logical, inputs));
  };
}

void AddBitwise(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
                const char* logical) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = BitwiseType,
                .qdq = EmitBitwise(logical),
                .caffe2 = EmitBitwise(logical)});
}

void RegisterBitwise(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self"), y = arg::Tensor("other"), number = arg::Scalar("other");
  struct Names {
    std::string bitwise, method;
    const char* logical;
  };
  for (const Names& names :
       {Names{"aten::bitwise_and", "aten::__and__", "And"}, Names{"aten::bitwise_or", "aten::__or__", "Or"},
        Names{"aten::bitwise_xor", "aten::__xor__", "Xor"}}) {
    for (const std::string& name : {names.bitwise, names.method}) {
      AddBitwise(registry, name + ".Tensor", {x, y}, names.logical);
      AddBitwise(registry, name + ".Scalar", {x, number}, names.logical);
    }
    AddBitwise(registry, names.bitwise + ".Scalar_Tensor", {arg::Scalar("self"), y}, names.logical);
  }
  AddBitwise(registry, "aten::bitwise_not", {x}, "Not");
}

// ---- where, masked_fill

Status CheckMask(const Value& mask, std::string_view argument) {
  if (mask.dtype() == DType::kBool || mask.dtype() == DType::kUint8) return {};
  return Unsupported(fmt::format("argument {} must be bool, not {}", argument, Name(mask.dtype())));
}

Result<std::vector<TensorType>> WhereType(const Arguments& a) {
  OCTAVO_TRY(CheckMask(a.tensor("condition"), "condition"));
  TensorType type;
  type.dtype = OCTAVO_TRY(CommonDType(a, {"self", "other"}));
  type.shape = OCTAVO_TRY(BroadcastShape(a, {"condition", "self", "other"}));
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitWhere(Builder& g, const Arguments& a) {
  const DType dtype = a.result().dtype;
  const Value condition = OCTAVO_TRY(Converted(g, a.tensor("condition"), DType::kBool));
  const Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
  return One(g.Op("Where", {condition, x, OCTAVO_TRY(Operand(g, a, "other", dtype))}));
}

void RegisterWhere(Registry& registry) {
  const auto add = [&registry](std::string name, ArgumentSpec self, ArgumentSpec other) {
    registry.Add({.name = std::move(name),
                  .arguments = {arg::Tensor("condition"), std::move(self), std::move(other)},
                  .result = WhereType,
                  .qdq = EmitWhere,
                  .caffe2 = EmitWhere});
  };
  add("aten::where.self", arg::Tensor("self"), arg::Tensor("other"));
  add("aten::where.ScalarOther", arg::Tensor("self"), arg::Scalar("other"));
  add("aten::where.ScalarSelf", arg::Scalar("self"), arg::Tensor("other"));
  add("aten::where.Scalar", arg::Scalar("self"), arg::Scalar("other"));
}

Result<std::vector<TensorType>> MaskedFillType(const Arguments& a) {
  OCTAVO_TRY(CheckMask(a.tensor("mask"), "mask"));
  TensorType type = a.tensor("self").type();
  if (type.quantized() && (a.is_tensor("value") || !type.quantization->per_tensor())) {
    return Unsupported(
        "masked_fill of a quantized tensor needs a number as value and per-tensor quantization");
  }
  if (a.is_tensor("value")) {
    const Value value = a.tensor("value");
    if (value.rank() && *value.rank() != 0) return Unsupported("argument value must be a scalar");
  }
  if (!a.is_tensor("value")) OCTAVO_TRY(CheckStorable(a.operand("value"), type.dtype));
  type.shape = OCTAVO_TRY(BroadcastShape(a, {"self", "mask"}));
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitMaskedFill(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Value mask = OCTAVO_TRY(Converted(g, a.tensor("mask"), DType::kBool));
  const DType dtype = KnownDType(x.dtype());
  return One(g.Op("Where", {mask, OCTAVO_TRY(Operand(g, a, "value", dtype)), x}));
}

// Runtimes have Where of uint8, and none of int8.
Result<std::vector<Value>> EmitMaskedFillQdq(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  if (!x.quantized()) return EmitMaskedFill(g, a);
  const std::int64_t integer = QuantizedNumber(
      x.type(), a.number("value"), OfFbgemmBuild(g) ? NumberRounding::kBefore : NumberRounding::kAfter);
  if (StorageType(x.dtype()) != DType::kUint8) {
    const Quantization& q = x.quantization();
    const double real = static_cast<double>(integer - q.zero_point()) * q.scale();
    return OnReals(EmitMaskedFill)(g, a.With("value", real));
  }
  const Value mask = OCTAVO_TRY(Converted(g, a.tensor("mask"), DType::kBool));
  const Value fill = IntegerConstant(g, x.type(), integer);
  return One(g.Op("Where", {mask, fill, x}));
}

}  // namespace

void RegisterComparison(Registry& registry) {
  AddComparison(registry, "aten::eq", Order::kEqual);
  AddComparison(registry, "aten::ne", Order::kNotEqual);
  AddComparison(registry, "aten::not_equal", Order::kNotEqual);
  AddComparison(registry, "aten::lt", Order::kLess);
  AddComparison(registry, "aten::less", Order::kLess);
  AddComparison(registry, "aten::le", Order::kLessOrEqual);
  AddComparison(registry, "aten::less_equal", Order::kLessOrEqual);
  AddComparison(registry, "aten::gt", Order::kGreater);
  AddComparison(registry, "aten::greater", Order::kGreater);
  AddComparison(registry, "aten::ge", Order::kGreaterOrEqual);
  AddComparison(registry, "aten::greater_equal", Order::kGreaterOrEqual);
  AddLogical(registry, "aten::logical_and", "And", true);
  AddLogical(registry, "aten::logical_or", "Or", true);
  AddLogical(registry, "aten::logical_xor", "Xor", true);
  AddLogical(registry, "aten::logical_not", "Not", false);
  RegisterBitwise(registry);
  RegisterWhere(registry);
  for (const bool scalar : {true, false}) {
    registry.Add({.name = scalar ? "aten::masked_fill.Scalar" : "aten::masked_fill.Tensor",
                  .arguments = {arg::Tensor("self"), arg::Tensor("mask"),
                                scalar ? arg::Scalar("value") : arg::Tensor("value")},
                  .result = MaskedFillType,
                  .qdq = EmitMaskedFillQdq,
                  .caffe2 = ThroughFloat(EmitMaskedFill)});
  }
}

}  // namespace octavo
