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
using testing::Qint8;
using testing::Quint8;

const Shape kPooled = {1, 2, 8, 8};

// self, kernel_size, stride, padding, dilation, ceil_mode.
Status MaxPool(OneCall& call, TensorType x, Dims kernel, Dims stride = {}, Dims padding = {0},
               Dims dilation = {1}, bool ceil_mode = false) {
  return call.Call("aten::max_pool2d",
                   {call.Input(std::move(x)), kernel, stride, padding, dilation, ceil_mode});
}

struct SizeCase {
  std::int64_t in, kernel, stride, padding, dilation;
  bool ceil_mode;
  std::int64_t out;
};

// The sizes are those of torch.nn.functional.max_pool2d (PyTorch 1.13) of a square image.
TEST(MaxPool, SizesArePyTorchs) {
  for (const SizeCase& c :
       {SizeCase{8, 2, 2, 0, 1, false, 4}, SizeCase{8, 3, 2, 0, 1, false, 3},
        SizeCase{8, 3, 2, 0, 1, true, 4}, SizeCase{7, 2, 2, 1, 1, true, 4}, SizeCase{8, 3, 3, 1, 1, true, 3},
        SizeCase{9, 3, 2, 1, 2, false, 4}, SizeCase{9, 3, 2, 1, 2, true, 4}, SizeCase{5, 2, 3, 0, 1, true, 2},
        SizeCase{6, 1, 4, 0, 1, true, 2}, SizeCase{4, 2, 5, 0, 1, true, 1}}) {
    OneCall call(RegisterPooling);
    ASSERT_TRUE(MaxPool(call, Float32(Shape{1, 2, c.in, c.in}), {c.kernel}, {c.stride}, {c.padding},
                        {c.dilation}, c.ceil_mode));
    EXPECT_EQ(call.result(), Float32(Shape{1, 2, c.out, c.out}))
        << c.in << " " << c.kernel << " " << c.stride;
  }
}

TEST(MaxPool, StrideLeftOutIsTheKernel) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(MaxPool(call, Quint8(kPooled, 0.1, 3), {2, 3}));
  EXPECT_EQ(call.result(), Quint8(Shape{1, 2, 4, 2}, 0.1, 3));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "MaxPool", "QuantizeLinear"));
  EXPECT_THAT(Ints(Find(lowered->graph, "MaxPool"), "strides"), ElementsAre(2, 3));
}

TEST(MaxPool, AWindowOverTheEdgeBecomesPadding) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(MaxPool(call, Float32(kPooled), {3}, {2}, {0}, {1}, true));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("MaxPool"));
  EXPECT_THAT(Ints(Find(lowered->graph, "MaxPool"), "pads"), ElementsAre(0, 0, 1, 1));
  EXPECT_EQ(Find(lowered->graph, "MaxPool").Find("ceil_mode"), nullptr);
}

TEST(MaxPool, CeilModeIsWrittenWhereTheSizeIsNotKnown) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(MaxPool(call, Float32(Shape{1, 2, Dim::Symbol("H"), 8}), {3}, {2}, {0}, {1}, true));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("MaxPool"));
  EXPECT_THAT(Ints(Find(lowered->graph, "MaxPool"), "ceil_mode"), ElementsAre(1));
  const auto caffe2 = call.Caffe2();
  ASSERT_FALSE(caffe2);
  EXPECT_THAT(caffe2.error().what(), HasSubstr("ceil_mode in the caffe2 dialect"));
}

TEST(MaxPool, AnImageWithoutABatchGetsOne) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(MaxPool(call, Quint8(Shape{2, 8, 8}, 0.1, 3), {2}));
  EXPECT_EQ(call.result(), Quint8(Shape{2, 4, 4}, 0.1, 3));
  EXPECT_THAT(Ops(call.Lower()),
              ElementsAre("DequantizeLinear", "Unsqueeze", "QuantizeLinear", "DequantizeLinear", "MaxPool",
                          "QuantizeLinear", "DequantizeLinear", "Squeeze", "QuantizeLinear"));
}

