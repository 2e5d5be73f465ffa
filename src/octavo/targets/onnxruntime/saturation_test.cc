#include "octavo/targets/onnxruntime/saturation.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/targets/onnxruntime/accumulate.h"

namespace octavo::targets::onnxruntime {
namespace {

Tensor Weights(std::vector<std::int64_t> sizes, const std::vector<std::int8_t>& levels) {
  return Tensor::From(DType::kInt8, std::move(sizes), levels);
}

// Channels that lie [kernel position][input] one after the other, against a plain loop over pairs.
TEST(Saturation, PairsAreNeighboursOfTheInnerDimension) {
  std::mt19937 random(7);
  for (int run = 0; run < 200; ++run) {
    constexpr std::int64_t kChannels = 3, kInputs = 4, kHeight = 2, kWidth = 2;
    std::uniform_int_distribution<int> level(-70, 70);
    std::vector<std::int8_t> rows(kChannels * kInputs * kHeight * kWidth);
    for (std::int8_t& w : rows) w = static_cast<std::int8_t>(level(random));
    bool expected = false;
    for (std::size_t i = 0; i < rows.size(); i += 2) expected |= PairCanSaturate(rows[i], rows[i + 1]);
    const Tensor stored = Weights({kChannels, kHeight, kWidth, kInputs}, rows);
    const std::vector<int> order = {0, 3, 1, 2};
    const Tensor convolution = stored.Permuted(order);  // [O, I, H, W] in channels-last order
    EXPECT_EQ(WeightsCanSaturate(convolution, 0, 1), expected);
    const Tensor copied = Tensor::FromBytes(DType::kInt8, convolution.sizes, convolution.Bytes());
    EXPECT_EQ(WeightsCanSaturate(copied, 0, 1), expected);
  }
}

TEST(Saturation, SmallWeightsNeverDo) {
  EXPECT_FALSE(WeightsCanSaturate(Weights({1, 4}, {64, 64, -64, -64}), 0, 1));
  EXPECT_FALSE(WeightsCanSaturate(Weights({1, 4}, {127, 1, -128, 0}), 0, 1));
  EXPECT_TRUE(WeightsCanSaturate(Weights({1, 4}, {0, 0, 127, 2}), 0, 1));
  EXPECT_TRUE(WeightsCanSaturate(Weights({1, 4}, {0, 0, -128, -1}), 0, 1));
  // Of an even number of inputs only 2i and 2i + 1 are added; of an odd number it depends on the kernel.
  EXPECT_FALSE(WeightsCanSaturate(Weights({1, 4}, {0, 127, 127, 0}), 0, 1));
  EXPECT_TRUE(WeightsCanSaturate(Weights({1, 3}, {0, 127, 127}), 0, 1));
  EXPECT_FALSE(WeightsCanSaturate(Weights({0, 4}, {}), 0, 1));
  EXPECT_FALSE(WeightsCanSaturate(Weights({1, 1}, {127}), 0, 1));
  // [inputs, channels]
  EXPECT_TRUE(WeightsCanSaturate(Weights({2, 2}, {127, 0, 127, 0}), 1, 0));
  EXPECT_FALSE(WeightsCanSaturate(Weights({2, 2}, {127, 127, 0, 0}), 1, 0));
}

std::size_t LayersOf(const std::string& nodes) {
  const Result<ir::Graph> graph = ir::ParseGraph(R"(
      input %x: quint8[1,2,6,6](0.5,3)
      constant %s = float32[]{0.5}; constant %z = uint8[]{3}; constant %zw = int8[]{0}
      constant %w = int8[2,2,1,1]{127,127,0,0}; constant %depthwise = int8[2,1,1,2]{127,127,0,0}
      constant %matrix = int8[2,2]{127,127,0,0}
      %d = DequantizeLinear(%x, %s, %z); %dw = DequantizeLinear(%w, %s, %zw)
      %dd = DequantizeLinear(%depthwise, %s, %zw); %dm = DequantizeLinear(%matrix, %s, %zw)
)" + nodes);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return graph ? LayersThatCanSaturate(*graph) : 99;
}

TEST(Saturation, WhichLayersCount) {
  EXPECT_EQ(LayersOf("%c = Conv(%d, %dw); output %c"), 1U);
  EXPECT_EQ(LayersOf("%c = Conv(%d, %dd, group=2); output %c"), 0U);
  EXPECT_EQ(LayersOf("%c = Gemm(%d, %dm, transB=1); output %c"), 1U);
  EXPECT_EQ(LayersOf("%c = Gemm(%d, %dm); output %c"), 0U);
  EXPECT_EQ(LayersOf("%c = MatMul(%d, %dm); output %c"), 0U);
  EXPECT_EQ(LayersOf("%c = Add(%d, %dm); output %c"), 0U);
}

}  // namespace
}  // namespace octavo::targets::onnxruntime
