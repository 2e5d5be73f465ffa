#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/integer_table.h"
#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::ConstantInput;
using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::kNone;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

const Shape kImage = {1, 2, 4, 4};

TEST(Relu, OfIntegersIsAMaximumWithTheZeroPoint) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::relu", {call.Input(Quint8(kImage, 0.1, 37))}));
  EXPECT_EQ(call.result(), Quint8(kImage, 0.1, 37));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered), ElementsAre("Clip"));
  const ir::Node& clip = Find(lowered->graph, "Clip");
  EXPECT_EQ(ConstantInput(lowered->graph, clip, 1).dtype, DType::kUint8);
  EXPECT_THAT(ConstantInput(lowered->graph, clip, 1).ToInts(), ElementsAre(37));
}

TEST(Relu, IsNothingWhereTheZeroPointIsTheLowestInteger) {
  for (const TensorType& type : {Quint8(kImage, 0.1, 0), Qint8(kImage, 0.1, -128)}) {
    OneCall call(RegisterActivations);
    ASSERT_TRUE(call.Call("aten::relu", {call.Input(type)}));
    EXPECT_THAT(Ops(call.Lower()), ElementsAre("Identity"));  // an output has a name of its own
  }
}

TEST(Relu, OtherRuntimesGetAPairAroundIt) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::relu", {call.Input(Quint8(kImage, 0.1, 37))}));
  EXPECT_THAT(Ops(call.Lower({.target = Target::kOpenVino})),
              ElementsAre("DequantizeLinear", "Relu", "QuantizeLinear"));
}

TEST(Relu, Caffe2) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::relu", {call.Input(Float32(kImage))}));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Relu"));
}

// A quantized tensor that the model holds.
Tensor Held(double scale, std::int64_t zero_point) {
  Tensor tensor = Tensor::From(DType::kQUint8, {1, 1, 2, 2}, std::vector<std::uint8_t>{1, 2, 3, 4});
  tensor.quantization = Quantization::PerTensor(scale, zero_point);
  return tensor;
}

TEST(Caffe2, HasItsOwnReluAndSigmoid) {
  for (const auto& [op, int8] :
       {std::pair("aten::relu", "Int8Relu"), std::pair("aten::sigmoid", "Int8Sigmoid")}) {
    OneCall call(RegisterActivations);
    ASSERT_TRUE(call.Call(op, {call.Constant(Held(0.1, 3))}));
    EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Int8GivenTensorFill", int8));
  }
}

TEST(Caffe2, OtherActivationsGoThroughFloat) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::hardswish", {call.Constant(Held(0.1, 3)), 0.2, Dim(4)}));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Constant", "Add",
                                              "Clip", "Mul", "Constant", "Div", "Int8Quantize"));
}

TEST(Caffe2, AHardSwishWithAnOddZeroPointRoundsInSteps) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::hardswish", {call.Constant(Held(0.1, 3)), 0.2, Dim(5)}));
  EXPECT_THAT(Ops(call.Caffe2()), IsSupersetOf({"Add", "Sub", "Clip", "Div", "Int8Quantize"}));
}

// Int8Sigmoid's result has the scale 1/256 and no other.
TEST(Caffe2, ASigmoidWithAnotherScaleGoesThroughFloat) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::sigmoid", {call.Constant(Held(0.1, 3)), 0.005, Dim(0)}));
  EXPECT_THAT(Ops(call.Caffe2()),
              ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Sigmoid", "Int8Quantize"));
}

TEST(Caffe2, ClampsToIntegersOfTheTensor) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::hardtanh", {call.Constant(Held(0.1, 3)), -0.12, 0.71}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Clip", "Int8Quantize"));
  // -0.12 and 0.71 are steps -1 and 7.
  const ir::Operand *low = Find(lowered->graph, "Clip").Find("min"),
                    *high = Find(lowered->graph, "Clip").Find("max");
  ASSERT_TRUE(low && high);
  EXPECT_FLOAT_EQ(static_cast<float>(std::get<double>(*low)), -0.1F);
  EXPECT_FLOAT_EQ(static_cast<float>(std::get<double>(*high)), 0.7F);
}

