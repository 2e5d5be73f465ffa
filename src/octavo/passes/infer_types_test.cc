#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

// The types of the node outputs of a graph after InferTypes, in order.
std::vector<std::string> InferredTypes(const std::string& text) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  if (!graph) return {};
  InferTypes(*graph);
  std::vector<std::string> types;
  for (const ir::Node& node : graph->nodes()) {
    for (const ir::ValueId output : node.outputs) types.push_back(graph->type(output).ToString());
  }
  return types;
}

// The type of the last one.
std::string InferredType(const std::string& text) {
  const std::vector<std::string> types = InferredTypes(text);
  return types.empty() ? "" : types.back();
}

TEST(InferTypesTest, Elementwise) {
  EXPECT_EQ(InferredType("input %x: float32[2,N,4]; %0 = Relu(%x)"), "float32[2,N,4]");
  EXPECT_EQ(InferredType("input %x: float32[2,N,4]; input %y: float32[3,1,1]; %0 = Mul(%x, %y)"), "float32");
  EXPECT_EQ(InferredType("input %x: float32[2,1,4]; input %y: float32[3,1]; %0 = Mul(%x, %y)"),
            "float32[2,3,4]");
  EXPECT_EQ(InferredType("input %x: float64[N,4]; input %y: float64[3,1]; %0 = Sum(%x, %y)"), "float64[3,4]");
  EXPECT_EQ(InferredType("input %x: float32[N]; input %y: float32[1]; %0 = Less(%x, %y)"), "bool[N]");
  EXPECT_EQ(
      InferredType("input %c: bool[N,1]; input %x: int64[1]; input %y: int64[3]; %0 = Where(%c, %x, %y)"),
      "int64[N,3]");
}

TEST(InferTypesTest, CastsNameTheirType) {
  EXPECT_EQ(InferredType("input %x: float32[N,4]; %0 = Cast(%x, to=11); %1 = Neg(%0)"), "float64[N,4]");
  EXPECT_EQ(InferredType("input %x: float64[2]; %0 = Cast(%x, to=1)"), "float32[2]");
  EXPECT_EQ(InferredType("input %x: float32[2]; %0 = Cast(%x, to=9)"), "bool[2]");
}

TEST(InferTypesTest, ASizeOfTwoInputsIsNotNamed) {
  // Either may be 1 when the model runs.
  const std::string type = InferredType("input %x: float32[N,4]; input %y: float32[M,4]; %0 = Add(%x, %y)");
  EXPECT_THAT(type, testing::StartsWith("float32[?"));
}

TEST(InferTypesTest, QuantizedValuesAreIntegers) {
  const std::string text = R"(
      input %x: float32[1,8]
      constant %scale = float32[]{0.5}; constant %zero = uint8[]{3}
      %0 = QuantizeLinear(%x, %scale, %zero); %1 = DequantizeLinear(%0, %scale, %zero))";
  EXPECT_THAT(InferredTypes(text), testing::ElementsAre("uint8[1,8]", "float32[1,8]"));
}

TEST(InferTypesTest, WhatIsStatedStays) {
  EXPECT_EQ(InferredType("input %x: float32[2]; %0: quint8[9](0.5,3) = Relu(%x)"), "quint8[9](0.5,3)");
  EXPECT_EQ(InferredType("input %x: float32[2]; %0: int64 = Relu(%x)"), "int64[2]");
}

TEST(InferTypesTest, Windows) {
  const auto conv = [](const std::string& attributes) {
    return InferredType("input %x: float32[N,3,H,9]; input %w: float32[8,3,3,5]; %0 = Conv(%x, %w" +
                        attributes + ")");
  };
  EXPECT_EQ(conv(""), "float32[N,8,H - 2,5]");
  EXPECT_EQ(conv(", pads=[1,2,1,2], strides=[1,2]"), "float32[N,8,H,5]");
  EXPECT_EQ(conv(", strides=[2,3], dilations=[2,1]"), "float32[N,8,floor((H - 5)/2) + 1,2]");
  EXPECT_EQ(conv(", auto_pad=\"SAME_UPPER\""), "float32");
  EXPECT_EQ(InferredType("input %x: float32[1,3,4,3]; input %w: float32[8,3,3,5]; %0 = Conv(%x, %w)"),
            "float32")
      << "no input runs through it";
  EXPECT_EQ(InferredType(
                "input %x: float32[N,6,H,9]; input %w: float32[6,4,3,2]; "
                "%0 = ConvTranspose(%x, %w, group=2, strides=[2,1], pads=[1,0,1,0], output_padding=[1,0])"),
            "float32[N,8,2*H,10]");
  EXPECT_EQ(InferredType("input %x: float32[N,3,10]; %0 = MaxPool(%x, kernel_shape=[3], strides=[2])"),
            "float32[N,3,4]");
  EXPECT_EQ(
      InferredType(
          "input %x: float32[N,3,11]; %0 = AveragePool(%x, kernel_shape=[3], strides=[2], ceil_mode=1)"),
      "float32[N,3,5]");
  EXPECT_THAT(
      InferredType("input %x: float32[N,3,10]; %0 = MaxPool(%x, kernel_shape=[3], strides=[2], ceil_mode=1)"),
      testing::StartsWith("float32[N,3,?"))
      << "versions of ONNX differ";
  EXPECT_THAT(InferredTypes("input %x: float32[N,3,10]; %0, %1 = MaxPool(%x, kernel_shape=[2])"),
              testing::ElementsAre("float32[N,3,9]", "int64[N,3,9]"));
  EXPECT_EQ(InferredType("input %x: uint8[N,3,H,W]; %0 = GlobalMaxPool(%x)"), "uint8[N,3,1,1]");
}

