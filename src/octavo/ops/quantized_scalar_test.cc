#include "octavo/ops/quantized_scalar.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/ops/rows_testing.h"

namespace octavo {
namespace {

using ::testing::ElementsAre;
using testing::OneCall;
using testing::Ops;
using testing::Quint8;

struct ScalarCase {
  DType dtype;
  std::int64_t zero_point;
  double c;
  double added_scale;
  std::int64_t added_zero;
  double product_scale;
  std::int64_t product_zero;
};

// q_scale() and q_zero_point() of PyTorch's quantized::add_scalar and mul_scalar for a tensor of scale 0.02.
const ScalarCase kCases[] = {
    {DType::kQUint8, 50, 0.5, 0.02, 25, 0.01, 50},
    {DType::kQUint8, 50, -0.5, 0.02, 75, 0.01, 205},
    {DType::kQUint8, 50, 10.0, 0.05529411764705883, 0, 0.2, 50},
    {DType::kQUint8, 50, -10.0, 0.043137254901960784, 255, 0.2, 205},
    {DType::kQUint8, 50, 0.0, 0.02, 50, 1.0, 0},
    {DType::kQUint8, 50, 2.0, 0.02392156862745098, 0, 0.04, 50},
    {DType::kQUint8, 50, 1.2345, 0.020941176470588237, 0, 0.02469, 50},
    {DType::kQInt8, -3, 0.5, 0.02, -28, 0.01, -3},
    {DType::kQInt8, -3, -0.5, 0.02, 22, 0.01, 2},
    {DType::kQInt8, -3, 10.0, 0.049411764705882356, -128, 0.2, -3},
    {DType::kQInt8, -3, -10.0, 0.04901960784313726, 127, 0.2, 2},
    {DType::kQInt8, -3, 0.0, 0.02, -3, 1.0, 0},
    {DType::kQInt8, -3, 2.0, 0.02, -103, 0.04, -3},
    {DType::kQInt8, -3, 1.2345, 0.02, -65, 0.02469, -3},
};

TEST(QuantizedScalar, ChangesTheQuantizationAsPyTorchDoes) {
  for (const ScalarCase& c : kCases) {
    const Quantization q = Quantization::PerTensor(0.02, c.zero_point);
    const auto sum = AddedScalar(q, c.dtype, c.c), product = MultipliedByScalar(q, c.dtype, c.c);
    ASSERT_TRUE(sum && product);
    EXPECT_EQ(sum->scale(), c.added_scale) << c.c;
    EXPECT_EQ(sum->zero_point(), c.added_zero) << c.c;
    EXPECT_EQ(product->scale(), c.product_scale) << c.c;
    EXPECT_EQ(product->zero_point(), c.product_zero) << c.c;
  }
}

TEST(QuantizedScalar, RefusesWhatIsNoNumber) {
  for (const double c : {std::nan(""), static_cast<double>(INFINITY), 1e300}) {
    for (const char* op : {"quantized::add_scalar", "quantized::mul_scalar"}) {
      OneCall call(RegisterQuantizedScalar);
      EXPECT_FALSE(call.Call(op, {call.Input(Quint8(Shape{2}, 0.02, 50)), c})) << op << c;
    }
  }
}

TEST(QuantizedScalar, IsFusedByRuntimesSinceTheNumberIsQuantizedToo) {
  OneCall call(RegisterQuantizedScalar);
  ASSERT_TRUE(call.Call("quantized::mul_scalar", {call.Input(Quint8(Shape{2}, 0.02, 50)), -0.5}));
  EXPECT_EQ(call.result(), Quint8(Shape{2}, 0.01, 205));
  EXPECT_THAT(Ops(call.Lower()),
              ElementsAre("DequantizeLinear", "DequantizeLinear", "Mul", "QuantizeLinear"));
  EXPECT_THAT(Ops(call.Caffe2()), ElementsAre("Int8Dequantize", "Constant", "Mul", "Int8Quantize"));
}

TEST(QuantizedScalar, ASumThatNoScalesMakeExactIsOneOfWholeNumbers) {
  // Half the input's scale: every other sum is a tie, and the zero point of the result is odd.
  OneCall call(RegisterQuantizedScalar);
  ASSERT_TRUE(call.Call("quantized::add_scalar_relu", {call.Input(Quint8(Shape{2}, 0.5, 0)), -127.5}));
  EXPECT_EQ(call.result(), Quint8(Shape{2}, 0.5, 255));
  OneCall tie(RegisterQuantizedScalar);
  ASSERT_TRUE(tie.Call("quantized::add_scalar_relu", {tie.Input(Quint8(Shape{2}, 0.5, 0)), -255.0}));
  EXPECT_EQ(tie.result(), Quint8(Shape{2}, 1, 255));
  EXPECT_THAT(Ops(tie.Lower()), ElementsAre("DequantizeLinear", "Add", "Mul", "Relu", "QuantizeLinear"));
}

TEST(QuantizedScalar, ATracedNumberIsATensor) {
  OneCall call(RegisterQuantizedScalar);
  const ir::ValueId x = call.Input(Quint8(Shape{2}, 0.02, 50));
  ASSERT_TRUE(call.Call("quantized::add_scalar", {x, call.Constant(Tensor::Scalar(0.5F))}));
  EXPECT_EQ(call.result(), Quint8(Shape{2}, 0.02, 25));
  OneCall unknown(RegisterQuantizedScalar);
  const ir::ValueId y = unknown.Input(Quint8(Shape{2}, 0.02, 50));
  EXPECT_FALSE(unknown.Call("quantized::add_scalar", {y, unknown.Input(testing::Float32(Shape{}))}));
}

}  // namespace
}  // namespace octavo
