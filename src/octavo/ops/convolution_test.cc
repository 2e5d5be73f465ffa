#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::ConstantInput;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using testing::Ints;
using ::testing::IsSupersetOf;
using ::testing::Not;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;
using Kind = ir::PackedWeights::Kind;

struct Packed {
  std::vector<std::int64_t> sizes = {2, 1, 2, 2};
  std::vector<std::int64_t> stride = {1, 1}, padding = {0, 0}, dilation = {1, 1}, output_padding = {0, 0};
  std::int64_t groups = 1;
  Kind kind = Kind::kConv;
  bool bias = true;
  std::optional<Quantization> quantization = std::nullopt;

  std::shared_ptr<const ir::PackedWeights> Make() const {
    auto packed = std::make_shared<ir::PackedWeights>();
    packed->kind = kind;
    packed->spatial_dims = static_cast<int>(sizes.size()) - 2;
    std::int64_t count = 1;
    for (const std::int64_t n : sizes) count *= n;
    std::vector<std::int8_t> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<std::int8_t>(i - count / 2));
    packed->weight = Tensor::From(DType::kQInt8, sizes, values);
    packed->weight.quantization = quantization.value_or(Quantization::PerTensor(0.1, 0));
    const std::int64_t channels = kind == Kind::kConvTranspose ? sizes[1] * groups : sizes[0];
    if (bias) {
      packed->bias =
          Tensor::Floats({channels}, std::vector<float>(static_cast<std::size_t>(channels), 0.25F));
    }
    packed->stride = stride;
    packed->padding = padding;
    packed->dilation = dilation;
    packed->output_padding = output_padding;
    packed->groups = groups;
    packed->name = "conv._packed_params";
    return packed;
  }
};

Status Conv(OneCall& call, const std::string& op, TensorType x, const Packed& packed, double scale = 0.5,
            std::int64_t zero_point = 0) {
  return call.Call(op, {call.Input(std::move(x)), packed.Make(), scale, Dim(zero_point)});
}

TEST(QuantizedConvolution, IsThePatternThatRuntimesFuse) {
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(Conv(call, "quantized::conv2d", Quint8(Shape{1, 1, 5, 6}, 0.2, 3),
                   {.stride = {2, 1}, .padding = {1, 0}}));
  EXPECT_EQ(call.result(), Quint8(Shape{1, 2, 3, 5}, 0.5, 0));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Conv",
                                        "QuantizeLinear"));
  const ir::Node& conv = Find(lowered->graph, "Conv");
  EXPECT_THAT(Ints(conv, "strides"), ElementsAre(2, 1));
  EXPECT_THAT(Ints(conv, "pads"), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(Ints(conv, "kernel_shape"), ElementsAre(2, 2));
}

TEST(QuantizedConvolution, ARelUThatTheClampDoesIsLeftOut) {
  const std::vector<std::string> plain = {"DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Conv",
                                          "QuantizeLinear"};
  OneCall clamped(RegisterConvolution);
  ASSERT_TRUE(Conv(clamped, "quantized::conv2d_relu", Quint8(Shape{1, 1, 5, 6}, 0.2, 3), {}));
  EXPECT_EQ(Ops(clamped.Lower()), plain);
  OneCall signed_clamped(RegisterConvolution);
  ASSERT_TRUE(
      Conv(signed_clamped, "quantized::conv2d_relu", Qint8(Shape{1, 1, 5, 6}, 0.2, 3), {}, 0.5, -128));
  EXPECT_EQ(Ops(signed_clamped.Lower({.numbers = Numbers::kPlain})), plain);
  // Any other zero point: behind the layer for ONNX Runtime, inside it for the others.
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(Conv(call, "quantized::conv2d_relu", Quint8(Shape{1, 1, 5, 6}, 0.2, 3), {}, 0.5, 10));
  EXPECT_THAT(Ops(call.Lower()),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Conv",
                          "QuantizeLinear", "DequantizeLinear", "LeakyRelu", "QuantizeLinear"));
  EXPECT_THAT(Ops(call.Lower({.target = Target::kOpenVino})),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Conv", "Relu",
                          "QuantizeLinear"));
}

