#include "octavo/targets/onnxruntime/integer_kernels.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "octavo/ir/text.h"

// tests/runtime/test_int8_operators.py compares whole models with ONNX Runtime's optimized graphs.

namespace octavo::targets::onnxruntime {
namespace {

const std::string kStart = R"(
    input %x: quint8[1,4,6,6](0.5,3)
    constant %s = float32[]{0.5}; constant %t = float32[]{0.25}
    constant %z = uint8[]{3}; constant %zero = uint8[]{0}; constant %half = float32[]{0.1}
    constant %w = int8[4,4,1,1]{1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1}; constant %zw = int8[]{0}
    constant %matrix = int8[6,2]{1,1,1,1,1,1,1,1,1,1,1,1}
    %d = DequantizeLinear(%x, %s, %z); %dw = DequantizeLinear(%w, %s, %zw)
)";

// Of the first node with that operator.
Work WorkOf(const std::string& op, const std::string& nodes) {
  const Result<ir::Graph> graph = ir::ParseGraph(kStart + nodes);
  EXPECT_TRUE(graph) << graph.error().ToString();
  if (!graph) return Work::kNone;
  const std::vector<Work> work = WorkOfNodes(*graph);
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (graph->nodes()[i].op == op) return work[i];
  }
  ADD_FAILURE() << "no " << op;
  return Work::kNone;
}

TEST(WorkOfNodes, ALayerBetweenAPairIsOneKernel) {
  EXPECT_EQ(WorkOf("Conv", "%c = Conv(%d, %dw); %q = QuantizeLinear(%c, %s, %z); output %q"), Work::kInteger);
  EXPECT_EQ(WorkOf("Conv", "%c = Conv(%d, %dw); output %c"), Work::kFloat);
  EXPECT_EQ(WorkOf("Conv", "%c = Conv(%d, %dw); %q = QuantizeLinear(%c, %s, %z); output %q; output %c"),
            Work::kFloat);
  EXPECT_EQ(WorkOf("MatMul", "%m = DequantizeLinear(%matrix, %s, %zw); %c = MatMul(%d, %m); output %c"),
            Work::kInteger);
}

TEST(WorkOfNodes, AReluGoesAwayWhereTheZeroPointClamps) {
  const std::string relu = "%c = Conv(%d, %dw); %r = Relu(%c); %q = QuantizeLinear(%r, %s, ";
  EXPECT_EQ(WorkOf("Conv", relu + "%zero); output %q"), Work::kInteger);
  EXPECT_EQ(WorkOf("Conv", relu + "%z); output %q"), Work::kFloat);
}

TEST(WorkOfNodes, MovementsAreLookedThrough) {
  EXPECT_EQ(WorkOf("Add", R"(constant %shape = int64[2]{4,36}
      %r = Reshape(%d, %shape); %a = Add(%r, %r); %v = Reshape(%a, %shape); %q = QuantizeLinear(%v, %s, %z); output %q)"),
            Work::kInteger);
  EXPECT_EQ(WorkOf("Reshape", "constant %shape = int64[2]{4,36}; %r = Reshape(%d, %shape); output %r"),
            Work::kNone);
}

TEST(WorkOfNodes, OperatorsThatNeedTheSameQuantization) {
  const std::string pool = "%p = MaxPool(%d, kernel_shape=[2,2]); %q = QuantizeLinear(%p, ";
  EXPECT_EQ(WorkOf("MaxPool", pool + "%s, %z); output %q"), Work::kInteger);
  const std::string largest = "%p = ReduceMax(%d, axes=[2]); %q = QuantizeLinear(%p, ";
  EXPECT_EQ(WorkOf("ReduceMax", largest + "%s, %z); output %q"), Work::kInteger);
  EXPECT_EQ(WorkOf("ReduceMax", largest + "%t, %z); output %q"), Work::kFloat);
  EXPECT_EQ(WorkOf("ReduceMax", largest + "%s, %zero); output %q"), Work::kFloat);
  EXPECT_EQ(WorkOf("MaxPool", pool + "%t, %z); output %q"), Work::kFloat);
  EXPECT_EQ(WorkOf("MaxPool", pool + "%s, %zero); output %q"), Work::kFloat);
  // Its DequantizeLinear goes behind it.
  EXPECT_EQ(WorkOf("MaxPool", "%p = MaxPool(%d, kernel_shape=[2,2]); output %p"), Work::kInteger);
  EXPECT_EQ(WorkOf("MaxPool", "%r = Sigmoid(%d); %p = MaxPool(%r, kernel_shape=[2,2]); output %p"),
            Work::kFloat);
}

TEST(WorkOfNodes, AConcatOfFloatsMovesThem) {
  EXPECT_EQ(WorkOf("Concat", "%r = Sigmoid(%d); %c = Concat(%r, %r, axis=1); output %c"), Work::kNone);
  EXPECT_EQ(
      WorkOf("Concat",
             "%r = Sigmoid(%d); %c = Concat(%r, %r, axis=1); %q = QuantizeLinear(%c, %s, %z); output %q"),
      Work::kFloat);
}

TEST(WorkOfNodes, OperatorsOnIntegersAndOnReals) {
  EXPECT_EQ(WorkOf("Clip", "%c = Clip(%x, %z); output %c"), Work::kInteger);
  EXPECT_EQ(WorkOf("HardSwish", "%h = HardSwish(%d); %q = QuantizeLinear(%h, %s, %z); output %q"),
            Work::kFloat);
  EXPECT_EQ(WorkOf("Sum", "%a = Sum(%d, %d); %q = QuantizeLinear(%a, %s, %z); output %q"), Work::kFloat);
  EXPECT_EQ(
      WorkOf("Gather",
             "constant %table = uint8[2]{7,8}; %i = Cast(%x, to=6); %g = Gather(%table, %i); output %g"),
      Work::kInteger);
  EXPECT_EQ(WorkOf("Shape", "%n = Shape(%d); output %n"), Work::kNone);
}

// uint8 is what the kernels take; int8 between a pair of nodes is made uint8, that of an input is not.
TEST(WorkOfNodes, SignedActivations) {
  const std::string add = "%a = Add(%e, %e); %q = QuantizeLinear(%a, %s, ";
  EXPECT_EQ(WorkOf("Conv",
                   "input %i: qint8[1,4,6,6](0.5,0); %e = DequantizeLinear(%i, %s, %zw); %c = Conv(%e, %dw); "
                   "%q = QuantizeLinear(%c, %s, %zw); output %q"),
            Work::kFloat);
  EXPECT_EQ(WorkOf("Add", "%i = QuantizeLinear(%d, %s, %zw); %e = DequantizeLinear(%i, %s, %zw); " + add +
                              "%z); output %q"),
            Work::kInteger);
  EXPECT_EQ(WorkOf("Add", "%i = QuantizeLinear(%d, %s, %zw); %e = DequantizeLinear(%i, %s, %zw); " + add +
                              "%zw); output %q"),
            Work::kFloat);
}

TEST(WorkOfNodes, TheCaffe2Dialect) {
  EXPECT_EQ(WorkOf("org.pytorch._caffe2::Int8Relu",
                   "%r: quint8[1,4,6,6](0.5,3) = org.pytorch._caffe2::Int8Relu(%x); output %r"),
            Work::kInteger);
  EXPECT_EQ(WorkOf("org.pytorch._caffe2::Int8Dequantize",
                   "%r: float32 = org.pytorch._caffe2::Int8Dequantize(%x); output %r"),
            Work::kNone);
}

}  // namespace
}  // namespace octavo::targets::onnxruntime
