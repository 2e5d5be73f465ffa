#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/engine/engine.h"
#include "octavo/ir/text.h"

// What the engine refuses, and what it says.

namespace octavo::engine {
namespace {

using testing::HasSubstr;

struct ErrorCase {
  const char* name;
  const char* graph;
  const char* message;
  ErrorCode code = ErrorCode::kInvalidFile;
};

class Refused : public testing::TestWithParam<ErrorCase> {};

// x is float32[2,3], i is int64[2] with the values 0 and 7.
TEST_P(Refused, SaysWhy) {
  const auto graph = ir::ParseGraph(std::string("opset 17\ninput %x: float32[2,3]\ninput %i: int64[2]\n") +
                                    GetParam().graph);
  ASSERT_TRUE(graph) << graph.error().ToString();
  const std::vector<Tensor> inputs{Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6}), Tensor::Int64s({0, 7})};
  Options options;
  Limits limits;
  limits.max_memory_bytes = 1 << 22;
  options.budget = std::make_shared<Budget>(limits);
  auto model = CompiledModel::Compile(*graph, {inputs[0].type(), inputs[1].type()}, options);
  if (!model) {
    EXPECT_EQ(model.error().code(), GetParam().code) << model.error().ToString();
    EXPECT_THAT(model.error().ToString(), HasSubstr(GetParam().message));
    return;
  }
  const auto y = model->Run(inputs);
  ASSERT_FALSE(y) << "it runs";
  EXPECT_EQ(y.error().code(), GetParam().code) << y.error().ToString();
  EXPECT_THAT(y.error().ToString(), HasSubstr(GetParam().message));
}