// ONNX Runtime's integer kernels on x86 take uint8.
TEST(QuantizedConvolution, OfQint8IsOneOfUint8BetweenInt8) {
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(Conv(call, "quantized::conv2d", Qint8(Shape{1, 1, 5, 6}, 0.2, 3), {}, 0.5, -7));
  const auto lowered = call.Lower();
  EXPECT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "QuantizeLinear", "DequantizeLinear",
                                        "DequantizeLinear", "DequantizeLinear", "Conv", "QuantizeLinear",
                                        "DequantizeLinear", "QuantizeLinear"));
  std::vector<TensorType> quantized;
  for (const ir::Node& node : lowered->graph.nodes()) {
    if (node.op == "QuantizeLinear") quantized.push_back(lowered->graph.type(node.outputs[0]));
  }
  EXPECT_THAT(quantized, ElementsAre(Quint8(Shape{1, 1, 5, 6}, 0.2, 131), Quint8(Shape{1, 2, 4, 5}, 0.5, 121),
                                     Qint8(Shape{1, 2, 4, 5}, 0.5, -7)));
  EXPECT_THAT(Ops(call.Lower({.target = Target::kOpenVino})),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Conv", "LeakyRelu",
                          "QuantizeLinear"));
}

TEST(QuantizedConvolution, OpenVinoRoundsBehindAnIdentity) {
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(Conv(call, "quantized::conv2d", Quint8(Shape{1, 1, 5, 6}, 0.2, 3), {}, 0.5, 9));
  const auto lowered = call.Lower({.target = Target::kOpenVino});
  EXPECT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Conv",
                                        "LeakyRelu", "QuantizeLinear"));
  EXPECT_EQ(std::get<double>(*Find(lowered->graph, "LeakyRelu").Find("alpha")), 1.0);
  EXPECT_THAT(Ops(call.Lower({.target = Target::kOpenVino, .numbers = Numbers::kPlain})),
              Not(Contains("LeakyRelu")));
  EXPECT_THAT(Ops(call.Lower()), Not(Contains("LeakyRelu")));
}

TEST(QuantizedConvolution, OpenVinoAddsOtherEnginesBiasAsAFloat) {
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(Conv(call, "quantized::conv2d", Quint8(Shape{1, 1, 5, 6}, 0.2, 3), {}, 0.5, 9));
  EXPECT_THAT(Ops(call.Lower({.target = Target::kOpenVino, .engine = Engine::kOnednn})),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "Conv", "LeakyRelu", "QuantizeLinear"));
}

TEST(QuantizedConvolution, PerChannelWeightsHaveAxis0) {
  OneCall call(RegisterConvolution);
  const Quantization q{.scales = {0.1, 0.2}, .zero_points = {0, 0}, .axis = 0};
  ASSERT_TRUE(Conv(call, "quantized::conv2d", Quint8(Shape{1, 1, 5, 6}, 0.2, 3), {.quantization = q}));
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered);
  // The weight's and the bias's.
  EXPECT_THAT(Ints(lowered->graph.nodes()[1], "axis"), ElementsAre(0));
  EXPECT_THAT(Ints(lowered->graph.nodes()[2], "axis"), ElementsAre(0));
  EXPECT_THAT(ConstantInput(lowered->graph, lowered->graph.nodes()[2], 1).ToFloats(),
              ElementsAre(static_cast<float>(0.1 * 0.2), static_cast<float>(0.2 * 0.2)));
}

TEST(QuantizedConvolution, Conv1dHasADummyDimensionInItsWeights) {
  for (const bool dummy : {true, false}) {
    OneCall call(RegisterConvolution);
    Packed packed{.sizes = {2, 1, 3}, .stride = {2}, .padding = {1}, .dilation = {1}, .output_padding = {0}};
    if (dummy) {
      packed = {.sizes = {2, 1, 1, 3}, .stride = {1, 2}, .padding = {0, 1}};
    }
    ASSERT_TRUE(Conv(call, "quantized::conv1d", Quint8(Shape{1, 1, 9}, 0.2, 3), packed));
    EXPECT_EQ(call.result().shape, (Shape{1, 2, 5}));
    const auto lowered = call.Lower();
    ASSERT_TRUE(lowered);
    const ir::Node& conv = Find(lowered->graph, "Conv");
    EXPECT_THAT(Ints(conv, "kernel_shape"), ElementsAre(3));
    EXPECT_THAT(Ints(conv, "strides"), ElementsAre(2));
    EXPECT_THAT(Ops(call.Caffe2()),
                ElementsAre("Int8GivenTensorFill", "Int8GivenIntTensorFill", "Constant", "Int8Reshape",
                            "Int8Transpose", "Int8Conv", "Int8Transpose", "Constant", "Int8Reshape"));
  }
}

