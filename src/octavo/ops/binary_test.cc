#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using ::testing::ElementsAre;
using testing::Float32;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

Status Binary(OneCall& call, const char* op, TensorType a, TensorType b, double scale = 0.1,
              std::int64_t zero_point = 0) {
  const ir::ValueId x = call.Input(std::move(a)), y = call.Input(std::move(b));
  return call.Call(op, {x, y, scale, Dim(zero_point)});
}

TEST(Binary, IsThePatternThatRuntimesFuse) {
  for (const bool multiply : {false, true}) {
    OneCall call(RegisterBinary);
    ASSERT_TRUE(Binary(call, multiply ? "quantized::mul_relu" : "quantized::add_relu",
                       Quint8(Shape{2, 1, 4}, .1, 3), Quint8(Shape{3, 1}, .2, 5)));
    EXPECT_EQ(call.result(), Quint8(Shape{2, 3, 4}, .1, 0));
    EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "DequantizeLinear",
                                               multiply ? "Mul" : "Add", "QuantizeLinear"));
  }
}

std::vector<float> ScalesOf(const Result<lower::Lowered>& lowered) {
  std::vector<float> scales;
  for (const ir::Node& node : lowered->graph.nodes()) {
    if (node.op != "DequantizeLinear" && node.op != "QuantizeLinear") continue;
    scales.push_back(testing::ConstantInput(lowered->graph, node, 1).ToFloats()[0]);
  }
  return scales;
}

TEST(Binary, PlainNumbersArePyTorchsScales) {
  OneCall call(RegisterBinary);
  ASSERT_TRUE(
      Binary(call, "quantized::mul", Quint8(Shape{2}, .0173, 113), Quint8(Shape{2}, .0311, 140), .0609, 129));
  EXPECT_THAT(ScalesOf(call.Lower({.numbers = Numbers::kPlain})), ElementsAre(.0173F, .0311F, .0609F));
  EXPECT_NE(ScalesOf(call.Lower()), ScalesOf(call.Lower({.numbers = Numbers::kPlain})));
  EXPECT_EQ(ScalesOf(call.Lower({.target = Target::kOpenVino})),
            ScalesOf(call.Lower({.numbers = Numbers::kPlain})));
}

TEST(Binary, AProductThatNoScalesMakeExactIsOneOfWholeNumbers) {
  OneCall call(RegisterBinary);
  ASSERT_TRUE(Binary(call, "quantized::mul_relu", Quint8(Shape{2}, .5, 3), Quint8(Shape{2}, .5, 100), 1, 33));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "Mul", "Mul", "Relu", "QuantizeLinear"));
  EXPECT_THAT(ScalesOf(lowered), ElementsAre(1, 1, 1));
}

TEST(Binary, Caffe2AddsEqualShapesOfSimilarScales) {
  const TensorType x = Quint8(Shape{2, 4}, .1, 3);
  OneCall add(RegisterBinary);
  ASSERT_TRUE(Binary(add, "quantized::add", x, x));
  EXPECT_THAT(Ops(add.Caffe2()), ElementsAre("Int8Add"));
  OneCall relu(RegisterBinary);
  ASSERT_TRUE(Binary(relu, "quantized::add_relu", x, x, .1, 7));
  EXPECT_THAT(Ops(relu.Caffe2()), ElementsAre("Int8AddRelu"));
  // Int8Add does not broadcast, and its ratios are below 2^8.
  const std::vector<std::string> through = {"Int8Dequantize", "Int8Dequantize", "Add", "Int8Quantize"};
  OneCall broadcast(RegisterBinary);
  ASSERT_TRUE(Binary(broadcast, "quantized::add", x, Quint8(Shape{4}, .1, 3)));
  EXPECT_EQ(Ops(broadcast.Caffe2()), through);
  OneCall small(RegisterBinary);
  ASSERT_TRUE(Binary(small, "quantized::add", x, x, .1 / 300));
  EXPECT_EQ(Ops(small.Caffe2()), through);
  OneCall multiply(RegisterBinary);
  ASSERT_TRUE(Binary(multiply, "quantized::mul", x, x));
  EXPECT_THAT(Ops(multiply.Caffe2()), ElementsAre("Int8Dequantize", "Int8Dequantize", "Mul", "Int8Quantize"));
}

TEST(Binary, TheOutFormTakesTheQuantizationOfOut) {
  OneCall call(RegisterBinary);
  const TensorType x = Quint8(Shape{2, 4}, .1, 3);
  const ir::ValueId a = call.Input(x), b = call.Input(x), out = call.Input(Quint8(Shape{2, 4}, .3, 9));
  ASSERT_TRUE(call.Call("quantized::add", {a, b, out}));
  EXPECT_EQ(call.result(), Quint8(Shape{2, 4}, .3, 9));
}

TEST(Binary, RefusesWhatPyTorchRefuses) {
  auto fails = [](TensorType a, TensorType b, double scale = .1, std::int64_t zero_point = 0) {
    OneCall call(RegisterBinary);
    return !Binary(call, "quantized::add", std::move(a), std::move(b), scale, zero_point);
  };
  const TensorType x = Quint8(Shape{2, 4}, .1, 3);
  EXPECT_FALSE(fails(x, x));
  EXPECT_TRUE(fails(x, Qint8(Shape{2, 4}, .1, 3)));
  EXPECT_TRUE(fails(x, Float32(Shape{2, 4})));
  EXPECT_TRUE(fails(x, Quint8(Shape{2, 3}, .1, 3)));
  EXPECT_TRUE(fails(x, x, 0));
  EXPECT_TRUE(fails(x, x, .1, -1));
}

}  // namespace
}  // namespace octavo
