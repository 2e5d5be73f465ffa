#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "octavo/tensor.h"

// The graph between reading and writing.  The same structure holds an imported model, whose operators are
// PyTorch's ("aten::relu", "quantized::conv2d"), and a lowered model, whose operators are ONNX's ("Conv",
// "org.pytorch._caffe2::Int8Conv").  docs/ir.md describes its text form.

namespace octavo::ir {

struct ValueId {
  std::int32_t index = -1;
  bool valid() const { return index >= 0; }
  auto operator<=>(const ValueId&) const = default;
};

struct None {
  bool operator==(const None&) const = default;
};

// The weights of a quantized convolution or linear layer, as PyTorch packs them: int8 values, quantized per
// channel or per tensor, and a float bias.
struct PackedWeights {
  enum class Kind { kConv, kConvTranspose, kLinear, kLinearFp16, kEmbedding };
  Kind kind = Kind::kConv;
  int spatial_dims = 0;  // 1, 2 or 3 for convolutions
  // Shape: convolution [O, I/groups, k...], transposed convolution [I, O/groups, k...], linear layer [O, I].
  // dtype: qint8; float32 for kLinearFp16.
  Tensor weight;
  std::optional<Tensor> bias;  // float32 [O]; of a model read from ONNX, the integers: qint32 [O]
  std::vector<std::int64_t> stride, padding, dilation, output_padding;
  std::int64_t groups = 1;
  // Set instead of `weight` and `bias` if the model computes the values that it packs.
  ValueId weight_value, bias_value;
  std::string name;  // the attribute's path: "layer1.0.conv1._packed_params"
};

// A string attribute whose bytes are a tensor's elements in row-major order.
struct Bytes {
  Tensor data;
};

using ValueList = std::vector<ValueId>;  // an invalid id stands for None

// The value of an argument or attribute.
using Operand = std::variant<None, ValueId, ValueList, bool, Dim, double, std::string, std::vector<Dim>,
                             std::vector<double>, std::vector<bool>, std::vector<std::string>, Tensor, Bytes,
                             std::shared_ptr<const PackedWeights>>;

struct Argument {
  std::string name;  // empty: by position
  Operand value;
};

// Where a node came from.  Messages and node names use it, and `verify` pairs the values of two graphs by it.
struct Origin {
  std::string module_path;         // "layer1.0.conv1"
  std::string op;                  // "quantized::conv2d_relu"
  std::string place;               // in the generated code: "code/__torch__/net.py:31:10"
  std::string author_line;         // in the author's own file: "net.py:12"; empty if unknown
  std::string excerpt;             // the source lines with a caret below; may be empty
  std::vector<std::string> calls;  // "forward -> features", innermost first
};

using NodeId = std::int32_t;
inline constexpr NodeId kNoNode = -1;

struct Node {
  std::string op;
  // Inputs and attributes in order.  In a lowered graph the unnamed arguments come first: they are the inputs
  // (None: an input that is left out).  Named arguments are attributes.
  std::vector<Argument> arguments;
  std::vector<ValueId> outputs;
  std::string name;                      // in lowered graphs: "layer1.0.conv1/Conv"
  std::shared_ptr<const Origin> origin;  // may be null

  const Operand* Find(std::string_view argument_name) const;
};

// The order in which PyTorch keeps a tensor [N, C, H, W] in memory: as written; as [N, H, W, C]; or as a
// slice of a tensor [N, H, W, C], with gaps between its elements.  Some of PyTorch's quantized kernels round
// differently per order.
enum class MemoryFormat { kContiguous, kChannelsLast, kSlicedChannelsLast };

struct Value {
  std::string name;  // may be empty; a written file has a name for every value
  TensorType type;
  MemoryFormat memory_format = MemoryFormat::kContiguous;  // meaningful in imported graphs
  NodeId producer = kNoNode;
  std::optional<Tensor> constant;
};

struct Output {
  std::string name;
  ValueId value;
};

class Graph {
 public:
  std::string name;
  std::string doc;
  std::map<std::string, int> opsets;            // of lowered graphs: domain ("" is ONNX's own) -> version
  std::map<std::string, std::string> metadata;  // written into the model file

  ValueId AddInput(std::string input_name, TensorType type);
  ValueId AddConstant(Tensor constant, std::string constant_name = {});
  // Appends a node with one new value per entry of `types`.
  NodeId AddNode(std::string op, std::vector<Argument> arguments, std::vector<TensorType> types,
                 std::shared_ptr<const Origin> origin = nullptr);
  void AddOutput(std::string output_name, ValueId value) {
    outputs_.push_back({std::move(output_name), value});
  }

  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<Output>& outputs() const { return outputs_; }
  std::vector<Output>& outputs() { return outputs_; }
  // In an order in which every value is computed before it is used.
  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<Node>& nodes() { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Node& node(NodeId id) { return nodes_[static_cast<std::size_t>(id)]; }
  std::size_t num_values() const { return values_.size(); }
  // References to values stay valid when others are added.
  const Value& value(ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }
  Value& value(ValueId id) { return values_[static_cast<std::size_t>(id.index)]; }
  const TensorType& type(ValueId id) const { return value(id).type; }

  // Calls `visit` with each value that the node reads, including values in lists and in packed weights.
  static void ForEachUse(const Node& node, const std::function<void(ValueId)>& visit);
  static void ReplaceUses(Node& node, const std::function<ValueId(ValueId)>& replacement);
  // The number of arguments and graph outputs that use each value, by the value's index.
  std::vector<int> CountUses() const;
  // Replaces every use of `from`, also as a graph output, by `to`.
  void ReplaceAllUses(ValueId from, ValueId to);
  // Removes the nodes for which keep[id] is false, and renumbers the rest.
  void KeepNodes(const std::vector<bool>& keep);

 private:
  std::vector<Node> nodes_;
  std::deque<Value> values_;
  std::vector<ValueId> inputs_;
  std::vector<Output> outputs_;
};

}  // namespace octavo::ir
