#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "octavo/engine/fused/group.h"
#include "octavo/engine/fused/policy.h"
#include "octavo/engine/literal/blocks.h"
#include "octavo/engine/program.h"

namespace octavo::engine::fused {

// A float value that is an 8-bit tensor's.
struct Dequantized {
  ir::NodeId node = ir::kNoNode;
  Edge integers;
  Quant quant;
  // ONNX Runtime has made these int8 integers uint8: they are computed with 128 added to them and to the zero
  // point.
  bool made_unsigned = false;

  bool computed_signed() const { return quant.is_signed && !made_unsigned; }
};

// Constant weights without their zero points, within [-255, 255].
struct Weights {
  std::vector<std::int16_t> values;  // in the tensor's order
  Sizes sizes;
  std::vector<float> scales;  // one, or one a channel along `axis`
  int axis = 0;
  bool is_signed = false;
  bool has_4_bits = false;
};

// Questions about a program's nodes.
class Pattern {
 public:
  explicit Pattern(const Program& program);

  const Program& program() const { return program_; }
  const Policy& policy() const { return policy_; }
  const ir::Node& node(ir::NodeId id) const { return program_.graph.node(id); }
  const std::vector<ir::NodeId>& users(ir::ValueId value) const {
    return users_[static_cast<std::size_t>(value.index)];
  }
  // The node that makes the value, if it is needed and its types are known.
  ir::NodeId Producer(ir::ValueId value) const;
  // Whether nobody but one node wants the value.
  bool Private(ir::ValueId value) const;
  bool IsOutput(ir::ValueId value) const { return is_output_[static_cast<std::size_t>(value.index)]; }
  const Tensor* Constant(ir::ValueId value) const;
  // Of an 8-bit or float32 value whose shape is known.
  std::optional<Edge> EdgeOf(ir::ValueId value) const;

  // The scale and zero point that a value of the Caffe2 dialect carries itself.
  std::optional<Quant> Int8QuantOf(ir::ValueId value) const;
  // Whether the node is the Caffe2 dialect's Int8Quantize or Int8Dequantize, and PyTorch's arithmetic is
  // asked for: a sum or product between them, which Caffe2 does not have, is then PyTorch's quantized one, as
  // it is between DequantizeLinear and QuantizeLinear.  By any other arithmetic it is a float's.
  bool IsInt8Boundary(const ir::Node& node) const;
  // Whether ONNX Runtime makes the int8 result of a QuantizeLinear uint8 when it loads the model
  // (QDQS8ToU8Transformer): a single DequantizeLinear with a single reader takes it.
  bool IsMadeUnsigned(ir::ValueId integers) const;
  // The bounds of a Clip; nullopt: not known.
  std::optional<std::pair<float, float>> BoundsOfClip(const ir::Node& clip) const;
  // core/optimizer/qdq_transformer/qdq_util.cc, IsClipMadeRedundantByQ: whether the Relu or Clip leaves every
  // value that the QuantizeLinear, of 8 or 16 bits, can tell apart.
  bool IsRedundant(const ir::Node& clip, const ir::Node& quantize) const;
  // One scale and zero point of a QuantizeLinear's or DequantizeLinear's 8-bit side, or of those.
  std::optional<Quant> QuantOf(const ir::Node& node) const;
  std::optional<Dequantized> DequantizedOf(ir::ValueId value) const;
  // What a DequantizeLinear makes of a constant.
  std::optional<Weights> WeightsOf(ir::ValueId value) const;
  // The same in blocks of rows; `transposed`: the value is [columns, depth].  Nullopt where ONNX Runtime
  // makes no MatMulNBits of it.
  std::optional<literal::BlockedMatrix> BlockedWeightsOf(ir::ValueId value, bool transposed) const;
  // Of ONNX's own operators.
  int Opset() const;
  // A bias of int32 whose scale is the product of x's and the weights', as far as the runtime looks at it.
  std::optional<std::vector<std::int32_t>> BiasOf(ir::ValueId value, float x_scale,
                                                  const std::vector<float>& w_scales, bool of_gemm) const;
  std::optional<float> ScalarOf(ir::ValueId value) const;

  // Nullopt: there is an attribute of another type.
  std::optional<std::int64_t> Int(const ir::Node& node, std::string_view name, std::int64_t otherwise) const;
  std::optional<Sizes> Ints(const ir::Node& node, std::string_view name, const Sizes& otherwise) const;
  std::optional<double> Real(const ir::Node& node, std::string_view name, double otherwise) const;
  std::string Text(const ir::Node& node, std::string_view name) const;

