#include "octavo/verify/piece.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/verify/quantization.h"

namespace octavo::verify {
namespace {

ir::ValueId Find(const ir::Graph& graph, const std::string& name) {
  for (std::size_t i = 0; i < graph.num_values(); ++i) {
    const ir::ValueId id{static_cast<std::int32_t>(i)};
    if (graph.value(id).name == name) return id;
  }
  ADD_FAILURE() << name;
  return {};
}

// The text of the piece that makes `value` from those of `boundary`; "" where there is none.
std::string CutText(const std::string& text, const std::string& value,
                    const std::vector<std::string>& boundary) {
  const Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  std::vector<bool> is_boundary(graph->num_values());
  for (const std::string& name : boundary)
    is_boundary[static_cast<std::size_t>(Find(*graph, name).index)] = true;
  const auto piece = Cut(*graph, Find(*graph, value), is_boundary, Quantizations(*graph));
  if (!piece) return "";
  EXPECT_EQ(piece->inputs.size(), piece->graph.inputs().size());
  for (std::size_t i = 0; i < piece->inputs.size(); ++i) {
    EXPECT_EQ(graph->value(piece->inputs[i]).name, piece->graph.value(piece->graph.inputs()[i]).name);
  }
  return ir::Print(piece->graph);
}

std::string Normal(const std::string& text) { return ir::Print(*ir::ParseGraph(text)); }

const char* const kModel = R"(
  opset 17
  input %x: float32[4]
  constant %s = float32[]{0.5}; constant %z = uint8[]{3}
  %q: uint8[4] = QuantizeLinear(%x, %s, %z)
  %1: float32[4] = DequantizeLinear(%q, %s, %z)
  %2: float32[4] = Relu(%1)
  %r: uint8[4] = QuantizeLinear(%2, %s, %z)
  %d: float32[4] = DequantizeLinear(%r, %s, %z)
  output y = %d
)";

TEST(Cut, BackToTheBoundary) {
  EXPECT_EQ(CutText(kModel, "r", {"x", "q", "r", "d"}), Normal(R"(
    opset 17
    input %q: quint8[4](0.5,3)
    constant %s = float32[]{0.5}; constant %z = uint8[]{3}
    %1: float32[4] = DequantizeLinear(%q, %s, %z)
    %2: float32[4] = Relu(%1)
    %r: uint8[4] = QuantizeLinear(%2, %s, %z)
    output %r
  )"));
}

TEST(Cut, BackToTheInputs) {
  EXPECT_EQ(CutText(kModel, "q", {}), Normal(R"(
    opset 17
    input %x: float32[4]
    constant %s = float32[]{0.5}; constant %z = uint8[]{3}
    %q: uint8[4] = QuantizeLinear(%x, %s, %z)
    output %q
  )"));
}

TEST(Cut, NothingMakesAnInput) { EXPECT_EQ(CutText(kModel, "x", {}), ""); }

TEST(Cut, AnotherResultOfTheSameNodeIsBoundary) {
  EXPECT_EQ(CutText(R"(
    opset 17
    input %x: float32[4]
    %a, %b = Split(%x)
    %c = Add(%a, %b)
    output y = %c
  )",
                    "c", {"a"}),
            Normal(R"(
    opset 17
    input %x: float32[4]
    input %a
    %9, %b = Split(%x)
    %c = Add(%a, %b)
    output %c
  )"));
}

}  // namespace
}  // namespace octavo::verify
