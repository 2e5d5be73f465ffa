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
using testing::kN;
using testing::kNone;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

constexpr std::int64_t kOpenEnd = INT64_MAX;

ir::ValueId Int8Value(OneCall& call, std::vector<std::int64_t> sizes) {
  std::int64_t count = 1;
  for (const std::int64_t n : sizes) count *= n;
  Tensor t = Tensor::From(DType::kQUint8, std::move(sizes),
                          std::vector<std::uint8_t>(static_cast<std::size_t>(count)));
  t.quantization = Quantization::PerTensor(0.5, 3);
  return call.Constant(std::move(t));
}

TEST(Slicing, SizesOfSlices) {
  struct Case {
    ir::Operand start, end;
    std::int64_t step;
    Dim size, result;
  };
  const Case cases[] = {
      {Dim(0), Dim(kOpenEnd), 1, 7, 7},
      {kNone, kNone, 1, 7, 7},
      {Dim(2), Dim(5), 1, 7, 3},
      {Dim(-3), kNone, 1, 7, 3},
      {Dim(1), Dim(-1), 1, 7, 5},
      {Dim(5), Dim(2), 1, 7, 0},
      {Dim(0), Dim(99), 1, 7, 7},
      {Dim(-99), Dim(3), 1, 7, 3},
      {Dim(1), kNone, 3, 7, 2},
      {kNone, kNone, 2, 7, 4},
      {Dim(9), kNone, 1, 7, 0},
      {Dim(1), kNone, 1, kN, kN - Dim(1)},
      {kNone, Dim(-2), 1, kN, kN - Dim(2)},
      {Dim(-1), kNone, 1, kN, 1},
      {kNone, kN, 1, kN, kN},
  };
  for (const Case& c : cases) {
    OneCall call(RegisterSlicing);
    const ir::ValueId x = call.Input(Float32(Shape{3, c.size}));
    const Status status = call.Call("aten::slice", {x, Dim(-1), c.start, c.end, Dim(c.step)});
    ASSERT_TRUE(status) << status.error().ToString();
    EXPECT_EQ((*call.result().shape)[1], c.result) << ToString(*call.result().shape);
    EXPECT_TRUE(call.Lower()) << call.Lower().error().ToString();
  }
}

TEST(Slicing, ASizeThatDependsOnTheInputIsNotGuessed) {
  OneCall call(RegisterSlicing);
  ASSERT_TRUE(call.Call("aten::slice", {call.Input(Float32(Shape{kN})), Dim(0), Dim(0), Dim(5), Dim(1)}));
  EXPECT_FALSE((*call.result().shape)[0].known()) << "min(5, N)";
}

TEST(Slicing, SliceInTheQdqDialect) {
  OneCall call(RegisterSlicing);
  const ir::ValueId x = call.Input(Quint8(Shape{kN, 8}, 0.5, 3));
  ASSERT_TRUE(call.Call("aten::slice", {x, Dim(1), Dim(1), Dim(-1), Dim(2)}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "Slice", "QuantizeLinear"));
  const ir::Node& slice = Find(lowered->graph, "Slice");
  EXPECT_THAT(ConstantInput(lowered->graph, slice, 1).ToInts(), ElementsAre(1));
  EXPECT_THAT(ConstantInput(lowered->graph, slice, 2).ToInts(), ElementsAre(-1));
  EXPECT_THAT(ConstantInput(lowered->graph, slice, 3).ToInts(), ElementsAre(1));
  EXPECT_THAT(ConstantInput(lowered->graph, slice, 4).ToInts(), ElementsAre(2));
}

TEST(Slicing, StepsMustBePositive) {
  OneCall call(RegisterSlicing);
  EXPECT_FALSE(call.Call("aten::slice", {call.Input(Float32(Shape{4})), Dim(0), kNone, kNone, Dim(-1)}));
}

