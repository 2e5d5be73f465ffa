#include "octavo/driver/claims.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/driver/pipeline.h"
#include "octavo/ir/text.h"

namespace octavo::driver {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What is claimed of an imported graph that is exported with the default options.
Claims ClaimsOfText(const std::string& text, ExportOptions options = {}) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  if (!graph) return {};
  // Each node has an origin, as the importer gives it.
  int line = 0;
  for (ir::Node& node : graph->nodes()) {
    auto origin = std::make_shared<ir::Origin>();
    origin->op = node.op;
    origin->place = "code/net.py:" + std::to_string(++line);
    node.origin = std::move(origin);
  }
  Registry registry;
  RegisterBuiltinOperators(registry);
  Result<Converted> converted = Convert(*graph, registry, options);
  EXPECT_TRUE(converted) << converted.error().ToString();
  return converted ? std::move(converted->claims) : Claims();
}

const std::string kQuantized = R"(
    input %x: float32[1,4,6,6]
    %q: quint8[1,4,6,6](0.05,110) = aten::quantize_per_tensor(%x, 0.05, 110, 13)
)";

TEST(ClaimsTest, CountsOperatorsThatCompute) {
  ExportOptions options;
  options.numbers = Numbers::kPlain;  // hardswish in its float form, not in an exact one of integers
  const Claims claims = ClaimsOfText(kQuantized + R"(
      %r: quint8[1,4,6,6](0.05,110) = aten::relu(%q)
      %t: quint8[1,4,6,6](0.05,110) = aten::transpose(%r, 2, 3)
      %h: quint8[1,4,6,6](0.1,110) = quantized::hardswish(%t, 0.1, 110)
      %y: float32[1,4,6,6] = aten::dequantize(%h)
      output %y)",
                                     options);
  EXPECT_EQ(claims.counted_operators, 2U);
  EXPECT_EQ(claims.int8_operators, 1U);
  EXPECT_THAT(claims.not_int8, ElementsAre(::testing::Pair("quantized::hardswish", 1U)));
  EXPECT_THAT(claims.float_operators, IsEmpty());
  EXPECT_THAT(claims.warnings, ElementsAre("1 of 2 operators does not run in int8: 1 quantized::hardswish"));
}

TEST(ClaimsTest, OtherTargetsCountWhatIsQuantized) {
  ExportOptions options;
  options.target = Target::kOpenVino;
  const Claims claims = ClaimsOfText(kQuantized + R"(
      %h: quint8[1,4,6,6](0.1,110) = quantized::hardswish(%q, 0.1, 110)
      %y: float32[1,4,6,6] = aten::dequantize(%h)
      %s: float32[1,4,6,6] = aten::sigmoid(%y)
      output %s)",
                                     options);
  EXPECT_EQ(claims.counted_operators, 2U);
  EXPECT_EQ(claims.int8_operators, 1U);
}

TEST(ClaimsTest, FloatOperatorsBeforeAndBehindQuantizedOnes) {
  const Claims claims = ClaimsOfText(R"(
      input %x: float32[1,4,6,6]
      %a: float32[1,4,6,6] = aten::sigmoid(%x)
      %v: float32[1,4,36] = aten::flatten(%a, 2, 3)
      %q: quint8[1,4,36](0.05,110) = aten::quantize_per_tensor(%v, 0.05, 110, 13)
      %d: float32[1,4,36] = aten::dequantize(%q)
      %s: float32[1,4,36] = aten::softmax(%d, 2, None)
      %m: float32[1,4,36] = aten::relu(%s)
      output %m)");
  ASSERT_EQ(claims.float_operators.size(), 2U);
  EXPECT_EQ(claims.float_operators[0].op, "aten::sigmoid");
  EXPECT_TRUE(claims.float_operators[0].before_quantized);
  EXPECT_EQ(claims.float_operators[1].op, "aten::softmax");
  EXPECT_FALSE(claims.float_operators[1].before_quantized);
  EXPECT_EQ(claims.float_operators[1].place, "code/net.py:5");
  const std::vector<std::string> lines = WhatFloatsMayChange(claims.float_operators);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("one step off"), HasSubstr("last bits")));
  EXPECT_EQ(FloatOperatorsText({}), "");
  EXPECT_THAT(FloatOperatorsText(claims.float_operators), HasSubstr("\"aten::softmax\""));
}

std::vector<std::string> FloatOperatorNames(const std::string& body) {
  std::vector<std::string> names;
  for (const FloatOperator& node :
       ClaimsOfText(kQuantized + "%d: float32[1,4,6,6] = aten::dequantize(%q)\n" + body +
                    "%r: quint8[1,4,6,6](0.07,90) = aten::quantize_per_tensor(%e, 0.07, 90, 13)\n"
                    "%y: float32[1,4,6,6] = aten::dequantize(%r)\noutput %y")
           .float_operators) {
    names.push_back(node.op);
  }
  return names;
}

