#include <algorithm>
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
using ir::NodeId;
using ir::ValueId;

bool IsConvolution(const Node& node) {
  return node.op == "org.pytorch._caffe2::Int8Conv" || node.op == "org.pytorch._caffe2::Int8ConvRelu";
}

bool Undoes(const std::vector<std::int64_t>& second, const std::vector<std::int64_t>& first) {
  if (first.size() != second.size()) return false;
  for (std::size_t i = 0; i < second.size(); ++i) {
    if (first[static_cast<std::size_t>(second[i])] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

// The former exporter matched its pattern only where the value between the two has no other use.
bool BetweenConvolutions(const Graph& graph, const Node& first, const Node& second,
                         const std::vector<int>& uses, const std::vector<NodeId>& only_user) {
  const auto use_count = [&uses](ValueId id) { return uses[static_cast<std::size_t>(id.index)]; };
  const std::vector<std::int64_t> to_nchw = {0, 3, 1, 2}, to_nhwc = {0, 2, 3, 1};
  if (Permutation(first) != to_nchw || Permutation(second) != to_nhwc) return false;
  const NodeId producer = graph.value(*InputOf(first)).producer;
  const NodeId user = only_user[static_cast<std::size_t>(second.outputs[0].index)];
  return use_count(first.outputs[0]) == 1 && use_count(second.outputs[0]) == 1 && producer != ir::kNoNode &&
         user != ir::kNoNode && IsConvolution(graph.node(producer)) && IsConvolution(graph.node(user));
}

}  // namespace

int CancelTransposes(Graph& graph, bool everywhere) {
  const std::vector<int> uses = graph.CountUses();
  std::vector<NodeId> some_user(graph.num_values(), ir::kNoNode);
  std::vector<bool> transposes(graph.nodes().size(), false);
  Replacements replacements(graph);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    Graph::ForEachUse(graph.nodes()[i], [&](ValueId id) {
      some_user[static_cast<std::size_t>(id.index)] = static_cast<NodeId>(i);
    });
  }
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& second = graph.nodes()[i];
    const std::optional<std::vector<std::int64_t>> second_order = Permutation(second);
    if (!second_order) continue;
    transposes[i] = everywhere;
    const ValueId between = replacements.Of(*InputOf(second));
    const NodeId producer = graph.value(between).producer;
    if (producer == ir::kNoNode) continue;
    const Node& first = graph.node(producer);
    const std::optional<std::vector<std::int64_t>> first_order = Permutation(first);
    if (!first_order || first.op != second.op || !Undoes(*second_order, *first_order)) continue;
    if (!everywhere && !BetweenConvolutions(graph, first, second, uses, some_user)) continue;
    const ValueId source = replacements.Of(*InputOf(first));
    if (!CanStandFor(graph, replacements, source, second.outputs[0])) continue;
    replacements.Add(second.outputs[0], source);
    transposes[i] = true;
    transposes[static_cast<std::size_t>(producer)] = true;
  }
  replacements.Apply();
  return RemoveUnused(graph, transposes);
}

}  // namespace octavo::passes
