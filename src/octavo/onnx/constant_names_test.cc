#include "octavo/onnx/constant_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octavo::onnx {
namespace {

using ir::ValueId;
using ::testing::ElementsAre;

class ConstantNamesTest : public ::testing::Test {
 protected:
  ValueId Constant(float value, std::string name = {}) {
    return graph_.AddConstant(Tensor::Scalar(value), std::move(name));
  }
  ValueId ZeroPoint(std::uint8_t value) {
    return graph_.AddConstant(Tensor::From<std::uint8_t>(DType::kUint8, {}, {value}));
  }

  ValueId Node(const std::string& op, const std::string& name, const std::vector<ValueId>& inputs) {
    std::vector<ir::Argument> arguments;
    for (const ValueId id : inputs) {
      arguments.push_back({{}, id.valid() ? ir::Operand(id) : ir::Operand(ir::None())});
    }
    const ir::NodeId id = graph_.AddNode(op, std::move(arguments), {TensorType()});
    nodes_.push_back(name);
    return graph_.node(id).outputs[0];
  }

  std::vector<std::string> NamesOf(const std::vector<ValueId>& ids) const {
    const std::vector<std::string> all = NamesOfConstants(graph_, nodes_);
    std::vector<std::string> names;
    for (const ValueId id : ids) names.push_back(all[static_cast<std::size_t>(id.index)]);
    return names;
  }

  ir::Graph graph_;
  std::vector<std::string> nodes_;
  ValueId x_ = graph_.AddInput("x", TensorType());
};

TEST_F(ConstantNamesTest, ALayersConstantsAreNamedAfterItAndItsWeight) {
  const ValueId weight = Constant(1, "fc.weight"), weight_scale = Constant(2), weight_zero = ZeroPoint(1);
  const ValueId input_scale = Constant(3), input_zero = ZeroPoint(2), scale = Constant(4),
                zero = ZeroPoint(3);
  const ValueId x = Node("DequantizeLinear", "net.fc/DequantizeLinear", {x_, input_scale, input_zero});
  const ValueId w =
      Node("DequantizeLinear", "net.fc/DequantizeLinear_1", {weight, weight_scale, weight_zero});
  const ValueId y = Node("Gemm", "net.fc/Gemm", {x, w});
  Node("QuantizeLinear", "net.fc/QuantizeLinear", {y, scale, zero});
  EXPECT_THAT(NamesOf({weight, weight_scale, weight_zero, input_scale, input_zero, scale, zero}),
              ElementsAre("", "fc.weight_scale", "fc.weight_zero_point", "net.fc.input_scale",
                          "net.fc.input_zero_point", "net.fc.scale", "net.fc.zero_point"));
}

TEST_F(ConstantNamesTest, TheLayerThatMakesAValueNamesItsScaleRatherThanThoseThatReadIt) {
  const ValueId scale = Constant(0.5F), zero = ZeroPoint(5);
  const ValueId x = Node("DequantizeLinear", "first/DequantizeLinear", {x_, scale, zero});
  Node("QuantizeLinear", "second/QuantizeLinear", {x, scale, zero});
  EXPECT_EQ(NamesOf({scale})[0], "second.scale");
}

TEST_F(ConstantNamesTest, AZeroPointOfSeveralLayersIsNamedAfterItsValue) {
  const ValueId scales[] = {Constant(0.5F), Constant(2)}, zero = ZeroPoint(64);
  Node("QuantizeLinear", "a/QuantizeLinear", {x_, scales[0], zero});
  Node("QuantizeLinear", "b/QuantizeLinear", {x_, scales[1], zero});
  EXPECT_THAT(NamesOf({scales[0], scales[1], zero}),
              ElementsAre("a.scale", "b.scale", "uint8_zero_point_64"));
}

TEST_F(ConstantNamesTest, ThoseThatOnlyReadAValueDoNotShareItsZeroPoint) {
  const ValueId scale = Constant(0.5F), zero = ZeroPoint(64);
  const ValueId q = Node("QuantizeLinear", "a/QuantizeLinear", {x_, scale, zero});
  Node("DequantizeLinear", "b/DequantizeLinear", {q, scale, zero});
  Node("DequantizeLinear", "c/DequantizeLinear", {q, scale, zero});
  EXPECT_THAT(NamesOf({scale, zero}), ElementsAre("a.scale", "a.zero_point"));
}

TEST_F(ConstantNamesTest, ALayerThatCountsInSteps) {
  const ValueId one = Constant(1), scale = Constant(0.25F), zero = ZeroPoint(3);
  const ValueId q = Node("QuantizeLinear", "quant/QuantizeLinear", {x_, one, zero});
  Node("DequantizeLinear", "fc/DequantizeLinear", {q, scale, zero});
  Node("DequantizeLinear", "fc/DequantizeLinear_1", {Constant(9, "fc.weight"), one});
  EXPECT_THAT(NamesOf({one, scale, zero}), ElementsAre("unit_scale", "quant.scale", "quant.zero_point"));
}

TEST_F(ConstantNamesTest, ALayerNamesAScaleRatherThanANodeWithoutOne) {
  const ValueId scale = Constant(2);
  Node("QuantizeLinear", "QuantizeLinear", {x_, scale});
  Node("QuantizeLinear", "fc/QuantizeLinear", {x_, scale});
  EXPECT_THAT(NamesOf({scale}), ElementsAre("fc.scale"));
}

TEST_F(ConstantNamesTest, OtherConstantsAreNamedAfterTheirFirstReader) {
  const ValueId named = Constant(1, "kept"), low = Constant(2), shared = Constant(3), unused = Constant(4),
                scale = Constant(5);
  Node("Clip", "act/Clip", {x_, {}, low});
  Node("Add", "act/Add", {named, shared});
  Node("Mul", "Mul", {shared, shared});
  Node("QuantizeLinear", "QuantizeLinear_3", {x_, scale});
  EXPECT_THAT(NamesOf({named, low, shared, unused, scale, x_}),
              ElementsAre("", "act/Clip_input_2", "act/Add_input_1", "", "QuantizeLinear_3_scale", ""));
}

}  // namespace
}  // namespace octavo::onnx