TEST(SlicingCaffe2, IndicesAreCountedFromTheFront) {
  OneCall call(RegisterSlicing);
  ASSERT_TRUE(call.Call("aten::slice", {Int8Value(call, {2, 8}), Dim(-1), Dim(-5), Dim(-1), Dim(1)}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Int8Slice"));
  const ir::Node& slice = Find(lowered->graph, "Int8Slice");
  EXPECT_THAT(Ints(slice, "dim"), ElementsAre(1));
  EXPECT_THAT(Ints(slice, "start_idx"), ElementsAre(3));
  EXPECT_THAT(Ints(slice, "end_idx"), ElementsAre(7));
}

TEST(SlicingCaffe2, AFullSliceStays) {
  OneCall call(RegisterSlicing);
  ASSERT_TRUE(call.Call("aten::slice", {Int8Value(call, {2, 8}), Dim(0), Dim(0), Dim(kOpenEnd), Dim(1)}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Int8Slice"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Int8Slice"), "end_idx"), ElementsAre(kOpenEnd));
}

TEST(SlicingCaffe2, StepsAndEmptySlicesGoThroughFloat) {
  OneCall step(RegisterSlicing);
  ASSERT_TRUE(step.Call("aten::slice", {Int8Value(step, {9}), Dim(0), Dim(1), Dim(8), Dim(3)}));
  EXPECT_THAT(Ops(step.Caffe2()),
              ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Constant", "Gather", "Int8Quantize"));
  OneCall empty(RegisterSlicing);
  ASSERT_TRUE(empty.Call("aten::slice", {Int8Value(empty, {9}), Dim(0), Dim(5), Dim(2), Dim(1)}));
  EXPECT_THAT(Ops(empty.Caffe2()),
              ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Slice", "Int8Quantize"));
}

TEST(Slicing, SizesOfParts) {
  struct Case {
    const char* op;
    std::vector<ir::Operand> arguments;
    std::vector<std::int64_t> sizes;
  };
  const Case cases[] = {
      {"aten::chunk", {Dim(3), Dim(1)}, {3, 3, 1}},
      {"aten::chunk", {Dim(5), Dim(1)}, {2, 2, 2, 1}},
      {"aten::split", {Dim(4), Dim(-1)}, {4, 3}},
      {"aten::split", {Dims({1, 6}), Dim(1)}, {1, 6}},
      {"aten::split_with_sizes", {Dims({1, 0, 6}), Dim(1)}, {1, 0, 6}},
      {"aten::tensor_split", {Dim(3), Dim(1)}, {3, 2, 2}},
      {"aten::tensor_split", {Dims({2, 5}), Dim(1)}, {2, 3, 2}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.op);
    OneCall call(RegisterSlicing);
    std::vector<ir::Operand> arguments = {call.Input(Quint8(Shape{kN, 7}, 0.5, 3))};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    const Status status = call.Call(c.op, arguments);
    ASSERT_TRUE(status) << status.error().ToString();
    for (std::size_t i = 0; i < c.sizes.size(); ++i) EXPECT_EQ(call.result(i).shape, (Shape{kN, c.sizes[i]}));
    // On the integers: with a pair on each result a runtime keeps all of them as soon as one is not used.
    EXPECT_THAT(Ops(call.Lower()), ElementsAre("Split"));
  }
}

TEST(Slicing, UnbindDropsTheDimension) {
  OneCall call(RegisterSlicing);
  ASSERT_TRUE(call.Call("aten::unbind", {call.Input(Quint8(Shape{2, kN}, 0.5, 3))}));
  EXPECT_EQ(call.result(1).shape, Shape{kN});
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Split", "Squeeze", "Squeeze"));
}

TEST(SlicingCaffe2, ChunkIsSlices) {
  OneCall call(RegisterSlicing);
  ASSERT_TRUE(call.Call("aten::chunk", {Int8Value(call, {2, 8}), Dim(2), Dim(1)}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Int8GivenTensorFill", "Int8Slice", "Int8Slice"));
  EXPECT_THAT(Ints(lowered->graph.nodes()[2], "start_idx"), ElementsAre(4));
  EXPECT_THAT(Ints(lowered->graph.nodes()[2], "end_idx"), ElementsAre(8));
}

TEST(Slicing, WhatCannotBeSplit) {
  const auto split = [](const char* op, Shape shape, std::vector<ir::Operand> rest) {
    OneCall call(RegisterSlicing);
    std::vector<ir::Operand> arguments = {call.Input(Float32(std::move(shape)))};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return call.Call(op, arguments);
  };
  EXPECT_FALSE(split("aten::chunk", {kN}, {Dim(2)})) << "into how many parts depends on N";
  EXPECT_FALSE(split("aten::chunk", {4}, {Dim(0)}));
  EXPECT_FALSE(split("aten::split", {4}, {Dim(0)}));
  EXPECT_FALSE(split("aten::split", {std::int64_t{1} << 40}, {Dim(1)})) << "2^40 values";
  EXPECT_FALSE(split("aten::split_with_sizes", {4}, {Dims({1, 2})}));
  EXPECT_FALSE(split("aten::split_with_sizes", {4}, {Dims({5, -1})}));
  EXPECT_FALSE(split("aten::split_with_sizes", {4}, {Dims({Dim(kOpenEnd), Dim(kOpenEnd)})}));
  EXPECT_FALSE(split("aten::unbind", {}, {}));
}

TEST(Slicing, SelectAndNarrow) {
  OneCall select(RegisterSlicing);
  ASSERT_TRUE(select.Call("aten::select", {select.Input(Qint8(Shape{kN, 8, 3}, 0.5, 0)), Dim(1), Dim(-2)}));
  EXPECT_EQ(select.result().shape, (Shape{kN, 3}));
  const auto lowered = select.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "Gather", "QuantizeLinear", "DequantizeLinear",
                                        "QuantizeLinear"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Gather"), 1).ToInts(), ElementsAre(6));
  OneCall outside(RegisterSlicing);
  EXPECT_FALSE(outside.Call("aten::select", {outside.Input(Float32(Shape{3})), Dim(0), Dim(3)}));
  OneCall narrow(RegisterSlicing);
  ASSERT_TRUE(narrow.Call("aten::narrow", {narrow.Input(Float32(Shape{kN, 8})), Dim(1), Dim(-2), Dim(2)}));
  EXPECT_EQ(narrow.result().shape, (Shape{kN, 2}));
  EXPECT_THAT(Ops(narrow.Lower()), ElementsAre("Slice"));
  OneCall wide(RegisterSlicing);
  EXPECT_FALSE(wide.Call("aten::narrow", {wide.Input(Float32(Shape{8})), Dim(0), Dim(5), Dim(4)}));
}

TEST(Indexing, OneTensorOfIndices) {
  OneCall call(RegisterSlicing);
  const ir::ValueId x = call.Input(Quint8(Shape{kN, 8, 3}, 0.5, 3));
  const ir::ValueId index = call.Constant(Tensor::Int64s({1, -1}));
  ASSERT_TRUE(call.Call("aten::index", {x, ir::ValueList{ir::ValueId(), index}}));
  EXPECT_EQ(call.result().shape, (Shape{kN, 2, 3}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "Gather", "QuantizeLinear"));
}

TEST(IndexingCaffe2, NegativeConstantsAreCountedFromTheFront) {
  OneCall call(RegisterSlicing);
  const ir::ValueId x = call.Input(Float32(Shape{4, 8}));
  ASSERT_TRUE(
      call.Call("aten::index", {x, ir::ValueList{ir::ValueId(), call.Constant(Tensor::Int64s({1, -1}))}}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Constant", "Gather"));
  const auto& value = std::get<Tensor>(*Find(lowered->graph, "Constant").Find("value"));
  EXPECT_THAT(value.ToInts(), ElementsAre(1, 7));
  OneCall unknown(RegisterSlicing);
  const ir::ValueId y = unknown.Input(Float32(Shape{kN}));
  ASSERT_TRUE(unknown.Call("aten::index", {y, ir::ValueList{unknown.Constant(Tensor::Int64s({-1}))}}));
  EXPECT_FALSE(unknown.Caffe2());
}

TEST(Indexing, MasksAndSeveralTensorsAreRefused) {
  OneCall mask(RegisterSlicing);
  const ir::ValueId x = mask.Input(Float32(Shape{4}));
  const ir::ValueId bools = mask.Input({.dtype = DType::kBool, .shape = Shape{4}, .quantization = {}});
  const Status refused = mask.Call("aten::index", {x, ir::ValueList{bools}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what(), HasSubstr("mask"));
  OneCall two(RegisterSlicing);
  const ir::ValueId y = two.Input(Float32(Shape{4, 4}));
  const ir::ValueId index = two.Constant(Tensor::Int64s({1}));
  EXPECT_FALSE(two.Call("aten::index", {y, ir::ValueList{index, index}}));
}

TEST(Indexing, GatherHasNoFormInOpset9) {
  OneCall call(RegisterSlicing);
  const ir::ValueId x = call.Input(Float32(Shape{4, 3}));
  const ir::ValueId index = call.Input({.dtype = DType::kInt64, .shape = Shape{2, 3}, .quantization = {}});
  ASSERT_TRUE(call.Call("aten::gather", {x, Dim(0), index}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("GatherElements"));
  EXPECT_FALSE(call.Caffe2());
}

}  // namespace
}  // namespace octavo
