#include "octavo/ops/layer_forms.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "octavo/ops/quantize_form.h"
#include "octavo/ops/vector_loop.h"

namespace octavo {
namespace {

using arithmetic::pytorch::LayerChannel;
using arithmetic::pytorch::LayerKernel;
using arithmetic::pytorch::LayerScales;

float Clamped(float level, const LevelRange& range) {
  return std::clamp(level, static_cast<float>(range.low), static_cast<float>(range.high));
}

// The sum over all sums of how far a form is from PyTorch, counted one by one.
template <typename Form>
std::int64_t Counted(const LayerChannel& channel, const LevelRange& range, const Form& form) {
  std::int64_t apart = 0;
  constexpr std::int64_t kMost = 60'000;
  for (std::int64_t sum = -kMost; sum <= kMost; ++sum) {
    apart += static_cast<std::int64_t>(
        std::abs(Clamped(channel.Level(sum), range) - Clamped(form(static_cast<float>(sum)), range)));
  }
  return apart;
}

class LayerForms : public ::testing::TestWithParam<LayerKernel> {
 protected:
  LayerChannel Draw(std::mt19937& random, const LevelRange& range) {
    std::uniform_real_distribution<double> scale(0.03, 0.1);
    const LayerScales scales{.x = scale(random),
                             .weight = scale(random),
                             .y = scale(random) * 2,
                             .per_channel = random() % 2 == 0};
    return {GetParam(), scales, static_cast<float>(scale(random) - 0.05), range.zero};
  }
};

TEST_P(LayerForms, DistancesAreCountedRight) {
  std::mt19937 random(5);
  for (int i = 0; i < 8; ++i) {
    LevelRange range{.zero = static_cast<std::int64_t>(random() % 256)};
    if (i % 2 == 0) range.low = range.zero;
    const LayerChannel channel = Draw(random, range);
    const auto boundaries = BoundariesOf(channel, range);
    ASSERT_EQ(boundaries.size(), static_cast<std::size_t>(range.high - range.low));
    const auto zero = static_cast<float>(range.zero);

    const IntegerForm integer = NearestIntegerForm(channel, boundaries, range);
    EXPECT_EQ(integer.distance.sums, Counted(channel, range, [&](float sum) {
                return std::nearbyintf((sum + static_cast<float>(integer.bias)) * integer.multiplier) + zero;
              }));
    EXPECT_FALSE(integer.distance.more_than_one_step);
    const auto rounded = static_cast<std::int32_t>(std::nearbyint(channel.bias()));
    const auto own = static_cast<float>(channel.multiplier());
    EXPECT_LE(integer.distance.expected, DistanceOfIntegerForm(rounded, own, boundaries, range).expected);

    const FloatForm inside = NearestFloatForm(channel, boundaries, range, FloatOrder::kInside);
    EXPECT_EQ(inside.distance.sums, Counted(channel, range, [&](float sum) {
                return std::nearbyintf(sum * inside.multiplier + inside.bias);
              }));
    const FloatForm first = NearestFloatForm(channel, boundaries, range, FloatOrder::kBiasFirst);
    EXPECT_EQ(first.distance.sums, Counted(channel, range, [&](float sum) {
                return std::nearbyintf((sum + first.bias) * first.multiplier) + zero;
              }));
    if (GetParam() == LayerKernel::kFbgemm) {
      EXPECT_EQ(first.distance.sums, 0);
    }
    if (GetParam() == LayerKernel::kQnnpack) {
      EXPECT_EQ(integer.distance.sums, 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, LayerForms,
                         ::testing::Values(LayerKernel::kQnnpack, LayerKernel::kFbgemm, LayerKernel::kOnednn,
                                           LayerKernel::kOnednnLinear));

TEST(LayerFormsTest, LevelsThatNoSumReaches) {
  // A step of the result is 2^40 sums: none but those around the zero point is reached.
  const LayerChannel channel(LayerKernel::kFbgemm, {.y = 0x1p40}, 0, 3);
  const auto boundaries = BoundariesOf(channel, {.zero = 3});
  EXPECT_EQ(boundaries[2], -(std::int64_t{1} << 31));
  EXPECT_EQ(boundaries[3], std::int64_t{1} << 31);
}

// The nearest float32 to every tie and its neighbours, rounded once and in float64 first.
TEST(QuantizeForm, RoundingTwiceIsFoundOut) {
  std::mt19937 random(9);
  std::uniform_real_distribution<float> scale(0.001F, 0.2F);
  int same = 0;
  constexpr int kDraws = 300;
  for (int i = 0; i < kDraws; ++i) {
    same += RoundsLikeFused(scale(random), static_cast<std::int64_t>(random() % 256), DType::kQUint8) ? 1 : 0;
  }
  EXPECT_GT(same, kDraws * 9 / 10);
  EXPECT_TRUE(RoundsLikeFused(0.5F, 128, DType::kQUint8));
}

TEST(VectorLoops, ShareTheElementsAmongThreads) {
  EXPECT_TRUE(DividesIntoLoops(64));
  EXPECT_TRUE(DividesIntoLoops(32768));
  EXPECT_TRUE(DividesIntoLoops(65536));
  EXPECT_FALSE(DividesIntoLoops(100));
  EXPECT_FALSE(DividesIntoLoops(200704));  // three threads take 66902 each
}

}  // namespace
}  // namespace octavo
