#include "octavo/ops/arithmetic.h"

#include <cmath>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/proven_reals.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {

Status CheckArithmetic(DType dtype) {
  switch (dtype) {
    case DType::kInt32:
    case DType::kInt64:
    case DType::kFloat16:
    case DType::kFloat32:
    case DType::kFloat64:
      return {};
    default:
      return Unsupported(
          fmt::format("arithmetic on {} is not supported: ONNX runtimes have no operator for it",
                      Name(dtype)),
          "Convert the tensors to int32, int64 or float32 first.");
  }
}

Result<std::optional<Shape>> BroadcastShape(const Arguments& a, const std::vector<std::string_view>& names) {
  Shape shape;
  for (const std::string_view name : names) {
    if (!a.is_tensor(name)) continue;
    const std::optional<Shape>& of_one = a.tensor(name).shape();
    if (!of_one) return std::optional<Shape>();
    shape = OCTAVO_TRY(Broadcast(shape, *of_one));
  }
  return std::optional<Shape>(std::move(shape));
}

TypeRule PromotedType(std::vector<std::string_view> names) {
  return [names = std::move(names)](const Arguments& a) -> Result<std::vector<TensorType>> {
    TensorType type;
    type.dtype = OCTAVO_TRY(CommonDType(a, names));
    OCTAVO_TRY(CheckArithmetic(type.dtype));
    type.shape = OCTAVO_TRY(BroadcastShape(a, names));
    return std::vector<TensorType>{std::move(type)};
  };
}

