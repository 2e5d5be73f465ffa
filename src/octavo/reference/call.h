#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/graph.h"
#include "octavo/reference/reference.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::reference {

// One call of an operator: its arguments by the names of PyTorch's schema, with every tensor known.  The
// importer has bound the arguments, so each accessor's kind is the one that the schema states; another one
// ends the program, since that is an error of the kernel.
class Call {
 public:
  Call(const ir::Graph& graph, const ir::Node& node, std::span<const Tensor> values, const Options& options)
      : graph_(graph), node_(node), values_(values), options_(options) {}

  const std::string& op() const { return node_.op; }
  const Options& options() const { return options_; }
  Engine engine() const { return options_.engine; }
  Faults faults() const { return options_.faults; }
  // Of PyTorch's x86 packages, which are built with FBGEMM: much is rounded otherwise whatever the engine.
  bool with_fbgemm() const { return options_.engine != Engine::kQnnpack; }
  // quint8 goes to qnnpack's own kernels.
  bool with_qnnpack() const {
    return options_.engine == Engine::kQnnpack || options_.engine == Engine::kQnnpackX86;
  }

  // False for None and for an argument that this overload does not have.
  bool has(std::string_view name) const;
  bool is_tensor(std::string_view name) const;
  const Tensor& tensor(std::string_view name) const;
  ir::MemoryFormat memory_format(std::string_view name) const;  // of a tensor
  std::vector<Tensor> tensors(std::string_view name) const;
  std::vector<ir::MemoryFormat> memory_formats(std::string_view name) const;  // of a list of tensors
  std::int64_t integer(std::string_view name) const;
  std::vector<std::int64_t> ints(std::string_view name) const;  // a single number is a list of one
  double number(
      std::string_view name) const;  // float, int or bool; a tensor of one element counts as its number
  bool is_float(std::string_view name) const;  // whether the number was written as a float
  bool is_bool(std::string_view name) const;
  bool is_list(std::string_view name) const;  // of integers, rather than one
  // Not a tensor; or a tensor that is a number again when PyTorch runs the saved model: a 0-dimensional one
  // among the model's constants, as which Python's numbers are saved.
  bool is_number(std::string_view name) const;
  std::vector<double> numbers(std::string_view name) const;
  bool flag(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  bool is_text(std::string_view name) const;
  const ir::PackedWeights& packed(std::string_view name) const;
  // Of packed weights, also of those that the model packs when it runs.
  Tensor weight(const ir::PackedWeights& packed) const;
  std::optional<Tensor> bias(const ir::PackedWeights& packed) const;

  // What the importer's rule says of a result: dtype, shape where known, quantization.
  std::size_t num_results() const { return node_.outputs.size(); }
  const TensorType& result(std::size_t index = 0) const;

 private:
  const ir::Operand* Find(std::string_view name) const;
  const ir::Operand& Get(std::string_view name) const;
  const Tensor& At(ir::ValueId id) const;

  const ir::Graph& graph_;
  const ir::Node& node_;
  std::span<const Tensor> values_;  // by the values' index
  const Options& options_;
};

using Results = Result<std::vector<Tensor>>;
using Kernel = Results (*)(const Call&);

}  // namespace octavo::reference
