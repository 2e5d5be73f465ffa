#include "octavo/arithmetic/onnxruntime/constants.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octavo::arithmetic::onnxruntime {
namespace {

constexpr float kLowestWeight = -128, kHighestWeight = 127;

}  // namespace

WeightQuantization QuantizationOfWeights(std::span<const float> weights) {
  float least = 0, greatest = 0;
  for (const float weight : weights) {
    least = std::min(least, weight);
    greatest = std::max(greatest, weight);
  }
  WeightQuantization q;
  if (greatest != least) q.scale = (greatest - least) / (kHighestWeight - kLowestWeight);
  const float zero_point = kLowestWeight - least / q.scale;
  // Infinite weights have no zero point.
  if (std::isnan(zero_point)) return q;
  q.zero_point =
      static_cast<std::int32_t>(std::nearbyint(std::clamp(zero_point, kLowestWeight, kHighestWeight)));
  return q;
}

std::int8_t QuantizeWeight(float weight, const WeightQuantization& to) {
  const auto zero_point = static_cast<float>(to.zero_point);
  const float steps = std::clamp(weight / to.scale, kLowestWeight - zero_point, kHighestWeight - zero_point);
  if (std::isnan(steps)) return static_cast<std::int8_t>(kLowestWeight);
  return static_cast<std::int8_t>(static_cast<std::int32_t>(std::nearbyint(steps)) + to.zero_point);
}

std::int32_t QuantizeBias(float bias, float scale) {
  constexpr float kEnd = 2147483648.0F;
  const float steps = std::nearbyint(bias / scale);
  // x86-64 converts what int32 does not hold, and NaN, to int32's lowest.
  if (!(steps >= -kEnd && steps < kEnd)) return std::numeric_limits<std::int32_t>::min();
  return static_cast<std::int32_t>(steps);
}

}  // namespace octavo::arithmetic::onnxruntime
