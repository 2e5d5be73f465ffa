#include "octavo/arithmetic/pytorch/quantized_number.h"

#include <limits>

#include <gtest/gtest.h>

namespace octavo::arithmetic::pytorch {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// torch.quantize_per_tensor(torch.tensor(value), 0.05, 100, torch.quint8) of PyTorch 1.13, qnnpack.
TEST(QuantizedNumber, NanIsTheLowestLevel) {
  EXPECT_EQ(QuantizedNumber(kNan, 0.05, 100, 0, 255), 0);
  EXPECT_EQ(QuantizedNumber(kNan, 0.05, -20, -128, 127), -128);
  EXPECT_EQ(QuantizedNumber(kNan, 0.05, 7, INT32_MIN, INT32_MAX), INT32_MIN);
}

TEST(QuantizedNumber, WhatIsFarSaturates) {
  EXPECT_EQ(QuantizedNumber(-kInfinity, 0.05, 100, 0, 255), 0);
  EXPECT_EQ(QuantizedNumber(kInfinity, 0.05, 100, 0, 255), 255);
  EXPECT_EQ(QuantizedNumber(1e9F, 0.05, -20, -128, 127), 127);
  EXPECT_EQ(QuantizedNumber(-1e30F, 0.05, -20, -128, 127), -128);
  EXPECT_EQ(QuantizedNumber(1e30F, 0.05, 0, INT32_MIN, INT32_MAX), INT32_MAX);
  EXPECT_TRUE(BeyondInt64(kInfinity, 0.05, 100));
  EXPECT_TRUE(BeyondInt64(1e30F, 0.05, 100));
  EXPECT_FALSE(BeyondInt64(1e9F, 0.05, 100));
  EXPECT_FALSE(BeyondInt64(-kInfinity, 0.05, 100));
  EXPECT_FALSE(BeyondInt64(kNan, 0.05, 100));
}

TEST(QuantizedNumber, TiesGoToTheEvenNumberOfSteps) {
  EXPECT_EQ(QuantizedNumber(0.5F, 1.0, 1, 0, 255), 1);
  EXPECT_EQ(QuantizedNumber(1.5F, 1.0, 1, 0, 255), 3);
  EXPECT_EQ(QuantizedNumber(2.5F, 1.0, 1, 0, 255), 3);
}

// torch.quantize_per_channel(torch.arange(-2, 4) / 8, [0.25], [1.0], 0, torch.quint8) of PyTorch 1.13.
TEST(QuantizedNumber, FloatZeroPointsAreAddedBeforeRounding) {
  const float x[] = {-0.25F, -0.125F, 0, 0.125F, 0.25F, 0.375F};
  const std::int64_t whole[] = {0, 0, 1, 2, 2, 2}, half[] = {0, 1, 2, 2, 2, 3};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(QuantizedByFloatZeroPoint(x[i], 0.25, 1.0F, 0, 255), whole[i]) << x[i];
    EXPECT_EQ(QuantizedByFloatZeroPoint(x[i], 0.25, 1.5F, 0, 255), half[i]) << x[i];
  }
  EXPECT_EQ(QuantizedByFloatZeroPoint(kNan, 0.25, 1.0F, -128, 127), 0);
  EXPECT_EQ(QuantizedByFloatZeroPoint(kInfinity, 0.25, 1.0F, 0, 255), std::nullopt);
}

}  // namespace
}  // namespace octavo::arithmetic::pytorch
