#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::ConstantInput;
using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using testing::OneCall;
using testing::Ops;
using testing::Quint8;

TensorType Of(DType dtype, Shape shape) {
  return {.dtype = dtype, .shape = std::move(shape), .quantization = {}};
}

// What torch.result_type says.
TEST(Arithmetic, Promotion) {
  struct Case {
    TensorType x;
    std::variant<TensorType, ir::Operand> y;
    DType result;
  };
  const Case cases[] = {
      {Of(DType::kFloat32, {2}), Of(DType::kInt64, {2}), DType::kFloat32},
      {Of(DType::kInt32, {2}), Of(DType::kInt64, {2}), DType::kInt64},
      {Of(DType::kInt32, {2}), Of(DType::kInt64, {}), DType::kInt32},
      {Of(DType::kInt32, {2}), Of(DType::kFloat64, {}), DType::kFloat64},
      {Of(DType::kFloat32, {2}), Of(DType::kFloat64, {}), DType::kFloat32},
      {Of(DType::kFloat32, {}), Of(DType::kFloat64, {}), DType::kFloat64},
      {Of(DType::kFloat16, {2}), ir::Operand(2.5), DType::kFloat16},
      {Of(DType::kInt64, {2}), ir::Operand(2.5), DType::kFloat32},
      {Of(DType::kInt32, {2}), ir::Operand(Dim(2)), DType::kInt32},
      {Of(DType::kBool, {2}), ir::Operand(Dim(2)), DType::kInt64},
      {Of(DType::kFloat32, {2}), ir::Operand(true), DType::kFloat32},
  };
  for (const Case& c : cases) {
    OneCall call(RegisterArithmetic);
    const ir::ValueId x = call.Input(c.x);
    const auto* type = std::get_if<TensorType>(&c.y);
    const ir::Operand y = type ? ir::Operand(call.Input(*type)) : std::get<ir::Operand>(c.y);
    const Status status = call.Call("aten::mul", {x, y});
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_EQ(call.result().dtype, c.result) << c.x.ToString();
  }
}

TEST(Arithmetic, NumbersTakeTheTensorsType) {
  OneCall call(RegisterArithmetic);
  ASSERT_TRUE(call.Call("aten::add", {call.Input(Of(DType::kInt64, {2})), Dim(3), Dim(2)}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Mul", "Add")) << "no Cast, no Constant";
  EXPECT_EQ(ConstantInput(lowered->graph, lowered->graph.nodes()[0], 0).dtype, DType::kInt64);
}

TEST(Arithmetic, RsubTurnsTheArgumentsRound) {
  OneCall call(RegisterArithmetic);
  ASSERT_TRUE(call.Call("aten::rsub", {call.Input(Float32(Shape{2})), 1.0, Dim(1)}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Sub"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Sub"), 0).ToFloats(), ElementsAre(1.0F));
}

TEST(Arithmetic, QuantizedTensorsAreRefusedAsInPyTorch) {
  for (const char* op : {"aten::add", "aten::mul", "aten::div", "aten::maximum", "aten::pow"}) {
    OneCall call(RegisterArithmetic);
    const ir::ValueId x = call.Input(Quint8(Shape{2}, 0.5, 3));
    const Status status = call.Call(op, {x, x});
    ASSERT_FALSE(status) << op;
    EXPECT_THAT(status.error().what(), HasSubstr("quantized"));
  }
}

TEST(Arithmetic, QuantizedTensorsAreComparedAsReals) {
  OneCall call(RegisterArithmetic);
  const ir::ValueId x = call.Input(Quint8(Shape{2}, 0.5, 3));
  ASSERT_TRUE(call.Call("aten::gt", {x, 0.5}));
  EXPECT_EQ(call.result().dtype, DType::kBool);
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "Greater"));
}

