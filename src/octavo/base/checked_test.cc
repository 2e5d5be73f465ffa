#include "octavo/base/checked.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace octavo {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

TEST(Checked, SumsAndProducts) {
  EXPECT_EQ(CheckedSum(2, 3), 5);
  EXPECT_EQ(CheckedSum(kMost, 0), kMost);
  EXPECT_EQ(CheckedSum(kMost, 1), std::nullopt);
  EXPECT_EQ(CheckedSum(kLeast, -1), std::nullopt);
  EXPECT_EQ(CheckedProduct(-4, 6), -24);
  EXPECT_EQ(CheckedProduct(std::int64_t{1} << 31, std::int64_t{1} << 31), std::int64_t{1} << 62);
  EXPECT_EQ(CheckedProduct(std::int64_t{1} << 32, std::int64_t{1} << 31), std::nullopt);
  EXPECT_EQ(CheckedProduct(kLeast, -1), std::nullopt);
}

TEST(Checked, Elements) {
  EXPECT_EQ(CountElements({}), 1);
  EXPECT_EQ(CountElements({2, 3, 4}), 24);
  EXPECT_EQ(CountElements({5, 0, 7}), 0);
  EXPECT_EQ(CountElements({kMaxTensorElements}), kMaxTensorElements);
  EXPECT_EQ(CountElements({kMaxTensorElements, 2}), std::nullopt);
  EXPECT_EQ(CountElements({std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(CountElements({-1}), std::nullopt);
  EXPECT_EQ(CountElements({kMost}), std::nullopt);
}

// An empty tensor's other sizes are multiplied elsewhere, for strides.
TEST(Checked, ElementsOfAnEmptyTensor) {
  EXPECT_EQ(CountElements({0, kMost}), std::nullopt);
  EXPECT_EQ(CountElements({std::int64_t{1} << 40, 0, std::int64_t{1} << 40}), std::nullopt);
  EXPECT_EQ(CountElements({0, -1}), std::nullopt);
}

TEST(Checked, Bytes) {
  EXPECT_EQ(CountBytes({3, 5}, DType::kFloat32), 60);
  EXPECT_EQ(CountBytes({kMaxTensorElements}, DType::kFloat64), kMaxTensorElements * 8);
  EXPECT_EQ(CountBytes({-1}, DType::kInt8), std::nullopt);
}

}  // namespace
}  // namespace octavo
