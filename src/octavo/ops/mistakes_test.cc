#include "octavo/ops/mistakes.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "octavo/ops/rows_testing.h"

// tests/runtime/test_as_meant.py compares these with PyTorch.

namespace octavo {
namespace {

using testing::Dims;
using testing::OneCall;
using testing::Quint8;

// What is said about the one call with qnnpack; empty where PyTorch is right.
std::string MistakeIn(const OneCall& call) {
  const Result<lower::Lowered> lowered = call.Lower({.engine = Engine::kQnnpack});
  EXPECT_TRUE(lowered) << lowered.error().ToString();
  if (!lowered || lowered->mistakes.empty()) return {};
  EXPECT_EQ(lowered->mistakes.size(), 1U);
  EXPECT_EQ(lowered->exactness.size(), 1U);
  EXPECT_EQ(lowered->exactness[0].statement.exactness, Exactness::kAsMeant);
  return lowered->mistakes[0].statement.bound;
}

std::string OfCallWith(const std::string& op, const std::vector<TensorType>& inputs,
                       std::vector<ir::Operand> arguments) {
  OneCall call(RegisterBuiltinOperators);
  std::vector<ir::Operand> all;
  for (const TensorType& type : inputs) all.emplace_back(call.Input(type));
  all.insert(all.end(), arguments.begin(), arguments.end());
  const Status called = call.Call(op, std::move(all));
  EXPECT_TRUE(called) << called.error().ToString();
  return MistakeIn(call);
}

const TensorType kImage = Quint8(Shape{2, 4, 6, 5}, 0.05, 110);
const TensorType kPixels = Quint8(Shape{2, 4, 1, 1}, 0.05, 110);

TEST(Mistakes, OfAveragesThatDoNotDivideByTheCells) {
  const auto average = [](bool count_include_pad, std::int64_t padding, ir::Operand divisor,
                          bool ceil = false) {
    return OfCallWith("aten::avg_pool2d", {kImage},
                      {Dims{2, 2}, Dims{1, 1}, Dims{padding, padding}, ceil, count_include_pad, divisor});
  };
  EXPECT_EQ(average(true, 1, ir::None{}), "");
  EXPECT_EQ(average(false, 0, ir::None{}), "");
  EXPECT_EQ(average(false, 1, ir::None{}), "PyTorch overlooks count_include_pad=False");
  EXPECT_EQ(average(true, 0, Dim(3)), "PyTorch overlooks divisor_override");
  EXPECT_EQ(average(true, 0, Dim(4)), "");
}

TEST(Mistakes, OfNumbersBeyondInt64) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto pad = [](double value) {
    return OfCallWith("aten::constant_pad_nd", {kImage}, {Dims{1, 1}, value});
  };
  const std::string too_large =
      "PyTorch takes infinity, and numbers of 2^63 steps and more, for the lowest level";
  EXPECT_EQ(pad(kInfinity), too_large);
  EXPECT_EQ(pad(1e30), too_large);
  EXPECT_EQ(pad(1e9), "");
  EXPECT_EQ(pad(-kInfinity), "");
  EXPECT_EQ(pad(std::numeric_limits<double>::quiet_NaN()), "");
  EXPECT_EQ(OfCallWith("aten::clamp", {kImage}, {kInfinity, ir::None{}}), too_large);
  EXPECT_EQ(OfCallWith("aten::hardtanh", {kImage}, {-1.0, kInfinity}), too_large);
  EXPECT_EQ(OfCallWith("aten::hardtanh", {kImage}, {-1.0, 1.0}), "");
  EXPECT_EQ(OfCallWith("aten::threshold", {kImage}, {0.5, kInfinity}), too_large);
  EXPECT_EQ(OfCallWith("aten::leaky_relu", {kImage}, {-kInfinity}), too_large);
  const std::string overflows = "PyTorch overflows in numbers of 2^31 steps and more";
  EXPECT_EQ(OfCallWith("aten::threshold", {kImage}, {0.5, std::numeric_limits<double>::quiet_NaN()}),
            overflows);
  EXPECT_EQ(OfCallWith("aten::threshold", {kImage}, {0.5, 1e9}), "");
  EXPECT_EQ(OfCallWith("aten::threshold", {Quint8(Shape{2, 4}, 0.05, 128)}, {0.5, 1e9}), overflows);
  EXPECT_EQ(OfCallWith("aten::leaky_relu", {kImage}, {1e9}), "");
  EXPECT_EQ(OfCallWith("aten::leaky_relu", {kImage}, {0.01}), "");
}

TEST(Mistakes, OfDilatedWindowsInThePadding) {
  const auto maximum = [](std::int64_t padding, std::int64_t dilation) {
    return OfCallWith("aten::max_pool2d", {kImage},
                      {Dims{3, 3}, Dims{1, 1}, Dims{padding, padding}, Dims{dilation, dilation}, false});
  };
  EXPECT_EQ(maximum(1, 1), "");
  EXPECT_EQ(maximum(0, 2), "");
  EXPECT_EQ(maximum(1, 2), "PyTorch reads other elements where a dilated window reaches into the padding");
}

TEST(Mistakes, OfSumsWithALargeScale) {
  EXPECT_EQ(OfCallWith("quantized::add", {kImage, kImage}, {51.0, Dim(128)}), "");
  EXPECT_NE(OfCallWith("quantized::add", {kImage, kImage}, {52.0, Dim(128)}), "");
  const TensorType column = Quint8(Shape{2, 4, 6, 1}, 0.05, 110);
  EXPECT_EQ(OfCallWith("quantized::add", {kImage, column}, {52.0, Dim(128)}), "");
}

TEST(Mistakes, OfProductsBeyondInt32) {
  EXPECT_EQ(OfCallWith("quantized::mul", {kImage, kImage}, {5e-8, Dim(128)}), "");
  EXPECT_NE(OfCallWith("quantized::mul", {kImage, kImage}, {2e-8, Dim(128)}), "");
  // Numbers are no tensors.
  OneCall call(RegisterBuiltinOperators);
  ASSERT_TRUE(call.Call("quantized::mul", {call.Input(kImage), 0.5}));
  EXPECT_EQ(MistakeIn(call), "");
}

TEST(Mistakes, OfImagesOfOneElement) {
  EXPECT_EQ(OfCallWith("aten::adaptive_avg_pool2d", {kPixels}, {Dims{2, 2}}),
            "PyTorch mixes up the elements of images of one element");
  EXPECT_EQ(OfCallWith("aten::adaptive_avg_pool2d", {kPixels}, {Dims{1, 1}}), "");
  EXPECT_EQ(OfCallWith("aten::adaptive_avg_pool2d", {kImage}, {Dims{1, 1}}), "");
  EXPECT_EQ(OfCallWith("aten::adaptive_avg_pool2d", {Quint8(Shape{2, 1, 1, 1}, 0.05, 110)}, {Dims{2, 2}}),
            "");
}

// A layer of one output whose weights are 100, on inputs between -110 and 145 steps.
std::string OfLinear(double result_scale, float bias) {
  OneCall call(RegisterBuiltinOperators);
  auto packed = std::make_shared<ir::PackedWeights>();
  packed->kind = ir::PackedWeights::Kind::kLinear;
  packed->weight = Tensor::From(DType::kQInt8, {1, 8}, std::vector<std::int8_t>(8, 100));
  packed->weight.quantization = Quantization::PerTensor(0.01, 0);
  packed->bias = Tensor::Floats({1}, {bias});
  const ir::ValueId x = call.Input(Quint8(Shape{3, 8}, 0.05, 110));
  EXPECT_TRUE(call.Call("quantized::linear",
                        {x, std::shared_ptr<const ir::PackedWeights>(packed), result_scale, Dim(0)}));
  return MistakeIn(call);
}

// 8 * 145 * 100 steps of 0.0005 are 58: 2^31 steps of 2.7e-8.
TEST(Mistakes, OfLayersWhoseSumsCanBeTooLarge) {
  EXPECT_EQ(OfLinear(0.05, 1), "");
  EXPECT_EQ(OfLinear(2.8e-8, 0), "");
  EXPECT_NE(OfLinear(2.6e-8, 0), "");
  EXPECT_EQ(OfLinear(0.05, 1.07e6F), "");
  EXPECT_EQ(OfLinear(0.05, 1.08e6F), "PyTorch overflows in a bias of 2^31 steps and more");
}

// The order in memory is the importer's.
TEST(Mistakes, OfClampsInChannelsLastOrder) {
  Registry registry;
  RegisterBuiltinOperators(registry);
  const auto clamp = [&](ir::MemoryFormat format, Shape shape, const char* op) {
    ir::Graph graph;
    const TensorType type = Quint8(std::move(shape), 0.05, 110);
    const ir::ValueId x = graph.AddInput("x", type);
    graph.value(x).memory_format = format;
    const ir::NodeId node = graph.AddNode(op, {{"self", x}}, {type});
    graph.AddOutput("y", graph.node(node).outputs[0]);
    const Result<lower::Lowered> lowered = lower::Lower(graph, registry, {});
    EXPECT_TRUE(lowered);
    return lowered->mistakes.size();
  };
  EXPECT_EQ(clamp(ir::MemoryFormat::kContiguous, {2, 4, 6, 5}, "aten::relu6"), 0U);
  EXPECT_EQ(clamp(ir::MemoryFormat::kChannelsLast, {2, 4, 6, 5}, "aten::relu6"), 1U);
  EXPECT_EQ(clamp(ir::MemoryFormat::kSlicedChannelsLast, {2, 4, 6, 5}, "aten::relu6"), 1U);
  EXPECT_EQ(clamp(ir::MemoryFormat::kChannelsLast, {2, 1, 6, 5}, "aten::relu6"), 0U);
  EXPECT_EQ(clamp(ir::MemoryFormat::kChannelsLast, {2, 4, 1, 1}, "aten::relu6"), 0U);
  EXPECT_EQ(clamp(ir::MemoryFormat::kChannelsLast, {2, 4, 6, 5}, "aten::relu"), 0U);
}

}  // namespace
}  // namespace octavo
