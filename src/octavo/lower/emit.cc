#include "octavo/emit.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/lower/checks.h"

namespace octavo {
namespace {

TensorType Real(TensorType type) {
  type.dtype = DType::kFloat32;
  type.quantization.reset();
  return type;
}

// The integer type of zero points and of the tensors that go with them.
Tensor ZeroPoints(const TensorType& type) {
  const Quantization& q = *type.quantization;
  std::vector<std::int64_t> sizes;
  if (!q.per_tensor()) sizes = {static_cast<std::int64_t>(q.zero_points.size())};
  const DType storage = StorageType(type.dtype);
  if (storage == DType::kInt32) {
    return Tensor::From(storage, sizes,
                        std::vector<std::int32_t>(q.zero_points.begin(), q.zero_points.end()));
  }
  // uint8 and int8 alike: the low byte.
  return Tensor::From(storage, sizes, std::vector<std::int8_t>(q.zero_points.begin(), q.zero_points.end()));
}

Tensor Scales(const Quantization& q) {
  std::vector<std::int64_t> sizes;
  if (!q.per_tensor()) sizes = {static_cast<std::int64_t>(q.scales.size())};
  return Tensor::Floats(sizes, std::vector<float>(q.scales.begin(), q.scales.end()));
}

Attributes AxisAttribute(const Quantization& q) {
  Attributes attributes;
  if (q.axis) attributes.Set("axis", *q.axis);
  return attributes;
}

Value Dequantized(Builder& g, Value x, const TensorType& type) {
  std::vector<Value> inputs = {x, g.Constant(Scales(*type.quantization))};
  // Runtimes know no zero point for int32.
  if (StorageType(type.dtype) != DType::kInt32) inputs.push_back(g.Constant(ZeroPoints(type)));
  return g.As(g.Op("DequantizeLinear", inputs, AxisAttribute(*type.quantization)), Real(type));
}

Value Quantized(Builder& g, Value x, const TensorType& type) {
  const Quantization& q = *type.quantization;
  return g.As(
      g.Op("QuantizeLinear", {x, g.Constant(Scales(q)), g.Constant(ZeroPoints(type))}, AxisAttribute(q)),
      type);
}

bool HeldUnsigned(const Builder& g, const TensorType& type) {
  return g.dialect() == Dialect::kQdq && g.moves_scales_for(Target::kOnnxRuntime) &&
         type.dtype == DType::kQInt8 && type.quantization->per_tensor();
}

bool IsQuantizedValue(const Arguments& a, const ir::Operand& operand) {
  const auto* id = std::get_if<ir::ValueId>(&operand);
  return id && a.graph().type(*id).quantized();
}

bool AnyQuantized(const Arguments& a) {
  for (const ir::Operand& operand : a.values()) {
    if (IsQuantizedValue(a, operand)) return true;
    if (const auto* list = std::get_if<ir::ValueList>(&operand)) {
      for (const ir::ValueId id : *list) {
        if (id.valid() && a.graph().type(id).quantized()) return true;
      }
    }
  }
  return std::any_of(a.results().begin(), a.results().end(),
                     [](const TensorType& t) { return t.quantized(); });
}

ir::ValueId DequantizedId(Builder& g, ir::ValueId id) { return Dequantize(g, Value(&g.graph(), id)).id(); }

Result<std::vector<Value>> EmitOnReals(const Emitter& float_operator, Builder& g, const Arguments& a) {
  if (!AnyQuantized(a)) return float_operator(g, a);
  if (g.dialect() == Dialect::kCaffe2) OCTAVO_TRY(CheckCaffe2Types(a));
  std::vector<ir::Operand> values = a.values();
  for (ir::Operand& operand : values) {
    if (IsQuantizedValue(a, operand)) {
      operand = DequantizedId(g, std::get<ir::ValueId>(operand));
    } else if (auto* list = std::get_if<ir::ValueList>(&operand)) {
      for (ir::ValueId& id : *list) {
        if (id.valid() && g.graph().type(id).quantized()) id = DequantizedId(g, id);
      }
    }
  }
  std::vector<TensorType> reals;
  for (const TensorType& type : a.results()) reals.push_back(type.quantized() ? Real(type) : type);
  std::vector<Value> results =
      OCTAVO_TRY(float_operator(g, Arguments(&g.graph(), &a.specs(), std::move(values), std::move(reals))));
  for (std::size_t i = 0; i < results.size() && i < a.results().size(); ++i) {
    if (!a.result(i).quantized()) continue;
    results[i] = Quantize(g, results[i], a.result(i));
  }
  return results;
}

constexpr int kOnnxFloat16 = 10;  // in TensorProto.DataType

TensorType Widened(TensorType type) {
  if (type.dtype == DType::kFloat16) type.dtype = DType::kFloat32;
  return type;
}

Result<std::vector<Value>> EmitOnFloat32(const Emitter& float_operator, Builder& g, const Arguments& a) {
  std::vector<ir::Operand> values = a.values();
  bool widened = false;
  for (ir::Operand& operand : values) {
    auto* id = std::get_if<ir::ValueId>(&operand);
    if (!id || !id->valid() || g.graph().type(*id).dtype != DType::kFloat16) continue;
    *id = OCTAVO_TRY(CastTo(g, Value(&g.graph(), *id), DType::kFloat32)).id();
    widened = true;
  }
  if (!widened) return float_operator(g, a);
  std::vector<TensorType> types;
  for (const TensorType& type : a.results()) types.push_back(Widened(type));
  std::vector<Value> results =
      OCTAVO_TRY(float_operator(g, Arguments(&g.graph(), &a.specs(), std::move(values), types)));
  for (std::size_t i = 0; i < results.size() && i < types.size(); ++i) {
    if (!results[i].defined() || a.result(i).dtype != DType::kFloat16) continue;
    results[i] = OCTAVO_TRY(CastTo(g, g.As(results[i], types[i]), a.result(i).dtype));
  }
  return results;
}

}  // namespace

Value Dequantize(Builder& g, Value x) {
  if (!x.quantized()) return x;
  if (g.dialect() == Dialect::kCaffe2) return Caffe2Dequantize(g, x);
  const TensorType type = x.type();
  return Dequantize(g, x, type);
}

Value Dequantize(Builder& g, Value x, const TensorType& type) {
  const Value as_unsigned = g.unsigned_of(x);
  return as_unsigned.defined() ? Dequantized(g, as_unsigned, Unsigned(type)) : Dequantized(g, x, type);
}

Value Quantize(Builder& g, Value x, const TensorType& type) {
  if (g.dialect() == Dialect::kCaffe2) return Int8(g, "Int8Quantize", {x}, type);
  if (!HeldUnsigned(g, type)) return Quantized(g, x, type);
  const TensorType held = Unsigned(type);
  const Value as_unsigned = Quantized(g, x, held);
  const Value y = Quantized(g, Dequantized(g, as_unsigned, held), type);
  g.SetUnsigned(y, as_unsigned);
  return y;
}

TensorType Unsigned(TensorType type) {
  if (type.dtype != DType::kQInt8) return type;
  type.dtype = DType::kQUint8;
  for (std::int64_t& zero_point : type.quantization->zero_points) zero_point += 128;
  return type;
}

void HoldUnsigned(Builder& g, Value x) {
  if (!HeldUnsigned(g, x.type()) || g.unsigned_of(x).defined()) return;
  const TensorType type = x.type();
  g.SetUnsigned(x, Quantized(g, Dequantized(g, x, type), Unsigned(type)));
}

Emitter OnReals(Emitter float_operator) {
  return [f = std::move(float_operator)](Builder& g, const Arguments& a) { return EmitOnReals(f, g, a); };
}

Emitter OnFloat32(Emitter float_operator) {
  return [f = std::move(float_operator)](Builder& g, const Arguments& a) { return EmitOnFloat32(f, g, a); };
}

Value ScalarLike(Builder& g, Value x, double number) {
  if (x.dtype() == DType::kFloat64) {
    return g.Constant(Tensor::From(DType::kFloat64, {}, std::vector<double>{number}));
  }
  const Value real = g.Scalar(static_cast<float>(number));
  if (x.dtype() != DType::kFloat16) return real;
  // Through float32, as PyTorch converts numbers.
  return g.As(g.Op("Cast", {real}, {{"to", kOnnxFloat16}}), {.dtype = x.dtype(), .shape = Shape{}});
}

Emitter OnElements(Emitter movement, bool on_integers) {
  return
      [f = std::move(movement), on_integers](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        if (on_integers && g.dialect() == Dialect::kQdq) return f(g, a);
        return EmitOnReals(f, g, a);
      };
}

Emitter ThroughFloat(Emitter float_operator) { return OnReals(std::move(float_operator)); }

Emitter FloatOp(std::string op) {
  return [op = std::move(op)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    std::vector<Value> inputs;
    for (const ir::Operand& operand : a.values()) {
      if (const auto* id = std::get_if<ir::ValueId>(&operand)) inputs.emplace_back(&g.graph(), *id);
    }
    return One(g.Op(op, inputs));
  };
}

Emitter Int8Or(Emitter int8, Emitter float_operator) {
  return [int8 = std::move(int8), real = std::move(float_operator)](
             Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    if (!AnyQuantized(a)) return real(g, a);
    OCTAVO_TRY(CheckCaffe2Types(a));
    return int8(g, a);
  };
}

}  // namespace octavo
