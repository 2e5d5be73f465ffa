#include <vector>

#include <gtest/gtest.h>

#include "octavo/arithmetic/onnxruntime/blocks.h"
#include "octavo/arithmetic/onnxruntime/constants.h"
#include "octavo/arithmetic/onnxruntime/gemm.h"
#include "octavo/arithmetic/onnxruntime/quantizations.h"
#include "octavo/arithmetic/onnxruntime/sums.h"

// The real runtime is compared in tests/engine and tests/targets; here is what is plain arithmetic.

namespace octavo::arithmetic::onnxruntime {
namespace {

constexpr float kBig = 16777216.0F;  // 2^24: adding 1 changes nothing

TEST(Sums, HaveTheOrderOfTheirKernels) {
  // Lanes 0 and 2 come together before lanes 1 and 3.
  EXPECT_EQ(SumOfNeighbours(std::vector<float>{kBig, 1, -kBig, 1}, 0), 2.0F);
  EXPECT_EQ(SumInLanes(std::vector<float>{kBig, 1, -kBig, 1}), 2.0F);
  EXPECT_EQ(SumInOrder(std::vector<float>{kBig, 1, -kBig, 1}), 1.0F);
  // What lies before the first aligned address comes last.
  EXPECT_EQ(SumOfNeighbours(std::vector<float>{kBig, 1, 1, 1, 1, -kBig, 0}, 3), 4.0F);
  EXPECT_EQ(SumOfNeighbours({}, 1), 0.0F);
  const std::vector<float> column = {1, 0, kBig, 0, 1, 0, -kBig, 0, 1, 0, 1};
  EXPECT_EQ(SumOfRows(column.data(), 6, 2), 2.0F);
}

TEST(Gemm, DividesTheDepth) {
  EXPECT_EQ(GemmDepthOfPiece(40, 300, false), 256);
  EXPECT_EQ(GemmDepthOfPiece(8, 300, false), 1024);
  EXPECT_EQ(GemmDepthOfPiece(200, 1000, false), 128);
  EXPECT_EQ(GemmDepthOfPiece(143, 9, false), 16);
  EXPECT_EQ(GemmDepthOfPiece(200, 1000, true), 256);
}

TEST(Quantizations, MergeToTheRangeThatBothHave) {
  const EightBits first = {.scale = 0.5F, .zero_point = 100}, second = {.scale = 0.25F, .zero_point = 155};
  const auto merged = MergedQuantization(first, second);  // -50 to 77.5, -38.75 to 25
  ASSERT_TRUE(merged);
  EXPECT_FLOAT_EQ(merged->scale, 0.25F);
  EXPECT_EQ(merged->zero_point, 155);
  EXPECT_EQ(MergedQuantization(first, first)->zero_point, 100);
  EXPECT_FALSE(MergedQuantization(first, {.scale = 0.5F, .zero_point = -28, .lowest = -128}));
  EXPECT_FALSE(MergedQuantization({.scale = 0.5F, .zero_point = 0}, {.scale = 0.5F, .zero_point = 255}));
}

TEST(Quantizations, RemoveAClipWithinTheTolerance) {
  EXPECT_TRUE(RemovesClip(0.0F, 1.5e-7F, {.scale = 1e-9F}));
  EXPECT_FALSE(RemovesClip(1.3e-7F, 1.0F, {.scale = 1e-9F}));
  EXPECT_FALSE(RemovesClip(0.0F, 1.0F, {.scale = 0.01F}));
}

TEST(Constants, CoverTheirRange) {
  const std::vector<float> weights = {-1.0F, 0.0F, 1.55F};
  const WeightQuantization q = QuantizationOfWeights(weights);
  EXPECT_FLOAT_EQ(q.scale, 0.01F);
  EXPECT_EQ(q.zero_point, -28);
  EXPECT_EQ(QuantizeWeight(-1.0F, q), -128);
  EXPECT_EQ(QuantizeWeight(9.0F, q), 127);
  EXPECT_EQ(QuantizationOfWeights(std::vector<float>{0, 0}).scale, 1.0F);
  EXPECT_EQ(QuantizeBias(0.25F, 0.1F), 2);
  EXPECT_EQ(QuantizeBias(1e30F, 0.1F), INT32_MIN);
}

TEST(Blocks, HaveAScaleEach) {
  std::vector<float> block = {0.5F, -2.0F, 0.0F};
  EXPECT_EQ(QuantizeBlock(block), 2.0F / 127.0F);
  EXPECT_EQ(block, (std::vector<float>{32, -127, 0}));
  std::vector<float> zeros(3);
  EXPECT_EQ(QuantizeBlock(zeros), 0.0F);
}

}  // namespace
}  // namespace octavo::arithmetic::onnxruntime
