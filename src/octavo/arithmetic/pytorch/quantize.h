#pragma once

#include <cmath>
#include <cstdint>

// From a real to a level, before it is clamped to its dtype; float32, ties to even.  PyTorch does it in three
// ways, which differ at ties.  Sources are paths in PyTorch's repository and its submodules.

namespace octavo::arithmetic::pytorch {

// quantize_per_tensor and cat in builds with FBGEMM: third_party/fbgemm/src/QuantUtilsAvx2.cc (QuantizeAvx2).
inline float LevelFused(float x, float inverse, float zero_point) {
  return std::nearbyintf(std::fma(x, inverse, zero_point));
}
// What such builds quantize one element at a time: third_party/fbgemm/include/fbgemm/QuantUtils.h (Quantize).
inline float LevelBefore(float x, float inverse, float zero_point) {
  return std::nearbyintf(x * inverse + zero_point);
}
// Builds without FBGEMM, and every vector loop: aten/src/ATen/cpu/vec/vec256/vec256_qint.h.
inline float LevelAfter(float x, float inverse, float zero_point) {
  return std::nearbyintf(x * inverse) + zero_point;
}

}  // namespace octavo::arithmetic::pytorch