TEST(InferTypesTest, Products) {
  EXPECT_EQ(InferredType("input %x: float32[N,3]; input %w: float32[8,3]; %0 = Gemm(%x, %w, transB=1)"),
            "float32[N,8]");
  EXPECT_EQ(InferredType("input %x: float32[3,N]; input %w: float32[3,8]; %0 = Gemm(%x, %w, transA=1)"),
            "float32[N,8]");
  EXPECT_EQ(InferredType("input %x: float32[5,1,N,3]; input %w: float32[7,3,8]; %0 = MatMul(%x, %w)"),
            "float32[5,7,N,8]");
  EXPECT_EQ(InferredType("input %x: float32[3]; input %w: float32[7,3,8]; %0 = MatMul(%x, %w)"),
            "float32[7,8]");
  EXPECT_EQ(InferredType("input %x: float32[N,3]; input %w: float32[3]; %0 = MatMul(%x, %w)"), "float32[N]");
}

TEST(InferTypesTest, Movement) {
  const auto of = [](const std::string& type, const std::string& rest) {
    return InferredType("input %x: " + type + "; " + rest);
  };
  EXPECT_EQ(of("int8[2,N,4]", "%0 = Transpose(%x, perm=[1,2,0])"), "int8[N,4,2]");
  EXPECT_EQ(of("int8[2,N,4]", "%0 = Transpose(%x)"), "int8[4,N,2]");
  EXPECT_EQ(of("int8[N,6,4]", "constant %s = int64[3]{0,-1,8}; %0 = Reshape(%x, %s)"), "int8[N,3,8]");
  EXPECT_EQ(of("int8[N,6,4]", "constant %s = int64[2]{-1,8}; %0 = Reshape(%x, %s)"), "int8[3*N,8]");
  EXPECT_EQ(of("int8[N,6,4]", "%0 = Flatten(%x)"), "int8[N,24]");
  EXPECT_EQ(of("int8[N,6,4]", "%0 = Flatten(%x, axis=-1)"), "int8[6*N,4]");
  EXPECT_EQ(of("int8[N,1,4,1]", "constant %a = int64[2]{1,-1}; %0 = Squeeze(%x, %a)"), "int8[N,4]");
  EXPECT_EQ(of("int8[N,1,4,1]", "%0 = Squeeze(%x, axes=[3])"), "int8[N,1,4]");
  EXPECT_EQ(of("int8[N,4]", "constant %a = int64[2]{0,-1}; %0 = Unsqueeze(%x, %a)"), "int8[1,N,4,1]");
  EXPECT_EQ(of("int8[N,4]", "constant %s = int64[2]{3,1}; %0 = Tile(%x, %s)"), "int8[3*N,4]");
  EXPECT_EQ(of("int8[N,1]", "constant %s = int64[3]{2,1,5}; %0 = Expand(%x, %s)"), "int8[2,N,5]");
  EXPECT_EQ(of("int8[N,4]", "constant %p = int64[4]{1,0,2,-3}; %0 = Pad(%x, %p)"), "int8[N + 3,1]");
  EXPECT_EQ(of("int8[N,4]", "input %y: int8[M,4]; %0 = Concat(%x, %y, axis=0)"), "int8[M + N,4]");
  EXPECT_EQ(of("int8[N,5,4]", "constant %i = int64[2,3]{0,1,2,3,4,0}; %0 = Gather(%x, %i, axis=1)"),
            "int8[N,2,3,4]");
  EXPECT_EQ(of("int8[N,4]", "constant %i = int64[]{0}; %0 = Gather(%x, %i, axis=1)"), "int8[N]");
  EXPECT_EQ(of("int8[N,8,2,3]", "%0 = DepthToSpace(%x, blocksize=2)"), "int8[N,2,4,6]");
  EXPECT_EQ(of("float32[N,8,2,3]",
               "constant %s = int64[4]{2,8,5,6}; %0 = Resize(%x, None, None, %s, mode=\"nearest\")"),
            "float32[2,8,5,6]");
  EXPECT_THAT(
      InferredTypes("input %x: int8[N,7]; constant %s = int64[2]{3,4}; %0, %1 = Split(%x, %s, axis=1)"),
      testing::ElementsAre("int8[N,3]", "int8[N,4]"));
  EXPECT_THAT(InferredTypes("input %x: int8[N,7]; %0, %1 = Split(%x, axis=1, num_outputs=2)"),
              testing::ElementsAre("int8[N,4]", "int8[N,3]"));
}

