#pragma once

#include <cstdint>
#include <span>

// core/optimizer/qdq_transformer/weight_bias_quantization.cc: float weights and biases of a Conv,
// ConvTranspose or Gemm between a DequantizeLinear and a QuantizeLinear become integers when the model is
// loaded.

namespace octavo::arithmetic::onnxruntime {

// Scale and zero point of int8 weights.
struct WeightQuantization {
  float scale = 1;
  std::int32_t zero_point = 0;
};
// core/util/qmath.h, GetQuantizationParameter<int8_t>.
WeightQuantization QuantizationOfWeights(std::span<const float> weights);
// MlasQuantizeLinear of one weight.
std::int8_t QuantizeWeight(float weight, const WeightQuantization& to);
// `scale`: x_scale * w_scale in float32.
std::int32_t QuantizeBias(float bias, float scale);

}  // namespace octavo::arithmetic::onnxruntime
