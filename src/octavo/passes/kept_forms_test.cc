#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/ir/verify.h"
#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

int Kept(const std::string& text, int (*pass)(ir::Graph&)) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  if (!graph) return -1;
  const int kept = pass(*graph);
  EXPECT_TRUE(ir::Verify(*graph));
  int separators = 0;
  for (const ir::Node& node : graph->nodes()) separators += node.op == "LeakyRelu" ? 1 : 0;
  EXPECT_EQ(separators, kept) << ir::Print(*graph);
  return kept;
}

std::string TwoQuantizations(const char* second_scale, const char* second_zero, const char* between = "") {
  return fmt::format(R"(
      input %x:float32[4]
      constant %s = float32[]{{0.5}}; constant %z = uint8[]{{3}}; constant %nothing = float32[]{{0}}
      constant %t = float32[]{{{}}}; constant %u = {}
      %0:uint8[4] = QuantizeLinear(%x, %s, %z); %1:float32[4] = DequantizeLinear(%0, %s, %z)
      {}
      %3:uint8[4] = QuantizeLinear({}, %t, %u); %4:float32[4] = DequantizeLinear(%3, %t, %u)
      output y = %4)",
                     second_scale, second_zero, between, *between == 0 ? "%1" : "%2");
}

TEST(KeepQuantizationsTest, TwoThatDiffer) {
  EXPECT_EQ(Kept(TwoQuantizations("0.25", "uint8[]{3}"), KeepQuantizations), 1);
  EXPECT_EQ(Kept(TwoQuantizations("0.5", "uint8[]{4}"), KeepQuantizations), 1);
  EXPECT_EQ(
      Kept(TwoQuantizations("0.25", "uint8[]{3}", "%2:float32[4] = Add(%1, %nothing)"), KeepQuantizations),
      1);
}

TEST(KeepQuantizationsTest, TheSameRealsNeedNothing) {
  EXPECT_EQ(Kept(TwoQuantizations("0.5", "uint8[]{3}"), KeepQuantizations), 0);
  EXPECT_EQ(Kept(TwoQuantizations("0.5", "int8[]{-125}"), KeepQuantizations), 0);
  EXPECT_EQ(Kept(TwoQuantizations("0.25", "uint8[]{3}", "%2:float32[4] = Neg(%1)"), KeepQuantizations), 0);
}

int KeptClips(const char* scale, const char* bounds, const char* first) {
  return Kept(fmt::format(R"(
      input %x:float32[4]
      constant %s = float32[]{{{}}}; constant %z = uint8[]{{0}}
      {}
      %0:float32[4] = {}; %1:float32[4] = Clip(%0, %low, %high); %2:uint8[4] = QuantizeLinear(%1, %s, %z)
      output y = %2)",
                          scale, bounds, first),
              KeepQuantizations);
}

std::string Bounds(const char* low, const char* high) {
  return fmt::format("constant %low = float32[]{{{}}}; constant %high = float32[]{{{}}}", low, high);
}

TEST(KeepQuantizationsTest, AClipWithinTheTolerance) {
  EXPECT_EQ(KeptClips("1e-09", Bounds("0", "1e-07").c_str(), "Neg(%x)"), 1);
  EXPECT_EQ(KeptClips("1e-09", Bounds("3e-09", "1").c_str(), "Neg(%x)"), 1);
  EXPECT_EQ(KeptClips("1e-09", Bounds("0", "1").c_str(), "Neg(%x)"), 0);         // clips nothing
  EXPECT_EQ(KeptClips("0.01", Bounds("0", "1").c_str(), "Neg(%x)"), 0);          // ONNX Runtime leaves it
  EXPECT_EQ(KeptClips("0.01", Bounds("0", "2.5499999").c_str(), "Neg(%x)"), 0);  // the range, rounded
}

TEST(KeepQuantizationsTest, AClipOfAGraphInput) {
  EXPECT_EQ(KeptClips("0.01", Bounds("-1", "6").c_str(), "Identity(%x)"), 1);
  EXPECT_EQ(KeptClips("0.01", Bounds("0", "2.5499999").c_str(), "Identity(%x)"), 1);
  EXPECT_EQ(KeptClips("0.01", Bounds("0", "1").c_str(), "Identity(%x)"), 0);
}

TEST(KeepPadsTest, BeforeMaxPools) {
  const auto pool = [](const char* op) {
    return fmt::format(R"(
      input %x:float32[1,1,4,4]
      constant %pads = int64[8]{{0,0,1,1,0,0,1,1}}
      %0:float32[1,1,6,6] = Pad(%x, %pads)
      %1:float32[1,1,3,3] = {}(%0, kernel_shape=[2,2], pads=[0,0,0,0], strides=[2,2])
      output y = %1)",
                       op);
  };
  EXPECT_EQ(Kept(pool("MaxPool"), KeepPads), 1);
  EXPECT_EQ(Kept(pool("AveragePool"), KeepPads), 0);
}

}  // namespace
}  // namespace octavo::passes
