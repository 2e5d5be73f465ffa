#include "octavo/ops/batch_norm_form.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "octavo/arithmetic/pytorch/batch_norm.h"
#include "octavo/arithmetic/pytorch/quantize.h"
#include "octavo/emit.h"
#include "octavo/ir/inputs.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/dequantized_levels.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

using arithmetic::pytorch::BatchNormAffine;
using arithmetic::pytorch::BatchNormalized;
using arithmetic::pytorch::ChannelAffine;

constexpr int kFloat32Number = 1, kFloat64Number = 11;  // TensorProto's

std::optional<std::vector<ChannelAffine>> AffineOf(const BatchNormStatistics& s) {
  for (const Value& v : {s.weight, s.bias, s.mean, s.variance}) {
    if (v.defined() && (!v.constant() || v.constant()->dtype != DType::kFloat32)) return std::nullopt;
  }
  if (!s.mean.defined() || !s.variance.defined()) return std::nullopt;
  const std::vector<float> mean = s.mean.constant()->ToFloats(), variance = s.variance.constant()->ToFloats();
  const std::size_t n = mean.size();
  const std::vector<float> weight =
      s.weight.defined() ? s.weight.constant()->ToFloats() : std::vector<float>(n, 1.0F);
  const std::vector<float> bias =
      s.bias.defined() ? s.bias.constant()->ToFloats() : std::vector<float>(n, 0.0F);
  if (variance.size() != n || weight.size() != n || bias.size() != n) return std::nullopt;
  std::vector<ChannelAffine> affine;
  for (std::size_t c = 0; c < n; ++c) {
    affine.push_back(
        BatchNormAffine(mean[c], variance[c], weight[c], bias[c], static_cast<float>(s.epsilon)));
  }
  return affine;
}

// BatchNormalization of mean 0 and variance 1, which multiplies and adds.
template <typename T>
Value MultiplyAndAdd(Builder& g, Value x, DType dtype, const std::vector<T>& factors,
                     const std::vector<T>& summands) {
  const auto n = static_cast<std::int64_t>(factors.size());
  const auto parameter = [&](const std::vector<T>& numbers, const char* name) {
    return g.Constant(Tensor::From(dtype, {n}, numbers), name);
  };
  return g.Op("BatchNormalization",
              {x, parameter(factors, "weight"), parameter(summands, "bias"),
               parameter(std::vector<T>(factors.size(), T{0}), "running_mean"),
               parameter(std::vector<T>(factors.size(), T{1}), "running_var")},
              {{"epsilon", 0.0}});
}

// Whether a product and a sum in T, rounded to float32, are PyTorch's number for every level and channel.
template <typename T>
bool GivesFloats(const DequantizedLevels& levels, const std::vector<ChannelAffine>& affine) {
  return std::ranges::all_of(affine, [&](const ChannelAffine& channel) {
    for (float q = levels.low; q <= levels.high; ++q) {
      const float x = levels.Real(q);
      const T product = static_cast<T>(x) * static_cast<T>(channel.factor);
      const auto y = static_cast<float>(product + static_cast<T>(channel.summand));
      if (y != BatchNormalized(x, channel)) return false;
    }
    return true;
  });
}

// A batch normalization that ExactBatchNorm wrote, by its result.
struct WrittenBatchNorm {
  DequantizedLevels levels;
  std::vector<ChannelAffine> affine;
  const ir::Node* node = nullptr;
};

std::optional<WrittenBatchNorm> FindBatchNorm(Builder& g, ir::ValueId y) {
  const ir::Graph& graph = g.graph();
  if (!g.proven(Value(&graph, y))) return std::nullopt;
  const ir::Node* cast = ProducerOf(graph, y, "Cast");
  const ir::Node* node =
      ProducerOf(graph, cast ? ir::InputOf(*cast).value_or(ir::ValueId{}) : y, "BatchNormalization");
  if (!node) return std::nullopt;
  const Tensor *factors = ConstantInput(graph, *node, 1), *summands = ConstantInput(graph, *node, 2);
  if (!factors || !summands) return std::nullopt;
  ir::ValueId x = *ir::InputOf(*node);
  if (const ir::Node* widened = cast ? ProducerOf(graph, x, "Cast") : nullptr) x = *ir::InputOf(*widened);
  const std::optional<DequantizedLevels> levels = LevelsBehind(graph, x);
  if (!levels) return std::nullopt;
  WrittenBatchNorm found{.levels = *levels, .affine = {}, .node = node};
  const std::vector<double> f = factors->ToDoubles(), s = summands->ToDoubles();
  for (std::size_t c = 0; c < f.size(); ++c) {
    found.affine.push_back({static_cast<float>(f[c]), static_cast<float>(s[c])});
  }
  return found;
}

// A line through one channel: level = round(factor (q - zero)) + summand) + zero point.
class LineSearch {
 public:
  LineSearch(const DequantizedLevels& levels, const TensorType& type, bool relu, bool rounds_once)
      : levels_(levels), to_(type), scale_(ScaleOf(type)), relu_(relu), rounds_once_(rounds_once) {}

