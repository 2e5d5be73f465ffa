#include "octavo/arithmetic/pytorch/layers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octavo::arithmetic::pytorch {
namespace {

// oneDNN is given reciprocals that are rounded to float32, and takes their reciprocals again.
float TwiceInverted(double scale) { return 1.0F / static_cast<float>(1.0 / scale); }

std::int64_t ToInt32(float value) {
  constexpr double kLow = std::numeric_limits<std::int32_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
  const double wide = static_cast<double>(value);
  return static_cast<std::int64_t>(std::isnan(wide) ? 0.0 : std::clamp(wide, kLow, kHigh));
}

}  // namespace

LayerKernel KernelOf(Engine engine, const LayerTraits& layer) {
  constexpr std::int64_t kMostGroups = 100;
  switch (engine) {
    case Engine::kQnnpack:
    case Engine::kQnnpackX86:
      return LayerKernel::kQnnpack;
    case Engine::kFbgemm:
      return LayerKernel::kFbgemm;
    case Engine::kOnednn:
      return layer.linear ? LayerKernel::kOnednnLinear : LayerKernel::kOnednn;
    case Engine::kX86:
      return !layer.linear && layer.groups <= kMostGroups && layer.symmetric_weights && !layer.output_padding
                 ? LayerKernel::kOnednn
                 : LayerKernel::kFbgemm;
  }
  return LayerKernel::kQnnpack;
}

LayerChannel::LayerChannel(LayerKernel kernel, const LayerScales& scales, float bias,
                           std::int64_t y_zero_point)
    : kernel_(kernel),
      per_channel_(scales.per_channel),
      zero_point_(static_cast<float>(y_zero_point)),
      bias_(bias),
      multiplier_(static_cast<float>(scales.x * scales.weight / scales.y)),
      steps_(scales.x * scales.weight / scales.y),
      bias_in_sums_(static_cast<double>(bias) / (scales.x * scales.weight)) {
  const auto x = static_cast<float>(scales.x), weight = static_cast<float>(scales.weight);
  const auto y = static_cast<float>(scales.y);
  const float product = x * weight;
  switch (kernel) {
    case LayerKernel::kQnnpack:
      multiplier_ = product * (1.0F / y);
      rounded_bias_ = ToInt32(std::nearbyintf(bias * (1.0F / static_cast<float>(scales.x * scales.weight))));
      bias_in_sums_ = static_cast<double>(rounded_bias_);
      break;
    case LayerKernel::kFbgemm:
      multiplier_ = product / y;
      inverse_ = 1.0F / product;
      offset_ = bias / product;
      break;
    case LayerKernel::kOnednn:
    case LayerKernel::kOnednnLinear:
      x_ = TwiceInverted(scales.x);
      y_ = 1.0F / TwiceInverted(scales.y);
      weight_ = kernel == LayerKernel::kOnednn ? weight
                : scales.per_channel           ? 1.0F / (1.0F / weight)
                                               : TwiceInverted(scales.weight);
      break;
  }
}

float LayerChannel::Level(std::int64_t sum) const {
  switch (kernel_) {
    case LayerKernel::kQnnpack:
      return std::nearbyintf(static_cast<float>(sum + rounded_bias_) * multiplier_) + zero_point_;
    case LayerKernel::kFbgemm: {
      const auto exact = static_cast<float>(sum);
      const float biased = per_channel_ ? exact + offset_ : std::fma(bias_, inverse_, exact);
      return std::nearbyintf(biased * multiplier_) + zero_point_;
    }
    case LayerKernel::kOnednn:
    case LayerKernel::kOnednnLinear:
      return std::nearbyintf((static_cast<float>(sum) * x_ * weight_ + bias_) * y_ + zero_point_);
  }
  return 0;
}

}  // namespace octavo::arithmetic::pytorch
