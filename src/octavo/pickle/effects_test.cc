#include "octavo/pickle/effects.h"

#include <string_view>

#include <gtest/gtest.h>

namespace octavo::pickle {
namespace {

using namespace std::string_view_literals;

Effects Of(std::string_view text) { return FindEffects(std::as_bytes(std::span(text))); }

void ExpectCall(std::string_view text, std::string_view name) {
  const Effects effects = Of(text);
  ASSERT_FALSE(effects.globals.empty()) << name;
  EXPECT_EQ(effects.globals[0].QualifiedName(), name);
  EXPECT_TRUE(effects.globals[0].called) << name;
}

TEST(Effects, EveryWayOfCalling) {
  ExpectCall("cos\nsystem\n(S'true'\ntR."sv, "os.system");
  ExpectCall("(S'true'\nios\nsystem\n."sv, "os.system");
  ExpectCall("(cos\nsystem\nS'true'\no."sv, "os.system");
  ExpectCall(
      "\x80\x02"
      "cos\nsystem\n)\x81."sv,
      "os.system");
  ExpectCall("\x80\x04\x8c\x02os\x8c\x06system\x93)R."sv, "os.system");
  ExpectCall("\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94h\x02)R."sv, "os.system");
  ExpectCall("\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92."sv, "os.system");
  ExpectCall("cos\nsystem\np7\n0g7\n)R."sv, "os.system");
  // A class behind a persistent id, as in torch.save's former format.
  ExpectCall("(S'module'\nca\nB\nNNtQ)\x81."sv, "a.B");
  // Names that are not constants, or have escapes.
  ExpectCall("S'o\\x73'\nS'system'\n\x93)R."sv, "a name that is computed");
}

TEST(Effects, WhatComesBeforeDamage) {
  const Effects effects = Of("cos\nsystem\n)R\xff"sv);
  ASSERT_EQ(effects.globals.size(), 1u);
  EXPECT_TRUE(effects.globals[0].called);
  EXPECT_FALSE(effects.stopped);
  EXPECT_EQ(effects.end, 13u);
}

TEST(Effects, OthersThanCalls) {
  const Effects imported = Of("cos\nsystem\n."sv);
  ASSERT_EQ(imported.globals.size(), 1u);
  EXPECT_FALSE(imported.globals[0].called);
  const Effects built = Of("ca\nB\n)\x81}b."sv);
  ASSERT_EQ(built.globals.size(), 1u);
  EXPECT_TRUE(built.globals[0].built);
  EXPECT_EQ(Of("\x82\x01."sv).extensions.size(), 1u);
  // The result of a call is called.
  EXPECT_TRUE(Of("ca\nb\n)R)R."sv).calls_values);
  EXPECT_FALSE(Of("ca\nb\n)R."sv).calls_values);
}

TEST(Effects, WhatACallMayReturn) {
  const auto passed = [](std::string_view text) {
    const Effects effects = Of(text);
    return effects.globals.size() == 2 && effects.globals[1].passed;
  };
  EXPECT_TRUE(passed("ca\nb\n(ca\nB\ntR}b."sv));
  EXPECT_TRUE(passed("ca\nb\n((ca\nB\nltR}b."sv));
  EXPECT_TRUE(passed("(ca\nb\nca\nB\no}b."sv));
  EXPECT_TRUE(passed("ca\nb\n(ca\nB\ntR(I1\nI2\nu."sv));
  // Added behind the call.
  EXPECT_TRUE(passed("(lp1\nca\nb\n(g1\ntR}bg1\nca\nB\na."sv));
  EXPECT_FALSE(passed("ca\nb\n(ca\nB\ntR."sv));
  EXPECT_FALSE(passed("ccollections\ndefaultdict\n(ca\nB\ntR(I1\nI2\nu."sv));
}

TEST(Effects, NothingInPlainValues) {
  const Effects effects = Of("\x80\x02}q\0(X\1\0\0\0aK\1X\1\0\0\0b](K\2G\0\0\0\0\0\0\0\0eu.rest"sv);
  EXPECT_TRUE(effects.stopped);
  EXPECT_TRUE(effects.globals.empty());
  EXPECT_EQ(effects.end, 36u);
}

}  // namespace
}  // namespace octavo::pickle
