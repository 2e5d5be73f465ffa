#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "octavo/onnx/read_tensor.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

// A parsed ONNX model whose nodes are edited in place.  Whatever no edit touches stays as the file has it,
// fields that Octavo does not know included.

namespace octavo::onnx {

// The names of a whole model, bodies of If, Loop and Scan included.
class ModelNames {
 public:
  explicit ModelNames(const ::onnx::ModelProto& model);
  // `like`, or the first of like_1, like_2, ... that no value, node or tensor has.
  std::string New(const std::string& like);

 private:
  void Collect(const ::onnx::GraphProto& graph);
  std::unordered_set<std::string> names_;
};

// What is known of a value; element type 0: nothing.
struct ValueFacts {
  int element_type = 0;
  std::optional<std::vector<std::int64_t>> sizes;  // -1: open
};

// One graph of the model, with the graphs around it.
class GraphEdit {
 public:
  GraphEdit(::onnx::ModelProto& model, ::onnx::GraphProto& graph, ModelNames& names, TensorReader& tensors,
            const GraphEdit* outer);

  ::onnx::GraphProto& proto() { return graph_; }
  ModelNames& names() { return names_; }

  // The elements of a constant; nullopt if the value is computed or can be overridden by the caller.
  Result<std::optional<Tensor>> Constant(const std::string& name) const;
  bool IsConstant(const std::string& name) const { return FindConstant(name) != nullptr; }
  ValueFacts Facts(const std::string& name) const;
  // Element types of the node's results, from those of its inputs.  Call it for each node in order.
  void Infer(const ::onnx::NodeProto& node);
  void SetFacts(const std::string& name, ValueFacts facts) { facts_[name] = std::move(facts); }
  // The node that computes the value in this graph or one around it.
  const ::onnx::NodeProto* Producer(const std::string& name) const;
  const std::vector<const ::onnx::NodeProto*>& Readers(const std::string& name) const;

  // Adds an initializer named like that, and answers its name.
  std::string AddInts(const std::string& like, const std::vector<std::int64_t>& values);
  std::string AddTensor(const std::string& like, ::onnx::TensorProto tensor);
  // Initializers that nothing reads any more since an edit removed the reader's input.
  void RemoveIfUnused(const std::string& name) { released_.insert(name); }
  void RemoveUnused();

 private:
  const ::onnx::TensorProto* FindConstant(const std::string& name) const;
  // The Constant node that makes it, here or in a graph around this one; nullptr: something else does.
  const ::onnx::NodeProto* FindConstantNode(const std::string& name) const;
  // Of a Constant node that has numbers, not a tensor.
  std::optional<Tensor> ListedConstant(const std::string& name) const;
  void Index();

  ::onnx::ModelProto& model_;
  ::onnx::GraphProto& graph_;
  ModelNames& names_;
  TensorReader& tensors_;
  const GraphEdit* outer_;
  std::unordered_map<std::string, int> initializers_;  // by name: index
  std::unordered_map<std::string, ValueFacts> facts_;
  std::unordered_map<std::string, const ::onnx::NodeProto*> producers_;
  std::unordered_map<std::string, std::vector<const ::onnx::NodeProto*>> readers_;
  std::unordered_set<std::string> inputs_, released_;
};

// One node, and the nodes that an edit puts before and after it.
struct NodeEdit {
  GraphEdit& graph;
  ::onnx::NodeProto& node;
  std::vector<::onnx::NodeProto> before = {}, after = {};

  const ::onnx::AttributeProto* Find(std::string_view name) const;
  std::int64_t Int(std::string_view name, std::int64_t missing) const;
  std::string Text(std::string_view name, std::string_view missing) const;
  std::vector<std::int64_t> Ints(std::string_view name) const;
  void Remove(std::string_view name);
  void SetInt(std::string_view name, std::int64_t value);
  void SetFloat(std::string_view name, float value);
  void SetInts(std::string_view name, const std::vector<std::int64_t>& values);
  void SetText(std::string_view name, std::string_view value);

  // Empty where it is left out or the node has fewer.
  const std::string& Input(int i) const;
  bool HasInput(int i) const { return i < node.input_size() && !node.input(i).empty(); }
  bool HasOutput(int i) const { return i < node.output_size() && !node.output(i).empty(); }
  void SetInput(int i, const std::string& name);
  // Leaves the input out; a constant that nothing else reads goes with it.
  void RemoveInput(int i);
  // A name for a new value or node: "conv1_axes".
  std::string Like(std::string_view what) const;
  // Constant integers; an error if the value is computed.
  Result<std::vector<std::int64_t>> ConstantInts(int i, std::string_view what) const;
};

}  // namespace octavo::onnx
