#include "octavo/verify/verify.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/verify/draw.h"

namespace octavo::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Result<std::vector<Tensor>> Drawn(const ir::Graph& graph, std::uint64_t seed) {
  Budget budget;
  Memory memory(budget);
  return DrawInputs(graph, seed, memory);
}

ir::Graph Parsed(const std::string& text) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return std::move(*graph);
}

// x is quantized, squashed, squashed again and dequantized; `second` replaces a part of it.
std::string Model(const std::string& what = "", const std::string& with = "") {
  std::string text = R"(
    opset 17
    input %x: float32[1,64]
    constant %s = float32[]{0.03}; constant %z = uint8[]{120}
    constant %t = float32[]{0.01}; constant %o = uint8[]{128}
    constant %w = float32[64]{)";
  for (int i = 0; i < 64; ++i) text += (i > 0 ? ", " : "") + std::to_string(0.01 * (i - 20)) + "1";
  text += R"(}
    %q: uint8[1,64] = QuantizeLinear(%x, %s, %z) name "quant"
    %1: float32[1,64] = DequantizeLinear(%q, %s, %z)
    %2: float32[1,64] = Mul(%1, %w)
    %a: uint8[1,64] = QuantizeLinear(%2, %t, %o) name "first"
    %3: float32[1,64] = DequantizeLinear(%a, %t, %o)
    %4: float32[1,64] = Tanh(%3)
    %b: uint8[1,64] = QuantizeLinear(%4, %t, %o) name "second"
    %d: float32[1,64] = DequantizeLinear(%b, %t, %o)
    output y = %d
  )";
  if (!what.empty()) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), with);
  }
  return text;
}

Result<Report> Compared(const ir::Graph& a, const ir::Graph& b, const Options& options = {}, int runs = 1) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < a.num_values(); ++i) {
    const ir::ValueId id{static_cast<std::int32_t>(i)};
    const std::string& name = a.value(id).name;
    if (a.value(id).producer == ir::kNoNode || name.empty()) continue;
    for (std::size_t k = 0; k < b.num_values(); ++k) {
      const ir::ValueId other{static_cast<std::int32_t>(k)};
      if (b.value(other).name == name) pairs.push_back({id, other, {}});
    }
  }
  std::vector<std::vector<Tensor>> inputs;
  for (int i = 0; i < runs; ++i) {
    Result<std::vector<Tensor>> drawn = Drawn(a, static_cast<std::uint64_t>(i));
    if (!drawn) return drawn.error();
    inputs.push_back(std::move(*drawn));
  }
  Side one{.graph = &a}, other{.graph = &b};
  one.engine.emplace();
  other.engine.emplace();
  return Verify(one, other, Completed(a, b, std::move(pairs)), inputs, options);
}

std::vector<std::string> DifferAlone(const Report& report) {
  std::vector<std::string> places;
  for (const Layer& layer : report.layers) {
    if (layer.differs_alone()) places.push_back(layer.place);
  }
  return places;
}

std::vector<std::string> DifferEndToEnd(const Report& report) {
  std::vector<std::string> places;
  for (const Layer& layer : report.layers) {
    if (!layer.end_to_end.equal()) places.push_back(layer.place);
  }
  return places;
}

TEST(Verify, AGraphEqualsItself) {
  const ir::Graph a = Parsed(Model());
  const Result<Report> report = Compared(a, a, {}, 3);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->equal());
  EXPECT_EQ(report->runs, 3U);
  ASSERT_EQ(report->layers.size(), 5U);
  for (const Layer& layer : report->layers) {
    EXPECT_EQ(layer.end_to_end.elements, 3 * 64);
    EXPECT_EQ(layer.alone.has_value(), !layer.input) << layer.not_alone;
    EXPECT_FALSE(layer.constant);
    EXPECT_FALSE(layer.saturated());
  }
}

TEST(Verify, ALayersOwnDifferenceIsToldFromAnInheritedOne) {
  const ir::Graph a = Parsed(Model());
  const ir::Graph b = Parsed(Model("0.0100001", "0.5100001"));  // an element of the first layer's weight
  const Result<Report> report = Compared(a, b, {}, 2);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_FALSE(report->equal());
  EXPECT_THAT(DifferAlone(*report), ElementsAre("first"));
  EXPECT_THAT(DifferEndToEnd(*report), ElementsAre("first", "second", ""));
}

