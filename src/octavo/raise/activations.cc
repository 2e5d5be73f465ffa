// Functions of each element.

#include <cmath>

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

bool IsReal(const Value& x) { return x.dtype() == DType::kFloat32; }

Result<std::vector<Value>> Unary(Raiser& r, const char* aten) {
  const Value x = OCTAVO_TRY(r.Input(0));
  if (!IsReal(x)) return KeepOperator(r);
  return One(OCTAVO_TRY(r.Call(aten, {x.id()})));
}

Result<std::vector<Value>> Relu(Raiser& r) { return Unary(r, "aten::relu"); }
Result<std::vector<Value>> Sigmoid(Raiser& r) { return Unary(r, "aten::sigmoid"); }
Result<std::vector<Value>> Tanh(Raiser& r) { return Unary(r, "aten::tanh"); }
Result<std::vector<Value>> HardSwish(Raiser& r) { return Unary(r, "aten::hardswish"); }

Result<std::vector<Value>> HardSigmoid(Raiser& r) {
  const auto alpha = static_cast<float>(OCTAVO_TRY(r.Number("alpha", 0.2)));
  const auto beta = static_cast<float>(OCTAVO_TRY(r.Number("beta", 0.5)));
  if (alpha != 1.0F / 6.0F || beta != 0.5F) return KeepOperator(r);
  return Unary(r, "aten::hardsigmoid");
}

Result<std::vector<Value>> LeakyRelu(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  if (!IsReal(x)) return KeepOperator(r);
  const double slope = OCTAVO_TRY(r.Number("alpha", 0.01));
  if (slope == 0) return One(OCTAVO_TRY(r.Call("aten::relu", {x.id()})));
  if (slope == 1) return One(x);  // which Octavo writes for OpenVINO
  return One(OCTAVO_TRY(r.Call("aten::leaky_relu", {x.id(), slope})));
}

Result<std::vector<Value>> Elu(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  if (!IsReal(x)) return KeepOperator(r);
  return One(OCTAVO_TRY(r.Call("aten::elu", {x.id(), OCTAVO_TRY(r.Number("alpha", 1.0)), 1.0, 1.0})));
}

// Bounds are attributes before opset 11 and inputs after it.
Result<std::optional<double>> Bound(const Raiser& r, const char* attribute, std::size_t input) {
  using Answer = std::optional<double>;
  if (r.has(attribute)) return Answer(OCTAVO_TRY(r.Number(attribute)));
  if (!r.optional_input(input).defined()) return Answer();
  const std::vector<double> numbers = OCTAVO_TRY(r.InputNumbers(input));
  if (numbers.size() != 1) return InvalidFile(fmt::format("input {} must be one number", input));
  return Answer(numbers[0]);
}

// A quantized tensor's integers are clipped to those of the bounds' reals.
Result<std::vector<Value>> Clip(Raiser& r) {
  OCTAVO_TRY(r.Knows({"min", "max"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  std::optional<double> low = OCTAVO_TRY(Bound(r, "min", 1)), high = OCTAVO_TRY(Bound(r, "max", 2));
  if (x.quantized()) {
    const Quantization q = x.quantization();
    if (!q.per_tensor()) return Unsupported("clipping a per-channel quantized tensor is not supported");
    if (low && !high && *low == static_cast<double>(q.zero_point())) {
      return One(OCTAVO_TRY(r.Call("aten::relu", {x.id()})));
    }
    for (std::optional<double>* bound : {&low, &high}) {
      if (*bound) **bound = (**bound - static_cast<double>(q.zero_point())) * q.scale();
    }
  }
  if (!low && !high) return One(x);
  if (low == 0.0 && !high) return One(OCTAVO_TRY(r.Call("aten::relu", {x.id()})));
  return One(OCTAVO_TRY(r.Call("aten::clamp", {x.id(), low ? ir::Operand(*low) : ir::Operand(ir::None{}),
                                               high ? ir::Operand(*high) : ir::Operand(ir::None{})})));
}

// Before opset 13 the dimensions from the axis on are one, and the default is 1.
Result<std::vector<Value>> Softmax(Raiser& r) {
  constexpr int kAlongOneAxis = 13;
  OCTAVO_TRY(r.Knows({"axis"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  const char* aten = r.op() == "Softmax" ? "aten::softmax" : "aten::log_softmax";
  const bool flattens = r.source_opset() < kAlongOneAxis;
  const std::int64_t axis = OCTAVO_TRY(r.Int("axis", flattens ? 1 : -1));
  if (!flattens) return One(OCTAVO_TRY(r.Call(aten, {x.id(), Dim(axis), ir::None{}})));
  if (!x.rank()) return Unsupported("the input's rank is unknown");
  const int from = OCTAVO_TRY(AxisOf(axis, *x.rank()));
  if (from == *x.rank() - 1) return One(OCTAVO_TRY(r.Call(aten, {x.id(), Dim(from), ir::None{}})));
  const Shape shape = *x.shape();
  const Dim rows = NumElements(Shape(shape.begin(), shape.begin() + from));
  const Value flat = OCTAVO_TRY(r.Call("aten::reshape", {x.id(), std::vector<Dim>{rows, Dim(-1)}}));
  const Value y = OCTAVO_TRY(r.Call(aten, {flat.id(), Dim(1), ir::None{}}));
  return One(OCTAVO_TRY(r.Call("aten::reshape", {y.id(), std::vector<Dim>(shape.begin(), shape.end())})));
}

// Add and Mul of reals, which may be part of a quantized layer.
Result<std::vector<Value>> Binary(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0)), y = OCTAVO_TRY(r.Input(1));
  if (!IsReal(x) || !IsReal(y)) return KeepOperator(r);
  return One(OCTAVO_TRY(r.Call(r.op() == "Add" ? "aten::add" : "aten::mul", {x.id(), y.id()})));
}

}  // namespace

void AddActivationHandlers(Handlers& handlers) {
  handlers["Relu"] = Relu;
  handlers["Sigmoid"] = Sigmoid;
  handlers["Tanh"] = Tanh;
  handlers["HardSwish"] = HardSwish;
  handlers["HardSigmoid"] = HardSigmoid;
  handlers["LeakyRelu"] = LeakyRelu;
  handlers["Elu"] = Elu;
  handlers["Clip"] = Clip;
  handlers["Softmax"] = Softmax;
  handlers["LogSoftmax"] = Softmax;
  handlers["Add"] = Binary;
  handlers["Mul"] = Binary;
}

}  // namespace octavo::raise
