#include "octavo/base/closest.h"

#include <vector>

#include <gtest/gtest.h>

namespace octavo {
namespace {

TEST(Closest, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"mask", "key_padding_mask", "x", "alpha", "Flag"};
  EXPECT_EQ(Closest("maks", names), "mask");
  EXPECT_EQ(Closest("MASK", names), "mask");
  EXPECT_EQ(Closest("flag", names), "Flag");
  EXPECT_EQ(Closest("key_pading_mask", names), "key_padding_mask");
  EXPECT_EQ(Closest("X", names), "x");
  EXPECT_EQ(Closest("alpah", names), "alpha");
}

TEST(Closest, IsSilentWhereNothingIsNear) {
  const std::vector<std::string> names = {"mask", "x"};
  EXPECT_EQ(Closest("k", names), "");
  EXPECT_EQ(Closest("temperature", names), "");
  EXPECT_EQ(Closest("", names), "");
  EXPECT_EQ(Closest("mask", {}), "");
  EXPECT_EQ(Closest(std::string(100'000, 'm'), names), "");
}

}  // namespace
}  // namespace octavo
