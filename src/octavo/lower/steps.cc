#include "octavo/lower/steps.h"

#include "octavo/emit.h"
#include "octavo/lower/checks.h"

namespace octavo {

Value DequantizeToSteps(Builder& g, Value x, std::optional<std::int64_t> zero_point) {
  if (!x.quantized() || !g.exact_for(Target::kOnnxRuntime)) return Dequantize(g, x);
  const TensorType type = x.type();
  const Value zero = IntegerConstant(g, type, zero_point.value_or(type.quantization->zero_point()));
  return g.As(g.Op("DequantizeLinear", {x, g.Scalar(1.0F), zero}), WithDType(type, DType::kFloat32));
}

Value QuantizeFromSteps(Builder& g, Value y, const TensorType& type, std::optional<std::int64_t> zero_point) {
  if (!g.exact_for(Target::kOnnxRuntime)) return Quantize(g, y, type);
  const Value zero = IntegerConstant(g, type, zero_point.value_or(type.quantization->zero_point()));
  return g.As(g.Op("QuantizeLinear", {y, g.Scalar(1.0F), zero}), type);
}

}  // namespace octavo
