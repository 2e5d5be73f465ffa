#include "octavo/raise/raise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ir/text.h"
#include "octavo/ir/verify.h"
#include "octavo/passes/passes.h"

namespace octavo::raise {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

ir::Graph Parsed(const std::string& text) {
  Result<ir::Graph> graph = ir::ParseGraph(text);
  EXPECT_TRUE(graph) << graph.error().ToString();
  return graph ? *std::move(graph) : ir::Graph();
}

const Registry& Rows() {
  static const Registry* registry = [] {
    auto* rows = new Registry;
    RegisterBuiltinOperators(*rows);
    return rows;
  }();
  return *registry;
}

Result<ir::Graph> Raised(const std::string& text, int opset = 17) {
  ir::Graph graph = Parsed(text);
  return Raise(graph, Rows(), opset);
}

// The text of a raised graph without what nothing uses, its opset, and names that tell nothing.
std::string Text(ir::Graph graph) {
  passes::RemoveDeadNodes(graph);
  graph.opsets.clear();
  for (ir::Node& node : graph.nodes()) {
    node.name.clear();
    for (const ir::ValueId output : node.outputs) graph.value(output).name.clear();
    for (ir::Argument& argument : node.arguments) {
      if (std::holds_alternative<ir::ValueId>(argument.value)) argument.name.clear();
    }
  }
  EXPECT_TRUE(ir::Verify(graph));
  return ir::Print(graph, {.origins = false});
}

void ExpectRaised(const std::string& text, const std::string& expected, int opset = 17) {
  Result<ir::Graph> raised = Raised(text, opset);
  ASSERT_TRUE(raised) << raised.error().ToString();
  EXPECT_EQ(Text(*std::move(raised)), Text(Parsed(expected)));
}

void ExpectJoined(const std::string& text, const std::string& expected) {
  Result<ir::Graph> raised = Raised(text);
  ASSERT_TRUE(raised) << raised.error().ToString();
  EXPECT_GT(JoinQuantized(*raised, Rows()), 0);
  EXPECT_EQ(Text(*std::move(raised)), Text(Parsed(expected)));
}

std::string ErrorOf(const std::string& text, int opset = 17) {
  const Result<ir::Graph> raised = Raised(text, opset);
  return raised ? "no error" : raised.error().ToString();
}

constexpr const char* kQuantize = R"(
    opset 9
    input %x: float32[1,1,4,6]
    %q = org.pytorch._caffe2::Int8Quantize(%x, Y_scale=0.5, Y_zero_point=3)
)";

// The operators from quantize to the output, on an image that is quantized.
std::string Caffe2(const std::string& nodes) { return kQuantize + nodes + "\n output y = %y"; }

std::string Torch(const std::string& nodes) {
  return R"(
    input %x: float32[1,1,4,6]
    %q: quint8[1,1,4,6](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
)" + nodes +
         "\n output y = %y";
}