TEST(Attributes, OfOlderOpsetsAreRefused) {
  const auto graph =
      ir::ParseGraph("opset 18\ninput %x: float32[2,3]\n%y = ReduceMean(%x, axes=[0])\noutput %y");
  ASSERT_TRUE(graph) << graph.error().ToString();
  const TensorType x = Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6}).type();
  for (const bool fuse : {true, false}) {
    Options options;
    options.fuse = fuse;
    const auto model = CompiledModel::Compile(*graph, {x}, options);
    ASSERT_FALSE(model);
    EXPECT_THAT(model.error().ToString(), HasSubstr("attribute axes is not supported"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Engine, Refused,
    testing::Values(
        ErrorCase{"types", "%y = Add(%x, %i)\noutput %y", "input 1 is int64, but input 0 is float32"},
        ErrorCase{"shapes", "constant %c = float32[4]{1,2,3,4}\n%y = Add(%x, %c)\noutput %y",
                  "cannot be broadcast"},
        ErrorCase{"inputs", "%y = Relu(%x, %x)\noutput %y", "the node has 2 inputs, but 1 are expected"},
        ErrorCase{"missing_input", "%y = Conv(%x, None)\noutput %y", "inputs"},
        ErrorCase{"outputs", "%y, %z = Relu(%x)\noutput %y", "the node has 2 outputs"},
        ErrorCase{"attribute", "%y = Relu(%x, slope=0.5)\noutput %y", "attribute slope is not supported",
                  ErrorCode::kUnsupported},
        ErrorCase{"attribute_type", "%y = LeakyRelu(%x, alpha=\"a\")\noutput %y",
                  "attribute alpha must be a float"},
        ErrorCase{"missing_attribute", "%y = Concat(%x, %x)\noutput %y", "attribute axis is missing"},
        ErrorCase{"axis", "%y = Softmax(%x, axis=2)\noutput %y", "axis 2 is out of range"},
        ErrorCase{"axis_twice", "%y = Transpose(%x, perm=[0,0])\noutput %y", "axis 0 occurs twice"},
        ErrorCase{"perm", "%y = Transpose(%x, perm=[0])\noutput %y", "perm has 1 elements"},
        ErrorCase{"declared_shape", "%y: float32[2,4] = Relu(%x)\noutput %y",
                  "the model declares value y as"},
        ErrorCase{"declared_type", "%y: int8[2,3] = Relu(%x)\noutput %y", "the model declares value y as"},
        ErrorCase{"index", "%y = Gather(%x, %i)\noutput %y", "index 7 is out of range for 2"},
        ErrorCase{"reshape", "constant %s = int64[1]{5}\n%y = Reshape(%x, %s)\noutput %y",
                  "cannot be reshaped to"},
        ErrorCase{"reshape_twice", "constant %s = int64[2]{-1,-1}\n%y = Reshape(%x, %s)\noutput %y",
                  "-1 more than once"},
        ErrorCase{"reshape_overflow",
                  "constant %s = int64[3]{4611686018427387904,4,6}\n%y = Reshape(%x, %s)\noutput %y",
                  "cannot be reshaped to"},
        ErrorCase{"too_large", "constant %s = int64[2]{1048576,1048576}\n%y = ConstantOfShape(%s)\noutput %y",
                  "more than the limit of 4096K", ErrorCode::kUnsupported},
        ErrorCase{"too_large_when_run",
                  "constant %big = int64[1]{900000}\n%s = Mul(%i, %big)\n%y = Expand(%x, %s)\noutput %y",
                  "cannot be expanded"},
        ErrorCase{"tile", "constant %s = int64[2]{4611686018427387904,1}\n%y = Tile(%x, %s)\noutput %y",
                  "repeats"},
        ErrorCase{"range",
                  "constant %a = float32[]{0}\nconstant %b = float32[]{inf}\nconstant %c = float32[]{1}\n"
                  "%y = Range(%a, %b, %c)\noutput %y",
                  "bounds"},
        ErrorCase{"split",
                  "constant %s = int64[2]{1,9223372036854775807}\n%a, %b = Split(%x, %s, axis=1)\noutput %a",
                  "do not add up"},
        ErrorCase{"slice_step", "constant %o = int64[1]{0}\n%y = Slice(%x, %o, %o, %o, %o)\noutput %y",
                  "a step is out of range"},
        ErrorCase{"division", "%z = Sub(%i, %i)\n%y = Div(%i, %z)\noutput %y", "division by zero"},
        ErrorCase{"window",
                  "constant %s = int64[4]{1,1,2,3}\n%r = Reshape(%x, %s)\n%y = MaxPool(%r, "
                  "kernel_shape=[3,3])\noutput %y",
                  "does not fit"},
        ErrorCase{"window_size",
                  "constant %s = int64[4]{1,1,2,3}\n%r = Reshape(%x, %s)\n"
                  "%y = MaxPool(%r, kernel_shape=[4611686018427387904,1])\noutput %y",
                  "kernel_shape cannot contain"},
        ErrorCase{"pads",
                  "constant %s = int64[4]{1,1,2,3}\n%r = Reshape(%x, %s)\n"
                  "%y = AveragePool(%r, kernel_shape=[1,1], pads=[1,1,1,1])\noutput %y",
                  "padding must be smaller"},
        ErrorCase{"least_pad",
                  "constant %s = int64[4]{0,0,0,-9223372036854775808}\n%y = Pad(%x, %s)\noutput %y",
                  "cannot be padded by"},
        ErrorCase{"group",
                  "constant %s = int64[4]{1,1,2,3}\n%r = Reshape(%x, %s)\n"
                  "%y = Conv(%r, %r, group=0)\noutput %y",
                  "cannot be divided into 0 groups"},
        // What one node has wrong that used to read past an end or to divide by zero.
        ErrorCase{
            "no_channels",
            "constant %c = float32[0]{}\nconstant %s = int64[3]{0,0,5}\n%e = Slice(%x, %i, %i)\n"
            "%r = Reshape(%e, %s, allowzero=1)\n%y = InstanceNormalization(%r, %c, %c)\n%z = Add(%y, %x)\n"
            "output %z",
            "cannot be broadcast"},
        ErrorCase{
            "empty_image",
            "constant %s = int64[4]{1,1,0,4}\n%e = Slice(%x, %i, %i)\n%r = Reshape(%e, %s, allowzero=1)\n"
            "constant %g = float32[1,1,1,2]{0,0}\n%y = GridSample(%r, %g, padding_mode=\"border\")\n"
            "output %y",
            "the input has no elements"},
        ErrorCase{"depth",
                  "constant %d = float32[]{inf}\nconstant %v = float32[2]{0,1}\n%y = OneHot(%i, %d, %v)\n"
                  "output %y",
                  "depth cannot be inf"},
        ErrorCase{"block",
                  "constant %c = float32[2,1]{1,1}\n"
                  "%y = QuantizeLinear(%x, %c, axis=1, block_size=9223372036854775807)\noutput %y",
                  "block_size cannot be"},
        ErrorCase{"zero_point_of_floats",
                  "constant %b = uint8[2,3]{1,2,3,4,5,6}\nconstant %w = uint8[3,2]{1,2,3,4,5,6}\n"
                  "constant %s = float32[]{1}\nconstant %z = uint8[]{0}\n"
                  "%y = \"com.microsoft::QGemm\"(%b, %s, %z, %w, %s, %s)\noutput %y",
                  "input 5 must have the dtype of input 3"},
        ErrorCase{"clip_of_nothing",
                  "constant %s = float32[]{1}\nconstant %z = uint8[]{0}\n%c = Clip(None, %s, %s)\n"
                  "%y = QuantizeLinear(%c, %s, %z)\noutput %y",
                  "input 0 is missing"},
        ErrorCase{"weights_of_nothing",
                  "constant %s = float32[]{1}\nconstant %z = uint8[]{0}\nconstant %b = float32[2]{0,1}\n"
                  "%q = QuantizeLinear(%x, %s, %z)\n%d = DequantizeLinear(%q, %s, %z)\n"
                  "constant %t = float32[2]{1,1}\n%w = DequantizeLinear(None, %t)\n%g = Gemm(%d, %w, %b)\n"
                  "%y = QuantizeLinear(%g, %s, %z)\noutput %y",
                  "input 0 is missing"},
        ErrorCase{"list_of_another_type", "constant %s = int16[2]{3,2}\n%y = Reshape(%x, %s)\noutput %y",
                  "input 1 must be a list of int64"},
        ErrorCase{"quantized_type", "constant %c = float32[]{1}\n%y = DequantizeLinear(%x, %c)\noutput %y",
                  "input 0 cannot be float32"},
        ErrorCase{"scales", "constant %c = float32[2]{1,1}\n%y = QuantizeLinear(%x, %c, axis=1)\noutput %y",
                  "2 scales, but axis 1 has size 3"},
        ErrorCase{"matrices", "%y = MatMul(%x, %x)\noutput %y", "cannot be multiplied"},
        ErrorCase{"einsum", "%y = Einsum(%x, equation=\"ab->c\")\noutput %y", "letter that no operand has"},
        ErrorCase{"no_int8",
                  "%y = \"org.pytorch._caffe2::Int8Relu\"(%x, Y_scale=1.0, Y_zero_point=0)\noutput %y",
                  "must be the result of an Int8 operator"},
        ErrorCase{"int8_scale",
                  "%q = \"org.pytorch._caffe2::Int8Quantize\"(%x, Y_scale=0.0, Y_zero_point=0)\noutput %q",
                  "Y_scale must be positive and finite, not 0"},
        ErrorCase{"int8_kept",
                  "%q = \"org.pytorch._caffe2::Int8Quantize\"(%x, Y_scale=0.5, Y_zero_point=3)\n"
                  "%y = \"org.pytorch._caffe2::Int8Relu\"(%q, Y_scale=0.5, Y_zero_point=4)\noutput %y",
                  "keeps scale and zero point"},
        ErrorCase{"int8_fill",
                  "%w = \"org.pytorch._caffe2::Int8GivenTensorFill\"(shape=[5], Y_scale=1.0, Y_zero_point=0,"
                  " values=bytes uint8[2]{1,2})\noutput %w",
                  "2 bytes do not fit the shape [5]"}),
    [](const auto& test) { return std::string(test.param.name); });

// All live values together, each of which is small.
TEST(Limits, OfARun) {
  std::string text = "opset 17\ninput %x: float32[1000]\n%a0 = Neg(%x)\n";
  std::string sum = "%y = Sum(%a0";
  for (int i = 1; i < 10; ++i) {
    text += "%a" + std::to_string(i) + " = Neg(%a" + std::to_string(i - 1) + ")\n";
    sum += ", %a" + std::to_string(i);
  }
  const auto graph = ir::ParseGraph(text + sum + ")\noutput %y");
  ASSERT_TRUE(graph) << graph.error().ToString();
  const Tensor x = Tensor::Floats({1000}, std::vector<float>(1000, 1));
  Options options;
  options.fuse = false;
  Limits limits;
  limits.max_memory_bytes = 60000;
  options.budget = std::make_shared<Budget>(limits);
  auto model = CompiledModel::Compile(*graph, {x.type()}, options);
  ASSERT_TRUE(model);
  const auto y = model->Run({x});
  ASSERT_FALSE(y);
  EXPECT_THAT(y.error().what(), HasSubstr("more than the limit of 59K"));
}

// A region that is not a number lies outside: the extrapolation value.
TEST(Resize, RegionThatIsNoNumber) {
  const auto graph = ir::ParseGraph(R"(opset 17
    input %x: float32[2]
    input %r: float32[2]
    constant %s = int64[1]{3}
    %y = Resize(%x, %r, None, %s, mode="linear", coordinate_transformation_mode="tf_crop_and_resize",
                extrapolation_value=7.0)
    output %y)");
  ASSERT_TRUE(graph) << graph.error().ToString();
  const Tensor x = Tensor::Floats({2}, {1, 2}), r = Tensor::Floats({2}, {NAN, 1});
  auto model = CompiledModel::Compile(*graph, {x.type(), r.type()}, {});
  ASSERT_TRUE(model) << model.error().ToString();
  const auto y = model->Run({x, r});
  ASSERT_TRUE(y) << y.error().ToString();
  EXPECT_THAT((*y)[0].ToFloats(), testing::ElementsAre(7, 7, 7));
}

}  // namespace
}  // namespace octavo::engine
