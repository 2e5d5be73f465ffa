#include <limits>

#include <gtest/gtest.h>

#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

using ir::Graph;
using ir::ValueId;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

ValueId Quantize(Graph& graph, const Tensor& x, DType dtype, Quantization quantization) {
  const char* op = quantization.per_tensor() ? "aten::quantize_per_tensor" : "aten::quantize_per_channel";
  TensorType type = x.type();
  type.dtype = dtype;
  type.quantization = std::move(quantization);
  const ValueId constant = graph.AddConstant(x, "w");
  return graph.node(graph.AddNode(op, {{"self", constant}}, {type})).outputs[0];
}

std::vector<std::int64_t> Levels(const Tensor& x, DType dtype, Quantization quantization,
                                 Engine engine = Engine::kQnnpack) {
  Graph graph;
  const ValueId y = Quantize(graph, x, dtype, std::move(quantization));
  const auto made = QuantizedConstants(graph, engine);
  const auto found = made.find(y.index);
  return found == made.end() ? std::vector<std::int64_t>() : found->second.ToInts();
}

// torch.quantize_per_tensor(torch.tensor([...]), 0.1, 3, torch.qint8).int_repr() and the like in PyTorch 1.13
// with qnnpack.
TEST(QuantizedConstants, AreWhatPyTorchQuantizesTo) {
  const Tensor f = Tensor::Floats({9}, {-100, -2, -0.35F, -0.25F, -0.05F, 0.05F, 0.15F, 0.45F, 100});
  EXPECT_EQ(Levels(f, DType::kQInt8, Quantization::PerTensor(0.1, 3)),
            (std::vector<std::int64_t>{-128, -17, -1, 1, 3, 3, 5, 7, 127}));
  const Quantization channels{.scales = {0.5, 0.25}, .zero_points = {0, 1}, .axis = 0};
  EXPECT_EQ(Levels(Tensor::Floats({2, 2}, {1, -1, 1, -1}), DType::kQInt8, channels),
            (std::vector<std::int64_t>{2, -2, 5, -3}));
}

TEST(QuantizedConstants, NanIsTheLowestLevel) {
  const Tensor f = Tensor::Floats({2}, {kNan, 1});
  EXPECT_EQ(Levels(f, DType::kQUint8, Quantization::PerTensor(0.05, 7)), (std::vector<std::int64_t>{0, 27}));
  EXPECT_EQ(Levels(f, DType::kQInt8, Quantization::PerTensor(0.05, 7)),
            (std::vector<std::int64_t>{-128, 27}));
  EXPECT_EQ(Levels(f, DType::kQInt8, {.scales = {0.1, 0.5}, .zero_points = {5, 6}, .axis = 0}),
            (std::vector<std::int64_t>{-128, 8}));
}

// The answers of PyTorch 2.13 from PyPI: it adds the zero point before it rounds.
TEST(QuantizedConstants, AreWhatBuildsWithFbgemmQuantizeTo) {
  const Tensor f = Tensor::Floats(
      {12}, {-100, -2, -0.35F, -0.25F, -0.05F, 0.05F, 0.15F, 0.45F, 100, kNan, kInfinity, -kInfinity});
  EXPECT_EQ(Levels(f, DType::kQInt8, Quantization::PerTensor(0.1, 3), Engine::kX86),
            (std::vector<std::int64_t>{-128, -17, 0, 0, 2, 4, 4, 8, 127, 127, 127, -128}));
  EXPECT_EQ(Levels(f, DType::kQUint8, Quantization::PerTensor(0.1, 3), Engine::kQnnpackX86),
            (std::vector<std::int64_t>{0, 0, 0, 0, 2, 4, 4, 8, 255, 255, 255, 0}));
  const Tensor c =
      Tensor::Floats({2, 4}, {0.25F, -0.75F, kNan, kInfinity, 0.125F, -0.375F, kNan, -kInfinity});
  EXPECT_EQ(
      Levels(c, DType::kQInt8, {.scales = {0.5, 0.25}, .zero_points = {1, 1}, .axis = 0}, Engine::kFbgemm),
      (std::vector<std::int64_t>{2, 0, 0, 127, 2, 0, 0, -128}));
}

// PyTorch's engine takes infinity for the lowest level: that the written model does not is said of a node.
TEST(QuantizedConstants, LeavesInfinityToTheNode) {
  EXPECT_TRUE(Levels(Tensor::Floats({1}, {kInfinity}), DType::kQInt8, Quantization::PerTensor(1, 0)).empty());
  EXPECT_EQ(Levels(Tensor::Floats({1}, {-kInfinity}), DType::kQInt8, Quantization::PerTensor(1, 0)),
            std::vector<std::int64_t>{-128});
}

TEST(QuantizedConstants, FollowsWhatMovesThem) {
  Graph graph;
  const Quantization channels{.scales = {1, 1}, .zero_points = {0, 0}, .axis = 0};
  const Tensor w = Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const ValueId q = Quantize(graph, w, DType::kQInt8, channels);
  TensorType moved = graph.type(q);
  moved.shape = Shape{Dim(3), Dim(2)};
  moved.quantization->axis = 1;
  const ValueId t =
      graph
          .node(graph.AddNode("aten::transpose", {{"self", q}, {"dim0", Dim(0)}, {"dim1", Dim(-1)}}, {moved}))
          .outputs[0];
  const auto made = QuantizedConstants(graph, Engine::kQnnpack);
  ASSERT_TRUE(made.contains(t.index));
  EXPECT_EQ(made.at(t.index).ToInts(), (std::vector<std::int64_t>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(made.at(t.index).quantization->axis, 1);
}

}  // namespace
}  // namespace octavo::passes
