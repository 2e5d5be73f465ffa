#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::ConstantInput;
using testing::Dims;
using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using testing::Ints;
using testing::OneCall;
using testing::Ops;
using testing::Quint8;

const Shape kReduced = {2, 3, 4, 6};

Status Mean(OneCall& call, TensorType x, Dims dims, bool keep) {
  return call.Call("aten::mean", {call.Input(std::move(x)), dims, keep});
}

TEST(Mean, OfAnImageIsAGlobalAverage) {
  OneCall keep(RegisterReduction);
  ASSERT_TRUE(Mean(keep, Quint8(kReduced, 0.1, 3), {2, 3}, true));
  EXPECT_EQ(keep.result(), Quint8(Shape{2, 3, 1, 1}, 0.1, 3));
  EXPECT_THAT(Ops(keep.Lower()), ElementsAre("DequantizeLinear", "GlobalAveragePool", "QuantizeLinear"));
  OneCall drop(RegisterReduction);
  ASSERT_TRUE(Mean(drop, Quint8(kReduced, 0.1, 3), {2, 3}, false));
  EXPECT_EQ(drop.result(), Quint8(Shape{2, 3}, 0.1, 3));
  EXPECT_THAT(Ops(drop.Lower()), ElementsAre("DequantizeLinear", "GlobalAveragePool", "QuantizeLinear",
                                             "DequantizeLinear", "Squeeze", "QuantizeLinear"));
}

// qnnpack computes mean([2, 3]) and rounds away from the zero point's parity; mean([-1, -2]) is PyTorch's
// own.
TEST(Mean, RoundsAsTheKernelThatPyTorchChooses) {
  OneCall qnnpack(RegisterReduction);
  ASSERT_TRUE(Mean(qnnpack, Quint8(kReduced, 0.1, 3), {2, 3}, true));
  const auto first = qnnpack.Lower();
  EXPECT_THAT(ConstantInput(first->graph, Find(first->graph, "QuantizeLinear"), 2).ToInts(), ElementsAre(3));
  OneCall own(RegisterReduction);
  ASSERT_TRUE(Mean(own, Quint8(kReduced, 0.1, 3), {-1, -2}, true));
  const auto second = own.Lower();
  EXPECT_THAT(ConstantInput(second->graph, Find(second->graph, "QuantizeLinear"), 2).ToInts(),
              ElementsAre(0));
}

TEST(Mean, OfOtherDimensionsIsAReduction) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(Mean(call, Float32(kReduced), {1}, false));
  EXPECT_EQ(call.result(), Float32(Shape{2, 4, 6}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("ReduceMean"));
  EXPECT_THAT(Ints(Find(lowered->graph, "ReduceMean"), "axes"), ElementsAre(1));
  const auto newer = call.Lower({.opset = 18});
  EXPECT_THAT(ConstantInput(newer->graph, Find(newer->graph, "ReduceMean"), 1).ToInts(), ElementsAre(1));
}

TEST(Mean, RefusesWhatPyTorchRefuses) {
  OneCall twice(RegisterReduction);
  const Status duplicate = Mean(twice, Float32(kReduced), {1, -3}, false);
  ASSERT_FALSE(duplicate);
  EXPECT_THAT(duplicate.error().what(), HasSubstr("twice"));
  OneCall far(RegisterReduction);
  EXPECT_FALSE(Mean(far, Float32(kReduced), {4}, false));
  OneCall integers(RegisterReduction);
  const Status integer =
      Mean(integers, {.dtype = DType::kInt64, .shape = kReduced, .quantization = std::nullopt}, {1}, false);
  ASSERT_FALSE(integer);
  EXPECT_THAT(integer.error().what(), HasSubstr("int64"));
}

TEST(Mean, Caffe2HasAWindowOverASquareImage) {
  Tensor held = Tensor::From(DType::kQUint8, {1, 1, 2, 2}, std::vector<std::uint8_t>{1, 2, 3, 4});
  held.quantization = Quantization::PerTensor(0.1, 3);
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call("aten::mean", {call.Constant(held), Dims{2, 3}, false}));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Int8GivenTensorFill", "Int8Transpose", "Int8AveragePool",
                                              "Int8Transpose", "Constant", "Int8Reshape"));
}

TEST(Sum, OfIntegersIsInt64) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call(
      "aten::sum",
      {call.Input({.dtype = DType::kInt32, .shape = kReduced, .quantization = std::nullopt}), Dims{0}}));
  EXPECT_EQ(call.result().dtype, DType::kInt64);
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Cast", "ReduceSum"));
}

