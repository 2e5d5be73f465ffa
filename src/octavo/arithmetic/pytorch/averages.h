#pragma once

#include <cmath>

// The level of an average, before it is clamped to its dtype: float32, rounded after each step, ties to even.
// `distance` is the sum of the levels less their zero points, `count` what it is divided by.  Sources are
// paths in PyTorch's repository.

namespace octavo::arithmetic::pytorch {

// avg_pool2d of contiguous tensors, and the channels that its vector loop leaves over:
// aten/src/ATen/native/quantized/cpu/AveragePool2d.cpp.
inline float AverageBefore(float distance, float count, float zero_point) {
  return std::nearbyintf(distance * (1.0F / count) + zero_point);
}
// avg_pool2d of channels-last tensors in its vector loop:
// aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp (do_avg_pool_nhwc_on_AVX_n).
inline float AverageAfter(float distance, float count, float zero_point) {
  return std::nearbyintf(distance * (1.0F / count)) + zero_point;
}
// adaptive_avg_pool2d of channels-last tensors in its vector loop (the same file).
inline float AverageFused(float distance, float count, float zero_point) {
  return std::nearbyintf(std::fma(distance, 1.0F / count, zero_point));
}

}  // namespace octavo::arithmetic::pytorch
