#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/ir/verify.h"
#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

ir::Graph ParsedWeights(const std::string& text) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return graph ? *std::move(graph) : ir::Graph();
}

void ExpectNodes(const ir::Graph& graph, const std::vector<std::string>& ops) {
  std::vector<std::string> got;
  for (const ir::Node& node : graph.nodes()) got.push_back(node.op);
  EXPECT_EQ(got, ops) << ir::Print(graph);
  EXPECT_TRUE(ir::Verify(graph));
}

int Compute(ir::Graph& graph, bool as_constants = false) {
  std::vector<bool> products;
  for (const ir::Node& node : graph.nodes()) products.push_back(node.op == "MatMul" || node.op == "Gemm");
  return ComputeWeights(graph, products, as_constants);
}

constexpr const char* kLinear = R"(
    input %x:float32[N,2]
    constant %w = int8[3,2]{1,2,-3,4,5,-128}; constant %s = float32[3]{0.5,1,2}; constant %z = int8[3]{0,0,0}
    %0:float32[3,2] = DequantizeLinear(%w, %s, %z, axis=0)
    %1:float32[2,3] = Transpose(%0, perm=[1,0])
    %2 = MatMul(%x, %1)
    output y = %2)";

TEST(ComputeWeightsTest, ZeroPointsOfZeroNeedNoSub) {
  ir::Graph graph = ParsedWeights(kLinear);
  EXPECT_EQ(Compute(graph), 1);
  ExpectNodes(graph, {"Cast", "Mul", "Transpose", "MatMul"});
  const ir::Node& mul = graph.nodes()[1];
  const Tensor& scale = *graph.value(std::get<ir::ValueId>(mul.arguments[1].value)).constant;
  EXPECT_EQ(scale.sizes, (std::vector<std::int64_t>{3, 1}));
}

TEST(ComputeWeightsTest, AZeroPointIsSubtracted) {
  ir::Graph graph = ParsedWeights(R"(
      input %x:float32[N,2]
      constant %w = uint8[2,3]{1,2,3,4,5,255}; constant %s = float32[]{0.5}; constant %z = uint8[]{128}
      %0:float32[2,3] = DequantizeLinear(%w, %s, %z)
      %1 = Gemm(%x, %0)
      output y = %1)");
  EXPECT_EQ(Compute(graph), 1);
  ExpectNodes(graph, {"Cast", "Sub", "Mul", "Gemm"});
  EXPECT_EQ(RestoreDequantizeLinear(graph), 1);
  ExpectNodes(graph, {"DequantizeLinear", "Gemm"});
  const ir::Node& node = graph.nodes()[0];
  EXPECT_EQ(graph.value(std::get<ir::ValueId>(node.arguments[2].value)).constant->ToInts(),
            std::vector<std::int64_t>{128});
}

TEST(ComputeWeightsTest, AsConstantsTheyAreTheReals) {
  ir::Graph graph = ParsedWeights(kLinear);
  EXPECT_EQ(Compute(graph, true), 1);
  ExpectNodes(graph, {"Transpose", "MatMul"});
  const ir::ValueId reals = std::get<ir::ValueId>(graph.nodes()[0].arguments[0].value);
  EXPECT_EQ(graph.value(reals).constant->ToFloats(), (std::vector<float>{0.5, 1, -3, 4, 10, -256}));
}

TEST(ComputeWeightsTest, WhatOthersReadStays) {
  ir::Graph graph = ParsedWeights(R"(
      input %x:float32[N,2]
      constant %w = int8[3,2]{1,2,3,4,5,6}; constant %s = float32[]{0.5}; constant %z = int8[]{0}
      %0:float32[3,2] = DequantizeLinear(%w, %s, %z)
      %1:float32[2,3] = Transpose(%0, perm=[1,0])
      %2 = MatMul(%x, %1)
      %3 = Neg(%0)
      %4 = MatMul(%x, %1)
      output y = %2; output z = %3; output u = %4)");
  EXPECT_EQ(Compute(graph), 2);
  ExpectNodes(graph, {"Cast", "Mul", "DequantizeLinear", "Transpose", "MatMul", "Neg", "MatMul"});
}

TEST(ComputeWeightsTest, OnlyTheProductsThatAreNamed) {
  ir::Graph graph = ParsedWeights(kLinear);
  EXPECT_EQ(ComputeWeights(graph, {false, false, false}, false), 0);
  ExpectNodes(graph, {"DequantizeLinear", "Transpose", "MatMul"});
}

TEST(RestoreDequantizeLinearTest, IsTheOtherWayRound) {
  ir::Graph graph = ParsedWeights(kLinear);
  EXPECT_EQ(Compute(graph), 1);
  EXPECT_EQ(RestoreDequantizeLinear(graph), 1);
  ExpectNodes(graph, {"DequantizeLinear", "Transpose", "MatMul"});
  const ir::Node& node = graph.nodes()[0];
  EXPECT_EQ(std::get<Dim>(*node.Find("axis")), Dim(0));
  EXPECT_EQ(graph.value(std::get<ir::ValueId>(node.arguments[1].value)).constant->ToFloats(),
            (std::vector<float>{0.5, 1, 2}));
}

TEST(RestoreDequantizeLinearTest, OtherProductsOfIntegersStay) {
  for (const char* zero : {"1.5", "300", "-1"}) {  // no zero point of uint8
    ir::Graph graph = ParsedWeights(std::string(R"(
        constant %w = uint8[2]{1,2}; constant %s = float32[]{0.5}; constant %z = float32[]{)") +
                                    zero + R"(}
        %0 = Cast(%w, to=1); %1 = Sub(%0, %z); %2 = Mul(%1, %s)
        output y = %2)");
    EXPECT_EQ(RestoreDequantizeLinear(graph), 0);
    ExpectNodes(graph, {"Cast", "Sub", "Mul"});
  }
}

}  // namespace
}  // namespace octavo::passes