TEST(Sum, RefusesADTypeInWhichRuntimesDoNotAddUp) {
  OneCall bytes(RegisterReduction), ints(RegisterReduction), bools(RegisterReduction);
  EXPECT_FALSE(bools.Call("aten::sum", {bools.Input(Float32(kReduced)), Dims{0}, false, Dim(11)}));
  EXPECT_FALSE(bytes.Call("aten::sum", {bytes.Input(Float32(kReduced)), Dims{0}, false, Dim(0)}));  // uint8
  EXPECT_TRUE(ints.Call("aten::sum", {ints.Input(Float32(kReduced)), Dims{0}, false, Dim(3)}));     // int32
}

TEST(Sum, PyTorchHasNoneOfQuantizedTensors) {
  OneCall call(RegisterReduction);
  EXPECT_FALSE(call.Call("aten::sum", {call.Input(Quint8(kReduced, 0.1, 3))}));
}

TEST(Maximum, AlongADimensionHasIndices) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call("aten::max", {call.Input(Quint8(kReduced, 0.1, 3)), Dim(-1), true}));
  EXPECT_EQ(call.result(0), Quint8(Shape{2, 3, 4, 1}, 0.1, 3));
  EXPECT_EQ(call.result(1).dtype, DType::kInt64);
  EXPECT_EQ(call.result(1).shape, Shape({2, 3, 4, 1}));
}

TEST(Maximum, OfTwoTensorsOfDifferentTypesIsRefused) {
  OneCall call(RegisterReduction);
  EXPECT_FALSE(
      call.Call("aten::max", {call.Input(Float32(kReduced)), call.Constant(Tensor::Int64s({1, 2}))}));
}

TEST(Maximum, OfBoolsIsRefused) {
  const TensorType bools{.dtype = DType::kBool, .shape = kReduced};
  for (const char* name : {"aten::max", "aten::min", "aten::amax", "aten::amin"}) {
    OneCall call(RegisterReduction);
    ASSERT_TRUE(call.Call(name, {call.Input(bools)})) << name;
    EXPECT_FALSE(call.Lower()) << name;
  }
  OneCall two(RegisterReduction);
  ASSERT_TRUE(two.Call("aten::max", {two.Input(bools), two.Input(bools)}));
  EXPECT_FALSE(two.Lower());
}

TEST(Variance, DividesByOneLess) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call("aten::var", {call.Input(Float32(kReduced)), Dims{1}, true, false}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("ReduceMean", "Sub", "Mul", "ReduceMean", "Mul"));
  OneCall open(RegisterReduction);
  ASSERT_TRUE(
      open.Call("aten::var", {open.Input(Float32(Shape{2, Dim::Symbol("C")})), Dims{1}, true, false}));
  const auto unknown = open.Lower();
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().what(), HasSubstr("number of elements"));
}

TEST(Norm, RefusesAnOrderItDoesNotKnow) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call("aten::norm", {call.Input(Float32(kReduced)), 3.0, Dims{1}, false}));
  const auto lowered = call.Lower();
  ASSERT_FALSE(lowered);
  EXPECT_THAT(lowered.error().what(), HasSubstr("order 3"));
}

TEST(Softmax, TurnsItsDimensionToTheEndBeforeOpset13) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call("aten::softmax", {call.Input(Float32(kReduced)), Dim(1), ir::None{}}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Softmax"));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Transpose", "Softmax", "Transpose"));
  OneCall far(RegisterReduction);
  EXPECT_FALSE(far.Call("aten::softmax", {far.Input(Float32(kReduced)), Dim(4), ir::None{}}));
}

TEST(Softmax, OnlyThePlainScaleIsFused) {
  for (const double scale : {1.0 / 256, 0.005}) {
    OneCall call(RegisterReduction);
    ASSERT_TRUE(
        call.Call("quantized::softmax", {call.Input(Quint8(kReduced, 0.1, 3)), Dim(1), scale, Dim(0)}));
    const std::vector<std::string> fused = {"DequantizeLinear", "Softmax", "QuantizeLinear"};
    EXPECT_EQ(Ops(call.Lower()) == fused, scale == 1.0 / 256);
  }
}

TEST(Prod, TakesANumberAsTheDimension) {
  OneCall call(RegisterReduction);
  ASSERT_TRUE(call.Call("aten::prod", {call.Input(Float32(Shape{2, 3, 4})), Dim(-2)}));
  EXPECT_EQ(call.result(), Float32(Shape{2, 4}));
}

TEST(Extremes, IndicesAreLookedForAmongNumbers) {
  OneCall call(RegisterReduction);
  const TensorType flags{.dtype = DType::kBool, .shape = Shape{2, 3}, .quantization = std::nullopt};
  ASSERT_TRUE(call.Call("aten::argmax", {call.Input(flags), Dim(1)}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Cast", "ArgMax"));
}

}  // namespace
}  // namespace octavo
