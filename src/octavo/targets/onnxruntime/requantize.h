#pragma once

#include <cstdint>

#include "octavo/targets/onnxruntime/rounding.h"

// From the int32 accumulator of a convolution or matrix product, bias included, to its result.  Where the
// accumulator itself is not the exact sum of products: docs/numbers.md, "AVX2 without VNNI".

namespace octavo::targets::onnxruntime {

// core/providers/cpu/quantization/qlinearconv.cc and quantize_linear_matmul.cc, for each channel.
inline float Multiplier(float x_scale, float w_scale, float y_scale) { return x_scale * w_scale / y_scale; }

// contrib_ops/cpu/quantization/quant_gemm.cc (QGemm): alpha is the Gemm's.
inline float GemmMultiplier(float alpha, float a_scale, float b_scale, float y_scale) {
  return alpha * a_scale * b_scale / y_scale;
}

// core/mlas/lib/quantize.cpp, MlasRequantizeOutput: the accumulator is rounded to float32 (which matters
// above 2^24), multiplied, clamped, and only then rounded; the zero point is added last.
template <typename T>
inline T Requantize(std::int32_t accumulator, float multiplier, std::int32_t y_zero_point) {
  const float lowest = static_cast<float>(kLowest<T> - y_zero_point);
  const float highest = static_cast<float>(kHighest<T> - y_zero_point);
  const float value = static_cast<float>(accumulator) * multiplier;
  return static_cast<T>(RoundSmall(AtMost(AtLeast(value, lowest), highest)) + y_zero_point);
}

// core/mlas/lib/qpostprocessor.cpp: MatMulIntegerToFloat and DynamicQuantizeMatMul with multiplier
// a_scale * b_scale, QGemm without y_scale with GemmMultiplier(alpha, a_scale, b_scale, 1).
inline float ScaleAccumulator(std::int32_t accumulator, float multiplier) {
  return static_cast<float>(accumulator) * multiplier;
}
inline float ScaleAccumulator(std::int32_t accumulator, float multiplier, float bias) {
  return static_cast<float>(accumulator) * multiplier + bias;
}

}  // namespace octavo::targets::onnxruntime
