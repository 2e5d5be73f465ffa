#include "octavo/ops/exact_requantization.h"

#include <bit>
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "octavo/ops/rows_testing.h"
#include "octavo/targets/onnxruntime/requantize.h"

namespace octavo {
namespace {

float PyTorch(const TensorType& x, double w, const TensorType& y) {
  return (static_cast<float>(x.quantization->scale()) * static_cast<float>(w)) *
         (1.0F / static_cast<float>(y.quantization->scale()));
}

float OnnxRuntime(const RequantizationTypes& types, std::size_t channel) {
  return targets::onnxruntime::Multiplier(static_cast<float>(types.x.quantization->scale()),
                                          static_cast<float>(types.weight.scales[channel]),
                                          static_cast<float>(types.y.quantization->scale()));
}

int UlpsApart(double a, double b) {
  return std::abs(std::bit_cast<std::int32_t>(static_cast<float>(a)) -
                  std::bit_cast<std::int32_t>(static_cast<float>(b)));
}

TEST(ExactRequantization, MeetsPyTorchsMultipliers) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> scale(0.001, 0.1);
  int moved = 0, in_steps = 0, plain = 0, channels = 0;
  for (const std::size_t count : {1U, 1U, 1U, 1U, 1U, 1U, 1U, 1U, 1U, 1U, 1U, 1U, 2U, 16U, 64U, 512U}) {
    const TensorType x = testing::Quint8(Shape{1}, scale(random), 3);
    const TensorType y = testing::Quint8(Shape{1}, scale(random), 9);
    Quantization w;
    for (std::size_t c = 0; c < count; ++c) w.scales.push_back(scale(random));
    w.zero_points.assign(count, 0);
    if (count > 1) w.axis = 0;
    const RequantizationTypes types = ExactRequantization(x, w, y);
    EXPECT_EQ(types.x.quantization->zero_point(), 3);
    EXPECT_EQ(types.y.quantization->zero_point(), 9);
    EXPECT_EQ(types.weight.axis, w.axis);
    const bool steps = types.x.quantization->scale() == 1;
    ++(steps ? in_steps : moved);
    if (!steps) {
      EXPECT_LE(UlpsApart(types.x.quantization->scale(), x.quantization->scale()), 2);
      EXPECT_LE(UlpsApart(types.y.quantization->scale(), y.quantization->scale()), 2);
    }
    for (std::size_t c = 0; c < count; ++c) {
      EXPECT_EQ(OnnxRuntime(types, c), PyTorch(x, w.scales[c], y)) << c << " of " << count;
      if (!steps) {
        EXPECT_LE(UlpsApart(types.weight.scales[c], w.scales[c]), 8);
      }
      ++channels;
      if (OnnxRuntime({x, y, w}, c) == PyTorch(x, w.scales[c], y)) ++plain;
    }
  }
  EXPECT_GE(moved, 12);
  EXPECT_GE(in_steps, 1) << "these cases do not show it";
  EXPECT_LT(plain, channels) << "these cases show nothing";
}

TEST(ExactRequantization, LeavesAloneWhatFloat32HardlyHolds) {
  const TensorType x = testing::Quint8(Shape{1}, 1e-30, 3), y = testing::Quint8(Shape{1}, 0.3, 9);
  const Quantization w = Quantization::PerTensor(1e-12, 0);
  const RequantizationTypes types = ExactRequantization(x, w, y);
  EXPECT_EQ(types.x, x);
  EXPECT_EQ(types.y, y);
  EXPECT_EQ(types.weight, w);
}

TEST(ExactRequantization, LeavesAloneWhatIsExact) {
  const TensorType x = testing::Quint8(Shape{1}, 0.5, 3), y = testing::Quint8(Shape{1}, 2, 9);
  const Quantization w = Quantization::PerTensor(0.25, 0);
  const RequantizationTypes types = ExactRequantization(x, w, y);
  EXPECT_EQ(types.x, x);
  EXPECT_EQ(types.y, y);
  EXPECT_EQ(types.weight, w);
}

}  // namespace
}  // namespace octavo
