#include "octavo/lower/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/emit.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorType Quint8(double scale, std::int64_t zero_point, Shape shape = {1, 4}) {
  return {.dtype = DType::kQUint8,
          .shape = std::move(shape),
          .quantization = Quantization::PerTensor(scale, zero_point)};
}

Registry TestRegistry() {
  Registry registry;
  registry.Add({.name = "test::abs",
                .arguments = {arg::Tensor("self")},
                .result = SameType("self"),
                .qdq = OnReals(FloatOp("Abs")),
                .caffe2 = ThroughFloat(FloatOp("Abs"))});
  registry.Add({.name = "test::same",
                .arguments = {arg::Tensor("self")},
                .result = SameType("self"),
                .qdq = [](Builder&, const Arguments& a) { return One(a.tensor("self")); }});
  registry.Add({.name = "test::refused",
                .arguments = {arg::Tensor("self")},
                .result = SameType("self"),
                .qdq = [](Builder&, const Arguments&) -> Result<std::vector<Value>> {
                  return Unsupported("this cannot be said");
                }});
  return registry;
}

std::vector<std::string> Ops(const ir::Graph& graph) {
  std::vector<std::string> ops;
  for (const ir::Node& node : graph.nodes()) ops.push_back(node.op);
  return ops;
}

struct OneNode {
  explicit OneNode(std::string op, TensorType type) {
    auto origin = std::make_shared<ir::Origin>();
    origin->module_path = "block.act";
    origin->op = op;
    origin->place = "code/m.py:3:4";
    const ir::ValueId x = graph.AddInput("x", type);
    const ir::NodeId node = graph.AddNode(std::move(op), {{"self", x}}, {type}, origin);
    graph.AddOutput("y", graph.node(node).outputs[0]);
  }
  ir::Graph graph;
};

TEST(Lower, AFloatOperatorStandsAlone) {
  const auto lowered =
      lower::Lower(OneNode("test::abs", {.dtype = DType::kFloat32}).graph, TestRegistry(), {});
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ops(lowered->graph), ElementsAre("Abs"));
  EXPECT_EQ(lowered->graph.nodes()[0].name, "block.act/Abs");
  EXPECT_EQ(lowered->graph.opsets.at(""), 17);
}

TEST(Lower, AQuantizedOperatorIsDequantizedAndQuantized) {
  const auto lowered = lower::Lower(OneNode("test::abs", Quint8(0.5, 3)).graph, TestRegistry(), {});
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ops(lowered->graph), ElementsAre("DequantizeLinear", "Abs", "QuantizeLinear"));
  const ir::Graph& g = lowered->graph;
  const auto& dequantize = g.nodes()[0].arguments;
  EXPECT_EQ(g.value(std::get<ir::ValueId>(dequantize[1].value)).constant->ToFloats(),
            std::vector<float>{0.5f});
  const Tensor& zero = *g.value(std::get<ir::ValueId>(dequantize[2].value)).constant;
  EXPECT_EQ(zero.dtype, DType::kUint8);
  EXPECT_EQ(zero.ToInts(), std::vector<std::int64_t>{3});
  EXPECT_EQ(g.type(g.outputs()[0].value), Quint8(0.5, 3));
}

TEST(Lower, TheCaffe2DialectGoesThroughFloatWithItsOwnOperators) {
  LowerOptions options;
  options.dialect = Dialect::kCaffe2;
  options.opset = 9;
  ir::Graph graph = OneNode("test::abs", Quint8(0.5, 3)).graph;
  const auto refused = lower::Lower(graph, TestRegistry(), options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what(), HasSubstr("does not support quantized inputs, but x is quantized"));
}