TEST(QuantizedConvolution, Caffe2WeightsAreUnsignedAndChannelsLast) {
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(
      Conv(call, "quantized::conv2d_relu", Quint8(Shape{1, 2, 5, 6}, 0.2, 3), {.sizes = {2, 2, 1, 2}}));
  const auto lowered = call.Caffe2();
  EXPECT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Int8GivenIntTensorFill", "Int8Transpose",
                                        "Int8ConvRelu", "Int8Transpose"));
  const ir::Node& fill = Find(lowered->graph, "Int8GivenTensorFill");
  EXPECT_THAT(Ints(fill, "shape"), ElementsAre(2, 1, 2, 2));
  EXPECT_THAT(Ints(fill, "Y_zero_point"), ElementsAre(128));
  // -4 .. 3 as [O, I, 1, W], so [O, 1, W, I] is -4 -2 -3 -1 | 0 2 1 3.
  EXPECT_THAT(std::get<ir::Bytes>(*fill.Find("values")).data.ToInts(),
              ElementsAre(124, 126, 125, 127, 128, 130, 129, 131));
  const ir::Node& conv = Find(lowered->graph, "Int8ConvRelu");
  std::vector<std::string> names;
  for (const ir::Argument& argument : conv.arguments) {
    if (!argument.name.empty()) names.push_back(argument.name);
  }
  EXPECT_THAT(names, ElementsAre("Y_scale", "Y_zero_point", "dilations", "group", "kernels", "order", "pads",
                                 "strides"));
}

TEST(QuantizedConvolution, WhatInt8ConvCannotDoGoesThroughFloat) {
  const TensorType x = Quint8(Shape{1, 1, 5, 6}, 0.2, 3);
  const std::vector<std::string> through = {"Int8Dequantize", "Int8GivenTensorFill", "Int8Dequantize", "Conv",
                                            "Int8Quantize"};
  OneCall large(RegisterConvolution);  // 0.2 * 0.1 / 0.01 is not below 1
  ASSERT_TRUE(Conv(large, "quantized::conv2d", x, {.bias = false}, 0.01));
  EXPECT_EQ(Ops(large.Caffe2(false, Numbers::kPlain)), through);
  OneCall three(RegisterConvolution);
  ASSERT_TRUE(Conv(three, "quantized::conv3d", Quint8(Shape{1, 1, 5, 6, 7}, 0.2, 3),
                   {.sizes = {2, 1, 2, 2, 2},
                    .stride = {1, 1, 1},
                    .padding = {0, 0, 0},
                    .dilation = {1, 1, 1},
                    .output_padding = {0, 0, 0},
                    .bias = false}));
  EXPECT_EQ(Ops(three.Caffe2(false, Numbers::kPlain)), through);
  // By default in steps, with PyTorch's multiplier behind the sums and a whole number before Int8Quantize.
  const std::vector<std::string> exact = Ops(three.Caffe2());
  const auto conv = std::ranges::find(exact, "Conv");
  EXPECT_EQ(std::vector<std::string>(conv, exact.end()),
            (std::vector<std::string>{"Conv", "Constant", "Mul", "Constant", "Add", "Constant", "Sub",
                                      "Constant", "Mul", "Int8Quantize"}));
}

TEST(QuantizedConvolution, Caffe2RefusesWhatItHasNoTypeFor) {
  const Quantization q{.scales = {0.1, 0.2}, .zero_points = {0, 0}, .axis = 0};
  OneCall channels(RegisterConvolution);
  ASSERT_TRUE(Conv(channels, "quantized::conv2d", Quint8(Shape{1, 1, 5, 6}, 0.2, 3), {.quantization = q}));
  const auto refused = channels.Caffe2();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().ToString(), HasSubstr("features.0"));
  EXPECT_THAT(refused.error().ToString(), HasSubstr("--per-channel-weights requantize"));
  const auto requantized = channels.Caffe2(true);
  ASSERT_TRUE(requantized);
  EXPECT_EQ(requantized->warnings.size(), 1U);
  // Channel 0 holds -4 .. -1 times 0.1, channel 1 0 .. 3 times 0.2; the largest is 0.6 = 127 steps.
  EXPECT_THAT(
      std::get<ir::Bytes>(*Find(requantized->graph, "Int8GivenTensorFill").Find("values")).data.ToInts(),
      ElementsAre(128 - 85, 128 - 64, 128 - 42, 128 - 21, 128, 128 + 42, 128 + 85, 255));
  OneCall with_sign(RegisterConvolution);
  ASSERT_TRUE(Conv(with_sign, "quantized::conv2d", Qint8(Shape{1, 1, 5, 6}, 0.2, 3), {}));
  EXPECT_FALSE(with_sign.Caffe2());
}

