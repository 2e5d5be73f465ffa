#include "octavo/verify/compare.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octavo::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Tensor Quint8(std::vector<std::int64_t> sizes, const std::vector<std::uint8_t>& values,
              std::int64_t zero_point = 0) {
  Tensor tensor = Tensor::From(DType::kQUint8, std::move(sizes), values);
  tensor.quantization = Quantization::PerTensor(0.5, zero_point);
  return tensor;
}

TEST(Compare, QuantizedInSteps) {
  const Tensor a = Quint8({2, 3}, {10, 20, 30, 40, 50, 60});
  const Tensor b = Quint8({2, 3}, {10, 20, 31, 40, 47, 61});
  const Difference d = Compare(a, b, {});
  EXPECT_FALSE(d.equal());
  EXPECT_EQ(d.elements, 6);
  EXPECT_EQ(d.differ, 3);
  EXPECT_EQ(d.largest, 3);
  EXPECT_TRUE(d.integers);
  EXPECT_THAT(d.histogram, ElementsAre(::testing::Pair(-3, 1), ::testing::Pair(1, 2)));
  EXPECT_THAT(d.first, ElementsAre(0, 2));
  EXPECT_EQ(d.a_there, 30);
  EXPECT_EQ(d.b_there, 31);
  EXPECT_TRUE(Compare(a, a, {}).equal());
}

TEST(Compare, ToleranceInSteps) {
  const Tensor a = Quint8({3}, {10, 20, 30}), b = Quint8({3}, {11, 18, 30});
  EXPECT_EQ(Compare(a, b, {.lsb = 1}).differ, 1);
  EXPECT_THAT(Compare(a, b, {.lsb = 1}).first, ElementsAre(1));
  EXPECT_TRUE(Compare(a, b, {.lsb = 2}).equal());
  EXPECT_EQ(Compare(a, b, {.lsb = 2}).largest, 2);
}

TEST(Compare, FarOnesCountAsSixteen) {
  EXPECT_THAT(Compare(Quint8({2}, {0, 255}), Quint8({2}, {200, 0}), {}).histogram,
              ElementsAre(::testing::Pair(-16, 1), ::testing::Pair(16, 1)));
}

TEST(Compare, Int8ForUint8) {
  Tensor b = Tensor::From(DType::kQInt8, {3}, std::vector<std::int8_t>{-128, 0, 126});
  b.quantization = Quantization::PerTensor(0.5, 0);
  EXPECT_TRUE(Compare(Quint8({3}, {0, 128, 254}, 128), b, {}).equal());
  EXPECT_EQ(Compare(Quint8({3}, {0, 128, 255}, 128), b, {}).differ, 1);
  EXPECT_TRUE(Compare(b, Quint8({3}, {0, 128, 254}, 128), {}).equal());
}

TEST(Compare, QuantizedAndPlainIntegersMeanTheSame) {
  EXPECT_TRUE(Compare(Quint8({2}, {1, 2}), Quint8({2}, {1, 2}).Integers(), {}).equal());
}

TEST(Compare, FloatsRelativeToTheElementAndTheTensor) {
  const Tensor a = Tensor::Floats({4}, {1.F, -2.F, 0.F, 4.F});  // root mean square 2.29
  EXPECT_TRUE(Compare(a, Tensor::Floats({4}, {1.00001F, -2.F, 0.00001F, 4.F}), {}).equal());
  const Difference d = Compare(a, Tensor::Floats({4}, {1.F, -2.F, 0.0001F, 4.F}), {});
  EXPECT_EQ(d.differ, 1);
  EXPECT_THAT(d.first, ElementsAre(2));
  EXPECT_NEAR(d.largest, 1e-4 / std::sqrt(21. / 4), 1e-8);
  EXPECT_THAT(d.histogram, ElementsAre(::testing::Pair(-5, 1)));
  EXPECT_TRUE(Compare(a, Tensor::Floats({4}, {1.F, -2.F, 0.0001F, 4.F}), {.relative = 1e-4}).equal());
  EXPECT_FALSE(Compare(a, Tensor::Floats({4}, {1.F, -2.F, 1e-30F, 4.F}), {.relative = 0}).equal());
}

TEST(Compare, FloatsThatAreNotFinite) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor a = Tensor::Floats({4}, {nan, inf, -inf, 1.F});
  EXPECT_TRUE(Compare(a, a, {}).equal());
  const Difference d = Compare(a, Tensor::Floats({4}, {1.F, -inf, 3.F, nan}), {});
  EXPECT_EQ(d.differ, 4);
  EXPECT_TRUE(std::isinf(d.largest));
  EXPECT_THAT(d.histogram, ElementsAre(::testing::Pair(kNotFinite, 4)));
}

TEST(Compare, ZerosOfEitherSignAreEqual) {
  EXPECT_TRUE(Compare(Tensor::Floats({1}, {0.F}), Tensor::Floats({1}, {-0.F}), {.relative = 0}).equal());
}

TEST(Compare, WhatCannotBeCompared) {
  const Tensor a = Quint8({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(Compare(a, a.Reshaped({3, 2}), {}).mismatch, "quint8[2,3](0.5,0) and quint8[3,2](0.5,0)");
  EXPECT_FALSE(Compare(a, a.Reshaped({3, 2}), {}).equal());
  EXPECT_FALSE(Compare(a, Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6}), {}).mismatch.empty());
  EXPECT_FALSE(
      Compare(Tensor::Int64s({1}), Tensor::From(DType::kInt32, {1}, std::vector<std::int32_t>{1}), {})
          .mismatch.empty());
}

TEST(Compare, Empty) {
  EXPECT_TRUE(Compare(Tensor::Floats({0, 3}, {}), Tensor::Floats({0, 3}, {}), {}).equal());
  EXPECT_TRUE(Compare(Quint8({0}, {}), Quint8({0}, {}), {}).equal());
}

TEST(Compare, RunsAddUp) {
  Difference sum;
  sum.Add(Compare(Quint8({2}, {1, 2}), Quint8({2}, {1, 2}), {}));
  EXPECT_TRUE(sum.equal());
  EXPECT_THAT(sum.histogram, IsEmpty());
  sum.Add(Compare(Quint8({2}, {1, 2}), Quint8({2}, {1, 4}), {}));
  sum.Add(Compare(Quint8({2}, {1, 2}), Quint8({2}, {2, 1}), {}));
  EXPECT_EQ(sum.elements, 6);
  EXPECT_EQ(sum.differ, 3);
  EXPECT_EQ(sum.largest, 2);
  EXPECT_THAT(sum.first, ElementsAre(1));
  EXPECT_THAT(sum.histogram,
              ElementsAre(::testing::Pair(-1, 1), ::testing::Pair(1, 1), ::testing::Pair(2, 1)));
}

}  // namespace
}  // namespace octavo::verify
