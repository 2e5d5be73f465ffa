#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/octavo.h"

namespace octavo {
namespace {

using ::testing::HasSubstr;

TEST(InputSpec, ReadsEveryForm) {
  const auto plain = InputSpec::Parse("x:float32[1,3,224,224]");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "x");
  EXPECT_EQ(plain->type.ToString(), "float32[1,3,224,224]");
  EXPECT_EQ(InputSpec::Parse("float32[N, 3 ,224,224]")->type.ToString(), "float32[N,3,224,224]");
  EXPECT_EQ(InputSpec::Parse("quint8[1,4,2,3](0.26,128)")->type.ToString(), "quint8[1,4,2,3](0.26,128)");
  EXPECT_EQ(InputSpec::Parse("int64")->type.ToString(), "int64");
  EXPECT_EQ(InputSpec::Parse("int64[]")->type.ToString(), "int64[]");
  EXPECT_EQ(InputSpec::Parse("a.b:qint8[2](1e-3,-128)")->name, "a.b");
}

TEST(InputSpec, ReadsValues) {
  const auto value = [](std::string_view text) {
    const auto spec = InputSpec::Parse(text);
    EXPECT_TRUE(spec) << text << ": " << spec.error().ToString();
    return spec ? spec->value : std::nullopt;
  };
  EXPECT_EQ(value("mask=None"), InputLiteral(std::monostate()));
  for (const char* text : {"flag=true", "flag=True", " flag = true "})
    EXPECT_EQ(value(text), InputLiteral(true)) << text;
  for (const char* text : {"flag=false", "flag=False"}) EXPECT_EQ(value(text), InputLiteral(false)) << text;
  EXPECT_EQ(value("k=3"), InputLiteral(std::int64_t{3}));
  EXPECT_EQ(value("k=+3"), InputLiteral(std::int64_t{3}));
  EXPECT_EQ(value("k=-9223372036854775808"), InputLiteral(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(value("alpha=0.5"), InputLiteral(0.5));
  EXPECT_EQ(value("alpha=-1e-3"), InputLiteral(-1e-3));
  EXPECT_EQ(value("alpha=3."), InputLiteral(3.0));
  EXPECT_EQ(value("alpha=inf"), InputLiteral(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(InputSpec::Parse("p.1=3")->name, "p.1");
  EXPECT_EQ(InputSpec::Parse("x:float32[1]")->value, std::nullopt);
  // A key of a dict.
  const auto key = InputSpec::Parse("d.a=b:float32[1]");
  ASSERT_TRUE(key) << key.error().ToString();
  EXPECT_EQ(key->name, "d.a=b");
  EXPECT_EQ(key->value, std::nullopt);
}

TEST(InputSpec, RefusesAndSaysWhatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"", "the dtype is missing"},
      {"float31[1]", "unknown dtype \"float31\" (did you mean float32?)"},
      {"x:float[1]", "unknown dtype \"float\" (did you mean float32?)"},
      {"long[1]", "(did you mean int64?)"},
      {"torch.qint8[1](1,0)", "(did you mean qint8?)"},
      {"Float32[1]", "(did you mean float32?)"},
      {"text[1]", "unknown dtype \"text\"\n"},
      {"float32[1", "not closed"},
      {"float32[1,,2]", "neither a size nor a name"},
      {"float32[-1]", "negative"},
      {"float32[99999999999999999999]", "neither a size"},
      {"float32[1]x", "unexpected text \"x\""},
      {":float32[1]", "name before the colon is missing"},
      {"float32[1](0.5,3)", "does not take a scale"},
      {"quint8[1]", "needs a scale and a zero point"},
      {"quint8[1](0.5)", "needs a scale and a zero point"},
      {"quint8[1](0,3)", "positive"},
      {"quint8[1](-1,3)", "positive"},
      {"quint8[1](nan,3)", "positive"},
      {"quint8[1](inf,3)", "positive"},
      {"quint8[1](0.5,256)", "from 0 to 255"},
      {"qint8[1](0.5,-129)", "from -128 to 127"},
      {"quint8[1](0.5,3", "not closed"},
      {"quint8[1](a,b)", "must be numbers"},
      {"k=", "\"\" is neither None, true, false nor a number"},
      {"k=three", "\"three\" is neither None, true, false nor a number"},
      {"k=none", "is neither"},
      {"k=3x", "is neither"},
      {"k=+-3", "is neither"},
      {"k=[3]", "is neither"},
      {"k=9223372036854775808", "9223372036854775808 is too large"},
      {"k=int64[]", "\"int64[]\" is neither"},
      {"=3", "unknown dtype \"=3\""},
      {"3k=3", "unknown dtype \"3k=3\""},
  };
  for (const auto& [text, reason] : cases) {
    const auto spec = InputSpec::Parse(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(spec.error().ToString(), HasSubstr(reason)) << text;
  }
}

}  // namespace
}  // namespace octavo
