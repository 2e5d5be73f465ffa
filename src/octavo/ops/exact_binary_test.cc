#include "octavo/ops/exact_binary.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "octavo/ops/quantized_scalar.h"
#include "octavo/ops/rows_testing.h"
#include "octavo/targets/onnxruntime/binary.h"

namespace octavo {
namespace {

namespace ort = targets::onnxruntime;

int UlpsBetween(double a, float b) {
  return std::abs(std::bit_cast<std::int32_t>(static_cast<float>(a)) - std::bit_cast<std::int32_t>(b));
}

std::int32_t Zero(const TensorType& type) {
  return static_cast<std::int32_t>(type.quantization->zero_point());
}

template <typename T>
T Saturated(double q) {
  return static_cast<T>(std::clamp(q, static_cast<double>(ort::kLowest<T>), double{ort::kHighest<T>}));
}

template <typename T>
TensorType Type(double scale, int zero_point_above_lowest) {
  const std::int64_t zero_point = ort::kLowest<T> + zero_point_above_lowest;
  return ort::kLowest<T> == 0 ? testing::Quint8(Shape{4}, scale, zero_point)
                              : testing::Qint8(Shape{4}, scale, zero_point);
}

// Of all pairs, those where QLinearMul's integer is not PyTorch's quantized::mul's.
template <typename T>
int DifferingProducts(const TensorType& a, const TensorType& b, const TensorType& c, BinaryScales s) {
  const float ratio = ort::MultiplicationRatio(s.a, s.b, s.result);
  const float multiplier = static_cast<float>(a.quantization->scale()) *
                           static_cast<float>(b.quantization->scale()) *
                           (1.0F / static_cast<float>(c.quantization->scale()));
  int differing = 0;
  for (int i = ort::kLowest<T>; i <= ort::kHighest<T>; ++i) {
    for (int j = ort::kLowest<T>; j <= ort::kHighest<T>; ++j) {
      const auto product = static_cast<float>((i - Zero(a)) * (j - Zero(b)));
      const T expected = Saturated<T>(static_cast<double>(std::nearbyint(product * multiplier)) + Zero(c));
      const T got =
          ort::QLinearMul<T>(static_cast<T>(i), Zero(a), static_cast<T>(j), Zero(b), ratio, Zero(c));
      differing += got != expected ? 1 : 0;
    }
  }
  return differing;
}

template <typename T>
void CheckProducts() {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> scale(0.005, 0.06), factor(0.5, 2);
  std::uniform_int_distribution<int> zero(0, 255);
  int found = 0, plain_differs = 0;
  constexpr int kCases = 16;
  for (int i = 0; i < kCases; ++i) {
    TensorType a = Type<T>(scale(random), zero(random)), b = Type<T>(scale(random), zero(random));
    const double wide = factor(random) * a.quantization->scale() * b.quantization->scale() * 50;
    TensorType c = Type<T>(wide, zero(random));
    if (i == 0) {  // accumulators near ties
      a = Type<T>(0.0173, 113);
      b = Type<T>(0.0311, 140);
      c = Type<T>(0.0609, 129);
    }
    const auto scales = ExactProductScales(a, b, c);
    plain_differs += DifferingProducts<T>(a, b, c,
                                          {static_cast<float>(a.quantization->scale()),
                                           static_cast<float>(b.quantization->scale()),
                                           static_cast<float>(c.quantization->scale())}) > 0
                         ? 1
                         : 0;
    if (!scales) continue;
    ++found;
    EXPECT_EQ(DifferingProducts<T>(a, b, c, *scales), 0) << i;
    EXPECT_LE(UlpsBetween(a.quantization->scale(), scales->a), 12);
    EXPECT_EQ(UlpsBetween(b.quantization->scale(), scales->b), 0);
    EXPECT_LE(UlpsBetween(c.quantization->scale(), scales->result), 12);
  }
  EXPECT_GE(found, kCases - 2);
  EXPECT_GT(plain_differs, 0) << "these cases show nothing";
}

TEST(ExactProductScales, GivePyTorchsIntegerForEveryPair) {
  CheckProducts<std::uint8_t>();
  CheckProducts<std::int8_t>();
}

TEST(ExactProductScales, AreNotThereWhereTiesGoBothWays) {
  // Multiplier 1/4: halves to even before an odd zero point is added, and after it.
  EXPECT_FALSE(ExactProductScales(Type<std::uint8_t>(0.5, 3), Type<std::uint8_t>(0.5, 100),
                                  Type<std::uint8_t>(1.0, 33)));
  EXPECT_TRUE(ExactProductScales(Type<std::uint8_t>(0.5, 3), Type<std::uint8_t>(0.5, 100),
                                 Type<std::uint8_t>(1.0, 32)));
}

template <typename T>
int DifferingSums(const TensorType& a, double steps, const TensorType& c, BinaryScales s) {
  const T integer = steps > 0 ? 1 : 0;
  const ort::Addition addition({s.a, Zero(a)}, {s.b, steps > 0 ? 0 : 1}, {s.result, Zero(c)});
  const float multiplier =
      static_cast<float>(a.quantization->scale()) * (1.0F / static_cast<float>(c.quantization->scale()));
  int differing = 0;
  for (int q = ort::kLowest<T>; q <= ort::kHighest<T>; ++q) {
    const auto sum = static_cast<float>(q - Zero(a) + steps);
    const T expected = Saturated<T>(static_cast<double>(std::nearbyint(sum * multiplier)) + Zero(c));
    differing += ort::QLinearAdd<T>(static_cast<T>(q), integer, addition) != expected ? 1 : 0;
  }
  return differing;
}

template <typename T>
void CheckSums() {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> scale(0.005, 0.06);
  std::uniform_int_distribution<int> zero(0, 255);
  int found = 0, cases = 0, plain_differs = 0;
  for (int i = 0; i < 60; ++i) {
    const TensorType a = Type<T>(scale(random), zero(random));
    for (const double c : {2.0, -3.0, 0.5, 9.0}) {
      const double steps = std::nearbyint(c / a.quantization->scale());
      const auto quantization = AddedScalar(*a.quantization, a.dtype, c);
      ASSERT_TRUE(quantization);
      if (quantization->scale() == a.quantization->scale()) continue;
      TensorType result = a;
      result.quantization = *quantization;
      ++cases;
      const BinaryScales plain = {static_cast<float>(a.quantization->scale()),
                                  static_cast<float>(std::abs(steps) * a.quantization->scale()),
                                  static_cast<float>(quantization->scale())};
      plain_differs += DifferingSums<T>(a, steps, result, plain) > 0 ? 1 : 0;
      const auto scales = ExactSumScales(a, steps, result);
      if (!scales) continue;
      ++found;
      EXPECT_EQ(DifferingSums<T>(a, steps, result, *scales), 0) << i << " " << c;
    }
  }
  EXPECT_GE(found, cases * 9 / 10);
  EXPECT_GT(plain_differs, 0) << "these cases show nothing";
}

TEST(ExactSumScales, GivePyTorchsIntegerForEveryInput) {
  CheckSums<std::uint8_t>();
  CheckSums<std::int8_t>();
}

}  // namespace
}  // namespace octavo
