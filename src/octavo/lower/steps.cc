#include "octavo/lower/steps.h"

#include "octavo/emit.h"

namespace octavo {
namespace {

TensorType InSteps(TensorType type, std::optional<std::int64_t> zero_point) {
  Quantization& q = *type.quantization;
  q.scales.assign(q.scales.size(), 1.0);
  if (zero_point) q.zero_points.assign(q.zero_points.size(), *zero_point);
  return type;
}

// Whole numbers within 2^22 of it have no fraction that float32 could hold.
constexpr float kNoFraction = 0x1.8p23F;

// The nearest whole number, moved by `offset`.
Value NearestWholePlus(Builder& g, Value x, std::int64_t offset) {
  const Value moved = g.Op("Add", {x, g.Scalar(kNoFraction)});
  return g.Op("Sub", {moved, g.Scalar(kNoFraction - static_cast<float>(offset))});
}

}  // namespace

bool CountsInSteps(const Builder& g) {
  if (g.dialect() == Dialect::kCaffe2) return g.options().numbers != Numbers::kPlain;
  return g.exact_for(Target::kOnnxRuntime);
}

bool StatesExactness(const Builder& g) {
  return g.dialect() == Dialect::kQdq && g.moves_scales_for(Target::kOnnxRuntime);
}

Value NearestWhole(Builder& g, Value x) { return NearestWholePlus(g, x, 0); }

Value DequantizeToSteps(Builder& g, Value x, std::optional<std::int64_t> zero_point) {
  if (x.quantized() && g.dialect() == Dialect::kCaffe2 && CountsInSteps(g)) {
    const Quantization q = x.quantization();  // nodes that are made move the graph's values
    const float reciprocal = 1.0F / static_cast<float>(q.scale());
    const Value real = Dequantize(g, x);
    const TensorType type = real.type();
    const Value steps = g.Op("Mul", {real, g.Scalar(reciprocal)});
    return g.As(NearestWholePlus(g, steps, zero_point ? q.zero_point() - *zero_point : 0), type);
  }
  if (!x.quantized() || !g.exact_for(Target::kOnnxRuntime)) return Dequantize(g, x);
  return Dequantize(g, x, InSteps(x.type(), zero_point));
}

Value QuantizeFromSteps(Builder& g, Value y, const TensorType& type, std::optional<std::int64_t> zero_point) {
  if (g.dialect() == Dialect::kCaffe2 && CountsInSteps(g)) {
    const Quantization& q = *type.quantization;
    const Value steps = NearestWholePlus(g, y, zero_point ? *zero_point - q.zero_point() : 0);
    return Quantize(g, g.Op("Mul", {steps, g.Scalar(static_cast<float>(q.scale()))}), type);
  }
  if (!g.exact_for(Target::kOnnxRuntime)) return Quantize(g, y, type);
  return g.As(Quantize(g, y, InSteps(type, zero_point)), type);
}

}  // namespace octavo
