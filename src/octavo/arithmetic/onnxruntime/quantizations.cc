#include "octavo/arithmetic/onnxruntime/quantizations.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octavo::arithmetic::onnxruntime {

namespace {
constexpr std::int64_t kSteps = 255;
}

std::optional<EightBits> MergedQuantization(const EightBits& first, const EightBits& second) {
  constexpr double kSameScale = 1e-20;
  if (first.lowest != second.lowest) return std::nullopt;
  if (first.zero_point == second.zero_point &&
      static_cast<double>(std::abs(first.scale - second.scale)) < kSameScale) {
    return first;
  }
  const float low = std::max(first.real(first.lowest), second.real(second.lowest));
  const float high = std::min(first.real(first.lowest + kSteps), second.real(second.lowest + kSteps));
  EightBits merged = {.scale = (high - low) / static_cast<float>(kSteps), .lowest = first.lowest};
  if (!(merged.scale > 0)) return std::nullopt;
  merged.zero_point =
      static_cast<std::int64_t>(std::round(static_cast<float>(first.lowest) - low / merged.scale));
  return merged;
}

bool RemovesClip(float low, float high, const EightBits& quantization) {
  constexpr float kEpsilon = std::numeric_limits<float>::epsilon();
  const float lowest = quantization.real(quantization.lowest);
  const float highest = quantization.real(quantization.lowest + kSteps);
  return !(kEpsilon < low - lowest) && !(kEpsilon < highest - high);
}

}  // namespace octavo::arithmetic::onnxruntime
