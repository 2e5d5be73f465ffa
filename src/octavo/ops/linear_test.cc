#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/register.h"
#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using testing::ConstantInput;
using ::testing::ElementsAre;
using testing::Find;
using testing::Float32;
using ::testing::HasSubstr;
using testing::Ints;
using testing::OneCall;
using testing::Ops;
using testing::Qint8;
using testing::Quint8;

std::shared_ptr<const ir::PackedWeights> PackedLinear(bool bias = true) {
  auto packed = std::make_shared<ir::PackedWeights>();
  packed->kind = ir::PackedWeights::Kind::kLinear;
  packed->weight = Tensor::From(DType::kQInt8, {2, 3}, std::vector<std::int8_t>{-3, -2, -1, 1, 2, 127});
  packed->weight.quantization = Quantization::PerTensor(0.1, 0);
  if (bias) packed->bias = Tensor::Floats({2}, {0.5F, -0.5F});
  packed->name = "fc._packed_params";
  return packed;
}

Status Linear(OneCall& call, TensorType x, const char* op = "quantized::linear", bool bias = true) {
  return call.Call(op, {call.Input(std::move(x)), PackedLinear(bias), 0.5, Dim(0)});
}

TEST(QuantizedLinear, TwoDimensionsAreOneGemm) {
  OneCall call(RegisterLinear);
  ASSERT_TRUE(Linear(call, Quint8(Shape{Dim::Symbol("N"), 3}, 0.2, 3)));
  EXPECT_EQ(call.result(), Quint8(Shape{Dim::Symbol("N"), 2}, 0.5, 0));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear",
                                             "Gemm", "QuantizeLinear"));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Int8GivenTensorFill", "Int8GivenIntTensorFill", "Int8FC"));
}

// FBGEMM adds the bias to the sum and multiplies then.  A bias of whole steps needs no float.
TEST(QuantizedLinear, AddsAFloatBiasForFbgemm) {
  OneCall whole(RegisterLinear);
  ASSERT_TRUE(Linear(whole, Quint8(Shape{4, 3}, 0.2, 3)));
  EXPECT_THAT(
      Ops(whole.Lower({.engine = Engine::kFbgemm})),
      ElementsAre("DequantizeLinear", "DequantizeLinear", "DequantizeLinear", "Gemm", "QuantizeLinear"));
  OneCall call(RegisterLinear);
  auto packed = std::make_shared<ir::PackedWeights>(*PackedLinear());
  packed->bias = Tensor::Floats({2}, {0.51F, -0.487F});
  ASSERT_TRUE(call.Call("quantized::linear_relu",
                        {call.Input(Quint8(Shape{4, 3}, 0.2, 3)),
                         std::shared_ptr<const ir::PackedWeights>(std::move(packed)), 0.5, Dim(0)}));
  for (const Engine engine : {Engine::kFbgemm, Engine::kX86}) {
    EXPECT_THAT(Ops(call.Lower({.engine = engine})),
                ElementsAre("DequantizeLinear", "DequantizeLinear", "Gemm", "Add", "Mul", "QuantizeLinear"));
  }
  EXPECT_EQ(Ops(call.Lower({.engine = Engine::kQnnpackX86})), Ops(call.Lower()));
}

TEST(QuantizedLinear, MoreDimensionsAreBroughtToTwo) {
  OneCall call(RegisterLinear);
  ASSERT_TRUE(Linear(call, Quint8(Shape{Dim::Symbol("N"), 4, 3}, 0.2, 3), "quantized::linear_relu"));
  EXPECT_EQ(call.result().shape, (Shape{Dim::Symbol("N"), 4, 2}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "Reshape", "DequantizeLinear",
                                             "DequantizeLinear", "Gemm", "Reshape", "QuantizeLinear"));
  EXPECT_THAT(Ops(call.Caffe2()),
              ElementsAre("Int8GivenTensorFill", "Int8GivenIntTensorFill", "Constant", "Int8Reshape",
                          "Int8FC", "Int8Relu", "Constant", "Int8Reshape"));
}

