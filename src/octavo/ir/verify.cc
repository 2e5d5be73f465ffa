#include "octavo/ir/verify.h"

#include <fmt/format.h>

namespace octavo::ir {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.num_values(), false) {}

  Status Run() {
    for (std::size_t i = 0; i < graph_.num_values(); ++i) {
      const ValueId id{static_cast<std::int32_t>(i)};
      const Value& value = graph_.value(id);
      OCTAVO_TRY(Located(CheckType(value.type), Describe(id)));
      if (!value.constant) continue;
      OCTAVO_TRY(Located(CheckConstant(value), Describe(id)));
      defined_[i] = true;
    }
    for (const ValueId input : graph_.inputs()) OCTAVO_TRY(Located(CheckInput(input), "the graph's inputs"));
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      OCTAVO_TRY(Located(CheckNode(static_cast<NodeId>(i)), Describe(graph_.nodes()[i], i)));
    }
    for (const Output& output : graph_.outputs()) {
      OCTAVO_TRY(Located(CheckUse(output.value), fmt::format("output {}", output.name)));
    }
    return {};
  }

 private:
  static Error Broken(std::string what) {
    return Unsupported(std::move(what), "Please report this bug of Octavo together with the model.");
  }

  static Status Located(Status status, const std::string& where) {
    if (!status) status.error().SetWhere(where);
    return status;
  }

  std::string Describe(ValueId id) const {
    const std::string& name = graph_.value(id).name;
    return name.empty() ? fmt::format("value %{}", id.index) : fmt::format("value %{} ({})", id.index, name);
  }

  static std::string Describe(const Node& node, std::size_t index) {
    return node.name.empty() ? fmt::format("node {} ({})", index, node.op)
                             : fmt::format("node {} ({}, {})", index, node.op, node.name);
  }

  static Status CheckType(const TensorType& type) {
    if (type.shape) {
      for (const Dim& size : *type.shape) {
        if (size.known() && size.value() < 0) {
          return Broken(fmt::format("the type {} has a negative size", type.ToString()));
        }
      }
    }
    if (type.quantized() != type.quantization.has_value()) {
      return Broken(fmt::format("the type {} {}", type.ToString(),
                                type.quantized() ? "has no scale" : "has a scale but is not quantized"));
    }
    return type.quantization ? CheckQuantization(type) : Status();
  }

  static Status CheckQuantization(const TensorType& type) {
    const Quantization& q = *type.quantization;
    const std::size_t zeros = q.float_zero_points ? q.float_zeros.size() : q.zero_points.size();
    if (q.scales.size() != zeros || q.scales.empty()) {
      return Broken(fmt::format("the type {} has {} scales and {} zero points", type.ToString(),
                                q.scales.size(), zeros));
    }
    if (q.per_tensor()) {
      if (q.scales.size() == 1) return {};
      return Broken(
          fmt::format("the type {} has {} scales without an axis", type.ToString(), q.scales.size()));
    }
    if (!type.shape) return *q.axis >= 0 ? Status() : Broken("the quantization's axis is negative");
    if (*q.axis < 0 || *q.axis >= *type.rank()) {
      return Broken(fmt::format("the type {} has no axis {}", type.ToString(), *q.axis));
    }
    const Dim& size = (*type.shape)[static_cast<std::size_t>(*q.axis)];
    if (size.known() && size.value() != static_cast<std::int64_t>(q.scales.size())) {
      return Broken(fmt::format("the type {} has {} scales, but the axis has size {}", type.ToString(),
                                q.scales.size(), size.value()));
    }
    return {};
  }

  static Status CheckConstant(const Value& value) {
    const Tensor& tensor = *value.constant;
    if (value.producer != kNoNode) return Broken("a constant is also computed by a node");
    if (value.type.dtype != tensor.dtype || value.type.quantization != tensor.quantization ||
        value.type.shape != Shape(tensor.sizes.begin(), tensor.sizes.end())) {
      return Broken(fmt::format("the value has type {}, but its constant has type {}", value.type.ToString(),
                                tensor.type().ToString()));
    }
    return CheckStorage(tensor);
  }

  // Does every element lie inside the storage?  In 128 bits, since sizes and strides are from a file.
  static Status CheckStorage(const Tensor& tensor) {
    if (tensor.sizes.size() != tensor.strides.size())
      return Broken("a tensor needs one stride per dimension");
    if (tensor.flip_sign_bit && ElementSize(tensor.dtype) != 1) {
      return Broken("only tensors of 1 byte per element can be shifted by 128");
    }
    __extension__ using Wide = __int128;
    Wide first = tensor.offset, last = tensor.offset, count = 1;
    for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
      if (tensor.sizes[i] < 0) return Broken("a constant has a negative size");
      if (tensor.sizes[i] == 0) return {};
      const Wide reach = Wide{tensor.sizes[i] - 1} * tensor.strides[i];
      (reach < 0 ? first : last) += reach;
      count *= tensor.sizes[i];
      if (count > Wide{1} << 60) return Broken("a constant is too large");
    }
    const auto bytes = static_cast<Wide>(tensor.storage ? tensor.storage->bytes.size() : 0);
    if (first < 0 || (last + 1) * static_cast<Wide>(ElementSize(tensor.dtype)) > bytes) {
      return Broken(fmt::format("a constant {} reaches beyond its storage of {} bytes",
                                tensor.type().ToString(), static_cast<std::size_t>(bytes)));
    }
    return {};
  }

  bool InRange(ValueId id) const {
    return id.valid() && static_cast<std::size_t>(id.index) < graph_.num_values();
  }

  Status Define(ValueId id) {
    if (!InRange(id)) return Broken(fmt::format("value %{} does not exist", id.index));
    const auto index = static_cast<std::size_t>(id.index);
    if (defined_[index]) return Broken(fmt::format("{} is defined twice", Describe(id)));
    defined_[index] = true;
    return {};
  }

  Status CheckInput(ValueId id) {
    OCTAVO_TRY(Define(id));
    if (graph_.value(id).producer != kNoNode) {
      return Broken(fmt::format("{} is both an input and computed by a node", Describe(id)));
    }
    return {};
  }

  Status CheckUse(ValueId id) const {
    if (!InRange(id)) return Broken(fmt::format("value %{} does not exist", id.index));
    if (!defined_[static_cast<std::size_t>(id.index)]) {
      return Broken(fmt::format("{} is used before it is computed", Describe(id)));
    }
    return {};
  }

  Status CheckNode(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.op.empty()) return Broken("a node has no operator");
    if (node.outputs.empty()) return Broken("a node has no outputs");
    Status uses;
    Graph::ForEachUse(node, [&](ValueId used) {
      if (uses) uses = CheckUse(used);
    });
    OCTAVO_TRY(std::move(uses));
    for (const Argument& argument : node.arguments) OCTAVO_TRY(CheckArgument(argument));
    for (const ValueId output : node.outputs) {
      OCTAVO_TRY(Define(output));
      if (graph_.value(output).producer != id) {
        return Broken(fmt::format("{} names another node as its producer", Describe(output)));
      }
    }
    return {};
  }

  static Status CheckArgument(const Argument& argument) {
    if (const auto* tensor = std::get_if<Tensor>(&argument.value)) return CheckStorage(*tensor);
    if (const auto* bytes = std::get_if<Bytes>(&argument.value)) return CheckStorage(bytes->data);
    const auto* packed = std::get_if<std::shared_ptr<const PackedWeights>>(&argument.value);
    if (packed == nullptr) return {};
    if (*packed == nullptr) return Broken("packed weights are missing");
    if (!(*packed)->weight_value.valid()) OCTAVO_TRY(CheckStorage((*packed)->weight));
    if ((*packed)->bias) OCTAVO_TRY(CheckStorage(*(*packed)->bias));
    return {};
  }

  const Graph& graph_;
  std::vector<bool> defined_;
};

}  // namespace

Status Verify(const Graph& graph) { return Verifier(graph).Run(); }

}  // namespace octavo::ir
