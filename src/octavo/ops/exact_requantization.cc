#include "octavo/ops/exact_requantization.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

// A scale with (x w) / y == multiplier.
std::optional<float> WeightScale(float x, float y, float multiplier) {
  constexpr int kTries = 7;
  const float near = (multiplier * y) / x;
  for (int i = 0; i < kTries; ++i) {
    const float moved = Ulps(near, Alternating(i));
    if ((x * moved) / y == multiplier) return moved;
  }
  return std::nullopt;
}

// One for each channel, or nothing.
std::optional<std::vector<double>> WeightScales(float x, float y, const std::vector<float>& multipliers) {
  std::vector<double> scales;
  for (const float multiplier : multipliers) {
    const auto scale = WeightScale(x, y, multiplier);
    if (!scale) return std::nullopt;
    scales.push_back(*scale);
  }
  return scales;
}

// Input and result counted in steps: (1 m) / 1 is m for every channel.
RequantizationTypes InSteps(const TensorType& x, const Quantization& weight, const TensorType& y,
                            const std::vector<float>& multipliers) {
  RequantizationTypes types{x, y, weight};
  types.x.quantization->scales[0] = 1;
  types.y.quantization->scales[0] = 1;
  types.weight.scales.assign(multipliers.begin(), multipliers.end());
  return types;
}

}  // namespace

RequantizationTypes WithMultipliers(const TensorType& x, const Quantization& weight, const TensorType& y,
                                    const std::vector<std::vector<float>>& multipliers) {
  RequantizationTypes types{x, y, weight};
  if (weight.per_tensor() && multipliers.size() > 1) {
    types.weight.axis = 0;
    types.weight.zero_points.assign(multipliers.size(), weight.zero_points[0]);
  }
  types.weight.scales.clear();
  std::vector<float> preferred;
  for (const std::vector<float>& of_channel : multipliers) {
    preferred.push_back(of_channel[0]);
    for (const float multiplier : of_channel) {
      const auto scale = WeightScale(static_cast<float>(x.quantization->scale()),
                                     static_cast<float>(y.quantization->scale()), multiplier);
      if (!scale) continue;
      types.weight.scales.push_back(static_cast<double>(*scale));
      break;
    }
    if (types.weight.scales.size() < preferred.size()) types.weight.scales.push_back(0);
  }
  const bool met =
      std::find(types.weight.scales.begin(), types.weight.scales.end(), 0.0) == types.weight.scales.end();
  return met ? types : InSteps(x, types.weight, y, preferred);
}

RequantizationTypes ExactRequantization(const TensorType& x, const Quantization& weight,
                                        const TensorType& y) {
  const auto x_scale = static_cast<float>(x.quantization->scale());
  const auto y_scale = static_cast<float>(y.quantization->scale());
  const float inverse = 1.0F / y_scale;
  std::vector<float> multipliers;
  bool met = true;
  for (const double scale : weight.scales) {
    const auto w = static_cast<float>(scale);
    multipliers.push_back((x_scale * w) * inverse);
    // Nothing is to be had from moving what float32 hardly holds.
    if (!std::isnormal(multipliers.back()) || !std::isnormal(x_scale * w)) return {x, y, weight};
    met = met && (x_scale * w) / y_scale == multipliers.back();
  }
  if (met) return {x, y, weight};
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    for (int j = 0; j < kTries; ++j) {
      const float moved_x = Ulps(x_scale, Alternating(i)), moved_y = Ulps(y_scale, Alternating(j));
      if (const auto scales = WeightScales(moved_x, moved_y, multipliers)) {
        RequantizationTypes types{x, y, weight};
        types.x.quantization->scales[0] = moved_x;
        types.y.quantization->scales[0] = moved_y;
        types.weight.scales = *scales;
        return types;
      }
    }
  }
  return InSteps(x, weight, y, multipliers);
}

std::size_t ChannelsThatDiffer(const TensorType& x, const Quantization& weight, const TensorType& y,
                               const RequantizationTypes& written) {
  const auto scale_of = [](const TensorType& type) { return static_cast<float>(type.quantization->scale()); };
  const float inverse = 1.0F / scale_of(y);
  std::size_t differ = 0;
  for (std::size_t c = 0; c < weight.scales.size(); ++c) {
    const float pytorch = (scale_of(x) * static_cast<float>(weight.scales[c])) * inverse;
    const float target =
        (scale_of(written.x) * static_cast<float>(written.weight.scales[c])) / scale_of(written.y);
    differ += target != pytorch ? 1 : 0;
  }
  return differ;
}

}  // namespace octavo