TEST(MaxPool, RefusesWhatPyTorchRefuses) {
  struct Row {
    Dims kernel, stride, padding, dilation;
    const char* what;
  };
  for (const Row& row :
       {Row{{2}, {0}, {0}, {1}, "stride cannot contain 0"},
        Row{{0}, {1}, {0}, {1}, "kernel_size cannot contain 0"}, Row{{2}, {1}, {2}, {1}, "at most half"},
        Row{{2}, {1}, {-1}, {1}, "padding cannot contain -1"}, Row{{9}, {1}, {0}, {1}, "does not fit"},
        Row{{5}, {1}, {0}, {2}, "does not fit"}, Row{{1 << 20}, {1}, {0}, {1}, "too large"},
        Row{{2, 2, 2}, {1}, {0}, {1}, "must have 2 elements"}}) {
    OneCall call(RegisterPooling);
    const Status status = MaxPool(call, Float32(kPooled), row.kernel, row.stride, row.padding, row.dilation);
    ASSERT_FALSE(status) << row.what;
    EXPECT_THAT(status.error().ToString(), HasSubstr(row.what));
  }
  OneCall call(RegisterPooling);
  EXPECT_FALSE(MaxPool(call, Float32(Shape{8, 8}), {2}));
}

TEST(MaxPoolWithIndices, CountsInsideAPlane) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(call.Call("aten::max_pool2d_with_indices", {call.Input(Float32(Shape{1, 2, 6, 8})), Dims{2}}));
  EXPECT_EQ(call.result(1).dtype, DType::kInt64);
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("MaxPool", "MaxPool", "Mod"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Mod"), 1).ToInts(), ElementsAre(48));
}

// Opset 9 has no dilation: the maximum of shifted copies, first along the height, then along the width.
TEST(MaxPool, Caffe2SlicesForDilation) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(MaxPool(call, Float32(Shape{1, 2, 9, 11}), {2, 3}, {1, 2}, {1, 1}, {2, 1}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered),
              ElementsAre("Pad", "Slice", "Slice", "Max", "Slice", "Slice", "Slice", "Max", "MaxPool"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Slice"), "ends"), ElementsAre(-2));
  EXPECT_THAT(Ints(Find(lowered->graph, "MaxPool"), "strides"), ElementsAre(1, 2));
  EXPECT_THAT(Ints(Find(lowered->graph, "MaxPool"), "kernel_shape"), ElementsAre(1, 1));
}

TEST(MaxPool, Caffe2HasSquareWindows) {
  Tensor held = Tensor::From(DType::kQUint8, {1, 1, 4, 4}, std::vector<std::uint8_t>(16, 7));
  held.quantization = Quantization::PerTensor(0.1, 3);
  struct Row {
    Dims kernel, dilation;
    bool int8;
  };
  for (const Row& row : {Row{{2}, {1}, true}, Row{{2, 3}, {1}, false}, Row{{1}, {1}, false}}) {
    OneCall call(RegisterPooling);
    ASSERT_TRUE(call.Call("aten::max_pool2d",
                          {call.Constant(held), row.kernel, Dims{}, Dims{0}, row.dilation, false}));
    const auto lowered = call.Caffe2();
    if (!row.int8) {
      EXPECT_THAT(Ops(lowered),
                  ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "MaxPool", "Int8Quantize"));
      continue;
    }
    ASSERT_THAT(Ops(lowered),
                ElementsAre("Int8GivenTensorFill", "Int8Transpose", "Int8MaxPool", "Int8Transpose"));
    const ir::Node& pool = Find(lowered->graph, "Int8MaxPool");
    EXPECT_THAT(Ints(pool, "strides"), ElementsAre(2, 2));
    EXPECT_THAT(Ints(pool, "kernel"), ElementsAre(2));
    EXPECT_THAT(Ints(pool, "pads"), ElementsAre(0, 0, 0, 0));
  }
}

