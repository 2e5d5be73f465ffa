#pragma once

// What a convolution or linear layer is given so that ONNX Runtime's levels are PyTorch's, or come nearest.

#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/arithmetic/pytorch/layers.h"

namespace octavo {

// The levels that a layer can give: those of its dtype, or from the zero point up with a fused ReLU.
struct LevelRange {
  std::int64_t low = 0, high = 255, zero = 0;
};

// For each level above range.low the lowest sum for which PyTorch's level is that or higher.  Sums are int32:
// 2^31 stands for "none", -2^31 for "all".
std::vector<std::int64_t> BoundariesOf(const arithmetic::pytorch::LayerChannel& channel,
                                       const LevelRange& range);

// How far a form is from PyTorch's levels, over all int32 sums of one channel.
struct Distance {
  std::int64_t sums = 0;  // for which the level differs, times the steps by which it does
  double expected = 0;    // the same, each by how often its level is expected: most often near the zero point
  bool more_than_one_step = false;  // for some sum
};

// QLinearConv and QGemm: round((sum + bias) multiplier) + zero point.
struct IntegerForm {
  std::int32_t bias = 0;
  float multiplier = 1;
  Distance distance;
};
// The distance of given constants.  `boundaries` are BoundariesOf(..., range).
Distance DistanceOfIntegerForm(std::int32_t bias, float multiplier,
                               const std::vector<std::int64_t>& boundaries, const LevelRange& range);
// The nearest.  The multiplier is one of the float32 numbers around the model's own.
IntegerForm NearestIntegerForm(const arithmetic::pytorch::LayerChannel& channel,
                               const std::vector<std::int64_t>& boundaries, const LevelRange& range);

// The sum in float32, then operators of floats, each rounded, and a QuantizeLinear of scale 1.
enum class FloatOrder {
  kBiasFirst,  // round((sum + bias) multiplier) + zero point
  kInside,     // round(sum multiplier + bias), the zero point in the bias
};
struct FloatForm {
  float multiplier = 1, bias = 0;
  Distance distance;
};
FloatForm NearestFloatForm(const arithmetic::pytorch::LayerChannel& channel,
                           const std::vector<std::int64_t>& boundaries, const LevelRange& range,
                           FloatOrder order);

}  // namespace octavo
