#include "octavo/reference/float_sums.h"

#include <vector>

#include <gtest/gtest.h>

namespace octavo::reference {
namespace {

// From PyTorch 2.13.0: an image of 7 x 7 for which the orders of additions do not agree.
std::vector<float> Image() {
  std::vector<float> image;
  for (int i = 0; i < 49; ++i) image.push_back(static_cast<float>(i * 37 % 101) * 0.029F - 0.4F);
  return image;
}

TEST(FloatSums, MeansOfChannelsLastImages) {
  const std::vector<float> image = Image();
  constexpr std::int64_t kChannels = 40;
  for (const std::int64_t channel : {0, 31}) {
    EXPECT_EQ(MeanOfChannel(image.data(), 49, channel, kChannels), 0x1.05fb68p+0F);
  }
  for (const std::int64_t channel : {32, 39}) {
    EXPECT_EQ(MeanOfChannel(image.data(), 49, channel, kChannels), 0x1.05fb66p+0F);
  }
}

TEST(FloatSums, FewNumbersAreAddedOneAfterTheOther) {
  const std::vector<float> image = Image();
  float sum = 0;
  for (int i = 0; i < 15; ++i) sum += image[static_cast<std::size_t>(i)];
  EXPECT_EQ(CascadeSum(image.data(), 15), sum);
  EXPECT_EQ(SumOfFourths(image.data(), 3), image[0] + image[1] + image[2]);
}

}  // namespace
}  // namespace octavo::reference
