#include "octavo/engine/value_uses.h"

#include <cstddef>

namespace octavo::engine {

ValueUses::ValueUses(const ir::Graph& graph) : readers_(graph.num_values()), output_(graph.num_values()) {
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    ir::Graph::ForEachUse(graph.nodes()[n], [&](ir::ValueId id) {
      readers_[static_cast<std::size_t>(id.index)].push_back(static_cast<ir::NodeId>(n));
    });
  }
  for (const ir::Output& output : graph.outputs())
    output_[static_cast<std::size_t>(output.value.index)] = true;
}

std::optional<ir::NodeId> ValueUses::OnlyReader(ir::ValueId value) const {
  const auto at = static_cast<std::size_t>(value.index);
  if (readers_[at].size() != 1 || output_[at]) return std::nullopt;
  return readers_[at][0];
}

}  // namespace octavo::engine
