#include "octavo/import/memory_formats.h"

#include <string>

#include <gtest/gtest.h>

#include "octavo/ir/text.h"

namespace octavo::import {
namespace {

using ir::MemoryFormat;

// The format of what the operator named `op` gives; tests/numbers/memory_formats.py asks PyTorch.
MemoryFormat FormatOf(const std::string& op, const std::string& nodes) {
  Result<ir::Graph> graph = ir::ParseGraph("graph g\ninput %x: quint8[1,4,6,6](0.5,3)\n" + nodes);
  EXPECT_TRUE(graph) << graph.error().ToString();
  SetMemoryFormats(*graph);
  MemoryFormat format = MemoryFormat::kContiguous;
  for (const ir::Node& node : graph->nodes()) {
    if (node.op == op) format = graph->value(node.outputs[0]).memory_format;
  }
  return format;
}

const std::string kType = ": quint8[1,4,6,6](0.5,3) = ";
const std::string kLast = "%l" + kType + "aten::contiguous(self=%x, memory_format=2)\n";

TEST(MemoryFormats, ElementwiseOperatorsKeepThem) {
  EXPECT_EQ(FormatOf("aten::relu", "%y" + kType + "aten::relu(self=%x)\n"), MemoryFormat::kContiguous);
  EXPECT_EQ(FormatOf("aten::relu", kLast + "%y" + kType + "aten::relu(self=%l)\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(FormatOf("quantized::elu", kLast + "%y" + kType + "quantized::elu(self=%l)\n"),
            MemoryFormat::kContiguous);
}

TEST(MemoryFormats, APartIsNotDenseAndWhatIsMadeOfItIs) {
  const std::string part =
      kLast + "%s: quint8[1,2,6,6](0.5,3) = aten::slice(self=%l, dim=1, start=0, end=2, step=1)\n";
  EXPECT_EQ(FormatOf("aten::slice", part), MemoryFormat::kSlicedChannelsLast);
  EXPECT_EQ(FormatOf("aten::relu", part + "%y: quint8[1,2,6,6](0.5,3) = aten::relu(self=%s)\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(
      FormatOf("aten::slice",
               kLast + "%s: quint8[1,4,6,6](0.5,3) = aten::slice(self=%l, dim=0, start=0, end=1, step=1)\n"),
      MemoryFormat::kChannelsLast);
}

TEST(MemoryFormats, OfVolumes) {
  const std::string type = ": quint8[1,4,6,6,6](0.5,3) = ";
  const std::string last = "%c" + type + "aten::contiguous(self=%v, memory_format=3)\n";
  const std::string input = "input %v: quint8[1,4,6,6,6](0.5,3)\n";
  EXPECT_EQ(FormatOf("aten::relu", input + last + "%y" + type + "aten::relu(self=%c)\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(FormatOf("aten::relu", input + "%y" + type + "aten::relu(self=%v)\n"), MemoryFormat::kContiguous);
  EXPECT_EQ(FormatOf("aten::avg_pool3d", input + "%y" + type + "aten::avg_pool3d(self=%v)\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(FormatOf("aten::slice",
                     input + last + "%y" + type + "aten::slice(self=%c, dim=-5, start=0, end=1, step=1)\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(FormatOf("aten::permute", "input %w: quint8[1,6,6,6,4](0.5,3)\n%y" + type +
                                          "aten::permute(self=%w, dims=[0,4,1,2,3])\n"),
            MemoryFormat::kChannelsLast);
}

TEST(MemoryFormats, AListNeedsAll) {
  const std::string type = ": quint8[1,8,6,6](0.5,3) = ";
  EXPECT_EQ(FormatOf("aten::cat", kLast + "%y" + type + "aten::cat(tensors=[%l,%l], dim=1)\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(FormatOf("aten::cat", kLast + "%y" + type + "aten::cat(tensors=[%l,%x], dim=1)\n"),
            MemoryFormat::kContiguous);
}

TEST(MemoryFormats, PermutingTellsWhereTheChannelsCome) {
  EXPECT_EQ(
      FormatOf("aten::permute", "%y: quint8[1,6,4,6](0.5,3) = aten::permute(self=%x, dims=[0,3,1,2])\n"),
      MemoryFormat::kChannelsLast);
  EXPECT_EQ(
      FormatOf("aten::permute", "%y: quint8[1,6,6,4](0.5,3) = aten::permute(self=%x, dims=[0,2,3,1])\n"),
      MemoryFormat::kContiguous);
  EXPECT_EQ(FormatOf("aten::reshape", kLast + "%y" + kType + "aten::reshape(self=%l, shape=[1,4,6,6])\n"),
            MemoryFormat::kChannelsLast);
  EXPECT_EQ(FormatOf("aten::reshape",
                     kLast + "%y: quint8[1,2,12,6](0.5,3) = aten::reshape(self=%l, shape=[1,2,12,6])\n"),
            MemoryFormat::kContiguous);
}

// The first node that depends on the order of the input x; empty: none.
std::string DependentOn(const std::string& nodes) {
  Result<ir::Graph> graph = ir::ParseGraph("graph g\ninput %x: quint8[1,4,6,6](0.5,3)\n" + nodes);
  EXPECT_TRUE(graph) << graph.error().ToString();
  const ir::NodeId id = DependsOnOrderOfInputs(*graph);
  EXPECT_EQ(graph->value(graph->inputs()[0]).memory_format, MemoryFormat::kContiguous);
  return id == ir::kNoNode ? "" : graph->node(id).op;
}

TEST(MemoryFormats, OfInputsThatMatter) {
  const std::string relu = "%r" + kType + "aten::relu(self=%x)\n";
  EXPECT_EQ(DependentOn(relu), "");
  EXPECT_EQ(DependentOn(relu + "%y" + kType + "aten::relu6(self=%r)\n"), "aten::relu6");
  EXPECT_EQ(DependentOn(kLast + "%y" + kType + "aten::relu6(self=%l)\n"), "");  // whatever the input is
  EXPECT_EQ(DependentOn("%c" + kType + "aten::contiguous(self=%x, memory_format=0)\n%y" + kType +
                        "aten::relu6(self=%c)\n"),
            "");
}

}  // namespace
}  // namespace octavo::import
