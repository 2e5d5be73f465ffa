#include "octavo/reference/reference.h"

#include <fmt/format.h>

#include "octavo/base/out_of_memory.h"
#include "octavo/ir/origin.h"
#include "octavo/reference/cost.h"
#include "octavo/reference/kernels.h"

namespace octavo::reference {
namespace {

Error Located(Error error, const ir::Node& node) {
  Error named(error.code(), fmt::format("{}: {}", node.op, error.what()), error.hint());
  for (const ErrorDetail& detail : error.details()) named.AddDetail(detail);
  if (node.origin) {
    named.SetWhere(ir::Place(*node.origin), node.origin->excerpt);
    for (const std::string& call : node.origin->calls) named.AddContext(call);
  }
  return named;
}

Status CheckInput(const ir::Value& value, const Tensor& given) {
  const TensorType& type = value.type;
  const TensorType given_type = given.type();
  const bool fits = (type.dtype == DType::kUnknown || type.dtype == given.dtype) &&
                    (!type.shape || *type.shape == *given_type.shape) &&
                    type.quantization == given.quantization;
  if (fits) return {};
  return UsageError(fmt::format("input {} must be {}, but {} was given", value.name, type.ToString(),
                                given_type.ToString()));
}

// Arguments that are sizes must be numbers by now.
Status CheckKnown(const ir::Node& node) {
  for (const ir::Argument& argument : node.arguments) {
    bool known = true;
    if (const auto* dim = std::get_if<Dim>(&argument.value)) known = dim->known();
    if (const auto* dims = std::get_if<std::vector<Dim>>(&argument.value)) {
      for (const Dim& dim : *dims) known &= dim.known();
    }
    if (!known) {
      return Unsupported(fmt::format("argument {} depends on an open size", argument.name),
                         "Give the inputs' sizes as numbers, as in --input 'float32[1,3,224,224]'.");
    }
  }
  return {};
}

// Whether every element lies inside the storage.
bool LiesInside(const Tensor& tensor) {
  const auto element = static_cast<std::int64_t>(ElementSize(tensor.dtype));
  if (element == 0 || tensor.num_elements() == 0) return true;
  if (!tensor.storage || tensor.strides.size() != tensor.sizes.size()) return false;
  std::int64_t first = tensor.offset, last = tensor.offset;
  for (std::size_t d = 0; d < tensor.sizes.size(); ++d) {
    const std::int64_t way = (tensor.sizes[d] - 1) * tensor.strides[d];
    (way < 0 ? first : last) += way;
  }
  return first >= 0 && last < static_cast<std::int64_t>(tensor.storage->bytes.size()) / element;
}

// A kernel's result against the type that was computed when the program was read, which all that follows
// depends on: kernels that read it trust its sizes.
Status CheckResult(const TensorType& type, const Tensor& result) {
  bool fits = type.dtype == DType::kUnknown || type.dtype == result.dtype;
  fits &= !type.quantized() || result.quantization.has_value();
  if (type.shape) {
    fits &= type.shape->size() == result.sizes.size();
    for (std::size_t d = 0; fits && d < result.sizes.size(); ++d) {
      const Dim& size = (*type.shape)[d];
      fits = !size.known() || size.value() == result.sizes[d];
    }
  }
  if (!fits) {
    return Unsupported(fmt::format("the result is {}, but its type was expected to be {}",
                                   result.type().ToString(), type.ToString()));
  }
  if (!LiesInside(result)) {
    return Unsupported(fmt::format("the result {} has fewer elements than that", result.type().ToString()));
  }
  return {};
}

// Frees what no later node reads.
class LastUses {
 public:
  explicit LastUses(const ir::Graph& graph) : last_(graph.num_values(), -1) {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      ir::Graph::ForEachUse(graph.nodes()[i],
                            [&](ir::ValueId id) { last_[Index(id)] = static_cast<std::int64_t>(i); });
    }
    for (const ir::Output& output : graph.outputs()) last_[Index(output.value)] = kNever;
  }
  bool EndsAt(ir::ValueId id, std::size_t node) const {
    return last_[Index(id)] <= static_cast<std::int64_t>(node);
  }