TEST(RaiseTest, Int8ConvHasItsWeightsAndBiasAsIntegers) {
  // OHWI bytes become OIHW int8; the window's rows and columns show which is which.
  const Result<ir::Graph> raised = Raised(Caffe2(R"(
      %w = org.pytorch._caffe2::Int8GivenTensorFill(shape=[1,1,2,1], Y_zero_point=130, Y_scale=0.25,
                                                     values=bytes uint8[2]{128,255})
      %b = org.pytorch._caffe2::Int8GivenIntTensorFill(shape=[1], Y_zero_point=0, Y_scale=0.125, values=[-7])
      %0 = org.pytorch._caffe2::Int8Transpose(%q, axes=[0,2,3,1], Y_scale=0.5, Y_zero_point=3)
      %1 = org.pytorch._caffe2::Int8Conv(%0, %w, %b, Y_scale=2.0, Y_zero_point=9, dilations=[1,1], group=1,
                                          kernels=[1,2], order="NHWC", pads=[0,1,0,1], strides=[2,1])
      %y = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2], Y_scale=2.0, Y_zero_point=9))"));
  ASSERT_TRUE(raised) << raised.error().ToString();
  EXPECT_EQ(Text(*raised), Text(Parsed(Torch(R"(
      %y: quint8[1,1,2,7](2,9) = quantized::conv2d(%q, packed_weight=packed(kind=conv, spatial_dims=2,
          weight=qint8[1,1,1,2](0.25,2){0,127}, bias=qint32[1](0.125,0){-7}, stride=[2,1], padding=[0,1],
          dilation=[1,1], output_padding=[0,0]), output_scale=2.0, output_zero_point=9))"))));
}

TEST(RaiseTest, APairOfTransposesIsNone) {
  ExpectRaised(Caffe2(R"(
      %0 = org.pytorch._caffe2::Int8Transpose(%q, axes=[0,2,3,1], Y_scale=0.5, Y_zero_point=3)
      %1 = org.pytorch._caffe2::Int8MaxPool(%0, Y_scale=0.5, Y_zero_point=3, kernel=2, order="NHWC",
                                             pads=[0,0,0,0], strides=[])
      %2 = org.pytorch._caffe2::Int8Transpose(%1, axes=[0,3,1,2], Y_scale=0.5, Y_zero_point=3)
      %3 = org.pytorch._caffe2::Int8Transpose(%2, axes=[0,2,3,1], Y_scale=0.5, Y_zero_point=3)
      %4 = org.pytorch._caffe2::Int8ResizeNearest(%3, Y_scale=0.5, Y_zero_point=3, output_size=[6,5])
      %y = org.pytorch._caffe2::Int8Transpose(%4, axes=[0,3,1,2], Y_scale=0.5, Y_zero_point=3))"),
               // No stride is a stride of 1 in Caffe2.
               Torch(R"(
      %0: quint8[1,1,3,5](0.5,3) = aten::max_pool2d(%q, kernel_size=[2,2], stride=[1,1], padding=[0,0],
                                                     dilation=[1,1], ceil_mode=false)
      %y: quint8[1,1,6,5](0.5,3) = aten::upsample_nearest2d(%0, output_size=None, scale_factors=[2.0,1.0]))"));
}

TEST(RaiseTest, Int8SliceCountsFromBehindTheEnd) {
  ExpectRaised(Caffe2(R"(
      %0 = org.pytorch._caffe2::Int8Slice(%q, Y_scale=0.5, Y_zero_point=3, dim=2, end_idx=-1, start_idx=1)
      %y = org.pytorch._caffe2::Int8Slice(%0, Y_scale=0.5, Y_zero_point=3, dim=3, end_idx=-2, start_idx=-4))"),
               Torch(R"(
      %0: quint8[1,1,3,6](0.5,3) = aten::slice(%q, dim=2, start=1, end=9223372036854775807, step=1)
      %y: quint8[1,1,3,2](0.5,3) = aten::slice(%0, dim=3, start=-3, end=-1, step=1))"));
}

TEST(RaiseTest, AnAverageOfAnotherScaleGoesThroughReals) {
  ExpectRaised(R"(
      opset 9
      input %x: float32[1,4,6,1]
      %q = org.pytorch._caffe2::Int8Quantize(%x, Y_scale=0.5, Y_zero_point=3)
      %y = org.pytorch._caffe2::Int8AveragePool(%q, Y_scale=0.25, Y_zero_point=0, kernel=2, order="NHWC",
                                                 pads=[1,1,1,1], strides=[1,1])
      output y = %y)",
               R"(
      input %x: float32[1,4,6,1]
      %q: quint8[1,4,6,1](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
      %0: quint8[1,1,4,6](0.5,3) = aten::permute(%q, dims=[0,3,1,2])
      %1: float32[1,1,4,6] = aten::dequantize(%0)
      %2: float32[1,1,5,7] = aten::avg_pool2d(%1, kernel_size=[2,2], stride=[1,1], padding=[1,1],
                                               ceil_mode=false, count_include_pad=true, divisor_override=None)
      %3: quint8[1,1,5,7](0.25,0) = aten::quantize_per_tensor(%2, scale=0.25, zero_point=0, dtype=13)
      %y: quint8[1,5,7,1](0.25,0) = aten::permute(%3, dims=[0,2,3,1])
      output y = %y)");
}

TEST(RaiseTest, WhatCaffe2RefusesIsRefused) {
  const auto node = [](const std::string& text) {
    return ErrorOf(Caffe2("%y = org.pytorch._caffe2::" + text + " name \"here\""));
  };
  EXPECT_THAT(node("Int8Relu(%q, Y_scale=0.25, Y_zero_point=3)"),
              AllOf(HasSubstr("Int8Relu"), HasSubstr("node here"), HasSubstr("must be the same")));
  EXPECT_THAT(node("Int8Sigmoid(%q, Y_scale=0.5, Y_zero_point=0)"), HasSubstr("1/256"));
  EXPECT_THAT(node("Int8Relu(%x, Y_scale=0.5, Y_zero_point=3)"), HasSubstr("must be an Int8 tensor"));
  EXPECT_THAT(node("Int8Slice(%q, Y_scale=0.5, Y_zero_point=3, dim=-1, end_idx=2, start_idx=0)"),
              HasSubstr("dim must not be negative, but is -1"));
  EXPECT_THAT(node("Int8Concat(%q, %q, Y_scale=0.5, Y_zero_point=3, axis=-1)"),
              HasSubstr("axis must not be negative, but is -1"));
  EXPECT_THAT(node("Int8ResizeNearest(%q, Y_scale=0.5, Y_zero_point=3, output_size=[2,3])"),
              HasSubstr("Caffe2 supports integers only"));
  EXPECT_THAT(node("Int8MaxPool(%q, Y_scale=0.5, Y_zero_point=3, kernel=2, order=\"NCHW\")"),
              HasSubstr("NHWC"));
  EXPECT_THAT(
      node("Int8GivenTensorFill(shape=[2], Y_scale=0.5, Y_zero_point=3, values=bytes uint8[3]{1,2,3})"),
      HasSubstr("3 values do not fit the shape [2]"));
  EXPECT_THAT(node("Int8GivenTensorFill(shape=[-2], Y_scale=0.5, Y_zero_point=3, values=bytes uint8[0]{})"),
              HasSubstr("negative"));
  EXPECT_THAT(node("Int8Quantize(%x, Y_scale=-1.0, Y_zero_point=3)"), HasSubstr("scale"));
  EXPECT_THAT(node("Int8Quantize(%x, Y_scale=\"a\", Y_zero_point=3)"), HasSubstr("attribute Y_scale"));
  EXPECT_THAT(node("Int8Unknown(%q)"), HasSubstr("Int8Unknown"));
  EXPECT_THAT(ErrorOf(Caffe2("%y = Tanh(%q) name \"here\"")),
              AllOf(HasSubstr("does not take quantized tensors"), HasSubstr("node here")));
  EXPECT_THAT(ErrorOf(Caffe2("%y = org.pytorch.aten::ATen(%q, operator=\"flatten\") name \"here\"")),
              AllOf(HasSubstr("aten::flatten"), HasSubstr("node here")));
  EXPECT_THAT(node("Int8Add(%q, Y_scale=0.5, Y_zero_point=3)"), HasSubstr("input 1 is missing"));
}

// PyTorch gives a scalar an axis 0; ONNX does not.
TEST(RaiseTest, AScalarHasNoAxis) {
  const std::string scales = "constant %s = float32[2]{1,2}\nconstant %z = int8[2]{0,0}\n";
  for (const char* axis : {"", ", axis=0", ", axis=-1"}) {
    EXPECT_THAT(ErrorOf("opset 13\nconstant %w = int8[]{7}\n" + scales + "%y = DequantizeLinear(%w, %s, %z" +
                        axis + ")\noutput %y"),
                HasSubstr("is out of range for a tensor of rank 0"));
    EXPECT_THAT(ErrorOf("opset 13\ninput %x: float32[]\n" + scales + "%y = QuantizeLinear(%x, %s, %z" + axis +
                        ")\noutput %y"),
                HasSubstr("is out of range for a tensor of rank 0"));
  }
  EXPECT_THAT(ErrorOf("opset 11\ninput %x: float32[]\n%y, %z = Split(%x, axis=0)\noutput %y"),
              HasSubstr("axis 0 is out of range for a tensor of rank 0"));
  EXPECT_THAT(ErrorOf("opset 11\ninput %x: float32[]\n%y = Softmax(%x, axis=0)\noutput %y"),
              HasSubstr("axis 0 is out of range for a tensor of rank 0"));
}

TEST(RaiseTest, AxesThatOccurTwice) {
  ExpectRaised(
      "opset 13\ninput %x: float32[1,1,2]\nconstant %a = int64[2]{0,-3}\n%y = Squeeze(%x, %a)\noutput %y",
      "input %x: float32[1,1,2]\n%y: float32[1,2] = aten::squeeze(%x, dim=0)\noutput %y");
  EXPECT_THAT(
      ErrorOf(
          "opset 13\ninput %x: float32[2]\nconstant %a = int64[2]{0,0}\n%y = Unsqueeze(%x, %a)\noutput %y"),
      HasSubstr("an axis occurs twice"));
}

TEST(RaiseTest, AllNodesThatCannotBeRaisedAreNamed) {
  EXPECT_THAT(
      ErrorOf(Caffe2("%0 = Foo(%x) name \"a\"; %1 = Bar(%x) name \"b\"; %y = Add(%0, %1) name \"c\"")),
      AllOf(HasSubstr("2 nodes"), HasSubstr("Foo"), HasSubstr("node a"), HasSubstr("Bar"),
            HasSubstr("node b")));
}

// ---- Plain operators

TEST(RaiseTest, OldFormsAreReadAsTheyWereMeant) {
  ExpectRaised(R"(
      opset 9
      input %x: float32[2,3,4]
      %0 = Slice(%x, axes=[1,2], ends=[2,9223372036854775807], starts=[0,-3])
      %1 = Unsqueeze(%0, axes=[0,3])
      %2 = Squeeze(%1, axes=[0])
      %3 = Clip(%2, max=6.0, min=0.0)
      %y = Softmax(%3, axis=2)
      output y = %y)",
               R"(
      input %x: float32[2,3,4]
      %0: float32[2,2,4] = aten::slice(%x, dim=1, start=0, end=2, step=1)
      %1: float32[2,2,3] = aten::slice(%0, dim=2, start=-3, end=9223372036854775807, step=1)
      %2: float32[1,2,2,3] = aten::unsqueeze(%1, dim=0)
      %3: float32[1,2,2,1,3] = aten::unsqueeze(%2, dim=3)
      %4: float32[2,2,1,3] = aten::squeeze(%3, dim=0)
      %5: float32[2,2,1,3] = aten::clamp(%4, min=0.0, max=6.0)
      %6: float32[4,3] = aten::reshape(%5, shape=[4,-1])
      %7: float32[4,3] = aten::softmax(%6, dim=1, dtype=None)
      %y: float32[2,2,1,3] = aten::reshape(%7, shape=[2,2,1,3])
      output y = %y)");
}

TEST(RaiseTest, WhatPyTorchHasNotStaysWhereItsFormIsTheSame) {
  const std::string text =
      "opset 9; input %x: float32[2,3]; %y = Shrink(%x, bias=0.5, lambd=0.5) name \"here\"; output y = %y";
  ExpectRaised(
      text,
      "input %x: float32[2,3]; %y: float32[2,3] = onnx::Shrink(%x, bias=0.5, lambd=0.5); output y = %y");
  const std::string newer = "opset 18; input %x: float32[2,3]; %y = Mish(%x) name \"here\"; output y = %y";
  EXPECT_THAT(ErrorOf(newer, 9), AllOf(HasSubstr("Mish"), HasSubstr("node here"), HasSubstr("18")));
}

// Integers are counted from the lowest, so that adding a half and cutting off rounds them.
TEST(RaiseTest, ATableOfIntegersIsOneOfReals) {
  ExpectRaised(R"(
      opset 13
      input %x: float32[2,3]
      constant %s = float32[]{0.5}; constant %z = int8[]{-3}
      constant %table = int8[4]{1,2,4,8}
      %q = QuantizeLinear(%x, %s, %z); %i = Cast(%q, to=6)
      %g = Gather(%table, %i, axis=0)
      %y = DequantizeLinear(%g, %s, %z)
      output y = %y)",
               R"(
      input %x: float32[2,3]
      constant %0 = float32[4]{2,2.5,3.5,5.5}
      %q: qint8[2,3](0.5,-3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=-3, dtype=12)
      %d: float32[2,3] = aten::dequantize(%q)
      %m: float32[2,3] = aten::mul(%d, other=2.0)
      %a: float32[2,3] = aten::add(%m, other=125.5, alpha=1)
      %c: int32[2,3] = onnx::Cast(%a, to=6)
      %i: int32[2,3] = aten::add(%c, other=-128, alpha=1)
      %r: float32[2,3] = onnx::Gather(%0, %i, axis=0)
      %g: qint8[2,3](0.5,-3) = aten::quantize_per_tensor(%r, scale=0.5, zero_point=-3, dtype=12)
      %y: float32[2,3] = aten::dequantize(%g)
      output y = %y)");
}

// ---- JoinQuantized

TEST(JoinQuantizedTest, ALayerWithItsRelu) {
  ExpectJoined(R"(
      opset 13
      input %x: float32[2,3]
      constant %s = float32[]{0.5}; constant %z = uint8[]{3}
      constant %w = int8[2,3]{1,2,3,4,5,6}; constant %ws = float32[2]{0.25,0.5}; constant %wz = int8[2]{0,0}
      constant %b = int32[2]{7,-8}; constant %bs = float32[2]{0.125,0.25}
      constant %os = float32[]{2}; constant %oz = uint8[]{9}
      %0 = QuantizeLinear(%x, %s, %z); %1 = DequantizeLinear(%0, %s, %z)
      %2 = DequantizeLinear(%w, %ws, %wz, axis=0); %3 = DequantizeLinear(%b, %bs, axis=0)
      %4 = Gemm(%1, %2, %3, transB=1); %5 = Relu(%4)
      %y = QuantizeLinear(%5, %os, %oz)
      output y = %y)",
               R"(
      input %x: float32[2,3]
      %0: quint8[2,3](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
      %y: quint8[2,2](2,9) = quantized::linear_relu(%0, W_prepack=packed(kind=linear,
          weight=qint8[2,3](axis=0,scales=[0.25,0.5],zero_points=[0,0]){1,2,3,4,5,6},
          bias=qint32[2](axis=0,scales=[0.125,0.25],zero_points=[0,0]){7,-8}), Y_scale_i=2.0, Y_zero_point_i=9)
      output y = %y)");
}

TEST(JoinQuantizedTest, AnIdentityThatIsThereForOpenVino) {
  ExpectJoined(R"(
      opset 13
      input %x: float32[1,3]
      constant %s = float32[]{0.5}; constant %z = uint8[]{3}
      constant %w = int8[1,3]{1,2,3}; constant %ws = float32[]{0.25}; constant %wz = int8[]{0}
      constant %b = int32[1]{7}; constant %bs = float32[]{0.125}
      constant %os = float32[]{2}; constant %oz = uint8[]{9}
      %0 = QuantizeLinear(%x, %s, %z); %1 = DequantizeLinear(%0, %s, %z)
      %2 = DequantizeLinear(%w, %ws, %wz); %3 = DequantizeLinear(%b, %bs)
      %4 = Gemm(%1, %2, %3, transB=1); %5 = LeakyRelu(%4, alpha=1.0)
      %y = QuantizeLinear(%5, %os, %oz)
      output y = %y)",
               R"(
      input %x: float32[1,3]
      %0: quint8[1,3](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
      %y: quint8[1,1](2,9) = quantized::linear(%0, W_prepack=packed(kind=linear,
          weight=qint8[1,3](0.25,0){1,2,3}, bias=qint32[1](0.125,0){7}), Y_scale_i=2.0, Y_zero_point_i=9)
      output y = %y)");
}

TEST(JoinQuantizedTest, AMatrixProductWithABiasThroughFloat) {
  ExpectJoined(Caffe2(R"(
      %w = org.pytorch._caffe2::Int8GivenTensorFill(shape=[6,1], Y_zero_point=128, Y_scale=0.25,
                                                     values=bytes uint8[6]{128,129,130,131,132,133})
      %b = Constant(value=float32[6]{0,0.125,0.25,0,0,-1})
      %0 = org.pytorch._caffe2::Int8Dequantize(%q)
      %1 = Transpose(%0, perm=[0,1,3,2])
      %2 = org.pytorch._caffe2::Int8Dequantize(%w)
      %3 = Sigmoid(%1)
      %y = org.pytorch._caffe2::Int8Quantize(%3, Y_scale=0.00390625, Y_zero_point=0))"),
               Torch(R"(
      %0: quint8[1,1,6,4](0.5,3) = aten::permute(%q, dims=[0,1,3,2])
      %y: quint8[1,1,6,4](0.00390625,0) = aten::sigmoid(%0))"));
}

TEST(JoinQuantizedTest, AQuantizationByTheReciprocal) {
  ExpectJoined(R"(
      opset 13
      input %x: float32[2,3]
      constant %c = float32[]{2}; constant %one = float32[]{1}; constant %s = float32[]{0.5}
      constant %z = uint8[]{3}
      %0 = Mul(%x, %c); %1 = QuantizeLinear(%0, %one, %z)
      %y = DequantizeLinear(%1, %s, %z)
      output y = %y)",
               R"(
      input %x: float32[2,3]
      %0: quint8[2,3](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
      %y: float32[2,3] = aten::dequantize(%0)
      output y = %y)");
}

TEST(JoinQuantizedTest, ALayerCountedInSteps) {
  ExpectJoined(R"(
      opset 13
      input %x: float32[2,3]
      constant %s = float32[]{0.5}; constant %z = uint8[]{3}; constant %one = float32[]{1}
      constant %w = int8[2,3]{1,2,3,4,5,6}; constant %ws = float32[2]{0.0625,0.125}; constant %wz = int8[2]{0,0}
      constant %b = int32[2]{7,-8}
      constant %os = float32[]{2}; constant %oz = uint8[]{9}
      %0 = QuantizeLinear(%x, %s, %z); %1 = DequantizeLinear(%0, %one, %z)
      %2 = DequantizeLinear(%w, %ws, %wz, axis=0); %3 = DequantizeLinear(%b, %ws, axis=0)
      %4 = Gemm(%1, %2, %3, transB=1)
      %5 = QuantizeLinear(%4, %one, %oz)
      %y = DequantizeLinear(%5, %os, %oz); %yy = DequantizeLinear(%0, %s, %z)
      output y = %y; output yy = %yy)",
               R"(
      input %x: float32[2,3]
      %0: quint8[2,3](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
      %1: quint8[2,2](2,9) = quantized::linear(%0, W_prepack=packed(kind=linear,
          weight=qint8[2,3](axis=0,scales=[0.25,0.5],zero_points=[0,0]){1,2,3,4,5,6},
          bias=qint32[2](axis=0,scales=[0.125,0.25],zero_points=[0,0]){7,-8}), Y_scale_i=2.0, Y_zero_point_i=9)
      %y: float32[2,2] = aten::dequantize(%1)
      %yy: float32[2,3] = aten::dequantize(%0)
      output y = %y; output yy = %yy)");
}

TEST(JoinQuantizedTest, AnAverageCountedInSteps) {
  ExpectJoined(R"(
      opset 13
      input %x: float32[1,1,4,4]
      constant %s = float32[]{0.5}; constant %z = uint8[]{3}; constant %one = float32[]{1}; constant %zero = uint8[]{0}
      %0 = QuantizeLinear(%x, %s, %z); %1 = DequantizeLinear(%0, %one, %zero)
      %2 = AveragePool(%1, kernel_shape=[2,2], strides=[2,2])
      %3 = QuantizeLinear(%2, %one, %zero)
      %y = DequantizeLinear(%3, %s, %z)
      output y = %y)",
               R"(
      input %x: float32[1,1,4,4]
      %0: quint8[1,1,4,4](0.5,3) = aten::quantize_per_tensor(%x, scale=0.5, zero_point=3, dtype=13)
      %1: quint8[1,1,2,2](0.5,3) = aten::avg_pool2d(%0, kernel_size=[2,2], stride=[2,2], padding=[0,0],
                                        ceil_mode=false, count_include_pad=false, divisor_override=None)
      %y: float32[1,1,2,2] = aten::dequantize(%1)
      output y = %y)");
}

}  // namespace
}  // namespace octavo::raise
