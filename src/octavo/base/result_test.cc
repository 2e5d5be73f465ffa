#include "octavo/result.h"

#include <memory>

#include <gtest/gtest.h>

#include "octavo/base/source_range.h"

namespace octavo {
namespace {

Result<std::unique_ptr<int>> Make(bool good) {
  if (!good) return InvalidFile("no number", "Give one.");
  return std::make_unique<int>(3);
}

Result<int> Use(bool good) {
  const std::unique_ptr<int> number = OCTAVO_TRY(Make(good));
  return *number + 1;
}

TEST(Result, TryTakesTheValueOrReturnsTheError) {
  EXPECT_EQ(*Use(true), 4);
  const auto failed = Use(false);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kInvalidFile);
  EXPECT_EQ(failed.error().ToString(), "no number\nGive one.");
}

TEST(Error, TheInnermostPlaceStays) {
  Error error = Unsupported("no row");
  error.SetWhere("a.py:1:2", "x = y\n    ^")
      .SetWhere("outer")
      .AddContext("f")
      .AddContext("g")
      .AddDetail("aten::stft");
  EXPECT_EQ(error.ToString(), "no row\n  aten::stft\n  at a.py:1:2\n    x = y\n        ^\n  in f\n  in g");
}

TEST(Error, DetailsSayHowOftenAndWhere) {
  Error error = Unsupported("2 operators are not supported");
  error
      .AddDetail({.message = "aten::stft is not supported yet (2 uses)",
                  .op = "aten::stft",
                  .count = 2,
                  .place = "m.py:3:4",
                  .module_path = "head",
                  .excerpt = "x = y\n    ^"})
      .AddDetail({.message = "aten::cdist: no", .op = "aten::cdist", .count = 1, .place = "m.py:4:4"})
      .AddDetail("and 3 more");
  EXPECT_EQ(error.ToString(),
            "2 operators are not supported\n"
            "  aten::stft is not supported yet (2 uses), first at m.py:3:4, in head\n"
            "    x = y\n"
            "        ^\n"
            "  aten::cdist: no, at m.py:4:4\n"
            "  and 3 more");
}

TEST(Error, TheSubjectComesFirstAndOnce) {
  Error error = NeedsInput("the rank is unknown", "Give the shape.");
  error.SetSubject("aten::t").SetSubject("aten::t");
  EXPECT_EQ(error.ToString(), "aten::t: the rank is unknown\nGive the shape.");
  EXPECT_TRUE(error.needs_input());
}

TEST(Error, LongLinesAreCutBetweenCharacters) {
  Error error = InvalidFile("wrong\noctavo: second line");
  std::string name;
  for (int i = 0; i < 100000; ++i) name += "\u00e4";
  error.AddContext(name + "x");
  EXPECT_EQ(error.context()[0].size(), 200001U);
  std::string kept;
  for (int i = 0; i < 449; ++i) kept += "\u00e4";
  EXPECT_EQ(error.ToString(), "wrong\n    octavo: second line\n  in " + kept.substr(0, 894) +
                                  " [... 198208 bytes ...] " + kept + "x");
}

TEST(Error, ALongChainOfCallsIsShortened) {
  Error error = Unsupported("too deep");
  for (int i = 0; i < 300; ++i) error.AddContext("f" + std::to_string(i));
  const std::string text = error.ToString();
  EXPECT_NE(text.find("in f0\n"), std::string::npos);
  EXPECT_NE(text.find("288 more calls"), std::string::npos);
  EXPECT_NE(text.find("in f299"), std::string::npos);
  EXPECT_LT(text.size(), 500u);
}

TEST(SourceRange, PlaceAndExcerpt) {
  auto source = std::make_shared<SourceText>(SourceText{"m.py", "a = 1\n  b = foo(x)\n"});
  const SourceRange range{source, 12, 18};
  EXPECT_EQ(range.Place(), "m.py:2:7");
  EXPECT_EQ(range.Excerpt(), "b = foo(x)\n    ^^^^^^");
  EXPECT_EQ((SourceRange{source, 1000, 2000}.Place()), "m.py:3:1");
  EXPECT_EQ(SourceRange{}.Place(), "");
}

TEST(SourceRange, AVeryLongLineIsCut) {
  auto source = std::make_shared<SourceText>(SourceText{"m.py", std::string(1000000, 'x')});
  const SourceRange range{source, 500000, 900000};
  EXPECT_LT(range.Excerpt().size(), 400u);
}

}  // namespace
}  // namespace octavo