// PyTorch 1.13: torch.quantize_per_tensor(torch.tensor([-0.5, 0.7]), 0.05, 100, torch.quint8).int_repr() is
// [90, 114].
TEST(Clamp, BoundsAreQuantizedAsPyTorchDoes) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::hardtanh", {call.Input(Quint8(kImage, 0.05, 100)), -0.5, 0.7}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Clip"));
  const ir::Node& clip = Find(lowered->graph, "Clip");
  EXPECT_THAT(ConstantInput(lowered->graph, clip, 1).ToInts(), ElementsAre(90));
  EXPECT_THAT(ConstantInput(lowered->graph, clip, 2).ToInts(), ElementsAre(114));
}

TEST(Clamp, BoundsOutsideTheRangeDisappear) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::clamp", {call.Input(Quint8(kImage, 0.01, 100)), -9.0, 0.5}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Clip"));
  EXPECT_TRUE(std::holds_alternative<ir::None>(Find(lowered->graph, "Clip").arguments[1].value));
}

TEST(Clamp, OneBoundOfAFloatTensor) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::clamp", {call.Input(Float32(kImage)), ir::None{}, 3.0}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Clip"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Clip"), 2).ToFloats(), ElementsAre(3.0F));
}

// torch.clamp(x, max=0.1) of float64 compares with the double, and of float16 with the nearest float16.
TEST(Clamp, BoundsHaveTheTensorsDType) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(
      call.Call("aten::clamp", {call.Input({.dtype = DType::kFloat64, .shape = kImage}), kNone, 0.1}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Clip"));
  const Tensor& bound = ConstantInput(lowered->graph, Find(lowered->graph, "Clip"), 2);
  EXPECT_EQ(bound.dtype, DType::kFloat64);
  EXPECT_THAT(bound.ToDoubles(), ElementsAre(0.1));
  OneCall half(RegisterActivations);
  ASSERT_TRUE(half.Call("aten::clamp", {half.Input({.dtype = DType::kFloat16, .shape = kImage}), 0.5, 1.0}));
  EXPECT_THAT(Ops(half.Lower()), ElementsAre("Cast", "Cast", "Clip"));
}

// PyTorch's kernels for float16 compute in float32 and round once.
TEST(Activations, OfFloat16AreComputedInFloat32) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::gelu", {call.Input({.dtype = DType::kFloat16, .shape = kImage})}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Cast", "Mul", "Mul", "Erf", "Add", "Mul", "Cast"));
  EXPECT_EQ(call.result().dtype, DType::kFloat16);
}

TEST(Activations, OfFloat64HaveConstantsOfFloat64) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::hardswish", {call.Input({.dtype = DType::kFloat64, .shape = kImage})}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Add", "Clip", "Mul", "Div"));
  for (const char* op : {"Add", "Clip", "Div"}) {
    EXPECT_EQ(ConstantInput(lowered->graph, Find(lowered->graph, op), 1).dtype, DType::kFloat64) << op;
  }
}

TEST(LeakyRelu, OfFloat64KeepsItsSlope) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::leaky_relu", {call.Input({.dtype = DType::kFloat64, .shape = kImage}), 0.1}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Greater", "Mul", "Where"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Mul"), 1).ToDoubles(), ElementsAre(0.1));
}

TEST(Clamp, ByTensorsOfAnotherTypePromotes) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call(
      "aten::clamp", {call.Input(Float32(kImage)), ir::None{}, call.Constant(Tensor::Int64s({1, 2, 3, 4}))}));
  EXPECT_EQ(call.result().dtype, DType::kFloat32);
  EXPECT_TRUE(call.Lower());
}

TEST(FixedQuantization, IsPyTorchs) {
  struct Row {
    const char* op;
    TensorType in, out;
  };
  // What PyTorch 1.13 answers for quint8 and qint8.
  for (const Row& row : {Row{"aten::sigmoid", Quint8(kImage, 0.1, 3), Quint8(kImage, 1.0 / 256, 0)},
                         Row{"aten::sigmoid", Qint8(kImage, 0.1, 3), Qint8(kImage, 1.0 / 256, -128)},
                         Row{"aten::tanh", Quint8(kImage, 0.1, 3), Quint8(kImage, 2.0 / 256, 128)},
                         Row{"aten::tanh", Qint8(kImage, 0.1, 3), Qint8(kImage, 2.0 / 256, 0)},
                         Row{"aten::hardsigmoid", Quint8(kImage, 0.1, 3), Quint8(kImage, 1.0 / 256, 0)},
                         Row{"aten::hardsigmoid", Qint8(kImage, 0.1, 3), Qint8(kImage, 1.0 / 256, -128)}}) {
    OneCall call(RegisterActivations);
    ASSERT_TRUE(call.Call(row.op, {call.Input(row.in)})) << row.op;
    EXPECT_EQ(call.result(), row.out) << row.op;
  }
}

