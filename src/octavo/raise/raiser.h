#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "octavo/operators.h"
#include "octavo/row.h"

namespace octavo::raise {

class Raiser;

// Makes the values of one node of the source; an error needs no name of the node.
using Handler = Result<std::vector<Value>> (*)(Raiser&);

// Handlers by the operator's name, with "domain::" before it where it is not ONNX's own.
using Handlers = std::map<std::string_view, Handler>;
void AddCaffe2Handlers(Handlers& handlers);
void AddQuantizationHandlers(Handlers& handlers);
void AddLayerHandlers(Handlers& handlers);
void AddMovementHandlers(Handlers& handlers);
void AddActivationHandlers(Handlers& handlers);
void AddReductionHandlers(Handlers& handlers);
void AddTableHandlers(Handlers& handlers);
// A node as it is: "onnx::Gather".
Result<std::vector<Value>> KeepOperator(Raiser& r);

// What integers mean that are not read with the scale that they were made with, by the value that holds them.
using Meanings = std::unordered_map<std::int32_t, Quantization>;
Meanings MeaningsOfIntegers(const ir::Graph& graph);
// Whether two scales are the same but for a few ulp.
bool NearScales(double a, double b);
// The quantized dtype whose integers have that type.
Result<DType> QuantizedDType(DType storage);
// factor x + offset
Result<Value> Scaled(Raiser& r, Value x, double factor, double offset);

// The graph that is being made, and the node of the source whose turn it is.
class Raiser {
 public:
  Raiser(const ir::Graph& source, const Registry& registry, int opset);
  Result<ir::Graph> Run();

  // ---- The node

  const ir::Node& node() const { return *node_; }
  // Its operator without the domain.
  std::string_view op() const;
  // ONNX's opset of the source, and the one that will be written.
  int source_opset() const { return source_opset_; }
  int target_opset() const { return target_opset_; }
  // Inputs, left out ones at the end not counted.
  std::size_t num_inputs() const { return inputs_.size(); }
  // Undefined where it is left out.
  Value optional_input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : Value(); }
  Result<Value> Input(std::size_t i) const;
  // Its elements, which must be known.
  Result<std::vector<std::int64_t>> InputInts(std::size_t i) const;
  Result<std::vector<double>> InputNumbers(std::size_t i) const;

  bool has(std::string_view attribute) const { return node_->Find(attribute) != nullptr; }
  Result<std::int64_t> Int(std::string_view attribute, std::optional<std::int64_t> missing = {}) const;
  Result<double> Number(std::string_view attribute, std::optional<double> missing = {}) const;
  Result<std::string> Text(std::string_view attribute, std::string missing) const;
  Result<std::vector<std::int64_t>> Ints(std::string_view attribute,
                                         std::optional<std::vector<std::int64_t>> missing = {}) const;
  // Error where the node has an attribute that is not among `known`, or more outputs than `outputs`.
  Status Knows(std::initializer_list<std::string_view> known, std::size_t outputs = 1) const;
  // What the file says of its outputs.
  const TensorType& source_type(std::size_t output) const;

  // What the integers of its output mean to those who read them, if that is not what made them.
  std::optional<Quantization> meaning(std::size_t output) const;

  // ---- The graph

  ir::Graph& graph() { return graph_; }
  Value Constant(Tensor tensor);
  // A call of PyTorch's operator; its arguments are bound and its results typed by the registry's row.
  Result<Value> Call(std::string_view op, std::vector<ir::Operand> arguments);
  Result<std::vector<Value>> CallAll(std::string_view op, std::vector<ir::Operand> arguments);
  // A node with results of these types, not looked up.
  std::vector<Value> Add(std::string op, std::vector<ir::Argument> arguments, std::vector<TensorType> types);
  // aten::permute; permutations of permutations are one, and none where that one changes nothing.
  Result<Value> Permute(Value x, const std::vector<std::int64_t>& order);
  // The value and order that aten::permute made `x` of; nullopt if it did not.
  struct Permutation {
    Value source;
    std::vector<std::int64_t> order;
  };
  std::optional<Permutation> PermutationOf(Value x) const;

  // The raised value of one of the source; error if nothing made it.
  Result<Value> Raised(ir::ValueId source);
  // States what an integer input of the graph means, which a DequantizeLinear behind it says.
  Status SetQuantization(Value input, const TensorType& type);

 private:
  Status RaiseInputs();
  Status RaiseNode();
  Error Locate(Error error) const;
  Error Failure();

  const ir::Graph& source_;
  const Registry& registry_;
  int source_opset_, target_opset_;
  Handlers handlers_;
  Meanings meanings_;
  ir::Graph graph_;
  std::unordered_map<std::int32_t, ir::ValueId> raised_;
  std::unordered_map<std::int32_t, bool> failed_;
  std::vector<Error> failures_;
  const ir::Node* node_ = nullptr;
  std::vector<Value> inputs_;
  std::shared_ptr<const ir::Origin> origin_;
};

// An axis counted from the front.  Unlike PyTorch's, a scalar of ONNX has none.
Result<int> AxisOf(std::int64_t axis, int rank);
inline Result<std::vector<Value>> One(Value v) { return std::vector<Value>{v}; }
// A list of numbers as an argument.
ir::Operand Dims(const std::vector<std::int64_t>& numbers);

}  // namespace octavo::raise