TEST(QuantizedConvolution, RefusesWhatDoesNotFit) {
  const TensorType x = Quint8(Shape{1, 1, 5, 6}, 0.2, 3);
  auto fails = [&](const TensorType& input, const Packed& packed, double scale = 0.5, std::int64_t zero = 0) {
    OneCall call(RegisterConvolution);
    return !Conv(call, "quantized::conv2d", input, packed, scale, zero);
  };
  EXPECT_FALSE(fails(x, {}));
  EXPECT_TRUE(fails(Quint8(Shape{1, 3, 5, 6}, 0.2, 3), {}));
  EXPECT_TRUE(fails(Quint8(Shape{1, 5, 6}, 0.2, 3), {}));
  EXPECT_TRUE(fails(Float32(Shape{1, 1, 5, 6}), {}));
  EXPECT_TRUE(fails(x, {}, 0.0));
  EXPECT_TRUE(fails(x, {}, -1.0));
  EXPECT_TRUE(fails(x, {}, 0.5, 256));
  EXPECT_TRUE(fails(x, {.stride = {0, 1}}));
  EXPECT_TRUE(fails(x, {.padding = {-1, 0}}));
  EXPECT_TRUE(fails(x, {.dilation = {1, 1, 1}}));
  EXPECT_TRUE(fails(x, {.dilation = {5, 5}}));  // the window is larger than the image
  EXPECT_TRUE(fails(x, {.groups = 0}));
  EXPECT_TRUE(fails(Quint8(Shape{1, 3, 5, 6}, 0.2, 3), {.groups = 3}));
  EXPECT_TRUE(fails(x, {.kind = Kind::kConvTranspose}));
  EXPECT_TRUE(fails(x, {.kind = Kind::kLinear}));
}

TEST(TransposedConvolution, IsExactInOnnxRuntime) {
  OneCall call(RegisterConvolution);
  const Packed packed{
      .sizes = {2, 1, 2, 2}, .stride = {2, 2}, .output_padding = {1, 0}, .kind = Kind::kConvTranspose};
  ASSERT_TRUE(Conv(call, "quantized::conv_transpose2d", Quint8(Shape{1, 2, 3, 4}, 0.2, 3), packed));
  EXPECT_EQ(call.result().shape, (Shape{1, 1, 7, 8}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear",
                                             "ConvTranspose", "Mul", "QuantizeLinear"));
  EXPECT_THAT(Ops(call.Lower({.target = Target::kOpenVino})),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "ConvTranspose",
                          "QuantizeLinear"));
}

// Runtimes take no output_padding of a whole stride, PyTorch takes it below the dilation.
TEST(TransposedConvolution, LessIsLeftOutInPlaceOfALargeOutputPadding) {
  Packed packed{.sizes = {2, 1, 2, 2},
                .padding = {1, 1},
                .dilation = {2, 2},
                .output_padding = {1, 0},
                .kind = Kind::kConvTranspose};
  OneCall call(RegisterConvolution);
  ASSERT_TRUE(Conv(call, "quantized::conv_transpose2d", Quint8(Shape{1, 2, 3, 4}, 0.2, 3), packed));
  EXPECT_EQ(call.result().shape, (Shape{1, 1, 4, 4}));
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ints(Find(lowered->graph, "ConvTranspose"), "pads"), ElementsAre(1, 1, 0, 1));
  EXPECT_EQ(Find(lowered->graph, "ConvTranspose").Find("output_padding"), nullptr);
  packed.padding = {0, 0};
  OneCall padded(RegisterConvolution);
  ASSERT_TRUE(Conv(padded, "quantized::conv_transpose2d", Quint8(Shape{1, 2, 3, 4}, 0.2, 3), packed));
  EXPECT_EQ(padded.result().shape, (Shape{1, 1, 6, 6}));
  const auto with_zeros = padded.Lower();
  ASSERT_TRUE(with_zeros);
  EXPECT_THAT(ConstantInput(with_zeros->graph, Find(with_zeros->graph, "Pad"), 1).ToInts(),
              ElementsAre(0, 0, 0, 0, 0, 0, 1, 0));
  EXPECT_EQ(Find(with_zeros->graph, "ConvTranspose").Find("output_padding"), nullptr);
}