TEST(Activations, OfQuantizedTensorsAreBetweenAPair) {
  struct Row {
    const char* op;
    std::vector<ir::Operand> more;
    const char* onnx;
  };
  for (const Row& row :
       {Row{"aten::sigmoid", {}, "Sigmoid"}, Row{"aten::leaky_relu", {0.2}, "LeakyRelu"},
        Row{"quantized::hardswish", {0.07, Dim(3)}, "HardSwish"},
        Row{"quantized::elu", {0.1, Dim(3), 1.0}, "Elu"}, Row{"quantized::celu", {0.1, Dim(3), 1.5}, "Celu"},
        Row{"quantized::leaky_relu", {0.2, false, 0.1, Dim(3)}, "LeakyRelu"}}) {
    OneCall call(RegisterActivations);
    std::vector<ir::Operand> arguments = {call.Input(Quint8(kImage, 0.05, 7))};
    arguments.insert(arguments.end(), row.more.begin(), row.more.end());
    ASSERT_TRUE(call.Call(row.op, arguments)) << row.op;
    EXPECT_THAT(Ops(call.Lower({.engine = Engine::kQnnpack})),
                ElementsAre("DequantizeLinear", row.onnx, "QuantizeLinear"));
  }
}

// With twice the scale every second number above 3 is a tie, which no scales bring to PyTorch's side: qnnpack
// adds the zero point before it rounds.  Its table, by a plain loop (qnnpack/src/hardswish.c).
TEST(Activations, IntegersThatNoScalesMakePyTorchsAreLookedUp) {
  const float scale = 0.05F, inverse = 1.0F / 0.1F;
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::hardswish", {call.Input(Quint8(kImage, 0.05, 7)), 0.1, Dim(3)}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Cast", "Gather"));
  const Tensor table = ConstantInput(lowered->graph, Find(lowered->graph, "Gather"), 0);
  EXPECT_EQ(table.dtype, DType::kUint8);
  const std::vector<std::int64_t> integers = table.ToInts();
  ASSERT_EQ(integers.size(), 256U);
  for (std::size_t q = 0; q < integers.size(); ++q) {
    const float x = scale * (static_cast<float>(q) - 7.0F);
    const float y = x * std::min(std::max(x + 3.0F, 0.0F), 6.0F) / 6.0F;
    const float want = std::clamp(std::nearbyint(inverse * y + 3.0F), 0.0F, 255.0F);
    EXPECT_EQ(integers[q], static_cast<std::int64_t>(want)) << q;
  }
}

// Gather takes a negative index for one from the end.
TEST(Activations, TablesOfSignedIntegersStartAtZero) {
  ir::Graph graph;
  Builder g(&graph, {});
  const ir::ValueId x = graph.AddInput("x", Qint8(kImage, 0.1, 0));
  std::vector<std::int64_t> integers;
  for (std::int64_t q = -128; q < 128; ++q) integers.push_back(-1 - q);
  ASSERT_TRUE(LookUpInteger(g, Value(&graph, x), integers, Qint8(kImage, 0.2, 0)));
  const std::vector<std::int64_t> table = ConstantInput(graph, Find(graph, "Gather"), 0).ToInts();
  EXPECT_EQ(table[0], -1);
  EXPECT_EQ(table[127], -128);
  EXPECT_EQ(table[128], 127);
  EXPECT_EQ(table[255], 0);
}

TEST(Activations, PyTorchHasNoQuantizedFormOfMost) {
  for (const char* op : {"aten::exp", "aten::silu", "aten::mish", "aten::abs", "aten::hardswish",
                         "aten::selu", "aten::elu", "aten::glu", "aten::softplus"}) {
    OneCall call(RegisterActivations);
    const Status status = call.Call(op, {call.Input(Quint8(kImage, 0.1, 0))});
    ASSERT_FALSE(status) << op;
    EXPECT_THAT(status.error().what(), HasSubstr("does not take quantized tensors")) << op;
  }
}