// self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override.
Status AveragePool(OneCall& call, TensorType x, Dims kernel, Dims padding = {0}, bool ceil_mode = false,
                   bool count_include_pad = true, ir::Operand divisor = ir::None{}, Dims stride = {2}) {
  return call.Call("aten::avg_pool2d", {call.Input(std::move(x)), kernel, stride, padding, ceil_mode,
                                        count_include_pad, divisor});
}

TEST(AveragePool, PaddingIsCountedOrNot) {
  for (const bool count : {true, false}) {
    OneCall call(RegisterPooling);
    ASSERT_TRUE(AveragePool(call, Float32(kPooled), {3}, {1}, false, count));
    const auto lowered = call.Lower();
    ASSERT_THAT(Ops(lowered), ElementsAre("AveragePool"));
    const std::vector<std::int64_t> expected =
        count ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{};
    EXPECT_EQ(Ints(Find(lowered->graph, "AveragePool"), "count_include_pad"), expected);
  }
}

// PyTorch divides by the cells inside the padded input, not by those that ceil_mode adds.
TEST(AveragePool, PaddingIsCountedButNotWhatIsBeyond) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(AveragePool(call, Float32(Shape{1, 2, 9, 8}), {3}, {1}, true));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Pad", "AveragePool"));
  EXPECT_THAT(Ints(Find(lowered->graph, "AveragePool"), "pads"), ElementsAre(0, 0, 0, 1));
}

TEST(AveragePool, ADivisorIsAFactor) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(AveragePool(call, Float32(kPooled), {3}, {1}, false, true, Dim(6)));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("AveragePool", "Mul"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Mul"), 1).ToFloats(), ElementsAre(1.5F));
  OneCall zero(RegisterPooling);
  EXPECT_FALSE(AveragePool(zero, Float32(kPooled), {3}, {1}, false, true, Dim(0)));
}

// 3 x 3 windows have no averages halfway between two integers; 2 x 2 windows have, and for an odd zero point
// ONNX Runtime's fused average rounds them to the other side than qnnpack.
TEST(AveragePool, AConvolutionWhereTheFusedFormWouldRoundOtherwise) {
  struct Row {
    std::int64_t kernel, zero_point;
    std::vector<std::string> ops;
  };
  const std::vector<std::string> pool = {"DequantizeLinear", "AveragePool", "QuantizeLinear"};
  const std::vector<std::string> convolution = {"DequantizeLinear", "DequantizeLinear", "Conv",
                                                "QuantizeLinear"};
  for (const Row& row : {Row{3, 3, pool}, Row{2, 4, pool}, Row{2, 3, convolution}}) {
    OneCall call(RegisterPooling);
    ASSERT_TRUE(AveragePool(call, Quint8(kPooled, 0.0371, row.zero_point), {row.kernel}));
    std::vector<std::string> ops = Ops(call.Lower());
    std::sort(ops.begin(), ops.end());
    std::vector<std::string> expected = row.ops;
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(ops, expected) << row.kernel << " " << row.zero_point;
  }
}

TEST(AveragePool, OtherRuntimesSeeAnAverage) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(AveragePool(call, Quint8(kPooled, 0.0371, 3), {2}));
  const auto lowered = call.Lower({.target = Target::kOpenVino});
  ASSERT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "AveragePool", "QuantizeLinear"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "QuantizeLinear"), 1).ToFloats(),
              ElementsAre(0.0371F));
}

Status Adaptive(OneCall& call, TensorType x, Dims output, const char* op = "aten::adaptive_avg_pool2d") {
  return call.Call(op, {call.Input(std::move(x)), std::move(output)});
}

TEST(AdaptivePool, TakesTheFormThatFitsTheSizes) {
  struct Row {
    Dims output;
    std::vector<std::string> ops;
  };
  for (const Row& row :
       {Row{{1}, {"GlobalAveragePool"}}, Row{{4, 2}, {"AveragePool"}}, Row{{8, 8}, {"Identity"}},
        Row{{3, 8}, {"MatMul"}}, Row{{3, 5}, {"MatMul", "MatMul"}}}) {
    OneCall call(RegisterPooling);
    ASSERT_TRUE(Adaptive(call, Float32(kPooled), row.output));
    EXPECT_EQ(Ops(call.Lower()), row.ops);
  }
}

