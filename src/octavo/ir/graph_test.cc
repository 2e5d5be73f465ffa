#include "octavo/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/ir/verify.h"

namespace octavo::ir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Graph ParsedGraph(const std::string& text) {
  Result<Graph> graph = ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return graph ? *std::move(graph) : Graph();
}

constexpr const char* kText =
    "input %x\nconstant %c = float32[]{1}\n"
    "%0 = a(%x, [%x,None,%c])\n"
    "%1 = b(p=packed(kind=linear, weight=%0, bias=%c), s=%x)\n"
    "%2 = c(%1)\n"
    "output y = %2\noutput z = %x\n";

TEST(GraphTest, UsesAreCountedInsideListsPackedWeightsAndOutputs) {
  const Graph graph = ParsedGraph(kText);
  // Values in the order of the text: x, c, %0, %1, %2.
  EXPECT_THAT(graph.CountUses(), ElementsAre(4, 2, 1, 1, 1));
}

TEST(GraphTest, ReplaceAllUsesReachesEveryPlaceAndNoOtherOwner) {
  Graph graph = ParsedGraph(kText);
  const Graph other = graph;  // shares the packed weights
  graph.ReplaceAllUses(ValueId{2}, ValueId{0});
  graph.ReplaceAllUses(ValueId{1}, ValueId{0});
  graph.ReplaceAllUses(ValueId{4}, ValueId{3});
  EXPECT_EQ(Print(graph),
            "input %x\nconstant %c = float32[]{1}\n%0 = a(%x, [%x,None,%x])\n"
            "%1 = b(p=packed(kind=linear, weight=%x, bias=%x), s=%x)\n%2 = c(%1)\n"
            "output y = %1\noutput z = %x\n");
  EXPECT_EQ(Print(other), kText);
}

TEST(GraphTest, KeepNodesRenumbersProducers) {
  Graph graph = ParsedGraph("input %x\n%0 = a(%x)\n%1 = b(%x)\n%2 = c(%1)\noutput y = %2\n");
  graph.KeepNodes({false, true, true});
  EXPECT_EQ(Print(graph), "input %x\n%0 = b(%x)\n%1 = c(%0)\noutput y = %1\n");
  EXPECT_TRUE(Verify(graph));
  EXPECT_EQ(graph.value(ValueId{1}).producer, kNoNode);
  EXPECT_EQ(graph.value(ValueId{2}).producer, 0);
}

TEST(GraphTest, FindTakesTheNamedArgument) {
  const Graph graph = ParsedGraph("%0 = op(1, a=2, b=3)");
  ASSERT_NE(graph.node(0).Find("b"), nullptr);
  EXPECT_EQ(std::get<Dim>(*graph.node(0).Find("b")), Dim(3));
  EXPECT_EQ(graph.node(0).Find("c"), nullptr);
}

// ---- Verify: each defect that a graph can have ----

class VerifyTest : public ::testing::Test {
 protected:
  void Refused(const std::string& message) {
    const Status status = Verify(graph_);
    ASSERT_FALSE(status) << message;
    EXPECT_THAT(status.error().ToString(), HasSubstr(message));
    EXPECT_THAT(status.error().hint(), HasSubstr("bug"));
  }
  Graph graph_ = ParsedGraph(kText);
};

TEST_F(VerifyTest, WellFormed) { EXPECT_TRUE(Verify(graph_)); }

TEST_F(VerifyTest, UseBeforeItIsMade) {
  std::swap(graph_.nodes()[1], graph_.nodes()[2]);
  Refused("is used before it is computed");
}

TEST_F(VerifyTest, UnknownValue) {
  graph_.node(2).arguments[0].value = ValueId{99};
  Refused("value %99 does not exist");
}

TEST_F(VerifyTest, UnknownValueInsideAList) {
  graph_.node(2).arguments[0].value = ValueList{ValueId{0}, ValueId{99}};
  Refused("value %99 does not exist");
}

TEST_F(VerifyTest, ValueMadeTwice) {
  graph_.node(2).outputs = graph_.node(1).outputs;
  Refused("is defined twice");
}

TEST_F(VerifyTest, InputMadeByANode) {
  graph_.node(2).outputs = {ValueId{0}};
  Refused("is defined twice");
}

TEST_F(VerifyTest, WrongProducer) {
  graph_.value(ValueId{4}).producer = 0;
  Refused("names another node");
}

TEST_F(VerifyTest, OutputThatNothingMakes) {
  graph_.outputs()[0].value = ValueId{};
  Refused("output y");
  graph_ = ParsedGraph(kText);
  graph_.KeepNodes({true, true, false});
  Refused("is used before it is computed");
}

TEST_F(VerifyTest, NoOperator) {
  graph_.node(1).op.clear();
  Refused("has no operator");
}

TEST_F(VerifyTest, NoOutputs) {
  graph_.node(2).outputs.clear();
  Refused("a node has no outputs");
}

TEST_F(VerifyTest, QuantizationThatDoesNotFitTheType) {
  TensorType& type = graph_.value(ValueId{4}).type;
  type = {.dtype = DType::kQUint8, .shape = Shape{2}};
  Refused("has no scale");
  type = {.dtype = DType::kFloat32, .shape = Shape{2}, .quantization = Quantization::PerTensor(1, 0)};
  Refused("is not quantized");
  type.dtype = DType::kQUint8;
  EXPECT_TRUE(Verify(graph_));
  type.quantization->axis = 0;
  Refused("1 scales, but the axis has size 2");
  type.quantization->axis = 1;
  Refused("no axis 1");
}

TEST_F(VerifyTest, ConstantThatIsNotWhatItsTypeSays) {
  graph_.value(ValueId{1}).type.shape = Shape{1};
  Refused("but its constant has type");
}

TEST_F(VerifyTest, ConstantThatReachesOutOfItsStorage) {
  const auto with = [this](std::int64_t size, std::int64_t stride, std::int64_t offset) {
    Tensor tensor = Tensor::Floats({4}, {1, 2, 3, 4});
    tensor.sizes = {size};
    tensor.strides = {stride};
    tensor.offset = offset;
    Value& value = graph_.value(ValueId{1});
    value.type = tensor.type();
    value.constant = std::move(tensor);
    return Verify(graph_).has_value();
  };
  EXPECT_TRUE(with(4, 1, 0));
  EXPECT_TRUE(with(1000, 0, 3));
  EXPECT_TRUE(with(4, -1, 3));
  EXPECT_TRUE(with(0, 1, 9));
  EXPECT_FALSE(with(5, 1, 0));
  EXPECT_FALSE(with(4, 1, 1));
  EXPECT_FALSE(with(2, 4, 0));
  EXPECT_FALSE(with(4, -1, 2));
  EXPECT_FALSE(with(-1, 1, 0));
  EXPECT_FALSE(with(1, 1, -1));
  EXPECT_FALSE(with(std::int64_t{1} << 62, std::int64_t{1} << 62, 0));
  EXPECT_FALSE(with(3, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max()));
}

TEST_F(VerifyTest, MissingPackedWeights) {
  graph_.node(1).arguments[0].value = std::shared_ptr<const PackedWeights>();
  Refused("packed weights are missing");
}

}  // namespace
}  // namespace octavo::ir