 private:
  static constexpr std::int64_t kNever = INT64_MAX;
  static std::size_t Index(ir::ValueId id) { return static_cast<std::size_t>(id.index); }
  std::vector<std::int64_t> last_;
};

// What a run takes from the budget.
struct Taken {
  explicit Taken(Budget& budget) : memory(budget), work(budget) {}
  Memory memory;
  Work work;
};

// The results of a node where none of them has elements: kernels walk over the sizes, of which all but one
// may be large.
std::optional<std::vector<Tensor>> EmptyResults(const ir::Graph& graph, const ir::Node& node) {
  std::vector<Tensor> results;
  for (const ir::ValueId output : node.outputs) {
    const TensorType& type = graph.type(output);
    const bool known = type.shape && type.dtype != DType::kUnknown &&
                       type.quantized() == type.quantization.has_value() &&
                       std::ranges::all_of(*type.shape, &Dim::known);
    if (!known || Dim::Equal(NumElements(*type.shape), 0) != true) return std::nullopt;
    std::vector<std::int64_t> sizes;
    for (const Dim& size : *type.shape) sizes.push_back(size.value());
    if (!CountElements(sizes)) return std::nullopt;
    results.push_back(Tensor::FromBytes(type.dtype, std::move(sizes), {}));
    results.back().quantization = type.quantization;
  }
  return results;
}

Results RunNode(const ir::Graph& graph, const ir::Node& node, std::span<const Tensor> values,
                const Options& options, Taken& taken) {
  const Kernel kernel = AllKernels().Find(node.op);
  if (!kernel) return Unsupported("the reference does not implement this operator");
  OCTAVO_TRY(CheckKnown(node));
  if (auto empty = EmptyResults(graph, node); empty && !empty->empty()) return *std::move(empty);
  const std::optional<Cost> cost = CostOf(graph, node, values);
  const auto what = [&] { return ResultText(graph, node); };
  if (!cost) return Unsupported(fmt::format("{} is larger than a tensor can be", what()));
  OCTAVO_TRY(taken.work.Take(cost->multiply_adds));
  OCTAVO_TRY(taken.memory.Take(cost->result_bytes + cost->kernel_bytes, what));
  const Call call(graph, node, values, options);
  Results made = CatchOutOfMemory([&] { return kernel(call); }, what);
  taken.memory.GiveBack(cost->result_bytes + cost->kernel_bytes);
  if (!made) return std::move(made).error();
  std::vector<Tensor> results = std::move(made).Take();
  if (results.size() != node.outputs.size()) {
    return Unsupported(
        fmt::format("the kernel returned {} results instead of {}", results.size(), node.outputs.size()));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    OCTAVO_TRY(CheckResult(graph.type(node.outputs[i]), results[i]));
  }
  return results;
}

}  // namespace

bool Knows(std::string_view op) { return AllKernels().Find(op) != nullptr; }

Result<std::vector<Tensor>> Run(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                                const Options& options, const Observer& observer) {
  if (inputs.size() != graph.inputs().size()) {
    return UsageError(
        fmt::format("the model has {} inputs, but {} were given", graph.inputs().size(), inputs.size()));
  }
  std::vector<Tensor> values(graph.num_values());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    OCTAVO_TRY(CheckInput(graph.value(graph.inputs()[i]), inputs[i]));
    values[static_cast<std::size_t>(graph.inputs()[i].index)] = inputs[i];
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& constant = graph.value({static_cast<std::int32_t>(i)}).constant;
    if (constant) values[i] = *constant;
  }
  const LastUses last_uses(graph);
  Taken taken(*options.budget);
  const auto release = [&](Tensor& value, bool made) {
    if (made && value.storage) taken.memory.GiveBack(value.num_bytes());
    value = Tensor();
  };
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const ir::Node& node = graph.nodes()[n];
    Results results = RunNode(graph, node, values, options, taken);
    if (!results) return Located(std::move(results).error(), node);
    for (std::size_t i = 0; i < results->size(); ++i) {
      const ir::ValueId id = node.outputs[i];
      Tensor& value = values[static_cast<std::size_t>(id.index)];
      value = std::move((*results)[i]);
      const Status held = taken.memory.Take(value.num_bytes(), [&] { return ResultText(graph, node); });
      if (!held) return Located(held.error(), node);
      if (observer) observer(id, value);
      if (last_uses.EndsAt(id, n)) release(value, true);
    }
    ir::Graph::ForEachUse(node, [&](ir::ValueId id) {
      if (!last_uses.EndsAt(id, n)) return;
      release(values[static_cast<std::size_t>(id.index)], graph.value(id).producer != ir::kNoNode);
    });
  }
  std::vector<Tensor> outputs;
  for (const ir::Output& output : graph.outputs()) {
    outputs.push_back(values[static_cast<std::size_t>(output.value.index)]);
  }
  return outputs;
}

}  // namespace octavo::reference
