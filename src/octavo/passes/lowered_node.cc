#include "octavo/passes/lowered_node.h"

#include <algorithm>
#include <utility>

namespace octavo::passes {
namespace {

// Shapes, axes and the like; more elements are no list of integers that a pass would look at.
constexpr std::int64_t kMaxInts = 64;

}  // namespace

std::optional<std::int64_t> IntAttribute(const ir::Node& node, std::string_view name) {
  const ir::Operand* operand = node.Find(name);
  const auto* dim = operand != nullptr ? std::get_if<Dim>(operand) : nullptr;
  return dim != nullptr ? dim->maybe() : std::nullopt;
}

std::optional<std::vector<std::int64_t>> IntsAttribute(const ir::Node& node, std::string_view name) {
  const ir::Operand* operand = node.Find(name);
  const auto* dims = operand != nullptr ? std::get_if<std::vector<Dim>>(operand) : nullptr;
  return dims != nullptr ? KnownSizes(*dims) : std::nullopt;
}

const Tensor* ConstantOf(const ir::Graph& graph, ir::ValueId id) {
  const ir::Value& value = graph.value(id);
  if (value.constant) return &*value.constant;
  if (value.producer == ir::kNoNode || graph.node(value.producer).op != "Constant") return nullptr;
  const ir::Operand* operand = graph.node(value.producer).Find("value");
  return operand != nullptr ? std::get_if<Tensor>(operand) : nullptr;
}

std::optional<std::vector<std::int64_t>> ConstantInts(const ir::Graph& graph, ir::ValueId id) {
  const Tensor* tensor = ConstantOf(graph, id);
  if (tensor == nullptr || !IsInteger(tensor->dtype) || tensor->num_elements() > kMaxInts)
    return std::nullopt;
  return tensor->ToInts();
}

std::optional<std::vector<std::int64_t>> Permutation(const ir::Node& node) {
  const bool onnx = node.op == "Transpose";
  if (!onnx && node.op != "org.pytorch._caffe2::Int8Transpose") return std::nullopt;
  if (!InputOf(node) || node.outputs.size() != 1) return std::nullopt;
  std::optional<std::vector<std::int64_t>> order = IntsAttribute(node, onnx ? "perm" : "axes");
  if (!order) return std::nullopt;
  std::vector<std::int64_t> sorted = *order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<std::int64_t>(i)) return std::nullopt;
  }
  return order;
}

bool CanStandFor(const ir::Graph& graph, const Replacements& replacements, ir::ValueId source,
                 ir::ValueId copy) {
  const TensorType &a = graph.type(source), &b = graph.type(copy);
  if (a.dtype != DType::kUnknown && b.dtype != DType::kUnknown &&
      (a.dtype != b.dtype || a.quantization != b.quantization)) {
    return false;
  }
  if (!replacements.IsOutput(copy)) return true;
  return graph.value(source).producer != ir::kNoNode && !replacements.IsOutput(source);
}

const ir::Node* MadeBy(const ir::Graph& graph, const ir::Node& node) {
  const std::optional<ir::ValueId> input = ir::InputOf(node);
  const ir::NodeId producer = input ? graph.value(*input).producer : ir::kNoNode;
  return producer == ir::kNoNode ? nullptr : &graph.node(producer);
}

void Reorder(ir::Graph& graph, const std::vector<ir::NodeId>& order) {
  for (const ir::Node& node : graph.nodes()) {
    for (const ir::ValueId output : node.outputs) {
      if (output.valid()) graph.value(output).producer = ir::kNoNode;
    }
  }
  std::vector<ir::Node> ordered;
  ordered.reserve(order.size());
  for (const ir::NodeId id : order) ordered.push_back(std::move(graph.node(id)));
  graph.nodes() = std::move(ordered);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    for (const ir::ValueId output : graph.nodes()[i].outputs) {
      if (output.valid()) graph.value(output).producer = static_cast<ir::NodeId>(i);
    }
  }
}

}  // namespace octavo::passes