TEST(Arithmetic, IntegersDivideToReals) {
  OneCall call(RegisterArithmetic);
  ASSERT_TRUE(call.Call("aten::div", {call.Input(Of(DType::kInt64, {2})), Dim(2)}));
  EXPECT_EQ(call.result().dtype, DType::kFloat32);
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Cast", "Div"));
  OneCall floor(RegisterArithmetic);
  ASSERT_TRUE(floor.Call("aten::floor_divide", {floor.Input(Of(DType::kInt64, {2})), Dim(2)}));
  EXPECT_EQ(floor.result().dtype, DType::kInt64);
  EXPECT_THAT(Ops(floor.Lower()), ElementsAre("Div", "Mul", "Sub", "Less", "Sub", "Where"));
}

TEST(Arithmetic, WhatHasNoFormInOpset9) {
  struct Case {
    const char* op;
    std::vector<ir::Operand> arguments;
  };
  for (const Case& c : {Case{"aten::remainder", {Dim(2)}}, Case{"aten::floor_divide", {2.0}},
                        Case{"aten::cumsum", {Dim(0)}}}) {
    OneCall call(RegisterArithmetic);
    std::vector<ir::Operand> arguments = {call.Input(Float32(Shape{2}))};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    ASSERT_TRUE(call.Call(c.op, arguments));
    EXPECT_TRUE(call.Lower()) << c.op;
    const auto refused = call.Caffe2();
    ASSERT_FALSE(refused) << c.op;
    EXPECT_THAT(refused.error().hint(), HasSubstr("qdq"));
  }
}

TEST(Arithmetic, BitsOfBoolsAreLogic) {
  OneCall bools(RegisterArithmetic);
  const ir::ValueId x = bools.Input(Of(DType::kBool, {2}));
  ASSERT_TRUE(bools.Call("aten::__and__", {x, x}));
  EXPECT_THAT(Ops(bools.Lower()), ElementsAre("And"));
  OneCall integers(RegisterArithmetic);
  const ir::ValueId y = integers.Input(Of(DType::kInt64, {2}));
  ASSERT_TRUE(integers.Call("aten::__and__", {y, y}));
  EXPECT_FALSE(integers.Lower());
  EXPECT_THAT(Ops(integers.Lower({.opset = 18})), ElementsAre("BitwiseAnd"));
}

TEST(Creation, Arange) {
  const auto arange = [](std::vector<ir::Operand> arguments) {
    auto call = std::make_unique<OneCall>(RegisterArithmetic);
    const Status status = call->Call("aten::arange", std::move(arguments));
    return status ? std::move(call) : nullptr;
  };
  const auto integers = arange({Dim(2), Dim(9), Dim(3)});
  ASSERT_TRUE(integers);
  EXPECT_EQ(integers->result(), Of(DType::kInt64, {3}));
  EXPECT_EQ(arange({Dim(2), Dim(9)})->result().dtype, DType::kInt64);  // the step's default is an int
  const auto reals = arange({0.5});
  ASSERT_TRUE(reals);
  EXPECT_EQ(reals->result(), Of(DType::kFloat32, {1}));
  EXPECT_FALSE(arange({Dim(1), Dim(0)}));
  EXPECT_FALSE(arange({Dim(0), Dim(5), Dim(0)}));
  EXPECT_FALSE(arange({Dim(INT64_MAX)})) << "more than is sensible";
  EXPECT_FALSE(arange({Dim::Symbol("N")}));
}

TEST(Creation, FilledTensorsTakeNoMemory) {
  OneCall call(RegisterArithmetic);
  const std::vector<Dim> size = {Dim(std::int64_t{1} << 40), Dim(std::int64_t{1} << 20)};
  ASSERT_TRUE(call.Call("aten::zeros", {size}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Expand"));
  OneCall negative(RegisterArithmetic);
  EXPECT_FALSE(negative.Call("aten::zeros", {std::vector<Dim>{Dim(-1)}}));
}

}  // namespace
}  // namespace octavo
