#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using testing::Ints;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

Status Cat(OneCall& call, const char* op, const std::vector<TensorType>& types, std::int64_t dim,
           std::vector<ir::Operand> rest = {}) {
  ir::ValueList operands;
  for (const TensorType& type : types) operands.push_back(call.Input(type));
  std::vector<ir::Operand> arguments = {operands, Dim(dim)};
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return call.Call(op, std::move(arguments));
}

TEST(Cat, KeepsTheFirstOperandsQuantization) {
  OneCall call(RegisterConcatenation);
  ASSERT_TRUE(Cat(call, "aten::cat", {Quint8(Shape{1, 2, 4}, .1, 3), Quint8(Shape{1, 5, 4}, .2, 4)}, -2));
  EXPECT_EQ(call.result(), Quint8(Shape{1, 7, 4}, .1, 3));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "DequantizeLinear", "Concat", "QuantizeLinear"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Concat"), "axis"), ElementsAre(1));
}

TEST(Cat, ConvertsToTheCommonType) {
  const TensorType integers{.dtype = DType::kInt64, .shape = Shape{2, 3}};
  OneCall call(RegisterConcatenation);
  ASSERT_TRUE(Cat(call, "aten::cat", {integers, Float32(Shape{1, 3})}, 0));
  EXPECT_EQ(call.result(), Float32(Shape{3, 3}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Cast", "Concat"));
  // A tensor of the sizes [0] is nothing, and its type counts.
  OneCall nothing(RegisterConcatenation);
  ASSERT_TRUE(Cat(nothing, "aten::cat", {integers, Float32(Shape{0})}, 0));
  EXPECT_EQ(nothing.result(), Float32(Shape{2, 3}));
}

TEST(QuantizedCat, TakesTheGivenQuantization) {
  const TensorType x = Quint8(Shape{1, 2}, .1, 3);
  OneCall call(RegisterConcatenation);
  ASSERT_TRUE(Cat(call, "quantized::cat", {x, x}, 0, {.3, Dim(7)}));
  EXPECT_EQ(call.result(), Quint8(Shape{2, 2}, .3, 7));
  // Int8Concat copies bytes.
  EXPECT_THAT(Ops(call.Caffe2()),
              ElementsAre("Int8Dequantize", "Int8Quantize", "Int8Dequantize", "Int8Quantize", "Int8Concat"));
  OneCall none(RegisterConcatenation);
  ASSERT_TRUE(Cat(none, "quantized::cat", {x, x}, -1, {ir::None{}, ir::None{}}));
  EXPECT_EQ(none.result(), Quint8(Shape{1, 4}, .1, 3));
  const auto lowered = none.Caffe2();
  EXPECT_THAT(Ops(lowered), ElementsAre("Int8Concat"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Int8Concat"), "axis"), ElementsAre(1));
  OneCall relu(RegisterConcatenation);
  ASSERT_TRUE(Cat(relu, "quantized::cat_relu", {x, x}, 0, {.1, Dim(3)}));
  EXPECT_THAT(Ops(relu.Caffe2()), ElementsAre("Int8Concat", "Int8Relu"));
}

TEST(Cat, AddsSizesThatAreNotKnown) {
  const Dim n = Dim::Symbol("N");
  OneCall call(RegisterConcatenation);
  ASSERT_TRUE(Cat(call, "aten::cat", {Float32(Shape{n, 2}), Float32(Shape{3, 2})}, 0));
  EXPECT_EQ(call.result().shape, (Shape{n + Dim(3), 2}));
}

TEST(Cat, AnEmptyVectorIsNothing) {
  OneCall call(RegisterConcatenation);
  ASSERT_TRUE(Cat(call, "aten::cat", {Float32(Shape{0}), Float32(Shape{3, 2})}, 0));
  EXPECT_EQ(call.result(), Float32(Shape{3, 2}));
}

TEST(Stack, AddsADimension) {
  OneCall call(RegisterConcatenation);
  ASSERT_TRUE(Cat(call, "aten::stack", {Float32(Shape{2, 3}), Float32(Shape{2, 3})}, -1));
  EXPECT_EQ(call.result().shape, (Shape{2, 3, 2}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Unsqueeze", "Unsqueeze", "Concat"));
}

TEST(Cat, RefusesWhatDoesNotFit) {
  const TensorType x = Quint8(Shape{1, 2}, .1, 3);
  auto fails = [](const char* op, const std::vector<TensorType>& types, std::int64_t dim,
                  std::vector<ir::Operand> rest = {}) {
    OneCall call(RegisterConcatenation);
    return !Cat(call, op, types, dim, std::move(rest));
  };
  EXPECT_TRUE(fails("aten::cat", {}, 0));
  EXPECT_TRUE(fails("aten::cat", {x, Float32(Shape{1, 2})}, 0));
  EXPECT_TRUE(fails("aten::cat", {x, Qint8(Shape{1, 2}, .1, 3)}, 0));
  EXPECT_TRUE(fails("aten::cat", {x, Quint8(Shape{1, 3}, .1, 3)}, 0));
  EXPECT_TRUE(fails("aten::cat", {x, Quint8(Shape{1, 2, 1}, .1, 3)}, 0));
  EXPECT_TRUE(fails("aten::cat", {x, x}, 2));
  EXPECT_TRUE(fails("quantized::cat", {x, x}, 0, {-.1, Dim(3)}));
  EXPECT_TRUE(fails("quantized::cat", {Float32(Shape{1, 2})}, 0, {.1, Dim(3)}));
}

}  // namespace
}  // namespace octavo
