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
using testing::OneCall;
using testing::Ops;
using testing::Quint8;

const Shape kNormalized = {2, 2, 4, 4};

// input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled.
Status BatchNorm(OneCall& call, bool training, bool statistics) {
  const ir::Operand mean =
      statistics ? ir::Operand(call.Constant(Tensor::Floats({2}, {0.5F, 1}))) : ir::Operand(ir::None{});
  const ir::Operand variance =
      statistics ? ir::Operand(call.Constant(Tensor::Floats({2}, {1, 4}))) : ir::Operand(ir::None{});
  return call.Call("aten::batch_norm", {call.Input(Float32(kNormalized)), ir::None{}, ir::None{}, mean,
                                        variance, training, 0.1, 1e-5, true});
}

TEST(BatchNorm, WithoutParametersHasOnesAndZeros) {
  OneCall call(RegisterNormalization);
  ASSERT_TRUE(BatchNorm(call, false, true));
  const auto lowered = call.Lower();
  ASSERT_THAT(Ops(lowered), ElementsAre("BatchNormalization"));
  const ir::Node& node = Find(lowered->graph, "BatchNormalization");
  EXPECT_THAT(ConstantInput(lowered->graph, node, 1).ToFloats(), ElementsAre(1.0F, 1.0F));
  EXPECT_THAT(ConstantInput(lowered->graph, node, 2).ToFloats(), ElementsAre(0.0F, 0.0F));
}

TEST(BatchNorm, InTrainingOrWithoutStatisticsIsRefused) {
  OneCall training(RegisterNormalization);
  ASSERT_TRUE(BatchNorm(training, true, true));
  const auto trained = training.Lower();
  ASSERT_FALSE(trained);
  EXPECT_THAT(trained.error().ToString(), HasSubstr("model.eval()"));
  OneCall without(RegisterNormalization);
  ASSERT_TRUE(BatchNorm(without, false, false));
  const auto batch = without.Lower();
  ASSERT_FALSE(batch);
  EXPECT_THAT(batch.error().ToString(), HasSubstr("track_running_stats"));
}

// (x - 0.5) / sqrt(1) * 2 + 1 with input scale 0.1 and output scale 0.2 is a factor of 1 and a summand of 0
// steps.
TEST(QuantizedBatchNorm, CountsInSteps) {
  for (const Target target : {Target::kOnnxRuntime, Target::kOpenVino}) {
    OneCall call(RegisterNormalization);
    const ir::ValueId x = call.Input(Quint8(Shape{1, 1, 2, 2}, 0.1, 3));
    ASSERT_TRUE(
        call.Call("quantized::batch_norm2d_relu",
                  {x, call.Constant(Tensor::Floats({1}, {2})), call.Constant(Tensor::Floats({1}, {1})),
                   call.Constant(Tensor::Floats({1}, {0.5F})), call.Constant(Tensor::Floats({1}, {1})), 0.0,
                   0.2, Dim(7)}));
    EXPECT_EQ(call.result(), Quint8(Shape{1, 1, 2, 2}, 0.2, 7));
    const auto lowered = call.Lower({.target = target});
    ASSERT_THAT(Ops(lowered),
                ElementsAre("DequantizeLinear", "BatchNormalization", "Relu", "QuantizeLinear"));
    const ir::Node& node = Find(lowered->graph, "BatchNormalization");
    const bool steps = target == Target::kOnnxRuntime;
    EXPECT_THAT(ConstantInput(lowered->graph, node, 1).ToFloats(), ElementsAre(steps ? 1.0F : 2.0F));
    EXPECT_THAT(ConstantInput(lowered->graph, node, 2).ToFloats(), ElementsAre(steps ? 0.0F : 1.0F));
  }
}

TEST(QuantizedBatchNorm, OfAFloatTensorIsRefused) {
  OneCall call(RegisterNormalization);
  const ir::ValueId x = call.Input(Float32(kNormalized));
  const ir::ValueId p = call.Constant(Tensor::Floats({2}, {1, 1}));
  EXPECT_FALSE(call.Call("quantized::batch_norm2d", {x, p, p, p, p, 1e-5, 0.1, Dim(0)}));
  OneCall scale(RegisterNormalization);
  const ir::ValueId q = scale.Input(Quint8(kNormalized, 0.1, 0));
  const ir::ValueId c = scale.Constant(Tensor::Floats({2}, {1, 1}));
  EXPECT_FALSE(scale.Call("quantized::batch_norm2d", {q, c, c, c, c, 1e-5, 0.0, Dim(0)}));
}

TEST(QuantizedBatchNorm, ParametersThatAreNoVectorAreRefused) {
  OneCall call(RegisterNormalization);
  const ir::ValueId x = call.Input(Quint8(kNormalized, 0.1, 0));
  const ir::ValueId p = call.Constant(Tensor::Floats({2, 1}, {1, 1}));
  ASSERT_TRUE(call.Call("quantized::batch_norm2d", {x, p, p, p, p, 1e-5, 0.1, Dim(0)}));
  EXPECT_FALSE(call.Lower({.target = Target::kOpenVino}));
}

TEST(LayerNorm, IsOneNodeFromOpset17On) {
  OneCall call(RegisterNormalization);
  ASSERT_TRUE(call.Call("aten::layer_norm", {call.Input(Float32(kNormalized)), Dims{4, 4}}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("LayerNormalization"));
  EXPECT_THAT(Ops(call.Lower({.opset = 16})),
              ElementsAre("ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Sqrt", "Div"));
}

TEST(GroupNorm, NeedsGroupsThatDivideTheChannels) {
  OneCall call(RegisterNormalization);
  ASSERT_TRUE(call.Call("aten::group_norm", {call.Input(Float32(kNormalized)), Dim(2)}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("Reshape", "InstanceNormalization", "Reshape"));
  OneCall three(RegisterNormalization);
  const Status status = three.Call("aten::group_norm", {three.Input(Float32(kNormalized)), Dim(3)});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what(), HasSubstr("cannot be divided into 3"));
}

TEST(InstanceNorm, WithRunningStatisticsIsABatchNorm) {
  OneCall call(RegisterNormalization);
  const ir::ValueId p = call.Constant(Tensor::Floats({2}, {1, 2}));
  ASSERT_TRUE(call.Call("aten::instance_norm",
                        {call.Input(Float32(kNormalized)), p, p, p, p, false, 0.1, 1e-5, true}));
  EXPECT_THAT(Ops(call.Lower()), ElementsAre("BatchNormalization"));
}

}  // namespace
}  // namespace octavo