TEST(Activations, NewerOpsetsHaveOperatorsForThem) {
  struct Row {
    const char* op;
    int opset;
    std::vector<std::string> nodes;
  };
  for (const Row& row :
       {Row{"aten::mish", 17, {"Softplus", "Tanh", "Mul"}}, Row{"aten::mish", 18, {"Mish"}},
        Row{"aten::gelu", 17, {"Mul", "Mul", "Erf", "Add", "Mul"}}, Row{"aten::gelu", 20, {"Gelu"}},
        Row{"aten::hardswish", 13, {"Add", "Clip", "Mul", "Div"}},
        Row{"aten::hardswish", 14, {"HardSwish"}}}) {
    OneCall call(RegisterActivations);
    ASSERT_TRUE(call.Call(row.op, {call.Input(Float32(kImage))}));
    EXPECT_EQ(Ops(call.Lower({.opset = row.opset})), row.nodes) << row.op << " " << row.opset;
  }
}

TEST(Activations, WhatOpset9LacksIsSaidInTheCaffe2Dialect) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::round", {call.Input(Float32(kImage))}));
  const auto lowered = call.Caffe2();
  ASSERT_FALSE(lowered);
  EXPECT_THAT(lowered.error().what(), HasSubstr("caffe2 dialect (opset 9) has no Round operator"));
}

TEST(Gelu, RefusesAnApproximationItDoesNotKnow) {
  OneCall call(RegisterActivations);
  const Status status = call.Call("aten::gelu", {call.Input(Float32(kImage)), std::string("poly")});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("\"poly\""));
}

TEST(Softplus, AThresholdThatShowsIsKept) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::softplus", {call.Input(Float32(kImage)), 2.0, 1.0}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Mul", "Softplus", "Mul", "Greater", "Where"));
}

TEST(Prelu, ASlopeForEachChannelStandsInFrontOfTheImage) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(
      call.Call("aten::prelu", {call.Input(Float32(kImage)), call.Constant(Tensor::Floats({2}, {1, 2}))}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("PRelu"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "PRelu"), 1).sizes, ElementsAre(2, 1, 1));
}

TEST(Prelu, OneSlopeNeedsNoRank) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("aten::prelu", {call.Input(Float32()), call.Constant(Tensor::Floats({1}, {0.25F}))}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("PRelu"));
}

TEST(Prelu, OfAScalarHasAScalarSlope) {
  OneCall call(RegisterActivations);
  ASSERT_TRUE(
      call.Call("aten::prelu", {call.Input(Float32(Shape{})), call.Constant(Tensor::Floats({1}, {0.25F}))}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Reshape", "PRelu"));
}

TEST(Prelu, SlopesOfOtherChannelsAreRefused) {
  OneCall call(RegisterActivations);
  EXPECT_FALSE(call.Call("aten::prelu",
                         {call.Input(Float32(Shape{4, 3})), call.Constant(Tensor::Floats({2}, {1, 2}))}));
}

// An odd slope of half steps: every product is a tie, which the reals may miss.
TEST(Prelu, ProductsThatMayRoundOtherwiseAreOfWholeNumbers) {
  Tensor slopes = Tensor::From(DType::kQUint8, {1}, std::vector<std::uint8_t>{113});
  slopes.quantization = Quantization::PerTensor(0.1, 100);
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::prelu",
                        {call.Input(Quint8(kImage, 0.3, 128)), call.Constant(slopes), 0.06, Dim(128)}));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered),
              ElementsAre("DequantizeLinear", "Relu", "Sub", "Mul", "Mul", "Add", "Mul", "QuantizeLinear"));
  EXPECT_EQ(lowered->exactness.at(0).statement.exactness, Exactness::kConstruction);
}
TEST(Prelu, SlopesThatCannotHoldOneWarn) {
  Tensor slopes = Tensor::From(DType::kQUint8, {1}, std::vector<std::uint8_t>{50});
  slopes.quantization = Quantization::PerTensor(0.001, 0);  // reaches 0.255
  OneCall call(RegisterActivations);
  ASSERT_TRUE(call.Call("quantized::prelu",
                        {call.Input(Quint8(kImage, 0.1, 3)), call.Constant(slopes), 0.1, Dim(3)}));
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered);
  ASSERT_EQ(lowered->warnings.size(), 1U);
  EXPECT_THAT(lowered->warnings[0], HasSubstr("0.255"));
}

TEST(Glu, NeedsAnEvenSize) {
  OneCall call(RegisterActivations);
  const Status status = call.Call("aten::glu", {call.Input(Float32(Shape{1, 3})), Dim(1)});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("even size to be halved, not 3"));
}

}  // namespace
}  // namespace octavo
