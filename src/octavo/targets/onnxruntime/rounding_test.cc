#include "octavo/targets/onnxruntime/rounding.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace octavo::targets::onnxruntime {
namespace {

TEST(Rounding, TiesToEven) {
  EXPECT_EQ(RoundSmall(0.5F), 0);
  EXPECT_EQ(RoundSmall(1.5F), 2);
  EXPECT_EQ(RoundSmall(-0.5F), 0);
  EXPECT_EQ(RoundSmall(-2.5F), -2);
  for (float value = -300; value < 300; value += 0.03125F) {
    EXPECT_EQ(RoundSmall(value), static_cast<std::int32_t>(std::nearbyint(value)));
  }
}

TEST(Rounding, SaturatesAsTheInstructionsDo) {
  EXPECT_EQ(RoundAndSaturate<std::uint8_t>(254.5F), 254);
  EXPECT_EQ(RoundAndSaturate<std::uint8_t>(255.5F), 255);
  EXPECT_EQ(RoundAndSaturate<std::uint8_t>(-0.75F), 0);
  EXPECT_EQ(RoundAndSaturate<std::int8_t>(-1e9F), -128);
  EXPECT_EQ(RoundAndSaturate<std::int8_t>(2147483520.0F), 127);
  EXPECT_EQ(RoundAndSaturate<std::int8_t>(2147483648.0F), -128);
  EXPECT_EQ(RoundAndSaturate<std::uint8_t>(std::numeric_limits<float>::infinity()), 0);
  EXPECT_EQ(RoundAndSaturate<std::uint8_t>(std::numeric_limits<float>::quiet_NaN()), 0);
}

}  // namespace
}  // namespace octavo::targets::onnxruntime