TEST(QuantizedLinear, Caffe2RefusesComputedWeights) {
  OneCall call(RegisterLinear);
  auto packed = std::make_shared<ir::PackedWeights>();
  packed->kind = ir::PackedWeights::Kind::kLinear;
  packed->weight_value = call.Input(Qint8(Shape{2, 3}, 0.1, 0));
  packed->name = "fc._packed_params";
  const ir::ValueId x = call.Input(Quint8(Shape{4, 3}, 0.2, 3));
  ASSERT_TRUE(call.Call("quantized::linear",
                        {x, std::shared_ptr<const ir::PackedWeights>(std::move(packed)), 0.5, Dim(0)}));
  EXPECT_TRUE(call.Lower());
  const auto refused = call.Caffe2();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().ToString(), HasSubstr("computed at run time"));
}

TEST(QuantizedLinear, AnyRankIsAMatMul) {
  for (const auto& shape :
       {std::optional<Shape>(), std::optional<Shape>(Shape{Dim::Symbol("N"), Dim::Symbol("T"), 3})}) {
    OneCall call(RegisterLinear);
    ASSERT_TRUE(Linear(call, Quint8(shape, 0.2, 3)));
    EXPECT_THAT(Ops(call.Lower()), ElementsAre("DequantizeLinear", "DequantizeLinear", "MatMul",
                                               "DequantizeLinear", "Add", "QuantizeLinear"));
    EXPECT_THAT(Ops(call.Caffe2(false, Numbers::kPlain)),
                ElementsAre("Int8GivenTensorFill", "Int8Dequantize", "Transpose", "Int8Dequantize", "MatMul",
                            "Add", "Int8Quantize"));
  }
}

TEST(QuantizedLinear, TensorRtKeepsTheBiasInFloat) {
  OneCall call(RegisterLinear);
  ASSERT_TRUE(call.Call("quantized::linear",
                        {call.Input(Quint8(Shape{1, 3}, 0.2, 128)), PackedLinear(), 0.5, Dim(128)}));
  const auto lowered = call.Lower({.target = Target::kTensorRt});
  EXPECT_THAT(Ops(lowered), ElementsAre("DequantizeLinear", "DequantizeLinear", "Gemm", "QuantizeLinear"));
  // 0.5 and -0.5 are 25 steps of float32(0.2 * 0.1).
  const auto& gemm = Find(lowered->graph, "Gemm");
  EXPECT_THAT(testing::ConstantInput(lowered->graph, gemm, 2).ToFloats(),
              ElementsAre(25 * static_cast<float>(0.2 * 0.1), -25 * static_cast<float>(0.2 * 0.1)));
}

TEST(QuantizedLinear, RefusesWhatDoesNotFit) {
  auto fails = [](TensorType x) {
    OneCall call(RegisterLinear);
    return !Linear(call, std::move(x));
  };
  EXPECT_TRUE(fails(Quint8(Shape{1, 4}, 0.2, 3)));
  EXPECT_TRUE(fails(Quint8(Shape{3}, 0.2, 3)));
  EXPECT_TRUE(fails(Float32(Shape{1, 3})));
}

