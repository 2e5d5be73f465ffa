#pragma once

// Where PyTorch's interpolation along one dimension reads, and what ONNX's Resize makes of a scale.

#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/ops/separable.h"

namespace octavo {

// One dimension of an interpolation: `scale` is the factor the model gives, if it is to be used in place of
// out / in.
struct Axis {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::optional<double> scale;
};

// The input index of each output index.  kExact is "nearest-exact": the centre of each output cell.
enum class NearestRule { kFloor, kExact };
std::vector<std::int64_t> NearestIndices(const Axis& axis, NearestRule rule);

// A float32 scale with which ONNX's Resize (asymmetric and floor; half_pixel and round_prefer_ceil for
// kExact) gives the size `out` and reads exactly these indices; nullopt if there is none near out / in.
std::optional<float> NearestScale(const Axis& axis, NearestRule rule);

// A float32 scale with which Resize gives the size `out`: the model's own if that does, else near out / in.
std::optional<float> SizingScale(const Axis& axis);

// Linear interpolation: output o is left_weight[o] x[left[o]] + right_weight[o] x[right[o]], the weights in
// PyTorch's float32.
struct LinearTaps {
  std::vector<std::int64_t> left, right;
  std::vector<float> left_weight, right_weight;
};
// `fused`: positions with one rounding, as in PyTorch's kernel for channels-last tensors.
LinearTaps LinearTapsOf(const Axis& axis, bool align_corners, bool fused = false);

// Does ONNX Runtime's Resize with this scale give the same bits for 8-bit integers?  It does where its
// positions are PyTorch's and the weights so short that every sum of products is exact, in whatever order.
bool ResizeIsExact(const Axis& axis, bool align_corners, float scale);

// The weights of linear and cubic interpolation, out x in.
Matrix LinearMatrix(const Axis& axis, bool align_corners);
Matrix CubicMatrix(const Axis& axis, bool align_corners);

}  // namespace octavo
