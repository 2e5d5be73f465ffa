#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/interpolation.h"
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

using Doubles = std::vector<double>;
using Sizes = std::vector<std::int64_t>;

// torch.nn.functional.interpolate(torch.arange(in).view(1, 1, -1).float(), ...) of PyTorch 1.13.
TEST(NearestIndices, ArePyTorchs) {
  EXPECT_EQ(NearestIndices({5, 7, std::nullopt}, NearestRule::kFloor), (Sizes{0, 0, 1, 2, 2, 3, 4}));
  EXPECT_EQ(NearestIndices({5, 7, 1.5}, NearestRule::kFloor), (Sizes{0, 0, 1, 2, 2, 3, 4}));
  EXPECT_EQ(NearestIndices({5, 3, std::nullopt}, NearestRule::kFloor), (Sizes{0, 1, 3}));
  EXPECT_EQ(NearestIndices({5, 3, std::nullopt}, NearestRule::kExact), (Sizes{0, 2, 4}));
  EXPECT_EQ(NearestIndices({3, 6, 2.0}, NearestRule::kExact), (Sizes{0, 0, 1, 1, 2, 2}));
}

// What ONNX says of Resize, in float64 but for the scale and the division.
Sizes Resized(std::int64_t in, std::int64_t out, float scale) {
  Sizes indices;
  for (std::int64_t o = 0; o < out; ++o) {
    const float x = static_cast<float>(o) / scale;
    indices.push_back(std::min(static_cast<std::int64_t>(x), in - 1));
  }
  return indices;
}

TEST(NearestScale, ReadsWhatPyTorchReadsForAllSizes) {
  int found = 0, all = 0;
  for (std::int64_t in = 1; in <= 70; ++in) {
    for (std::int64_t out = 1; out <= 140; ++out) {
      const Axis axis = {in, out, std::nullopt};
      const std::optional<float> scale = NearestScale(axis, NearestRule::kFloor);
      ++all;
      if (!scale) continue;
      ++found;
      ASSERT_EQ(Resized(in, out, *scale), NearestIndices(axis, NearestRule::kFloor)) << in << " " << out;
      ASSERT_EQ(static_cast<std::int64_t>(static_cast<float>(in) * *scale), out);
    }
  }
  // For the others the indices are written out.
  EXPECT_GT(found, all * 4 / 5);
}

TEST(Matrices, RowsSumToOne) {
  for (const bool corners : {false, true}) {
    for (const Axis& axis :
         {Axis{5, 7, std::nullopt}, Axis{7, 3, std::nullopt}, Axis{4, 10, 2.5}, Axis{6, 1, std::nullopt}}) {
      for (Matrix m : {LinearMatrix(axis, corners), CubicMatrix(axis, corners)}) {
        for (std::int64_t o = 0; o < axis.out; ++o) {
          float sum = 0;
          for (std::int64_t i = 0; i < axis.in; ++i) sum += m.at(o, i);
          EXPECT_NEAR(sum, 1.0F, 1e-5F);
        }
      }
    }
  }
}

TEST(Upsample, TakesSizesOrFactors) {
  for (const bool by_size : {true, false}) {
    OneCall call(RegisterResampling);
    const ir::Operand size = by_size ? ir::Operand(Dims{8, 12}) : ir::Operand(ir::None{});
    const ir::Operand factors = by_size ? ir::Operand(ir::None{}) : ir::Operand(Doubles{2.0, 3.0});
    ASSERT_TRUE(call.Call("aten::upsample_nearest2d",
                          {call.Input(Quint8(Shape{1, 2, 4, 4}, 0.1, 3)), size, factors}));
    EXPECT_EQ(call.result(), Quint8(Shape{1, 2, 8, 12}, 0.1, 3));
    const auto lowered = call.Lower();
    ASSERT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "Resize", "QuantizeLinear"));
    EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Resize"), 2).ToFloats(),
                ElementsAre(1.0F, 1.0F, 2.0F, 3.0F));
  }
}

TEST(Upsample, AFactorRoundsTheSizeDown) {
  OneCall call(RegisterResampling);
  ASSERT_TRUE(
      call.Call("aten::upsample_nearest1d", {call.Input(Float32(Shape{1, 2, 7})), ir::None{}, Doubles{1.7}}));
  EXPECT_EQ(call.result(), Float32(Shape{1, 2, 11}));
}

TEST(Upsample, AWholeFactorNeedsNoSize) {
  const Shape open = {1, 2, Dim::Symbol("H"), Dim::Symbol("W")};
  OneCall whole(RegisterResampling);
  ASSERT_TRUE(
      whole.Call("aten::upsample_nearest2d", {whole.Input(Float32(open)), ir::None{}, Doubles{2.0, 2.0}}));
  EXPECT_EQ((*whole.result().shape)[2].ToString(), "2*H");
  EXPECT_THAT(Ops(whole.Lower()), ElementsAre("Resize"));
  OneCall half(RegisterResampling);
  ASSERT_TRUE(
      half.Call("aten::upsample_nearest2d", {half.Input(Float32(open)), ir::None{}, Doubles{1.5, 1.5}}));
  const auto lowered = half.Lower();
  ASSERT_FALSE(lowered);
  EXPECT_THAT(lowered.error().what(), HasSubstr("not an integer"));
  OneCall third(RegisterResampling);
  EXPECT_FALSE(
      third.Call("aten::upsample_nearest2d", {third.Input(Float32(open)), ir::None{}, Doubles{1.3, 1.3}}));
}