namespace {

bool IsOne(const ir::Operand& number) {
  if (const auto* dim = std::get_if<Dim>(&number)) return *dim == Dim(1);
  if (const auto* real = std::get_if<double>(&number)) return *real == 1;
  return std::holds_alternative<bool>(number) && std::get<bool>(number);
}

// An integer result cannot have a factor with a fraction, PyTorch refuses it.
Result<Value> Factor(Builder& g, const Arguments& a, const char* name, DType dtype) {
  const ir::Operand& number = a.operand(name);
  if (!IsFloat(dtype) && std::holds_alternative<double>(number)) {
    return Unsupported(fmt::format("argument {} is a float, but the tensors are {}", name, Name(dtype)));
  }
  return NumberOf(g, number, dtype);
}

Result<Value> Scaled(Builder& g, const Arguments& a, Value x, const char* factor, DType dtype) {
  if (IsOne(a.operand(factor))) return x;
  return g.Op("Mul", {x, OCTAVO_TRY(Factor(g, a, factor, dtype))});
}

// ---- add, sub, rsub: self op alpha other

struct SumRow {
  const char* op;
  bool reversed;  // alpha goes with self then
};

bool IsBool(const Arguments& a, const char* name) {
  return a.is_tensor(name) ? a.tensor(name).dtype() == DType::kBool
                           : std::holds_alternative<bool>(a.operand(name));
}

// PyTorch subtracts no bools, and multiplies integers by no floats, and numbers by no bool.
TypeRule SumType(SumRow sum) {
  return
      [sum, rule = PromotedType({"self", "other"})](const Arguments& a) -> Result<std::vector<TensorType>> {
        if (std::string_view(sum.op) == "Sub" && (IsBool(a, "self") || IsBool(a, "other"))) {
          return Unsupported("subtraction of bools is not supported (PyTorch has none either)",
                             "Use torch.logical_xor.");
        }
        std::vector<TensorType> types = OCTAVO_TRY(rule(a));
        const ir::Operand& alpha = a.operand("alpha");
        if (std::holds_alternative<bool>(alpha)) return Unsupported("argument alpha must not be a bool");
        if (!IsFloat(types[0].dtype) && std::holds_alternative<double>(alpha)) {
          return Unsupported(
              fmt::format("argument alpha is a float, but the tensors are {}", Name(types[0].dtype)));
        }
        return types;
      };
}

Emitter EmitSum(SumRow sum) {
  return [sum](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const DType dtype = a.result().dtype;
    Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
    Value y = OCTAVO_TRY(Operand(g, a, "other", dtype));
    if (sum.reversed) std::swap(x, y);
    y = OCTAVO_TRY(Scaled(g, a, y, "alpha", dtype));
    const Value result = g.Op(sum.op, {x, y});
    // With another factor PyTorch fuses the product and the sum.
    return One(dtype == DType::kFloat32 && IsOne(a.operand("alpha")) ? MarkProven(g, result, {x, y})
                                                                     : result);
  };
}

void AddSum(Registry& registry, const std::string& name, SumRow sum) {
  for (const bool scalar : {false, true}) {
    // An int: a float would not go together with integers.
    const ArgumentSpec alpha = {.name = "alpha", .kind = ArgumentKind::kScalar, .default_value = Dim(1)};
    registry.Add({.name = name + (scalar ? ".Scalar" : ".Tensor"),
                  .arguments = {arg::Tensor("self"), scalar ? arg::Scalar("other") : arg::Tensor("other"),
                                scalar ? alpha : arg::KeywordOnly(alpha)},
                  .result = SumType(sum),
                  .qdq = EmitSum(sum),
                  .caffe2 = EmitSum(sum)});
  }
}

// ---- one ONNX operator of two arguments

Emitter EmitBinary(const char* op) {
  return [op](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const DType dtype = a.result().dtype;
    const Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
    const Value y = OCTAVO_TRY(Operand(g, a, "other", dtype));
    const Value result = g.Op(op, {x, y});
    return One(dtype == DType::kFloat32 ? MarkProven(g, result, {x, y}) : result);
  };
}

void AddMul(Registry& registry, const std::string& name) {
  for (const bool scalar : {false, true}) {
    registry.Add({.name = name + (scalar ? ".Scalar" : ".Tensor"),
                  .arguments = {arg::Tensor("self"), scalar ? arg::Scalar("other") : arg::Tensor("other")},
                  .result = PromotedType({"self", "other"}),
                  .qdq = EmitBinary("Mul"),
                  .caffe2 = EmitBinary("Mul")});
  }
}

// Max and Min of integers came with opset 12.
Emitter EmitExtremum(const char* op) {
  return [op](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    if (g.opset() < 12 && !IsFloat(a.result().dtype)) {
      return Unsupported(fmt::format("the caffe2 dialect (opset 9) has no {} operator for integers", op),
                         "Use --dialect qdq.");
    }
    return EmitBinary(op)(g, a);
  };
}

// ---- pow

Result<std::vector<Value>> EmitPow(Builder& g, const Arguments& a) {
  const DType dtype = a.result().dtype;
  if (!IsFloat(dtype) && g.opset() < 12) {
    return Unsupported("the caffe2 dialect (opset 9) has no Pow operator for integers", "Use --dialect qdq.");
  }
  const Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
  if (!a.is_tensor("exponent")) {
    const double exponent = a.number("exponent");
    if (!IsFloat(dtype) && exponent < 0) return Unsupported("negative powers of integers are not supported");
    if (exponent == 1) return One(x);
    // The forms that PyTorch computes for these exponents.
    if (exponent == 2) return One(g.Op("Mul", {x, x}));
    if (exponent == 3) return One(g.Op("Mul", {g.Op("Mul", {x, x}), x}));
    if (exponent == 0.5) return One(g.Op("Sqrt", {x}));
    if (exponent == -0.5) return One(g.Op("Reciprocal", {g.Op("Sqrt", {x})}));
    if (exponent == -1) return One(g.Op("Reciprocal", {x}));
  }
  return One(g.Op("Pow", {x, OCTAVO_TRY(Operand(g, a, "exponent", dtype))}));
}

void RegisterPow(Registry& registry) {
  const auto add = [&registry](std::string name, ArgumentSpec self, ArgumentSpec exponent) {
    registry.Add({.name = std::move(name),
                  .arguments = {std::move(self), std::move(exponent)},
                  .result = PromotedType({"self", "exponent"}),
                  .qdq = EmitPow,
                  .caffe2 = EmitPow});
  };
  add("aten::pow.Tensor_Tensor", arg::Tensor("self"), arg::Tensor("exponent"));
  add("aten::pow.Tensor_Scalar", arg::Tensor("self"), arg::Scalar("exponent"));
  add("aten::pow.Scalar", arg::Scalar("self"), arg::Tensor("exponent"));
  const Emitter square = [](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = OCTAVO_TRY(Operand(g, a, "self", a.result().dtype));
    return One(g.Op("Mul", {x, x}));
  };
  registry.Add({.name = "aten::square",
                .arguments = {arg::Tensor("self")},
                .result = PromotedType({"self"}),
                .qdq = square,
                .caffe2 = square});
}

// ---- addcmul, addcdiv: self + value tensor1 op tensor2

Emitter EmitAddc(const char* op) {
  return [op](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const DType dtype = a.result().dtype;
    const Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
    const Value first = OCTAVO_TRY(Operand(g, a, "tensor1", dtype));
    const Value second = OCTAVO_TRY(Operand(g, a, "tensor2", dtype));
    return One(g.Op("Add", {x, g.Op(op, {OCTAVO_TRY(Scaled(g, a, first, "value", dtype)), second})}));
  };
}

void AddAddc(Registry& registry, std::string name, const char* op) {
  TypeRule rule = PromotedType({"self", "tensor1", "tensor2"});
  if (std::string_view(op) == "Div") {
    rule = [rule = std::move(rule)](const Arguments& a) -> Result<std::vector<TensorType>> {
      std::vector<TensorType> types = OCTAVO_TRY(rule(a));
      if (!IsFloat(types[0].dtype))
        return Unsupported("addcdiv of integers is not supported (PyTorch has none either)");
      return types;
    };
  }
  registry.Add({.name = std::move(name),
                .arguments = {arg::Tensor("self"), arg::Tensor("tensor1"), arg::Tensor("tensor2"),
                              arg::KeywordOnly(arg::Scalar("value", 1))},
                .result = std::move(rule),
                .qdq = EmitAddc(op),
                .caffe2 = EmitAddc(op)});
}

// ---- lerp: PyTorch takes the form that is exact at the nearer end.

Result<std::vector<Value>> EmitLerp(Builder& g, const Arguments& a) {
  const DType dtype = a.result().dtype;
  const Value x = OCTAVO_TRY(Operand(g, a, "self", dtype));
  const Value end = OCTAVO_TRY(Operand(g, a, "end", dtype));
  const Value way = g.Op("Sub", {end, x});
  const Value weight = OCTAVO_TRY(Operand(g, a, "weight", dtype));
  const auto from_start = [&] { return g.Op("Add", {x, g.Op("Mul", {weight, way})}); };
  const auto from_end = [&](Value rest) { return g.Op("Sub", {end, g.Op("Mul", {way, rest})}); };
  const Value one = OCTAVO_TRY(NumberOf(g, ir::Operand(1.0), dtype));
  if (!a.is_tensor("weight")) {
    if (std::abs(a.number("weight")) < 0.5) return One(from_start());
    return One(from_end(OCTAVO_TRY(NumberOf(g, ir::Operand(1 - a.number("weight")), dtype))));
  }
  const Value half = OCTAVO_TRY(NumberOf(g, ir::Operand(0.5), dtype));
  const Value near = g.Op("Less", {g.Op("Abs", {weight}), half});
  return One(g.Op("Where", {near, from_start(), from_end(g.Op("Sub", {one, weight}))}));
}

// PyTorch's lerp does not convert, a weight without dimensions aside.
TypeRule OneDType(std::vector<std::string_view> names) {
  return [names, rule = PromotedType(names)](const Arguments& a) -> Result<std::vector<TensorType>> {
    const DType dtype = KnownDType(a.tensor(names[0]).dtype());
    for (const std::string_view name : names) {
      const DType other = KnownDType(a.tensor(name).dtype());
      if (other != dtype && !(name == "weight" && a.tensor(name).rank() == 0))
        return Unsupported(
            fmt::format("argument {} is {}, but {} is {}", name, Name(other), names[0], Name(dtype)));
    }
    return rule(a);
  };
}

void RegisterLerp(Registry& registry) {
  for (const bool scalar : {true, false}) {
    std::vector<std::string_view> tensors = {"self", "end"};
    if (!scalar) tensors.emplace_back("weight");
    registry.Add({.name = scalar ? "aten::lerp.Scalar" : "aten::lerp.Tensor",
                  .arguments = {arg::Tensor("self"), arg::Tensor("end"),
                                scalar ? arg::Scalar("weight") : arg::Tensor("weight")},
                  .result = FloatOnly("self", OneDType(tensors)),
                  .qdq = EmitLerp,
                  .caffe2 = EmitLerp});
  }
}

// ---- cumsum

Result<std::vector<TensorType>> CumsumType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  if (type.quantized())
    return Unsupported("cumsum of a quantized tensor is not supported", "Call .dequantize() on it first.");
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  if (type.shape) OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(type.shape->size())));
  type.dtype = KnownDType(type.dtype);
  if (a.has("dtype")) {
    const std::int64_t number = OCTAVO_TRY(KnownInt(a, "dtype"));
    const auto dtype = DTypeFromScalarType(number);
    if (!dtype) return Unsupported(fmt::format("dtype {} is not supported", ScalarTypeName(number)));
    type.dtype = *dtype;
  } else if (!IsFloat(type.dtype)) {
    type.dtype = DType::kInt64;
  }
  OCTAVO_TRY(CheckArithmetic(type.dtype));
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitCumsum(Builder& g, const Arguments& a) {
  if (g.opset() < 11)
    return Unsupported("the caffe2 dialect (opset 9) has no CumSum operator", "Use --dialect qdq.");
  const Value x = OCTAVO_TRY(Converted(g, a.tensor("self"), a.result().dtype));
  if (x.rank() == 0) return One(x);
  const Value axis = g.Constant(Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{a.integer("dim")}));
  return One(g.Op("CumSum", {x, axis}));
}

}  // namespace

