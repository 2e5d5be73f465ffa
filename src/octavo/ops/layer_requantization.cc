#include "octavo/ops/layer_requantization.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

void Join(Distance& all, const Distance& one) {
  all.sums += one.sums;
  all.expected += one.expected;
  all.more_than_one_step |= one.more_than_one_step;
}

}  // namespace

using arithmetic::pytorch::LayerChannel;
using arithmetic::pytorch::LayerKernel;

LayerKernel KernelOf(const Builder& g, const QuantizedWeights& w, LayerCall call) {
  call.traits.symmetric_weights =
      std::ranges::all_of(w.quantization().zero_points, [](std::int64_t zero) { return zero == 0; });
  return arithmetic::pytorch::KernelOf(g.engine(), call.traits);
}

std::vector<LayerChannel> ChannelsOf(LayerKernel kernel, const QuantizedWeights& w, const TensorType& x,
                                     const TensorType& y) {
  const Quantization& q = w.quantization();
  std::vector<float> bias(static_cast<std::size_t>(w.channels), 0.0F);
  if (w.bias) {
    bias = w.bias->ToFloats();
    if (w.bias->quantization) {
      const std::vector<double>& scales = w.bias->quantization->scales;
      for (std::size_t c = 0; c < bias.size(); ++c)
        bias[c] *= static_cast<float>(scales[scales.size() == 1 ? 0 : c]);
    }
  }
  std::vector<LayerChannel> channels;
  channels.reserve(bias.size());
  for (std::size_t c = 0; c < bias.size(); ++c) {
    channels.emplace_back(kernel,
                          arithmetic::pytorch::LayerScales{.x = x.quantization->scale(),
                                                           .weight = q.scales[q.per_tensor() ? 0 : c],
                                                           .y = y.quantization->scale(),
                                                           .per_channel = !q.per_tensor()},
                          bias[c], y.quantization->zero_point());
  }
  return channels;
}

LevelRange LevelsOf(const TensorType& y, bool relu) {
  const auto [low, high] = RangeOf(y.dtype);
  const std::int64_t zero = y.quantization->zero_point();
  return {relu ? std::max<std::int64_t>(zero, low) : low, high, zero};
}

NearestLayer NearestRequantization(LayerKernel kernel, const QuantizedWeights& w, const TensorType& x,
                                   const TensorType& y, bool relu) {
  const LevelRange range = LevelsOf(y, relu);
  NearestLayer nearest;
  std::vector<std::int32_t> biases;
  std::vector<std::vector<float>> multipliers;
  for (const LayerChannel& channel : ChannelsOf(kernel, w, x, y)) {
    const std::vector<std::int64_t> boundaries = BoundariesOf(channel, range);
    const IntegerForm form = NearestIntegerForm(channel, boundaries, range);
    biases.push_back(form.bias);
    multipliers.push_back({form.multiplier});
    // Others as good, for where no scales have that multiplier.
    constexpr int kOthers = 5;
    for (int i = 1; i < kOthers; ++i) {
      const float other = Ulps(form.multiplier, Alternating(i));
      const Distance distance = DistanceOfIntegerForm(form.bias, other, boundaries, range);
      if (distance.expected <= form.distance.expected &&
          distance.more_than_one_step <= form.distance.more_than_one_step)
        multipliers.back().push_back(other);
    }
    Join(nearest.distance, form.distance);
    if (!boundaries.empty()) nearest.sums += boundaries.back() - boundaries.front();
  }
  nearest.types = WithMultipliers(x, w.quantization(), y, multipliers);
  nearest.types.bias = std::move(biases);
  return nearest;
}

NearestFloats NearestFloatBias(LayerKernel kernel, const QuantizedWeights& w, const TensorType& x,
                               const TensorType& y, bool relu) {
  const LevelRange range = LevelsOf(y, relu);
  // FBGEMM's own order is exact; in oneDNN's the zero point is inside the rounding.
  const FloatOrder order = kernel == LayerKernel::kFbgemm ? FloatOrder::kBiasFirst : FloatOrder::kInside;
  NearestFloats nearest{.order = order};
  for (const LayerChannel& channel : ChannelsOf(kernel, w, x, y)) {
    const std::vector<std::int64_t> boundaries = BoundariesOf(channel, range);
    const FloatForm form = NearestFloatForm(channel, boundaries, range, order);
    nearest.multipliers.push_back(form.multiplier);
    nearest.biases.push_back(form.bias);
    Join(nearest.distance, form.distance);
    if (!boundaries.empty()) nearest.sums += boundaries.back() - boundaries.front();
  }
  return nearest;
}

std::vector<float> ScalesOfSums(const NearestFloats& nearest) {
  return nearest.order == FloatOrder::kInside ? nearest.multipliers
                                              : std::vector<float>(nearest.multipliers.size(), 1.0F);
}

Value QuantizeWithBias(Builder& g, Value sums, const NearestFloats& nearest,
                       const std::vector<std::int64_t>& sizes, const TensorType& y, bool relu) {
  const std::int64_t zero = y.quantization->zero_point();
  const bool clamps = relu && zero != LowestInteger(y.dtype);
  Value steps = g.Op("Add", {sums, g.Constant(Tensor::Floats(sizes, nearest.biases), "bias")});
  if (nearest.order == FloatOrder::kBiasFirst) {
    steps = g.Op("Mul", {steps, g.Constant(Tensor::Floats(sizes, nearest.multipliers))});
    return QuantizeFromSteps(g, clamps ? g.Op("Relu", {steps}) : steps, y);
  }
  if (clamps) steps = g.Op("Max", {steps, g.Scalar(static_cast<float>(zero))});
  return QuantizeFromSteps(g, steps, y, 0);
}

void StateDistance(Builder& g, const Distance& distance, std::int64_t sums, std::string_view why) {
  if (distance.sums == 0) {
    g.State(Exactness::kExhaustion);
    return;
  }
  g.State(Exactness::kNotExact, fmt::format("may be off by {} for {} of {} sums: {}",
                                            distance.more_than_one_step ? "more than one step" : "one step",
                                            distance.sums, sums, why));
}

}  // namespace octavo