TEST(ClaimsTest, SingleOperationsOnDequantizedNumbersAreProven) {
  EXPECT_THAT(FloatOperatorNames("%e: float32[1,4,6,6] = aten::add(%d, %d, alpha=1)\n"), IsEmpty());
  EXPECT_THAT(FloatOperatorNames("%e: float32[1,4,6,6] = aten::mul(%d, 0.3)\n"), IsEmpty());
  EXPECT_THAT(FloatOperatorNames("%s: float32[1,4,6,6] = aten::div(%d, 3.0)\n"
                                 "%e: float32[1,4,6,6] = aten::relu(%s)\n"),
              IsEmpty());
  // PyTorch fuses the product and the sum.
  EXPECT_THAT(FloatOperatorNames("%e: float32[1,4,6,6] = aten::add(%d, %d, alpha=3)\n"),
              ElementsAre("aten::add"));
}

TEST(ClaimsTest, OperationsOnOtherFloatsAreNotProven) {
  EXPECT_THAT(FloatOperatorNames("%s: float32[1,4,6,6] = aten::exp(%d)\n"
                                 "%e: float32[1,4,6,6] = aten::add(%s, %d, alpha=1)\n"),
              ElementsAre("aten::exp", "aten::add"));
}

TEST(ClaimsTest, ASiluIsSettledByItsQuantization) {
  EXPECT_THAT(FloatOperatorNames("%e: float32[1,4,6,6] = aten::silu(%d)\n"), IsEmpty());
  EXPECT_THAT(FloatOperatorNames("%s: float32[1,4,6,6] = aten::silu(%d)\n"
                                 "%e: float32[1,4,6,6] = aten::add(%s, %d, alpha=1)\n"),
              ElementsAre("aten::silu", "aten::add"));
}

TEST(ClaimsTest, TenFloatOperatorsAreNamedAndTheOthersCounted) {
  const std::vector<FloatOperator> many(12, FloatOperator{"head", "aten::exp", "a function", false});
  const std::vector<std::string> lines = WhatFloatsMayChange(many, ", see --json");
  EXPECT_EQ(lines.size(), 11U);
  EXPECT_EQ(lines.back(), "and 2 more, see --json");
}

TEST(ClaimsTest, WarnsOfAModelThatIsNotQuantized) {
  const Claims claims = ClaimsOfText(R"(
      input %x: float32[1,4]
      %a: float32[1,4] = aten::relu(%x)
      output %a)");
  EXPECT_THAT(claims.warnings, ElementsAre("nothing in this model is quantized: the ONNX model is float32"));
}

TEST(ClaimsTest, WarnsOfFloatOperatorsBesideQuantizedOnes) {
  const Claims claims = ClaimsOfText(R"(
      input %x: float32[6,6]
      %q: quint8[6,6](0.05,110) = aten::quantize_per_tensor(%x, 0.05, 110, 13)
      %d: float32[6,6] = aten::dequantize(%q)
      %e: float32[6,6] = aten::exp(%d)
      %m: float32[6,6] = aten::matmul(%e, %e)
      output %m)");
  EXPECT_THAT(claims.warnings,
              ElementsAre("2 of 2 operators do not run in int8: 1 aten::exp, 1 aten::matmul"));
}

// A linear layer whose weights can saturate, behind activations with that zero point.
std::string Layer(int zero_point) {
  const std::string z = std::to_string(zero_point);
  return "input %x: float32[2,4]\n%q: quint8[2,4](0.05," + z + ") = aten::quantize_per_tensor(%x, 0.05, " +
         z +
         ", 13)\n"
         "constant %w = qint8[1,4](0.01,0){127,127,1,1}\n"
         "%l: quint8[2,1](0.05,60) = quantized::linear(%q, packed(kind=linear, weight=%w), 0.05, 60)\n"
         "%y: float32[2,1] = aten::dequantize(%l)\noutput %y";
}

TEST(ClaimsTest, SaturationMayBeNoMatterWithSevenBits) {
  const auto warning = HasSubstr("1 layer has weights that can saturate");
  const auto reduced = HasSubstr("unless the model was quantized with reduce_range");
  for (const int whole : {128, 114}) {
    EXPECT_THAT(ClaimsOfText(Layer(whole)).warnings, Contains(warning));
    EXPECT_THAT(ClaimsOfText(Layer(whole)).warnings, Not(Contains(reduced)));
  }
  EXPECT_THAT(ClaimsOfText(Layer(64)).warnings, Contains(reduced));
  EXPECT_THAT(ClaimsOfText(Layer(0)).warnings, Contains(reduced));  // by the result's, which is 60
  ExportOptions options;
  options.target = Target::kOpenVino;
  EXPECT_THAT(ClaimsOfText(Layer(128), options).warnings, Not(Contains(warning)));
}

TEST(ClaimsTest, OneWarningPerKindOfMistake) {
  const std::vector<NodeExactness> mistakes = {{"a", "aten::relu6", {Exactness::kAsMeant, "PyTorch errs"}},
                                               {"b", "aten::relu6", {Exactness::kAsMeant, "PyTorch errs"}},
                                               {"c", "aten::clamp", {Exactness::kAsMeant, "PyTorch errs"}}};
  EXPECT_THAT(WarningsAboutMistakes(mistakes, Engine::kQnnpack),
              ElementsAre(HasSubstr("aten::relu6 2 times, first at a: PyTorch errs"),
                          HasSubstr("aten::clamp at c: ")));
}

TEST(ClaimsTest, EnginesHaveNames) { EXPECT_EQ(Name(Engine::kQnnpackX86), "qnnpack-x86"); }

}  // namespace
}  // namespace octavo::driver
