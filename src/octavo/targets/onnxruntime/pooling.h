#pragma once

#include <cmath>
#include <cstdint>

#include "octavo/targets/onnxruntime/quantize.h"
#include "octavo/targets/onnxruntime/requantize.h"

// QLinearAveragePool and QLinearGlobalAveragePool of com.microsoft.

namespace octavo::targets::onnxruntime {

// core/mlas/lib/qlgavgpool.cpp: `sum` of all `count` elements of a channel less count * x.zero_point, as an
// integer.  QLinearAveragePool also takes this way where the kernel covers the whole image without padding.
inline float GlobalAverageMultiplier(float x_scale, float y_scale, std::int32_t count) {
  return x_scale / (y_scale * static_cast<float>(count));
}
template <typename T>
inline T QLinearGlobalAveragePool(std::int32_t sum, float multiplier, std::int32_t y_zero_point) {
  return Requantize<T>(sum, multiplier, y_zero_point);
}

// contrib_ops/cpu/quantization/qlinear_pool.cc: the caller adds the elements' values, DequantizeLinear of
// each, to a float32 that starts at 0, in the order of the image (last axis fastest), leaving padding out;
// `count` is the number of elements, with padding if count_include_pad is set.
template <typename T>
inline T QLinearAveragePool(float sum, std::int32_t count, Quantization y) {
  const float mean = sum / static_cast<float>(count);
  const float value = std::nearbyint(mean / y.scale + static_cast<float>(y.zero_point));
  return RoundAndSaturate<T>(value);
}

}  // namespace octavo::targets::onnxruntime
