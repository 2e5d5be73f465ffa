#include "octavo/ops/exact_addition.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/rows_testing.h"
#include "octavo/targets/onnxruntime/binary.h"

namespace octavo {
namespace {

namespace ort = targets::onnxruntime;

std::int32_t ZeroOf(const TensorType& type) {
  return static_cast<std::int32_t>(type.quantization->zero_point());
}

// qnnpack/src/q8vadd, with its integers: a plain loop's answer for two quint8.
std::int64_t Qnnpack(const TensorType& a, const TensorType& b, const TensorType& c, int i, int j) {
  const float a_ratio = ScaleOf(a) / ScaleOf(c), b_ratio = ScaleOf(b) / ScaleOf(c);
  const int shift = 21 - std::ilogb(std::max(a_ratio, b_ratio));
  const std::int64_t a_multiplier = std::lrint(std::ldexp(a_ratio, shift));
  const std::int64_t b_multiplier = std::lrint(std::ldexp(b_ratio, shift));
  const std::int64_t sum = a_multiplier * (i - ZeroOf(a)) + b_multiplier * (j - ZeroOf(b));
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  const std::int64_t steps = sum < 0 ? -((-sum + half) >> shift) : (sum + half) >> shift;
  return std::clamp<std::int64_t>(steps + ZeroOf(c), 0, 255);
}

int Differing(const TensorType& a, const TensorType& b, const TensorType& c, const BinaryScales& s) {
  const ort::Addition addition({s.a, ZeroOf(a)}, {s.b, ZeroOf(b)}, {s.result, ZeroOf(c)});
  int differing = 0;
  for (int i = 0; i <= 255; ++i) {
    for (int j = 0; j <= 255; ++j) {
      const int got = ort::QLinearAdd(static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(j), addition);
      differing += got == Qnnpack(a, b, c, i, j) ? 0 : 1;
    }
  }
  return differing;
}

TEST(ExactAdditionScales, GivePyTorchsIntegerForEveryPair) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> scale(0.005, 0.06);
  std::uniform_int_distribution<int> zero(0, 255);
  int plain_differs = 0, found = 0;
  constexpr int kCases = 40;
  for (int i = 0; i < kCases; ++i) {
    const TensorType a = testing::Quint8(Shape{4}, scale(random), zero(random));
    const TensorType b = testing::Quint8(Shape{4}, scale(random), zero(random));
    const TensorType c = testing::Quint8(Shape{4}, scale(random) * 2, i % 3 == 0 ? 0 : zero(random));
    plain_differs += Differing(a, b, c, {ScaleOf(a), ScaleOf(b), ScaleOf(c)}) > 0 ? 1 : 0;
    const AdditionScales found_scales = ExactAdditionScales(a, b, c, QuantizedSum::kFixedPoint, false);
    if (found_scales.differing == 0) ++found;
    EXPECT_LE(Differing(a, b, c, found_scales.scales), found_scales.differing) << i;
    for (const auto& [moved, own] :
         {std::pair(found_scales.scales.a, ScaleOf(a)), std::pair(found_scales.scales.b, ScaleOf(b)),
          std::pair(found_scales.scales.result, ScaleOf(c))}) {
      EXPECT_NEAR(moved / own, 1, 1e-5);
    }
  }
  EXPECT_GE(found, kCases - 2);
  EXPECT_GT(plain_differs, kCases / 4) << "these cases show nothing";
}

TEST(ExactAdditionScales, SumsInTheMiddle) {
  // Half steps: qnnpack rounds them away from the zero point, QLinearAdd to even.
  const TensorType a = testing::Quint8(Shape{4}, 0.5, 100), b = testing::Quint8(Shape{4}, 0.5, 31);
  const TensorType c = testing::Quint8(Shape{4}, 1, 77);
  EXPECT_GT(Differing(a, b, c, {0.5F, 0.5F, 1.0F}), 10000);
  const AdditionScales found = ExactAdditionScales(a, b, c, QuantizedSum::kFixedPoint, false);
  EXPECT_EQ(found.differing, 0);
  EXPECT_EQ(Differing(a, b, c, found.scales), 0);
}

// An addition of a calibrated ResNet-50: two sums are 2 and 9 millionths off a tie, and float32 ratios of
// scales that put one of them right put another one wrong.
TEST(ExactFloatAdditionScales, AreThereWhereQLinearAddHasNone) {
  const TensorType a = testing::Quint8(Shape{4}, 0.036741700023412704, 106);
  const TensorType b = testing::Quint8(Shape{4}, 0.044322527945041656, 0);
  const TensorType c = testing::Quint8(Shape{4}, 0.05255061388015747, 0);
  for (const bool swapped : {false, true}) {
    const AdditionScales fused = ExactAdditionScales(
        swapped ? b : a, swapped ? a : b, c, QuantizedSum::kFixedPoint, false, QLinearAddBuilds::kX86);
    EXPECT_GT(fused.differing, 0);
  }
  const auto scales = ExactFloatAdditionScales(a, b, c, QuantizedSum::kFixedPoint);
  ASSERT_TRUE(scales);
  EXPECT_NEAR(scales->result / ScaleOf(c), 1, 0.004);
  int differing = 0;
  for (int i = 0; i <= 255; ++i) {
    for (int j = 0; j <= 255; ++j) {
      const float x = static_cast<float>(i - ZeroOf(a)) * scales->a;
      const float y = static_cast<float>(j - ZeroOf(b)) * scales->b;
      const float steps = std::nearbyintf((x + y) / scales->result);
      differing += std::clamp<std::int64_t>(std::lrint(steps), 0, 255) == Qnnpack(a, b, c, i, j) ? 0 : 1;
    }
  }
  EXPECT_EQ(differing, 0);
}

TEST(ExactAdditionScales, MovedFarBringNoOtherSumsToATie) {
  // A result's scale moved by 4e-5 mends the sums near ties here, and breaks others.
  const TensorType a = testing::Quint8(Shape{4}, 0.052231519635291976, 136);
  const TensorType b = testing::Quint8(Shape{4}, 0.023551362816178447, 102);
  const TensorType c = testing::Quint8(Shape{4}, 0.10446303927058395, 234);
  EXPECT_EQ(Differing(a, b, c, {ScaleOf(a), ScaleOf(b), 0.10445923F}), 26);
  const AdditionScales found = ExactAdditionScales(a, b, c, QuantizedSum::kFixedPoint, false);
  EXPECT_LE(Differing(a, b, c, found.scales), found.differing);
}

TEST(ExactAdditionScales, TheOrderOfTheOperandsCounts) {
  // An addition of a real ResNet-50, with sums that lie 5 millionths beside the middle between two integers.
  const TensorType a = testing::Quint8(Shape{4}, 0.036776941269636154, 115);
  const TensorType b = testing::Quint8(Shape{4}, 0.03819349780678749, 118);
  const TensorType c = testing::Quint8(Shape{4}, 0.032730501145124435, 0);
  EXPECT_GT(ExactAdditionScales(a, b, c, QuantizedSum::kFixedPoint, false).differing, 0);
  const AdditionScales swapped = ExactAdditionScales(b, a, c, QuantizedSum::kFixedPoint, false);
  EXPECT_EQ(swapped.differing, 0);
  EXPECT_EQ(Differing(b, a, c, swapped.scales), 0);
}

TEST(ExactAdditionScales, LeavesAloneWhatFloat32HardlyHolds) {
  const TensorType a = testing::Quint8(Shape{4}, 1e-30, 100), b = testing::Quint8(Shape{4}, 1e20, 31);
  const AdditionScales found =
      ExactAdditionScales(a, b, testing::Quint8(Shape{4}, 1, 77), QuantizedSum::kFixedPoint, false);
  EXPECT_EQ(found.scales.a, 1e-30F);
  EXPECT_EQ(found.scales.b, 1e20F);
}

}  // namespace
}  // namespace octavo