TEST(Upsample, RefusesWhatPyTorchRefuses) {
  const Shape image = {1, 2, 4, 4};
  const std::vector<std::vector<ir::Operand>> calls = {
      {ir::None{}, ir::None{}},         {Dims{8, 8}, Doubles{2.0, 2.0}}, {ir::None{}, Doubles{2.0}},
      {ir::None{}, Doubles{-1.0, 2.0}}, {ir::None{}, Doubles{0.1, 2.0}}, {Dims{0, 4}, ir::None{}}};
  for (const std::vector<ir::Operand>& arguments : calls) {
    OneCall call(RegisterResampling);
    std::vector<ir::Operand> all = {call.Input(Float32(image))};
    all.insert(all.end(), arguments.begin(), arguments.end());
    EXPECT_FALSE(call.Call("aten::upsample_nearest2d", all));
  }
  OneCall rank(RegisterResampling);
  EXPECT_FALSE(
      rank.Call("aten::upsample_nearest2d", {rank.Input(Float32(Shape{2, 4, 4})), Dims{8, 8}, ir::None{}}));
}

// Twice the size has weights of quarters, which are exact in any order of summation; 2.5 times has not.
TEST(Bilinear, IsResizeWhereItsSumsAreExact) {
  for (const double factor : {2.0, 2.5}) {
    OneCall call(RegisterResampling);
    ASSERT_TRUE(call.Call("aten::upsample_bilinear2d", {call.Input(Quint8(Shape{1, 2, 4, 4}, 0.1, 3)),
                                                        ir::None{}, false, Doubles{factor, factor}}));
    const std::vector<std::string> resize = {"DequantizeLinear", "Resize", "QuantizeLinear"};
    // Kept apart from the QuantizeLinear, with which older ONNX Runtimes fuse it.
    const std::vector<std::string> kept = {"DequantizeLinear", "Resize", "LeakyRelu", "QuantizeLinear"};
    const auto lowered = call.Lower();
    EXPECT_EQ(Ops(lowered) == kept, factor == 2.0) << ::testing::PrintToString(Ops(lowered));
    EXPECT_EQ(Ops(lowered).back(), "QuantizeLinear");
    // Runtimes that look for one scale on both sides get it.
    EXPECT_EQ(Ops(call.Lower({.target = Target::kOpenVino})), resize);
  }
}

TEST(Bilinear, Opset9HasMatricesInItsPlace) {
  OneCall call(RegisterResampling);
  ASSERT_TRUE(call.Call("aten::upsample_bilinear2d",
                        {call.Input(Float32(Shape{1, 2, 4, 5})), Dims{7, 6}, true, ir::None{}}));
  EXPECT_EQ(call.result(), Float32(Shape{1, 2, 7, 6}));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("MatMul", "MatMul"));
}

TEST(Caffe2, ResizesImagesToMultiples) {
  Tensor held = Tensor::From(DType::kQUint8, {1, 1, 2, 2}, std::vector<std::uint8_t>{1, 2, 3, 4});
  held.quantization = Quantization::PerTensor(0.1, 3);
  OneCall call(RegisterResampling);
  ASSERT_TRUE(call.Call("aten::upsample_nearest2d", {call.Constant(held), ir::None{}, Doubles{2.0, 3.0}}));
  const auto lowered = call.Caffe2();
  ASSERT_THAT(Ops(lowered),
              ElementsAre("Int8GivenTensorFill", "Int8Transpose", "Int8ResizeNearest", "Int8Transpose"));
  EXPECT_THAT(Ints(Find(lowered->graph, "Int8ResizeNearest"), "output_size"), ElementsAre(4, 6));
  OneCall other(RegisterResampling);
  ASSERT_TRUE(other.Call("aten::upsample_nearest2d", {other.Constant(held), Dims{3, 3}, ir::None{}}));
  EXPECT_EQ(Ops(other.Caffe2())[1], "Int8Dequantize");
}

TEST(Interpolate, UnderstandsNumbersForEachDimension) {
  OneCall call(RegisterResampling);
  ASSERT_TRUE(call.Call("aten::__interpolate", {call.Input(Float32(Shape{1, 2, 4, 5})), ir::None{}, 2.0,
                                                std::string("bilinear"), false, ir::None{}}));
  EXPECT_EQ(call.result(), Float32(Shape{1, 2, 8, 10}));
  OneCall area(RegisterResampling);
  const Status status = area.Call(
      "aten::__interpolate", {area.Input(Float32(Shape{1, 2, 4, 5})), ir::None{}, 2.0, std::string("area")});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("\"area\""));
}

TEST(PixelShuffle, MovesIntegersBetweenPairs) {
  OneCall call(RegisterResampling);
  ASSERT_TRUE(call.Call("aten::pixel_shuffle", {call.Input(Quint8(Shape{1, 8, 3, 5}, 0.1, 3)), Dim(2)}));
  EXPECT_EQ(call.result(), Quint8(Shape{1, 2, 6, 10}, 0.1, 3));
  EXPECT_THAT(Ops(call.Lower()),
              ElementsAre("DequantizeLinear", "Reshape", "QuantizeLinear", "DequantizeLinear", "Transpose",
                          "QuantizeLinear", "DequantizeLinear", "Reshape", "QuantizeLinear"));
  OneCall odd(RegisterResampling);
  const Status status = odd.Call("aten::pixel_shuffle", {odd.Input(Float32(Shape{1, 6, 3, 5})), Dim(2)});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("number of channels is 6"));
}

TEST(GridSample, NeedsOpset16) {
  OneCall call(RegisterResampling);
  ASSERT_TRUE(
      call.Call("aten::grid_sampler", {call.Input(Float32(Shape{1, 2, 4, 4})),
                                       call.Input(Float32(Shape{1, 3, 5, 2})), Dim(0), Dim(0), false}));
  EXPECT_EQ(call.result(), Float32(Shape{1, 2, 3, 5}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("GridSample"));
  EXPECT_FALSE(call.Lower({.opset = 15}));
}

}  // namespace
}  // namespace octavo
