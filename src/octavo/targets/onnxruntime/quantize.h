#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "octavo/targets/onnxruntime/rounding.h"

// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.

namespace octavo::targets::onnxruntime {

// core/mlas/lib/quantize.cpp, MlasQuantizeLinear: divides, clamps, rounds, and adds the zero point last.
template <typename T>
inline T QuantizeLinear(float value, Quantization to) {
  const float lowest = static_cast<float>(kLowest<T> - to.zero_point);
  const float highest = static_cast<float>(kHighest<T> - to.zero_point);
  return static_cast<T>(RoundSmall(AtMost(AtLeast(value / to.scale, lowest), highest)) + to.zero_point);
}

// core/providers/cpu/quantization/quantize_linear.cc.  Also int32 (a bias), whose zero point is 0: the
// integer is rounded to float32 before the product is.
template <typename T>
inline float DequantizeLinear(T value, Quantization from) {
  return static_cast<float>(static_cast<std::int32_t>(value) - from.zero_point) * from.scale;
}

// core/util/qmath.h, GetQuantizationParameter: of a tensor whose elements lie in [min, max], to uint8.
// DynamicQuantizeLinear and DynamicQuantizeMatMul.
inline Quantization DynamicQuantization(float min, float max) {
  min = std::min(min, 0.0F);
  max = std::max(max, 0.0F);
  const float scale = max == min ? 1.0F : (max - min) / 255.0F;
  const float zero_point = 0.0F - min / scale;
  return {scale, static_cast<std::int32_t>(std::nearbyint(std::max(0.0F, std::min(255.0F, zero_point))))};
}

}  // namespace octavo::targets::onnxruntime