  std::optional<ChannelAffine> Find(const ChannelAffine& channel) {
    Expect(channel);
    const auto factor = static_cast<float>(static_cast<double>(channel.factor) *
                                           static_cast<double>(levels_.scale) / static_cast<double>(scale_));
    const auto summand =
        static_cast<float>(static_cast<double>(channel.summand) / static_cast<double>(scale_));
    if (!std::isfinite(factor) || !std::isfinite(summand)) return std::nullopt;
    constexpr int kFactors = 25, kSummands = 81;
    // Half a unit in the last place of a sum near 64.
    constexpr float kSummandStep = 0x1p-19F;
    const float step = std::max(kSummandStep, std::abs(summand) * 0x1p-23F);
    for (int i = 0; i < kFactors; ++i) {
      const float moved = factor == 0 ? 0.0F : std::copysign(Ulps(std::abs(factor), Alternating(i)), factor);
      for (int k = 0; k < kSummands; ++k) {
        const ChannelAffine line{moved, summand + static_cast<float>(Alternating(k)) * step};
        if (Gives(line)) return line;
      }
      if (factor == 0) break;
    }
    return std::nullopt;
  }

 private:
  void Expect(const ChannelAffine& channel) {
    const float inverse = 1.0F / scale_;
    for (float q = levels_.low; q <= levels_.high; ++q) {
      float y = BatchNormalized(levels_.Real(q), channel);
      if (relu_) y = std::max(y, 0.0F);
      const float level = rounds_once_ ? arithmetic::pytorch::LevelFused(y, inverse, to_.zero)
                                       : arithmetic::pytorch::LevelAfter(y, inverse, to_.zero);
      expected_[static_cast<std::size_t>(q - levels_.low)] = to_.Clamped(level);
    }
  }
  // Also if a compiler fused the two operations.
  bool Gives(const ChannelAffine& line) const {
    for (float q = levels_.low; q <= levels_.high; ++q) {
      const float steps = q - levels_.zero;
      for (const float sum :
           {steps * line.factor + line.summand, std::fma(steps, line.factor, line.summand)}) {
        const float level = std::nearbyintf(relu_ ? std::max(sum, 0.0F) : sum) + to_.zero;
        if (to_.Clamped(level) != expected_[static_cast<std::size_t>(q - levels_.low)]) return false;
      }
    }
    return true;
  }

  const DequantizedLevels& levels_;
  Bounds to_;
  float scale_;
  bool relu_, rounds_once_;
  std::array<float, 256> expected_{};
};

}  // namespace

std::optional<Value> ExactBatchNorm(Builder& g, Value x, const BatchNormStatistics& statistics) {
  if (!StatesExactness(g) || x.dtype() != DType::kFloat32) return std::nullopt;
  const std::optional<DequantizedLevels> levels = LevelsBehind(g.graph(), x.id());
  const std::optional<std::vector<ChannelAffine>> affine = AffineOf(statistics);
  if (!levels || !affine) return std::nullopt;
  std::vector<float> factors, summands;
  for (const ChannelAffine& channel : *affine) {
    factors.push_back(channel.factor);
    summands.push_back(channel.summand);
  }
  Value y;
  if (GivesFloats<float>(*levels, *affine)) {
    y = MultiplyAndAdd(g, x, DType::kFloat32, factors, summands);
  } else if (GivesFloats<double>(*levels, *affine)) {
    const std::vector<double> wide_factors(factors.begin(), factors.end()),
        wide_summands(summands.begin(), summands.end());
    const TensorType real = x.type(), wide = WithDType(real, DType::kFloat64);
    y = g.As(g.Op("Cast", {x}, {{"to", kFloat64Number}}), wide);
    y = g.As(MultiplyAndAdd(g, y, DType::kFloat64, wide_factors, wide_summands), wide);
    y = g.As(g.Op("Cast", {y}, {{"to", kFloat32Number}}), real);
  } else {
    return std::nullopt;
  }
  g.SetProven(y);
  return y;
}

std::optional<Value> QuantizedBatchNorm(Builder& g, Value x, const TensorType& type) {
  if (!StatesExactness(g) || type.quantization->axis) return std::nullopt;
  const ir::Node* relu = ProducerOf(g.graph(), x.id(), "Relu");
  const std::optional<WrittenBatchNorm> written = FindBatchNorm(g, relu ? *ir::InputOf(*relu) : x.id());
  if (!written) return std::nullopt;
  LineSearch search(written->levels, type, relu != nullptr, OfFbgemmBuild(g));
  std::vector<float> factors, summands;
  for (const ChannelAffine& channel : written->affine) {
    const std::optional<ChannelAffine> line = search.Find(channel);
    if (!line) return std::nullopt;
    factors.push_back(line->factor);
    summands.push_back(line->summand);
  }
  const bool with_relu = relu != nullptr;
  const std::shared_ptr<const ir::Origin> origin = written->node->origin;
  const DequantizedLevels levels = written->levels;
  TensorType real;
  real.dtype = DType::kFloat32;
  real.shape = levels.integers.shape();
  const Value steps =
      g.As(g.Op("DequantizeLinear", {levels.integers, g.Scalar(1.0F), levels.zero_point}), real);
  Value y = MultiplyAndAdd(g, steps, DType::kFloat32, factors, summands);
  g.graph().node(g.graph().value(y.id()).producer).origin = origin;
  if (with_relu) y = g.Op("Relu", {y});
  g.State(Exactness::kExhaustion);
  return QuantizeFromSteps(g, y, type);
}

}  // namespace octavo