TEST(Lower, TensorRtGetsInt8WithZeroPointZero) {
  LowerOptions options;
  options.target = Target::kTensorRt;
  const auto lowered = lower::Lower(OneNode("test::abs", Quint8(0.5, 128)).graph, TestRegistry(), options);
  ASSERT_TRUE(lowered);
  const ir::Graph& g = lowered->graph;
  EXPECT_EQ(g.type(g.inputs()[0]).dtype, DType::kQInt8);
  EXPECT_EQ(g.type(g.inputs()[0]).quantization->zero_point(), 0);
  EXPECT_EQ(g.type(g.outputs()[0].value).dtype, DType::kQInt8);
  const auto refused = lower::Lower(OneNode("test::abs", Quint8(0.5, 7)).graph, TestRegistry(), options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().ToString(), HasSubstr("TensorRT needs symmetric quantization"));
}

TEST(Lower, AnOutputThatIsAnInputGoesThroughIdentity) {
  const auto lowered =
      lower::Lower(OneNode("test::same", {.dtype = DType::kFloat32}).graph, TestRegistry(), {});
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ops(lowered->graph), ElementsAre("Identity"));
  EXPECT_EQ(lowered->graph.value(lowered->graph.outputs()[0].value).name, "y");
}

TEST(Lower, AFailureNamesOperatorAndPlace) {
  const auto failed =
      lower::Lower(OneNode("test::refused", {.dtype = DType::kFloat32}).graph, TestRegistry(), {});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("test::refused: this cannot be said"));
  EXPECT_THAT(failed.error().ToString(), HasSubstr("code/m.py:3:4"));
}

TEST(Lower, AllFailuresAreReportedAtOnceAndWhatFollowsThemIsNot) {
  ir::Graph graph;
  const ir::ValueId x = graph.AddInput("x", {.dtype = DType::kFloat32});
  const TensorType type{.dtype = DType::kFloat32};
  const ir::NodeId first = graph.AddNode("test::refused", {{"self", x}}, {type});
  const ir::NodeId after = graph.AddNode("test::refused", {{"self", graph.node(first).outputs[0]}}, {type});
  graph.AddNode("test::refused", {{"self", x}}, {type});
  graph.AddOutput("y", graph.node(after).outputs[0]);
  const auto failed = lower::Lower(graph, TestRegistry(), {});
  ASSERT_FALSE(failed);
  ASSERT_EQ(failed.error().details().size(), 2u);
  EXPECT_EQ(failed.error().details()[0].op, "test::refused");
}

TEST(Lower, ADialectThatARowDoesNotHaveIsAnError) {
  LowerOptions options;
  options.dialect = Dialect::kCaffe2;
  options.opset = 9;
  const auto failed =
      lower::Lower(OneNode("test::same", {.dtype = DType::kFloat32}).graph, TestRegistry(), options);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().ToString(), HasSubstr("not supported in the caffe2 dialect"));
}

TEST(Emit, ReshapeToKeepsWhatIsOpen) {
  ir::Graph graph;
  Builder g(&graph, {});
  const Dim n = Dim::Symbol("N"), h = Dim::Symbol("H");
  const Value x(&graph, graph.AddInput("x", {.dtype = DType::kFloat32, .shape = Shape{n, 8, h}}));
  auto target = [&](const Shape& shape) -> std::vector<std::int64_t> {
    const auto y = ReshapeTo(g, x, shape);
    if (!y) return {-99};
    const auto& arguments = graph.node(graph.value(y->id()).producer).arguments;
    return graph.value(std::get<ir::ValueId>(arguments[1].value)).constant->ToInts();
  };
  EXPECT_EQ(target({n, 2, 4, h}), (std::vector<std::int64_t>{0, 2, 4, -1}));
  EXPECT_EQ(target({n, h * 8}), (std::vector<std::int64_t>{0, -1}));
  EXPECT_EQ(target({n * h, 8}), (std::vector<std::int64_t>{-1, 8}));
  EXPECT_EQ(target({n * 4, 2, h * 2}), (std::vector<std::int64_t>{-99})) << "two sizes are open";
}

}  // namespace
}  // namespace octavo
