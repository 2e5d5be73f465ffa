#include "octavo/ops/exact_requantization.h"

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

}  // namespace

RequantizationTypes ExactRequantization(const TensorType& x, const Quantization& weight,
                                        const TensorType& y) {
  RequantizationTypes best{x, y, weight};
  const auto x_scale = static_cast<float>(x.quantization->scale());
  const auto y_scale = static_cast<float>(y.quantization->scale());
  const float inverse = 1.0F / y_scale;
  std::vector<float> multipliers;
  std::size_t most = 0;
  for (const double scale : weight.scales) {
    const auto w = static_cast<float>(scale);
    multipliers.push_back((x_scale * w) * inverse);
    // Nothing is to be had from moving what float32 hardly holds.
    if (!std::isnormal(multipliers.back()) || !std::isnormal(x_scale * w)) return best;
    if ((x_scale * w) / y_scale == multipliers.back()) ++most;
  }
  if (most == multipliers.size()) return best;
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    for (int j = 0; j < kTries; ++j) {
      const float moved_x = Ulps(x_scale, Alternating(i)), moved_y = Ulps(y_scale, Alternating(j));
      RequantizationTypes types{x, y, weight};
      types.x.quantization->scales[0] = moved_x;
      types.y.quantization->scales[0] = moved_y;
      std::size_t met = 0;
      for (std::size_t c = 0; c < multipliers.size(); ++c) {
        const auto w = WeightScale(moved_x, moved_y, multipliers[c]);
        if (!w) continue;  // as it is
        types.weight.scales[c] = *w;
        ++met;
      }
      if (met > most) {
        most = met;
        best = types;
      }
      if (most == multipliers.size()) return best;
    }
  }
  return best;
}

}  // namespace octavo
