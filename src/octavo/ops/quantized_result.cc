#include "octavo/ops/quantized_result.h"

#include "octavo/emit.h"

namespace octavo {

std::int64_t LowestInteger(DType dtype) { return dtype == DType::kQUint8 ? 0 : -128; }

Value QuantizeReal(Builder& g, Value real, const TensorType& type, bool relu) {
  if (!relu || type.quantization->zero_point() == LowestInteger(type.dtype)) return Quantize(g, real, type);
  if (g.target() != Target::kOnnxRuntime) return Quantize(g, g.Op("Relu", {real}), type);
  const Value unclamped = Quantize(g, real, type);
  return Quantize(g, g.Op("LeakyRelu", {Dequantize(g, unclamped)}, {{"alpha", 0.0}}), type);
}

}  // namespace octavo
