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

}  // namespace

Value DequantizeToSteps(Builder& g, Value x, std::optional<std::int64_t> zero_point) {
  if (!x.quantized() || !g.exact_for(Target::kOnnxRuntime)) return Dequantize(g, x);
  return Dequantize(g, x, InSteps(x.type(), zero_point));
}

Value QuantizeFromSteps(Builder& g, Value y, const TensorType& type, std::optional<std::int64_t> zero_point) {
  if (!g.exact_for(Target::kOnnxRuntime)) return Quantize(g, y, type);
  return g.As(Quantize(g, y, InSteps(type, zero_point)), type);
}

}  // namespace octavo
