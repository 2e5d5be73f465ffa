#include <algorithm>
#include <optional>

#include "octavo/passes/lowered_node.h"
#include "octavo/passes/passes.h"
#include "octavo/passes/result_types.h"

namespace octavo::passes {
namespace {

using ir::Node;
using ir::ValueId;

bool Unknown(const Dim& size) { return !size.known() && size.ToString().find('?') != std::string::npos; }

bool Complete(const TensorType& type) {
  return type.dtype != DType::kUnknown && type.shape && std::ranges::none_of(*type.shape, Unknown);
}

// Adds what `shape` tells and `known` does not.
void Refine(std::optional<Shape>& known, std::optional<Shape> shape) {
  if (!known) {
    known = std::move(shape);
  } else if (shape && shape->size() == known->size()) {
    for (std::size_t i = 0; i < shape->size(); ++i) {
      if (Unknown((*known)[i])) (*known)[i] = std::move((*shape)[i]);
    }
  }
}

void InferResults(ir::Graph& graph, const Node& node) {
  const auto incomplete = [&graph](ValueId id) { return id.valid() && !Complete(graph.type(id)); };
  if (std::ranges::none_of(node.outputs, incomplete)) return;
  std::vector<TensorType> types = ResultTypes(graph, node);
  for (std::size_t i = 0; i < node.outputs.size() && i < types.size(); ++i) {
    if (!node.outputs[i].valid()) continue;
    TensorType& type = graph.value(node.outputs[i]).type;
    if (type.dtype == DType::kUnknown) type.dtype = types[i].dtype;
    // Of a node that does not run: nothing is known of its size.
    if (types[i].shape) {
      const auto negative = [](const Dim& size) { return size.known() && size.value() < 0; };
      std::ranges::replace_if(*types[i].shape, negative, Dim::Unknown());
    }
    Refine(type.shape, std::move(types[i].shape));
  }
}

// The shape of an operand that broadcasts to `result` with another one of shape `other`.
std::optional<Shape> OtherOperand(const Shape& result, const Shape& other) {
  if (!other.empty() && other.size() >= result.size()) return std::nullopt;  // it may have fewer dimensions
  Shape shape = result;
  for (std::size_t i = 0; i < other.size(); ++i) {
    // It may have this size, or 1.
    if (other[other.size() - 1 - i] != Dim(1)) shape[shape.size() - 1 - i] = Dim::Unknown();
  }
  return shape;
}

void InferOperands(ir::Graph& graph, const Node& node) {
  if (node.outputs.size() != 1 || !graph.type(node.outputs[0]).shape) return;
  const Shape result = *graph.type(node.outputs[0]).shape;
  const auto set = [&](std::optional<ValueId> id, std::optional<Shape> shape) {
    if (!id || graph.value(*id).producer == ir::kNoNode) return;
    Refine(graph.value(*id).type.shape, std::move(shape));
  };
  const std::optional<ValueId> first = InputOf(node, 0), second = InputOf(node, 1);
  if (KeepsShape(node.op)) {
    set(first, result);
  } else if (Broadcasts(node.op) && first && second && !InputOf(node, 2)) {
    if (graph.type(*second).shape) set(first, OtherOperand(result, *graph.type(*second).shape));
    if (graph.type(*first).shape) set(second, OtherOperand(result, *graph.type(*first).shape));
  }
}

}  // namespace

void InferTypes(ir::Graph& graph) {
  for (const Node& node : graph.nodes()) InferResults(graph, node);
  for (std::size_t i = graph.nodes().size(); i-- > 0;) InferOperands(graph, graph.nodes()[i]);
  for (const Node& node : graph.nodes()) InferResults(graph, node);
}

}  // namespace octavo::passes
