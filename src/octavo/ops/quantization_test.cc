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

const Dim kQuint8(13), kQint8(12), kQint32(14), kFloat(6);

TEST(QuantizePerTensor, TakesNumbersOrConstantTensors) {
  OneCall numbers(RegisterQuantization);
  ASSERT_TRUE(
      numbers.Call("aten::quantize_per_tensor", {numbers.Input(Float32(Shape{2})), .5, Dim(3), kQuint8}));
  EXPECT_EQ(numbers.result(), Quint8(Shape{2}, .5, 3));
  EXPECT_THAT(Ops(numbers.Lower({.engine = Engine::kQnnpack})), ElementsAre("QuantizeLinear"));
  EXPECT_THAT(Ops(numbers.Caffe2()), ElementsAre("Int8Quantize"));
  OneCall tensors(RegisterQuantization);
  const ir::ValueId x = tensors.Input(Float32(Shape{2}));
  const ir::ValueId scale = tensors.Constant(Tensor::Scalar(.5F)),
                    zero = tensors.Constant(Tensor::Int64s({-3}));
  ASSERT_TRUE(tensors.Call("aten::quantize_per_tensor", {x, scale, zero, kQint8}));
  EXPECT_EQ(tensors.result(), Qint8(Shape{2}, .5, -3));
  EXPECT_FALSE(tensors.Caffe2());
}

TEST(QuantizePerTensor, MultipliesByTheReciprocalThatIsRounded) {
  OneCall call(RegisterQuantization);
  ASSERT_TRUE(call.Call("aten::quantize_per_tensor", {call.Input(Float32(Shape{2})), .1, Dim(3), kQuint8}));
  EXPECT_THAT(Ops(call.Lower({.engine = Engine::kQnnpack})), ElementsAre("Mul", "QuantizeLinear"));
  EXPECT_EQ(call.result(), Quint8(Shape{2}, .1, 3));
}

TEST(QuantizePerTensor, RefusesWhatCannotBeMeant) {
  auto fails = [](TensorType x, double scale, std::int64_t zero_point, const Dim& dtype) {
    OneCall call(RegisterQuantization);
    return !call.Call("aten::quantize_per_tensor",
                      {call.Input(std::move(x)), scale, Dim(zero_point), dtype}) ||
           !call.Lower();
  };
  const TensorType x = Float32(Shape{2});
  EXPECT_FALSE(fails(x, .1, 0, kQuint8));
  EXPECT_TRUE(fails(x, 0, 0, kQuint8));
  EXPECT_TRUE(fails(x, -.1, 0, kQuint8));
  EXPECT_TRUE(fails(x, std::numeric_limits<double>::quiet_NaN(), 0, kQuint8));
  EXPECT_TRUE(fails(x, std::numeric_limits<double>::infinity(), 0, kQuint8));
  EXPECT_TRUE(fails(x, 1e-50, 0, kQuint8));
  EXPECT_TRUE(fails(x, .1, -1, kQuint8));
  EXPECT_TRUE(fails(x, .1, 128, kQint8));
  EXPECT_TRUE(fails(x, .1, 0, kFloat));
  EXPECT_TRUE(fails(x, .1, 0, kQint32));
  EXPECT_TRUE(fails(x, .1, 0, Dim(99)));
  EXPECT_TRUE(fails(Quint8(Shape{2}, .1, 0), .1, 0, kQuint8));
}

TEST(QuantizePerTensor, AScaleThatIsComputedIsRefused) {
  OneCall call(RegisterQuantization);
  const ir::ValueId x = call.Input(Float32(Shape{2})), scale = call.Input(Float32(Shape{}));
  const ir::ValueId zero = call.Constant(Tensor::Int64s({0}));
  EXPECT_FALSE(call.Call("aten::quantize_per_tensor", {x, scale, zero, kQuint8}));
}

TEST(QuantizePerChannel, HasTheAxis) {
  OneCall call(RegisterQuantization);
  const ir::ValueId x = call.Input(Float32(Shape{4, 2}));
  const ir::ValueId scales = call.Constant(Tensor::Floats({2}, {.5F, .25F}));
  const ir::ValueId zeros = call.Constant(Tensor::Int64s({1, -2}));
  ASSERT_TRUE(call.Call("aten::quantize_per_channel", {x, scales, zeros, Dim(1), kQint8}));
  EXPECT_EQ(call.result().quantization,
            (Quantization{.scales = {.5, .25}, .zero_points = {1, -2}, .axis = 1}));
  EXPECT_THAT(Ops(call.Lower({.engine = Engine::kQnnpack})), ElementsAre("QuantizeLinear"));
  EXPECT_FALSE(call.Caffe2());
  OneCall other(RegisterQuantization);
  const ir::ValueId y = other.Input(Float32(Shape{4, 3}));
  const ir::ValueId s = other.Constant(Tensor::Floats({2}, {.5F, .25F}));
  const ir::ValueId z = other.Constant(Tensor::Int64s({1, -2}));
  EXPECT_FALSE(other.Call("aten::quantize_per_channel", {y, s, z, Dim(1), kQint8}));
  EXPECT_FALSE(other.Call("aten::quantize_per_channel", {y, s, z, Dim(5), kQint8}));
  // PyTorch does not count from the end.
  const ir::ValueId fits = other.Input(Float32(Shape{4, 2}));
  EXPECT_FALSE(other.Call("aten::quantize_per_channel", {fits, s, z, Dim(-1), kQint8}));
}