TEST(Verify, SmallestCounterexample) {
  const ir::Graph a = Parsed(Model());
  const ir::Graph b = Parsed(Model("Tanh", "Sigmoid"));
  const Result<Report> report = Compared(a, b);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_THAT(DifferAlone(*report), ElementsAre("second"));
  Side one{.graph = &a}, other{.graph = &b};
  one.engine.emplace();
  other.engine.emplace();
  const std::vector<std::vector<Tensor>> inputs = {*Drawn(a, 0)};
  const auto example = SmallestCounterexample(one, other, *report, inputs);
  ASSERT_TRUE(example) << example.error().ToString();
  ASSERT_TRUE(*example);
  EXPECT_EQ((*example)->piece.graph.nodes().size(), 3U);
  EXPECT_EQ((*example)->piece.graph.nodes()[1].op, "Sigmoid");
  ASSERT_EQ((*example)->inputs.size(), 1U);
  EXPECT_EQ((*example)->inputs[0].num_elements(), 64);
  const auto none = SmallestCounterexample(one, one, *Compared(a, a), inputs);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST(Verify, WithoutTheViewOfEachLayerAlone) {
  const ir::Graph a = Parsed(Model());
  const Result<Report> report = Compared(a, a, {.alone = false});
  ASSERT_TRUE(report);
  for (const Layer& layer : report->layers) EXPECT_FALSE(layer.alone);
}

TEST(Verify, ConstantAndSaturatedLayersAreMarked) {
  const ir::Graph a = Parsed(Model("float32[]{0.01}", "float32[]{10000.0}"));
  Result<Report> report = Compared(a, a);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->layers[2].constant);
  const ir::Graph c = Parsed(Model("float32[]{0.01}", "float32[]{0.000001}"));
  report = Compared(c, c);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->layers[2].saturated());
  EXPECT_FALSE(report->layers[2].constant);
}

TEST(Verify, TheReferenceAgainstAGraphInAnotherOrderOfAxes) {
  const ir::Graph a = Parsed(R"(
    input %x: float32[1,2,3,4]
    %q: quint8[1,2,3,4](0.05,100) = aten::quantize_per_tensor(self=%x, scale=0.05, zero_point=100, dtype=13)
    %d: float32[1,2,3,4] = aten::dequantize(self=%q)
    output y = %d
  )");
  const ir::Graph b = Parsed(R"(
    opset 17
    input %x: float32[1,2,3,4]
    constant %s = float32[]{0.05}; constant %z = uint8[]{100}
    %1: float32[1,3,4,2] = Transpose(%x, perm=[0,2,3,1])
    %q: uint8[1,3,4,2] = QuantizeLinear(%1, %s, %z)
    %2: float32[1,3,4,2] = DequantizeLinear(%q, %s, %z)
    %d: float32[1,2,3,4] = Transpose(%2, perm=[0,3,1,2])
    output y = %d
  )");
  const auto find = [](const ir::Graph& graph, const std::string& name) {
    for (std::size_t i = 0; i < graph.num_values(); ++i) {
      const ir::ValueId id{static_cast<std::int32_t>(i)};
      if (graph.value(id).name == name) return id;
    }
    return ir::ValueId();
  };
  Side one{.graph = &a}, other{.graph = &b};
  engine::Options options;
  options.arithmetic = engine::Arithmetic::kPyTorch;
  other.engine = options;
  for (const std::vector<int>& order : {std::vector<int>{0, 2, 3, 1}, std::vector<int>{}}) {
    const std::vector<Pair> pairs = Completed(a, b, {{find(a, "q"), find(b, "q"), order}});
    const Result<Report> report = Verify(one, other, pairs, {*Drawn(a, 0)}, {});
    ASSERT_TRUE(report) << report.error().ToString();
    EXPECT_TRUE(report->equal());
    ASSERT_EQ(report->layers.size(), 3U);
    EXPECT_EQ(report->layers[1].end_to_end.elements, 24);
    EXPECT_TRUE(report->layers[1].alone) << report->layers[1].not_alone;
    EXPECT_TRUE(report->layers[2].alone) << report->layers[2].not_alone;
  }
}

TEST(Verify, WhatDoesNotRun) {
  const ir::Graph a = Parsed(Model());
  const ir::Graph b = Parsed(Model("Tanh", "Wondrous"));
  const Result<Report> report = Compared(a, b);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(report.error().ToString(), ::testing::HasSubstr("Wondrous"));
}

}  // namespace
}  // namespace octavo::verify