// torch.nn.functional.adaptive_avg_pool1d of a 1-hot vector at 2 of 5 to 3 elements is [0, 1/3, 0].
TEST(AdaptivePool, UnevenWindowsOverlapAsInPyTorch) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(Adaptive(call, Float32(Shape{1, 1, 5}), {3}, "aten::adaptive_avg_pool1d"));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("MatMul"));
  const Tensor& weights = ConstantInput(lowered->graph, Find(lowered->graph, "MatMul"), 1);
  EXPECT_THAT(weights.sizes, ElementsAre(5, 3));
  EXPECT_THAT(weights.ToFloats(),
              ElementsAre(0.5F, 0, 0, 0.5F, 1 / 3.0F, 0, 0, 1 / 3.0F, 0, 0, 1 / 3.0F, 0.5F, 0, 0, 0.5F));
}

TEST(AdaptivePool, OneElementNeedsNoSize) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(Adaptive(call, Quint8(Shape{1, 2, Dim::Symbol("H"), Dim::Symbol("W")}, 0.1, 3), {1, 1}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "GlobalAveragePool", "QuantizeLinear"));
  OneCall more(RegisterPooling);
  ASSERT_TRUE(Adaptive(more, Float32(Shape{1, 2, Dim::Symbol("H"), 8}), {2, 1}));
  const auto lowered = more.Lower();
  ASSERT_FALSE(lowered);
  EXPECT_THAT(lowered.error().what(), HasSubstr("from size H to size 2"));
}

// As PyTorch 1.13 does.
TEST(AdaptivePool, BatchesWithoutChannels) {
  const auto accepts = [](const TensorType& type, const Dims& sizes, const char* op) {
    OneCall call(RegisterPooling);
    return Adaptive(call, type, sizes, op).has_value();
  };
  const Shape image{2, 0, 4, 4}, volume{2, 0, 4, 4, 4};
  EXPECT_TRUE(accepts(Float32(image), {2, 2}, "aten::adaptive_avg_pool2d"));
  EXPECT_FALSE(accepts(Quint8(image, 0.1, 3), {2, 2}, "aten::adaptive_avg_pool2d"));
  EXPECT_FALSE(accepts(Float32(volume), {2, 2, 2}, "aten::adaptive_avg_pool3d"));
  EXPECT_FALSE(accepts(Float32(image), {2, 2}, "aten::adaptive_max_pool2d"));
  EXPECT_TRUE(accepts(Float32(Shape{0, 4, 4}), {2, 2}, "aten::adaptive_max_pool2d"));
  EXPECT_TRUE(accepts(Float32(Shape{0, 2, 4, 4}), {2, 2}, "aten::adaptive_max_pool2d"));
}

TEST(AdaptivePool, RefusesUnevenMaxima) {
  OneCall call(RegisterPooling);
  ASSERT_TRUE(Adaptive(call, Float32(kPooled), {3, 3}, "aten::adaptive_max_pool2d"));
  const auto lowered = call.Lower();
  ASSERT_FALSE(lowered);
  EXPECT_THAT(lowered.error().what(), HasSubstr("different sizes"));
}

TEST(AdaptivePool, Caffe2HasAWindowOverAWholeSquare) {
  Tensor held = Tensor::From(DType::kQUint8, {1, 1, 4, 4}, std::vector<std::uint8_t>(16, 7));
  held.quantization = Quantization::PerTensor(0.1, 3);
  OneCall call(RegisterPooling);
  ASSERT_TRUE(call.Call("aten::adaptive_avg_pool2d", {call.Constant(held), Dims{1}}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered),
              ElementsAre("Int8GivenTensorFill", "Int8Transpose", "Int8AveragePool", "Int8Transpose"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Int8AveragePool"), "kernel"), ElementsAre(4));
  EXPECT_THAT(Ints(Find(lowered->graph, "Int8AveragePool"), "strides"), ElementsAre(1, 1));
}

}  // namespace
}  // namespace octavo