TEST(Dequantize, TakesOneOrAList) {
  OneCall one(RegisterQuantization);
  ASSERT_TRUE(one.Call("aten::dequantize", {one.Input(Quint8(Shape{2}, .1, 3))}));
  EXPECT_EQ(one.result(), Float32(Shape{2}));
  EXPECT_THAT(Ops(one.Lower()), ElementsAre("DequantizeLinear"));
  EXPECT_THAT(Ops(one.Caffe2()), ElementsAre("Int8Dequantize"));
  OneCall list(RegisterQuantization);
  const ir::ValueId a = list.Input(Quint8(Shape{2}, .1, 3)), b = list.Input(Float32(Shape{2}));
  ASSERT_TRUE(list.Call("aten::dequantize", {ir::ValueList{a, b}}));
  EXPECT_EQ(list.result(0), Float32(Shape{2}));
  EXPECT_EQ(list.result(1), Float32(Shape{2}));
  OneCall unknown(RegisterQuantization);
  EXPECT_FALSE(unknown.Call("aten::dequantize", {unknown.Input({})}));
}

TEST(EmptyAffineQuantized, IsZerosOfThatSize) {
  OneCall call(RegisterQuantization);
  ASSERT_TRUE(call.Call("aten::_empty_affine_quantized", {std::vector<Dim>{2, 3}, kQuint8, ir::None{},
                                                          ir::None{}, ir::None{}, .5, Dim(3), ir::None{}}));
  EXPECT_EQ(call.result(), Quint8(Shape{2, 3}, .5, 3));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("ConstantOfShape", "QuantizeLinear"));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Constant", "ConstantOfShape", "Int8Quantize"));
}

TEST(IntRepr, GivesTheIntegers) {
  OneCall call(RegisterQuantization);
  ASSERT_TRUE(call.Call("aten::int_repr", {call.Input(Qint8(Shape{2}, .1, 3))}));
  EXPECT_EQ(call.result().dtype, DType::kInt8);
  EXPECT_FALSE(call.result().quantized());
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Identity"));
  EXPECT_FALSE(call.Caffe2());
  OneCall real(RegisterQuantization);
  EXPECT_FALSE(real.Call("aten::int_repr", {real.Input(Float32(Shape{2}))}));
}

TEST(QuantizePerTensor, RoundsOnceForBuildsWithFbgemm) {
  OneCall call(RegisterQuantization);
  ASSERT_TRUE(call.Call("aten::quantize_per_tensor", {call.Input(Float32(Shape{2})), .1, Dim(3), Dim(13)}));
  EXPECT_THAT(Ops(call.Lower({.engine = Engine::kQnnpackX86})),
              ElementsAre("Cast", "Mul", "Add", "Cast", "QuantizeLinear"));
  OneCall without(RegisterQuantization);
  ASSERT_TRUE(
      without.Call("aten::quantize_per_tensor", {without.Input(Float32(Shape{2})), .1, Dim(0), Dim(13)}));
  EXPECT_THAT(Ops(without.Lower({.engine = Engine::kQnnpackX86})), ElementsAre("Mul", "QuantizeLinear"));
}

TEST(FakeQuantize, IsAPairAndAClipWhereTheRangeIsNarrow) {
  OneCall full(RegisterFakeQuantization);
  ASSERT_TRUE(full.Call("aten::fake_quantize_per_tensor_affine",
                        {full.Input(Float32(Shape{2})), .1, Dim(3), Dim(0), Dim(255)}));
  EXPECT_THAT(Ops(full.Lower()), ElementsAre("QuantizeLinear", "DequantizeLinear"));
  OneCall narrow(RegisterFakeQuantization);
  ASSERT_TRUE(narrow.Call("aten::fake_quantize_per_tensor_affine",
                          {narrow.Input(Float32(Shape{2})), .1, Dim(0), Dim(-127), Dim(127)}));
  EXPECT_THAT(Ops(narrow.Lower({.numbers = Numbers::kPlain})),
              ElementsAre("Clip", "QuantizeLinear", "DequantizeLinear"));
  OneCall channels(RegisterFakeQuantization);
  ASSERT_TRUE(
      channels.Call("aten::fake_quantize_per_channel_affine",
                    {channels.Input(Float32(Shape{2, 3})), channels.Constant(Tensor::Floats({3}, {1, 2, 3})),
                     channels.Constant(Tensor::Int64s({0, 1, 2})), Dim(1), Dim(-64), Dim(63)}));
  EXPECT_THAT(Ops(channels.Lower({.numbers = Numbers::kPlain})),
              ElementsAre("Min", "Max", "QuantizeLinear", "DequantizeLinear"));
  OneCall learned(RegisterFakeQuantization);
  ASSERT_TRUE(learned.Call("aten::_fake_quantize_learnable_per_tensor_affine",
                           {learned.Input(Float32(Shape{2})), learned.Constant(Tensor::Floats({1}, {0.5F})),
                            learned.Constant(Tensor::Floats({1}, {300.25F})), Dim(0), Dim(255), 1.0}));
  EXPECT_THAT(Ops(learned.Lower()), ElementsAre("QuantizeLinear", "DequantizeLinear"));
  OneCall wide(RegisterFakeQuantization);
  ASSERT_TRUE(wide.Call("aten::fake_quantize_per_tensor_affine",
                        {wide.Input(Float32(Shape{2})), .1, Dim(0), Dim(0), Dim(65535)}));
  EXPECT_FALSE(wide.Lower());
}

}  // namespace
}  // namespace octavo
