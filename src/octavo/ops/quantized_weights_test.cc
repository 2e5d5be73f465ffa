#include "octavo/ops/quantized_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octavo {
namespace {

using ::testing::ElementsAre;

Tensor Bias() { return Tensor::Floats({6}, {0.5F, -0.123456F, 1e-3F, -7.0F, 0.25F, 3.3333F}); }

// The expected integers are PyTorch's: torch.quantize_per_tensor(bias, scale, 0, torch.qint32).int_repr().
TEST(QuantizedBias, RoundsAsPyTorchDoes) {
  EXPECT_THAT(QuantizedBias(Bias(), Quantization::PerTensor(0.013, 0), 0.02).ToInts(),
              ElementsAre(1923, -475, 4, -26923, 962, 12820));
  EXPECT_THAT(QuantizedBias(Bias(), Quantization::PerTensor(0.5, 0), 0.0078125).ToInts(),
              ElementsAre(128, -32, 0, -1792, 64, 853));
}

// torch.quantize_per_channel(bias, scales * 0.02, zeros, 0, torch.qint32).int_repr()
TEST(QuantizedBias, HasOneScaleAChannel) {
  const Quantization weight{
      .scales = {.01, .02, .03, .04, .05, .06}, .zero_points = {0, 0, 0, 0, 0, 0}, .axis = 0};
  const Tensor bias = QuantizedBias(Bias(), weight, 0.02);
  EXPECT_THAT(bias.ToInts(), ElementsAre(2500, -309, 2, -8750, 250, 2778));
  EXPECT_EQ(bias.quantization->axis, 0);
  EXPECT_EQ(bias.quantization->scales[2], static_cast<double>(static_cast<float>(.03 * .02)));
}

TEST(QuantizedBias, StaysWithinInt32) {
  const Tensor bias = Tensor::Floats({3}, {1e30F, -1e30F, 0});
  EXPECT_THAT(QuantizedBias(bias, Quantization::PerTensor(1e-6, 0), 1e-3).ToInts(),
              ElementsAre(2147483647, -2147483648LL, 0));
}

ir::PackedWeights LinearWeights(Quantization q, std::vector<std::int64_t> sizes = {2, 3}) {
  ir::PackedWeights packed;
  packed.kind = ir::PackedWeights::Kind::kLinear;
  packed.weight = Tensor::From(DType::kQInt8, std::move(sizes), std::vector<std::int8_t>{1, 2, 3, 4, 5, 6});
  packed.weight.quantization = std::move(q);
  packed.name = "fc._packed_params";
  return packed;
}

Result<QuantizedWeights> Weights(const ir::PackedWeights& packed) {
  const ir::Graph graph;
  const std::vector<ArgumentSpec> none;
  return WeightsOf(Arguments(&graph, &none, {}), packed);
}

TEST(WeightsOf, TakesSoundOnes) {
  const auto w = Weights(LinearWeights(Quantization::PerTensor(0.1, 0)));
  ASSERT_TRUE(w);
  EXPECT_EQ(w->channels, 2);
  EXPECT_TRUE(Weights(LinearWeights({.scales = {0.1, 0.2}, .zero_points = {0, 1}, .axis = 0})));
}

TEST(WeightsOf, RefusesBrokenOnes) {
  EXPECT_FALSE(Weights(LinearWeights(Quantization::PerTensor(0, 0))));
  EXPECT_FALSE(Weights(LinearWeights(Quantization::PerTensor(-1, 0))));
  EXPECT_FALSE(Weights(LinearWeights(Quantization::PerTensor(std::nan(""), 0))));
  EXPECT_FALSE(Weights(LinearWeights(Quantization::PerTensor(1e-60, 0))));
  EXPECT_FALSE(Weights(LinearWeights(Quantization::PerTensor(0.1, 128))));
  EXPECT_FALSE(Weights(LinearWeights({.scales = {0.1}, .zero_points = {0}, .axis = 0})));
  EXPECT_FALSE(Weights(LinearWeights({.scales = {0.1, 0.1, 0.1}, .zero_points = {0, 0, 0}, .axis = 1})));
  EXPECT_FALSE(Weights(LinearWeights(Quantization::PerTensor(0.1, 0), {6})));
  ir::PackedWeights packed = LinearWeights(Quantization::PerTensor(0.1, 0));
  packed.bias = Tensor::Floats({3}, {1, 2, 3});
  EXPECT_FALSE(Weights(packed));
  packed = LinearWeights(Quantization::PerTensor(0.1, 0));
  packed.weight.dtype = DType::kQUint8;
  EXPECT_FALSE(Weights(packed));
}

}  // namespace
}  // namespace octavo