void RegisterArithmetic(Registry& registry) {
  AddSum(registry, "aten::add", {"Add", false});
  AddSum(registry, "aten::sub", {"Sub", false});
  AddSum(registry, "aten::subtract", {"Sub", false});
  AddSum(registry, "aten::rsub", {"Sub", true});
  AddMul(registry, "aten::mul");
  AddMul(registry, "aten::multiply");
  for (const bool maximum : {true, false}) {
    registry.Add({.name = maximum ? "aten::maximum" : "aten::minimum",
                  .arguments = {arg::Tensor("self"), arg::Tensor("other")},
                  .result = PromotedType({"self", "other"}),
                  .qdq = EmitExtremum(maximum ? "Max" : "Min"),
                  .caffe2 = EmitExtremum(maximum ? "Max" : "Min")});
  }
  RegisterPow(registry);
  AddAddc(registry, "aten::addcmul", "Mul");
  AddAddc(registry, "aten::addcdiv", "Div");
  RegisterLerp(registry);
  registry.Add(
      {.name = "aten::cumsum",
       .arguments = {arg::Tensor("self"), arg::Int("dim"), arg::KeywordOnly(arg::OptionalInt("dtype"))},
       .result = CumsumType,
       .qdq = EmitCumsum,
       .caffe2 = EmitCumsum});
  RegisterDivision(registry);
  RegisterComparison(registry);
  RegisterCreation(registry);
  RegisterEinsum(registry);
}

}  // namespace octavo
