#include "octavo/lower/window.h"

#include <gtest/gtest.h>

namespace octavo {
namespace {

Window CeilWindow(std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  return {.kernel = {kernel}, .stride = {stride}, .padding = {padding}, .dilation = {1}, .ceil_mode = true};
}

// torch.nn.functional.max_pool1d(torch.zeros(1, 1, size), kernel, stride, padding, ceil_mode=True).shape[2]
TEST(WindowCount, CeilModeCountsNoWindowThatStartsBehindTheInput) {
  const Window three = CeilWindow(3, 3, 1);
  EXPECT_EQ(*WindowCount(three, 0, 15), Dim(6));
  EXPECT_EQ(*WindowCount(three, 0, 16), Dim(6));
  EXPECT_EQ(*WindowCount(three, 0, 17), Dim(6));
  EXPECT_EQ(*WindowCount(three, 0, 18), Dim(7));
  EXPECT_EQ(*WindowCount(CeilWindow(2, 3, 0), 0, 6), Dim(2));
  EXPECT_EQ(*WindowCount(CeilWindow(2, 3, 0), 0, 7), Dim(3));
}

// A window that is longer than the padded input reaches over its end.
TEST(WindowCount, CeilModeTakesAWindowLongerThanTheInput) {
  EXPECT_EQ(*WindowCount(CeilWindow(3, 2, 0), 0, 2), Dim(1));
  EXPECT_EQ(*WindowCount(CeilWindow(3, 3, 0), 0, 1), Dim(1));
  EXPECT_EQ(*WindowCount(CeilWindow(4, 2, 1), 0, 1), Dim(1));
  EXPECT_FALSE(WindowCount(CeilWindow(3, 2, 0), 0, 1));
  EXPECT_FALSE(WindowCount(CeilWindow(3, 1, 0), 0, 2));
}

TEST(WindowCount, AnOpenSizeHasAFormulaWhereNoWindowCanStartBehindTheInput) {
  const Dim h = Dim::Symbol("H");
  EXPECT_EQ(WindowCount(CeilWindow(3, 2, 0), 0, h)->ToString(), "floor(H/2)");
  const Dim count = *WindowCount(CeilWindow(3, 3, 1), 0, h);
  EXPECT_FALSE(count == *WindowCount(CeilWindow(3, 3, 1), 0, h)) << "a size of which nothing is known";
}

}  // namespace
}  // namespace octavo
