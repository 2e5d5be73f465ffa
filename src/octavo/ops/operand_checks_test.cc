#include "octavo/ops/operand_checks.h"

#include <limits>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

// What PyTorch refuses, the type rules refuse, also where a size is open but cannot fit; and what may fit
// passes.

namespace octavo {
namespace {

using testing::Float32;
using ::testing::HasSubstr;
using testing::kN;
using testing::kNone;
using testing::OneCall;
using testing::Quint8;

using Given = std::variant<TensorType, ir::Operand>;

Status CallRow(void (*rows)(Registry&), const std::string& op, std::vector<Given> given) {
  OneCall call(rows);
  std::vector<ir::Operand> arguments;
  for (Given& argument : given) {
    if (auto* type = std::get_if<TensorType>(&argument)) {
      arguments.emplace_back(call.Input(std::move(*type)));
    } else {
      arguments.push_back(std::move(std::get<ir::Operand>(argument)));
    }
  }
  return call.Call(op, std::move(arguments));
}

Given GivenInts(testing::Dims numbers) { return ir::Operand(std::move(numbers)); }
Given GivenInt(std::int64_t number) { return ir::Operand(Dim(number)); }
Given GivenNone() { return ir::Operand(kNone); }

TEST(Operands, OfProducts) {
  const auto linear = [](Shape x, Shape weight, Shape bias) {
    return CallRow(RegisterLinear, "aten::linear", {Float32(x), Float32(weight), Float32(bias)});
  };
  EXPECT_TRUE(linear({kN, 4}, {3, 4}, {3}));
  EXPECT_TRUE(linear({kN, 4}, {3, 4}, {kN}));
  EXPECT_TRUE(linear({kN, 4}, {3, 4}, {}));
  EXPECT_TRUE(linear({2, kN, 4}, {3, 4}, {1, 3}));
  EXPECT_FALSE(linear({kN, 4}, {3, 4}, {2}));
  EXPECT_FALSE(linear({kN, 4}, {3, 4}, {1, kN, 3}));
  EXPECT_FALSE(linear({4}, {3, 4}, {1, 3}));
  EXPECT_FALSE(linear({kN, 4}, {4}, {1}));
  EXPECT_FALSE(linear({2, 5, 4}, {3, 4}, {5, 3}));
  const Status status = linear({4}, {4000, 4}, {3});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what(),
            "argument bias has shape [3], which cannot be broadcast to the result's [4000]");
  for (const char* op : {"aten::addmm", "aten::addmv", "aten::baddbmm"}) {
    EXPECT_FALSE(CallRow(RegisterLinear, op, {Float32(Shape{4}), Float32(Shape{4}), Float32(Shape{4})}));
  }
  EXPECT_TRUE(CallRow(RegisterLinear, "aten::addmm",
                      {Float32(Shape{1, kN}), Float32(Shape{2, 3}), Float32(Shape{3, 5})}));
  EXPECT_FALSE(CallRow(RegisterLinear, "aten::addmm",
                       {Float32(Shape{2, 2, 5}), Float32(Shape{2, 3}), Float32(Shape{3, 5})}));
  EXPECT_FALSE(CallRow(RegisterLinear, "aten::bmm", {Float32(Shape{2, 3, 4}), Float32(Shape{1, 4, 5})}));
  EXPECT_FALSE(CallRow(RegisterLinear, "aten::mm",
                       {Float32(Shape{2, 3}), TensorType{.dtype = DType::kFloat64, .shape = Shape{3, 2}}}));
}

TEST(Operands, OfConvolutions) {
  const auto conv = [](Shape x, Shape weight, std::optional<Shape> bias, std::int64_t groups) {
    return CallRow(RegisterConvolution, "aten::conv2d",
                   {Float32(x), Float32(weight), bias ? Given(Float32(*bias)) : GivenNone(),
                    GivenInts({1, 1}), GivenInts({0, 0}), GivenInts({1, 1}), GivenInt(groups)});
  };
  EXPECT_TRUE(conv({kN, 4, kN, 5}, {6, 2, 1, 1}, Shape{6}, 2));
  EXPECT_TRUE(conv({4, 5, 5}, {6, 4, 1, 1}, Shape{kN}, 1));
  EXPECT_FALSE(conv({kN, 4, 5, 5}, {6, 4, 1, 1}, Shape{6, 1}, 1));
  EXPECT_FALSE(conv({kN, 4, 5, 5}, {6, 4, 1, 1}, Shape{1}, 1));
  EXPECT_FALSE(conv({kN, 4, 5, 5}, {3, 2, 1, 1}, std::nullopt, 2));
  EXPECT_FALSE(conv({kN, 4, 5, 5}, {0, 4, 1, 1}, std::nullopt, 1));
  EXPECT_FALSE(conv({kN, 4}, {6, 4, 1, 1}, std::nullopt, 1));
}

TEST(Operands, OfNormalizations) {
  const auto layer_norm = [](Shape x, testing::Dims shape, std::optional<Shape> weight) {
    return CallRow(RegisterNormalization, "aten::layer_norm",
                   {Float32(x), GivenInts(std::move(shape)), weight ? Given(Float32(*weight)) : GivenNone(),
                    GivenNone(), ir::Operand(1e-5)});
  };
  EXPECT_TRUE(layer_norm({kN, 4}, {4}, Shape{4}));
  EXPECT_TRUE(layer_norm({kN, 2, 4}, {2, 4}, Shape{2, kN}));
  EXPECT_FALSE(layer_norm({kN, 4}, {}, std::nullopt));
  EXPECT_FALSE(layer_norm({kN, 4}, {5}, std::nullopt));
  EXPECT_FALSE(layer_norm({4}, {1, 4}, std::nullopt));
  EXPECT_FALSE(layer_norm({kN, 4}, {4}, Shape{1, 4}));
  EXPECT_FALSE(layer_norm({4}, {std::numeric_limits<std::int64_t>::max(), 2}, std::nullopt));
  EXPECT_FALSE(CallRow(RegisterNormalization, "aten::group_norm",
                       {Float32(Shape{kN, 4, 5}), GivenInt(3), GivenNone(), GivenNone(), ir::Operand(1e-5)}));
  EXPECT_FALSE(
      CallRow(RegisterNormalization, "quantized::batch_norm2d",
              {Quint8(Shape{1, 2, 3, 3}, 0.1, 3), Float32(Shape{2}), Float32(Shape{2}), Float32(Shape{3}),
               Float32(Shape{2}), ir::Operand(1e-5), ir::Operand(0.1), GivenInt(3)}));
}

// Where the rank of the input is not known, the number of ones that are written is limited.
TEST(Operands, LayerNormDoesNotWriteMoreThanItMay) {
  OneCall call(RegisterNormalization);
  ASSERT_TRUE(call.Call("aten::layer_norm",
                        {call.Input(Float32()), testing::Dims{std::numeric_limits<std::int64_t>::max(), 2},
                         kNone, kNone, 1e-5}));
  const auto lowered = call.Lower({.opset = 17});
  ASSERT_FALSE(lowered);
  EXPECT_THAT(lowered.error().ToString(), HasSubstr("9223372036854775807,2"));
}

TEST(Operands, OfScalesAndZeroPoints) {
  const auto per_channel = [](Shape x, std::int64_t channels, std::int64_t axis) {
    OneCall call(RegisterQuantization);
    const auto count = static_cast<std::size_t>(channels);
    return call.Call(
        "aten::quantize_per_channel",
        {call.Input(Float32(x)), call.Constant(Tensor::Floats({channels}, std::vector(count, 0.5F))),
         call.Constant(Tensor::Int64s(std::vector<std::int64_t>(count, 0))), Dim(axis), Dim(12)});
  };
  EXPECT_TRUE(per_channel({3, kN}, 3, 0));
  EXPECT_TRUE(per_channel({3, kN}, 3, 1));
  EXPECT_FALSE(per_channel({}, 1, 0));
  EXPECT_FALSE(per_channel({}, 1, -1));
  EXPECT_FALSE(per_channel({3}, 3, -1));
  EXPECT_FALSE(per_channel({3, kN}, 2, 0));
  const auto fake = [](Shape x, Shape scales, std::int64_t axis) {
    return CallRow(RegisterFakeQuantization, "aten::fake_quantize_per_channel_affine",
                   {Float32(x), Float32(scales), TensorType{.dtype = DType::kInt32, .shape = scales},
                    GivenInt(axis), GivenInt(-128), GivenInt(127)});
  };
  EXPECT_TRUE(fake({3, kN}, {3}, 0));
  EXPECT_TRUE(fake({3, kN}, {3}, 1));
  EXPECT_FALSE(fake({}, {1}, 0));
  EXPECT_FALSE(fake({3}, {3}, 1));
  EXPECT_FALSE(fake({3}, {3}, -1));
  EXPECT_FALSE(fake({3}, {3, 1}, 0));
  EXPECT_FALSE(fake({3}, {2}, 0));
}

}  // namespace
}  // namespace octavo