TEST(FloatLinear, IsGemmOrMatMul) {
  OneCall two(RegisterLinear);
  const ir::ValueId x = two.Input(Float32(Shape{5, 3}));
  const ir::ValueId w = two.Constant(Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  const ir::ValueId b = two.Constant(Tensor::Floats({2}, {1, 2}));
  ASSERT_TRUE(two.Call("aten::linear", {x, w, b}));
  EXPECT_EQ(two.result(), Float32(Shape{5, 2}));
  EXPECT_THAT(Ops(two.Lower()), ElementsAre("Gemm"));
  OneCall three(RegisterLinear);
  const ir::ValueId y = three.Input(Float32(Shape{7, 5, 3}));
  const ir::ValueId v = three.Constant(Tensor::Floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  ASSERT_TRUE(three.Call("aten::linear", {y, v}));
  const auto lowered = three.Lower();
  EXPECT_THAT(Ops(lowered), ElementsAre("MatMul"));
  EXPECT_THAT(testing::ConstantInput(lowered->graph, lowered->graph.nodes()[0], 1).ToFloats(),
              ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(MatMul, FollowsNumpysShapes) {
  struct Case {
    Shape a, b;
    std::optional<Shape> result;
  };
  const Dim n = Dim::Symbol("N");
  for (const Case& c :
       {Case{{2, 3}, {3, 4}, Shape{2, 4}}, Case{{3}, {3, 4}, Shape{4}}, Case{{2, 3}, {3}, Shape{2}},
        Case{{3}, {3}, Shape{}}, Case{{n, 1, 2, 3}, {5, 3, 4}, Shape{n, 5, 2, 4}},
        Case{{2, 3}, {4, 3}, std::nullopt}, Case{{2, 2, 3}, {3, 3, 4}, std::nullopt}}) {
    OneCall call(RegisterLinear);
    const ir::ValueId a = call.Input(Float32(c.a)), b = call.Input(Float32(c.b));
    const Status status = call.Call("aten::matmul", {a, b});
    ASSERT_EQ(static_cast<bool>(status), c.result.has_value()) << ToString(c.a) << ToString(c.b);
    if (status) {
      EXPECT_EQ(call.result().shape, c.result);
    }
  }
}

TEST(AddMm, KeepsBetaAndAlpha) {
  OneCall call(RegisterLinear);
  const ir::ValueId c = call.Input(Float32(Shape{4})), a = call.Input(Float32(Shape{2, 3})),
                    b = call.Input(Float32(Shape{3, 4}));
  ASSERT_TRUE(call.Call("aten::addmm", {c, a, b, 0.5, 2.0}));
  const auto lowered = call.Lower();
  const ir::Node& gemm = Find(lowered->graph, "Gemm");
  EXPECT_EQ(std::get<double>(*gemm.Find("alpha")), 2.0);
  EXPECT_EQ(std::get<double>(*gemm.Find("beta")), 0.5);
  // With beta 0 the first operand is not read at all.
  OneCall without(RegisterLinear);
  const ir::ValueId d = without.Input(Float32(Shape{4})), e = without.Input(Float32(Shape{2, 3})),
                    f = without.Input(Float32(Shape{3, 4}));
  ASSERT_TRUE(without.Call("aten::addmm", {d, e, f, Dim(0), Dim(1)}));
  EXPECT_THAT(Ops(without.Lower()), ElementsAre("MatMul"));
}

TEST(AddMm, OfIntegersHasTheFactorsWholeParts) {
  const auto ints = [](Shape shape) { return TensorType{.dtype = DType::kInt64, .shape = std::move(shape)}; };
  OneCall call(RegisterLinear);
  const ir::ValueId c = call.Input(ints({4})), a = call.Input(ints({2, 3})), b = call.Input(ints({3, 4}));
  ASSERT_TRUE(call.Call("aten::addmm", {c, a, b, -2.5, 1.5}));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("MatMul", "Mul", "Add"));
  EXPECT_THAT(ConstantInput(lowered->graph, Find(lowered->graph, "Mul"), 1).ToInts(), ElementsAre(-2));
}

TEST(MatMul, RefusesQuantizedTensors) {
  OneCall call(RegisterLinear);
  const ir::ValueId a = call.Input(Quint8(Shape{2, 3}, 0.1, 0)), b = call.Input(Float32(Shape{3, 4}));
  EXPECT_FALSE(call.Call("aten::matmul", {a, b}));
}

}  // namespace
}  // namespace octavo