TEST(InferTypesTest, Slices) {
  const auto slice = [](const std::string& size, const std::string& numbers, const std::string& end) {
    return InferredType("input %x: int8[2," + size + "]; constant %start = int64[1]{" + numbers +
                        "}; constant %end = int64[1]{" + end +
                        "}; constant %axis = int64[1]{-1}; %0 = Slice(%x, %start, %end, %axis)");
  };
  EXPECT_EQ(slice("7", "2", "5"), "int8[2,3]");
  EXPECT_EQ(slice("7", "-3", "9223372036854775807"), "int8[2,3]");
  EXPECT_EQ(slice("7", "-30", "-1"), "int8[2,6]");
  EXPECT_EQ(slice("7", "5", "2"), "int8[2,0]");
  EXPECT_EQ(slice("N", "0", "9223372036854775807"), "int8[2,N]");
  EXPECT_THAT(slice("N", "0", "5"), testing::StartsWith("int8[2,?"));
  const auto step = [](const std::string& start, const std::string& end, const std::string& by) {
    return InferredType("input %x: int8[7]; constant %start = int64[1]{" + start +
                        "}; constant %end = int64[1]{" + end +
                        "}; constant %axis = int64[1]{0}; constant %step = int64[1]{" + by +
                        "}; %0 = Slice(%x, %start, %end, %axis, %step)");
  };
  EXPECT_EQ(step("0", "7", "3"), "int8[3]");
  EXPECT_EQ(step("-1", "-9223372036854775808", "-1"), "int8[7]");
  EXPECT_EQ(step("5", "1", "-2"), "int8[2]");
  EXPECT_EQ(step("0", "7", "-9223372036854775808"), "int8[0]");
  EXPECT_EQ(InferredType("input %x: int8[7,4]; %0 = Slice(%x, starts=[1], ends=[3], axes=[0])"), "int8[2,4]");
}

TEST(InferTypesTest, ReductionsAndIndices) {
  const auto of = [](const std::string& rest) { return InferredType("input %x: float32[N,3,4]; " + rest); };
  EXPECT_EQ(of("%0 = ReduceMean(%x, axes=[-1,0])"), "float32[1,3,1]");
  EXPECT_EQ(of("%0 = ReduceMean(%x, axes=[-1], keepdims=0)"), "float32[N,3]");
  EXPECT_EQ(of("constant %a = int64[1]{1}; %0 = ReduceSum(%x, %a, keepdims=0)"), "float32[N,4]");
  EXPECT_EQ(of("%0 = ReduceMax(%x, keepdims=0)"), "float32[]");
  EXPECT_EQ(of("%0 = ArgMax(%x, axis=1, keepdims=0)"), "int64[N,4]");
  EXPECT_EQ(of("%0 = Shape(%x)"), "int64[3]");
  EXPECT_EQ(InferredType("input %x: int64[N]; constant %d = int64[]{5}; constant %v = float32[2]{0,1}; "
                         "%0 = OneHot(%x, %d, %v)"),
            "float32[N,5]");
}

TEST(InferTypesTest, WhatReadsAValueTellsItsShape) {
  const std::string text = R"(
      input %x: float32[N,3]; constant %half = float32[]{0.5}; constant %zero = uint8[]{0}
      constant %row = float32[3]{1,2,3}
      %0: float32 = mylib::twice(%x)
      %1 = Mul(%0, %half); %2 = Relu(%1)
      %3: quint8[N,3](0.5,0) = QuantizeLinear(%2, %half, %zero)
      %4: float32 = mylib::twice(%x)
      %5: float32[N,3] = Mul(%4, %row))";
  const std::vector<std::string> types = InferredTypes(text);
  ASSERT_EQ(types.size(), 6U);
  EXPECT_THAT(std::vector(types.begin(), types.begin() + 4),
              testing::ElementsAre("float32[N,3]", "float32[N,3]", "float32[N,3]", "quint8[N,3](0.5,0)"));
  EXPECT_THAT(types[4], testing::StartsWith("float32[N,?")) << "3 or 1";
}

TEST(InferTypesTest, UnknownOperatorsAndInputsStayUnknown) {
  EXPECT_EQ(InferredType("input %x: float32[2]; %0 = mylib::twice(%x)"), "?");
  EXPECT_EQ(InferredType("input %x: float32; %0 = Relu(%x)"), "float32");
  EXPECT_EQ(InferredType("input %x: float32; %0: float32[2] = Relu(%x)"), "float32[2]");
  EXPECT_EQ(InferredType("input %x: float32[2]; input %s: int64[1]; %0 = Reshape(%x, %s)"), "float32");
}

}  // namespace
}  // namespace octavo::passes
