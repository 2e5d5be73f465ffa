#include "octavo/cli/table.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace octavo::cli {
namespace {

Table Layers() {
  Table table({">#", "operator", "place"});
  table.Add({"1", "quantized::conv2d_relu", "layer1.0.conv1"});
  table.Add({"12", "aten::relu", "code/__torch__.py:33:23"});
  return table;
}

TEST(Table, IsAsWideAsItsCellsWithoutATerminal) {
  EXPECT_EQ(Layers().ToString(std::nullopt),
            " #  operator                place\n"
            " 1  quantized::conv2d_relu  layer1.0.conv1\n"
            "12  aten::relu              code/__torch__.py:33:23\n");
}

TEST(Table, WrapsTheWidestColumnsAndNoNumbers) {
  EXPECT_EQ(Layers().ToString(40),
            " #  operator           place\n"
            " 1  quantized::        layer1.0.conv1\n"
            "    conv2d_relu\n"
            "12  aten::relu         code/__torch__.\n"
            "                       py:33:23\n");
  for (const std::size_t width : {30U, 36U, 40U, 52U, 80U}) {
    const std::string text = Layers().ToString(width);
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = text.find('\n', begin);
      EXPECT_LE(end - begin, width) << text;
      begin = end + 1;
    }
  }
}

TEST(Table, ANarrowTerminalLosesNothing) {
  // Columns break words apart, so that only the letters stay.
  const auto letters = [](std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    std::ranges::sort(text);
    return text;
  };
  EXPECT_EQ(letters(Layers().ToString(5)), letters(Layers().ToString(std::nullopt)));
}

TEST(Table, CellsDriveNoTerminal) {
  Table table({"name"});
  table.Add({"a\033[31m\nb"});
  EXPECT_EQ(table.ToString(std::nullopt), "name\na?[31m b\n");
}

}  // namespace
}  // namespace octavo::cli