TEST(TransposedConvolution, PerChannelInGroupsIsRefused) {
  OneCall call(RegisterConvolution);
  const Packed packed{.sizes = {2, 1, 2, 2},
                      .groups = 2,
                      .kind = Kind::kConvTranspose,
                      .quantization = Quantization{.scales = {0.1, 0.2}, .zero_points = {0, 0}, .axis = 1}};
  ASSERT_TRUE(Conv(call, "quantized::conv_transpose2d", Quint8(Shape{1, 2, 3, 4}, 0.2, 3), packed));
  EXPECT_FALSE(call.Lower());
}

TEST(FloatConvolution, TakesEveryFormOfPadding) {
  OneCall same(RegisterConvolution);
  const ir::ValueId x = same.Input(Float32(Shape{Dim::Symbol("N"), 3, 8, 9}));
  const ir::ValueId w = same.Constant(Tensor::Floats({4, 3, 2, 3}, std::vector<float>(72, 1)));
  ASSERT_TRUE(same.Call("aten::conv2d", {x, w, ir::None{}, std::vector<Dim>{1}, std::string("same"),
                                         std::vector<Dim>{2}, Dim(1)}));
  EXPECT_EQ(same.result().shape, (Shape{Dim::Symbol("N"), 4, 8, 9}));
  const auto lowered = same.Lower();
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ints(Find(lowered->graph, "Conv"), "pads"), ElementsAre(1, 2, 1, 2));
  OneCall odd(RegisterConvolution);
  const ir::ValueId y = odd.Input(Float32(Shape{1, 3, 8, 9}));
  const ir::ValueId v = odd.Constant(Tensor::Floats({4, 3, 2, 3}, std::vector<float>(72, 1)));
  ASSERT_TRUE(odd.Call("aten::conv2d", {y, v, ir::None{}, std::vector<Dim>{1}, std::string("same")}));
  EXPECT_THAT(Ints(Find(odd.Lower()->graph, "Conv"), "pads"), ElementsAre(0, 1, 1, 1));
  OneCall strided(RegisterConvolution);
  const ir::ValueId z = strided.Input(Float32(Shape{1, 3, 8, 9}));
  const ir::ValueId u = strided.Constant(Tensor::Floats({4, 3, 2, 3}, std::vector<float>(72, 1)));
  EXPECT_FALSE(strided.Call("aten::conv2d", {z, u, ir::None{}, std::vector<Dim>{2}, std::string("same")}));
  EXPECT_FALSE(strided.Call("aten::conv2d", {z, u, ir::None{}, std::vector<Dim>{1}, std::string("reflect")}));
}

TEST(FloatConvolution, TakesOneItemWithoutABatch) {
  OneCall call(RegisterConvolution);
  const ir::ValueId x = call.Input(Float32(Shape{3, 8}));
  const ir::ValueId w = call.Constant(Tensor::Floats({4, 3, 2}, std::vector<float>(24, 1)));
  ASSERT_TRUE(call.Call("aten::conv1d", {x, w}));
  EXPECT_EQ(call.result().shape, (Shape{4, 7}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Unsqueeze", "Conv", "Squeeze"));
}

TEST(FloatConvolution, TracedFormsSayWhetherTheyAreTransposed) {
  OneCall call(RegisterConvolution);
  const ir::ValueId x = call.Input(Float32(Shape{1, 3, 8}));
  const ir::ValueId w = call.Constant(Tensor::Floats({3, 4, 2}, std::vector<float>(24, 1)));
  const std::vector<Dim> one{1}, two{2}, zero{0};
  ASSERT_TRUE(call.Call("aten::_convolution",
                        {x, w, ir::None{}, two, zero, one, true, one, Dim(1), false, false, true, true}));
  EXPECT_EQ(call.result().shape, (Shape{1, 4, 17}));
  const auto lowered = call.Lower();
  ASSERT_TRUE(lowered);
  EXPECT_THAT(Ints(Find(lowered->graph, "ConvTranspose"), "output_padding"), ElementsAre(1));
}

TEST(FloatConvolution, RefusesQuantizedTensors) {
  OneCall call(RegisterConvolution);
  const ir::ValueId x = call.Input(Quint8(Shape{1, 3, 8}, 0.1, 0));
  const ir::ValueId w = call.Constant(Tensor::Floats({4, 3, 2}, std::vector<float>(24, 1)));
  EXPECT_FALSE(call.Call("aten::conv1d", {x, w}));
}

}  // namespace
}  // namespace octavo
