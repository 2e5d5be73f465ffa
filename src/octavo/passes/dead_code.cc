#include <algorithm>

#include "octavo/passes/passes.h"
#include "octavo/passes/replacements.h"

namespace octavo::passes {

using ir::Graph;
using ir::Node;
using ir::ValueId;

Replacements::Replacements(Graph& graph)
    : graph_(graph), to_(graph.num_values()), is_output_(graph.num_values()) {
  for (const ir::Output& output : graph.outputs()) {
    if (output.value.valid()) is_output_[static_cast<std::size_t>(output.value.index)] = true;
  }
}

void Replacements::Add(ValueId from, ValueId to) {
  to = Of(to);
  // A value that was added since then is no output of its own.
  const std::size_t most = static_cast<std::size_t>(std::max(from.index, to.index)) + 1;
  if (to_.size() < most) {
    to_.resize(most);
    is_output_.resize(most);
  }
  to_[static_cast<std::size_t>(from.index)] = to;
  if (!IsOutput(from)) return;
  is_output_[static_cast<std::size_t>(from.index)] = false;
  is_output_[static_cast<std::size_t>(to.index)] = true;
}

void Replacements::Apply() const {
  const auto replace = [this](ValueId id) { return Of(id); };
  for (Node& node : graph_.nodes()) Graph::ReplaceUses(node, replace);
  for (ir::Output& output : graph_.outputs()) output.value = Of(output.value);
}

int RemoveUnused(Graph& graph, const std::vector<bool>& candidates) {
  std::vector<int> uses = graph.CountUses();
  const auto used = [&uses](ValueId id) {
    return id.valid() && uses[static_cast<std::size_t>(id.index)] > 0;
  };
  std::vector<bool> keep(graph.nodes().size(), true);
  int removed = 0;
  // Users come after what they use, so one walk from the end sees each node when its uses are final.
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    if (!candidates[i]) continue;
    const Node& node = graph.nodes()[i];
    bool needed = false;
    for (const ValueId output : node.outputs) needed |= used(output);
    if (needed) continue;
    keep[i] = false;
    ++removed;
    Graph::ForEachUse(node, [&uses](ValueId id) { --uses[static_cast<std::size_t>(id.index)]; });
  }
  if (removed > 0) graph.KeepNodes(keep);
  return removed;
}

int RemoveDeadNodes(Graph& graph) {
  const int removed = RemoveUnused(graph, std::vector<bool>(graph.nodes().size(), true));
  const std::vector<int> uses = graph.CountUses();
  for (std::size_t i = 0; i < graph.num_values(); ++i) {
    if (uses[i] == 0) graph.value(ValueId{static_cast<std::int32_t>(i)}).constant.reset();
  }
  return removed;
}

}  // namespace octavo::passes