 private:
  // What a QuantizeLinear of 8 or 16 bits can tell apart.
  struct Reals {
    float least = 0, greatest = 0;
  };
  std::optional<Reals> RealsOf(const ir::Node& quantize) const;

  const Program& program_;
  Policy policy_;
  std::vector<std::vector<ir::NodeId>> users_;
  std::vector<bool> is_output_;  // by value: of the graph
};

// The node that makes a group's result, and what lies before it.
struct Target {
  ir::NodeId node = ir::kNoNode;  // QuantizeLinear
  Edge output;
  Quant quant;
  Range range;                      // with the Relu and Clip before it
  std::vector<ir::NodeId> nodes;    // those and `node`
  ir::NodeId anchor = ir::kNoNode;  // what makes the float value; kNoNode: none of it alone
  ir::ValueId real;                 // the float value that `node` reads
  // ONNX Runtime computes the anchor in float32: a Relu or Clip follows it that cuts more than `quant` does.
  bool clip_is_kept = false;
  bool made_unsigned = false;  // see Dequantized

  bool computed_signed() const { return quant.is_signed && !made_unsigned; }
};

std::optional<Group> FuseConvolution(const Pattern& pattern, const Target& target);
std::optional<Group> FuseMatMul(const Pattern& pattern, const Target& target);
std::optional<Group> FuseSumOrProduct(const Pattern& pattern, const Target& target);
std::optional<Group> FuseConcat(const Pattern& pattern, const Target& target);
std::optional<Group> FuseMaxPool(const Pattern& pattern, const Target& target);
std::optional<Group> FuseAverage(const Pattern& pattern, const Target& target);
std::optional<Group> FuseSoftmax(const Pattern& pattern, const Target& target);
// A product of two 8-bit tensors that are both computed.
std::optional<Group> FuseProduct(const Pattern& pattern, const Target& target);
// Average pools that FuseAverage does not take.
std::optional<Group> FusePoolAlone(const Pattern& pattern, const Target& target);
// MatMul and Gemm that ONNX Runtime computes with integers and whose result is float32; the node is no
// target's.
std::optional<Group> FuseToFloat(const Pattern& pattern, ir::NodeId node);
std::optional<Group> FuseMovement(const Pattern& pattern, const Target& target);
// Any function, element by element, of one or two 8-bit tensors.
std::optional<Group> FuseElementwise(const Pattern& pattern, const Target& target);
// QuantizeLinear of any float32 value, DequantizeLinear to one.
std::optional<Group> QuantizeAlone(const Pattern& pattern, const Target& target);
std::optional<Group> DequantizeAlone(const Pattern& pattern, ir::NodeId node);
// A node that moves 8-bit integers, a group for each result that is used.
std::vector<Group> FuseIntegerMovement(const Pattern& pattern, ir::NodeId node);
// A node of the Caffe2 dialect.
std::optional<Group> FuseInt8(const Pattern& pattern, ir::NodeId node);

// A group of the nodes of `target` and `anchor`.
Group NewGroup(const Pattern& pattern, const Target& target, std::string kind);
void AddInput(Group& group, const Dequantized& input);

// Shared between the dialects.
struct Layer {
  kernels::ConvolutionShape shape;
  std::vector<std::int16_t> weights;  // [out_channels, kernel..., channels / groups]
  std::vector<float> w_scales;
  std::vector<std::int32_t> biases;  // may be empty
  Quant x, y;
  Range range;
};
void SetLayer(Group& group, const Policy& policy, Layer layer, Layout layout);
void SetPair(Group& group, const std::function<std::uint8_t(std::uint8_t, std::uint8_t)>& function,
             const std::vector<kernels::Binary>& forms);
void SetConcat(Group& group, std::int64_t axis, std::vector<std::optional<ByteTable>> tables);
void SetLookup(Group& group, const ByteTable& table);
void SetQuantize(Group& group, const Policy& policy, const Quant& y);
void SetDequantize(Group& group, const Quant& x);
void SetMovement(Group& group, std::vector<std::int32_t> map);
// Where each element of the node's output number `index` comes from; nullopt for what does not only move
// elements of input 0.
std::optional<std::vector<std::int32_t>> MovementOf(const Pattern& pattern, const ir::Node& node,
                                                    const Edge& input, const Edge& output,
                                                    std::size_t index = 0);
ByteTable TableOf(const std::function<std::uint8_t(std::uint8_t)>& function);

}  // namespace octavo::engine::fused
