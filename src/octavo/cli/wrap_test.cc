#include "octavo/cli/wrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octavo::cli {
namespace {

using testing::ElementsAre;

TEST(Wrap, BreaksAtSpacesAndDropsThem) {
  EXPECT_THAT(Wrap("one two  three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("one two  three", 6), ElementsAre("one", "two", "three"));
  EXPECT_THAT(Wrap("one two", 7), ElementsAre("one two"));
  EXPECT_THAT(Wrap("", 7), ElementsAre(""));
}

TEST(Wrap, BreaksWordsBehindPunctuationOrAnywhere) {
  EXPECT_THAT(Wrap("quantized::conv2d_relu", 18), ElementsAre("quantized::conv2d_", "relu"));
  EXPECT_THAT(Wrap("quantized::conv2d_relu", 12), ElementsAre("quantized::", "conv2d_relu"));
  EXPECT_THAT(Wrap("abcdefghij", 4), ElementsAre("abcd", "efgh", "ij"));
  EXPECT_THAT(Wrap("a.bcdefghij", 8), ElementsAre("a.bcdefg", "hij"));
  EXPECT_THAT(Wrap("abc", 0), ElementsAre("a", "b", "c"));
}

TEST(Wrap, CountsCodePoints) {
  EXPECT_EQ(Columns("10–90 %"), 7u);
  EXPECT_THAT(Wrap("ääöö", 2), ElementsAre("ää", "öö"));
  EXPECT_EQ(Cut("ääöö", 3), "ää…");
  EXPECT_EQ(Cut("ääöö", 4), "ääöö");
  EXPECT_EQ(CutFront("/tmp/model.pt", 9), "…model.pt");
  EXPECT_EQ(CutFront("model.pt", 9), "model.pt");
  EXPECT_EQ(Cut("abc", 0), "");
  EXPECT_EQ(CutFront("abc", 1), "…");
}

TEST(Hanging, IndentsTheLinesThatFollow) {
  EXPECT_EQ(Hanging("  -q  ", "print errors only and nothing else", 26),
            "  -q  print errors only\n      and nothing else\n");
  EXPECT_EQ(Hanging("  -q  ", "print errors only and nothing else", std::nullopt),
            "  -q  print errors only and nothing else\n");
}

}  // namespace
}  // namespace octavo::cli
