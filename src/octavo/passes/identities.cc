#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "octavo/passes/lowered_node.h"
#include "octavo/passes/passes.h"
#include "octavo/passes/replacements.h"

namespace octavo::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// Does a slice from `start` to `end` take all of that dimension, whatever its size?
bool TakesAll(const TensorType& type, std::int64_t axis, std::int64_t start, std::int64_t end) {
  if (start != 0) return false;
  if (end == std::numeric_limits<std::int64_t>::max()) return true;
  if (!type.shape) return false;
  const std::int64_t rank = *type.rank();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return false;
  const std::optional<std::int64_t> size = (*type.shape)[static_cast<std::size_t>(axis)].maybe();
  return size && end >= *size;
}

bool IsWholeInt8Slice(const Node& node, const TensorType& input) {
  const std::optional<std::int64_t> axis = IntAttribute(node, "dim"), start = IntAttribute(node, "start_idx"),
                                    end = IntAttribute(node, "end_idx");
  return axis && start && end && TakesAll(input, *axis, *start, *end);
}

// Slice takes starts, ends, axes and steps as inputs, and as attributes without steps before opset 10.
bool IsWholeSlice(const Graph& graph, const Node& node, const TensorType& input) {
  std::optional<std::vector<std::int64_t>> starts = IntsAttribute(node, "starts"),
                                           ends = IntsAttribute(node, "ends"),
                                           axes = IntsAttribute(node, "axes");
  if (!starts) {
    const auto ints = [&](std::size_t index) -> std::optional<std::vector<std::int64_t>> {
      const std::optional<ValueId> id = InputOf(node, index);
      return id ? ConstantInts(graph, *id) : std::nullopt;
    };
    starts = ints(1);
    ends = ints(2);
    axes = ints(3);
    if (InputOf(node, 3) && !axes) return false;
    if (InputOf(node, 4)) {
      const std::optional<std::vector<std::int64_t>> steps = ints(4);
      if (!steps || std::any_of(steps->begin(), steps->end(), [](std::int64_t s) { return s != 1; }))
        return false;
    }
  }
  if (!starts || !ends || starts->size() != ends->size() || (axes && axes->size() != starts->size()))
    return false;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::int64_t axis = axes ? (*axes)[i] : static_cast<std::int64_t>(i);
    if (!TakesAll(input, axis, (*starts)[i], (*ends)[i])) return false;
  }
  return true;
}

bool HaveSameShape(const TensorType& a, const TensorType& b) { return a.shape && a.shape == b.shape; }

std::size_t NumInputs(const Node& node) {
  return static_cast<std::size_t>(std::count_if(node.arguments.begin(), node.arguments.end(),
                                                [](const ir::Argument& a) { return a.name.empty(); }));
}

// `input` is the type of what the node reads, with earlier identities gone.
bool IsIdentity(const Graph& graph, const Node& node, const TensorType& input) {
  const TensorType& output = graph.type(node.outputs[0]);
  constexpr std::string_view kCaffe2 = "org.pytorch._caffe2::";
  const bool caffe2 = node.op.starts_with(kCaffe2);
  const std::string_view op = std::string_view(node.op).substr(caffe2 ? kCaffe2.size() : 0);
  if (caffe2) {
    if (op == "Int8Slice") return IsWholeInt8Slice(node, input);
    if (op == "Int8Reshape") return HaveSameShape(input, output);
    if (op == "Int8Concat") return NumInputs(node) == 1;
  } else {
    if (op == "Identity") return true;
    if (op == "Slice") return IsWholeSlice(graph, node, input);
    if (op == "Reshape" || op == "Flatten" || op == "Expand" || op == "Squeeze" || op == "Unsqueeze") {
      return HaveSameShape(input, output);
    }
    if (op == "Concat") return NumInputs(node) == 1;
    if (op == "Cast") {
      return output.dtype != DType::kUnknown && output.dtype == input.dtype;
    }
  }
  const std::optional<std::vector<std::int64_t>> order = Permutation(node);
  return order && std::is_sorted(order->begin(), order->end());
}

}  // namespace

int RemoveIdentities(Graph& graph) {
  Replacements replacements(graph);
  std::vector<bool> identities(graph.nodes().size(), false);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.outputs.size() != 1 || !InputOf(node)) continue;
    const ValueId source = replacements.Of(*InputOf(node));
    if (!IsIdentity(graph, node, graph.type(source))) continue;
    if (!CanStandFor(graph, replacements, source, node.outputs[0])) continue;
    replacements.Add(node.outputs[0], source);
    identities[i] = true;
  }
  replacements.Apply();
  return RemoveUnused(graph, identities);
}

}  // namespace octavo::passes
