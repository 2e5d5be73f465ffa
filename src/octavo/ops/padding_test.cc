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
using testing::Ints;
using testing::kN;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

TEST(Padding, TheLastDimensionComesFirst) {
  OneCall call(RegisterPadding);
  ASSERT_TRUE(call.Call("aten::pad", {call.Input(Float32(Shape{kN, 3, 4, 5})), Dims({1, 2, 3, 4})}));
  EXPECT_EQ(call.result().shape, (Shape{kN, 3, 11, 8}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("Pad"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Pad"), 1).ToInts(),
              ElementsAre(0, 0, 3, 1, 0, 0, 4, 2));
}

TEST(Padding, QuantizedTensorsArePaddedWithTheIntegerOfTheValue) {
  // PyTorch: round(0.55 / 0.1) + 10 = 16, as 0.55f * (1 / 0.1f) is 5.5000005.
  struct Case {
    TensorType type;
    double value;
    std::int64_t integer;
  };
  const Case cases[] = {{Quint8(Shape{4}, 0.1, 10), 0.55, 16},
                        {Quint8(Shape{4}, 0.1, 10), 0.0, 10},
                        {Quint8(Shape{4}, 0.1, 10), -99.0, 0},
                        {Quint8(Shape{4}, 0.1, 10), 99.0, 255},
                        {Qint8(Shape{4}, 0.1, -3), -1.0, -13}};
  for (const Case& c : cases) {
    OneCall call(RegisterPadding);
    ASSERT_TRUE(call.Call("aten::constant_pad_nd", {call.Input(c.type), Dims({1, 1}), c.value}));
    const auto lowered = call.Lower();
    ASSERT_THAT(Ops(lowered), ElementsAre("Pad"));
    const Tensor& fill = ConstantInput(lowered->graph, Find(lowered->graph, "Pad"), 2);
    EXPECT_EQ(fill.dtype, StorageType(c.type.dtype));
    EXPECT_THAT(fill.ToInts(), ElementsAre(c.integer));
  }
}

TEST(Padding, NegativePaddingTakesAway) {
  OneCall call(RegisterPadding);
  ASSERT_TRUE(call.Call("aten::pad", {call.Input(Float32(Shape{6, 6})), Dims({-1, 2, 0, -3})}));
  EXPECT_EQ(call.result().shape, (Shape{3, 7}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Pad", "Slice", "Slice"));
}

TEST(Padding, Modes) {
  for (const auto& [mode, ops] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"constant", {"Pad"}},
           {"reflect", {"Pad"}},
           {"replicate", {"Pad"}},
           {"circular", {"Slice", "Slice", "Concat"}}}) {
    OneCall call(RegisterPadding);
    ASSERT_TRUE(call.Call("aten::pad", {call.Input(Quint8(Shape{2, 5}, 0.5, 3)), Dims({1, 2}), mode}));
    EXPECT_EQ(call.result().shape, (Shape{2, 8}));
    EXPECT_EQ(Ops(call.Lower()), ops) << mode;
  }
}

TEST(Padding, Caffe2PadsReals) {
  OneCall call(RegisterPadding);
  ASSERT_TRUE(
      call.Call("aten::reflection_pad2d", {call.Input(Float32(Shape{1, 3, 5, 5})), Dims({1, 1, 2, 2})}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered), ElementsAre("Pad"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Pad"), "pads"), ElementsAre(0, 0, 2, 1, 0, 0, 2, 1));
}

TEST(Padding, WhatPyTorchRefuses) {
  const auto pad = [](const char* op, Shape shape, std::vector<Dim> amounts,
                      std::vector<ir::Operand> rest = {}) {
    OneCall call(RegisterPadding);
    std::vector<ir::Operand> arguments = {call.Input(Float32(std::move(shape))), std::move(amounts)};
    arguments.insert(arguments.end(), rest.begin(), rest.end());
    return call.Call(op, arguments);
  };
  EXPECT_FALSE(pad("aten::pad", {4}, {1, 1, 1, 1})) << "more than it has dimensions";
  EXPECT_FALSE(pad("aten::pad", {4}, {1}));
  EXPECT_FALSE(pad("aten::pad", {4}, {-5, 0}));
  EXPECT_FALSE(pad("aten::pad", {4}, {1, 1}, {std::string("mirror")}));
  EXPECT_FALSE(pad("aten::reflection_pad1d", {2, 4}, {4, 0}));
  EXPECT_FALSE(pad("aten::reflection_pad2d", {2, 4, 4}, {1, 1}));
  EXPECT_FALSE(pad("aten::_pad_circular", {2, 4}, {5, 0}));
  EXPECT_FALSE(pad("aten::pad", {4}, {Dim(INT64_MAX), Dim(INT64_MAX)}));
  EXPECT_FALSE(pad("aten::pad", {4}, {kN, 0}));
}

}  // namespace
}  // namespace octavo
