#pragma once

#include <optional>
#include <vector>

#include "octavo/graph.h"

namespace octavo::engine {

// What reads each value of a graph, as it is when this is made.
class ValueUses {
 public:
  explicit ValueUses(const ir::Graph& graph);

  // The node that alone reads the value.  nullopt: several do, or none, or the graph gives the value.
  std::optional<ir::NodeId> OnlyReader(ir::ValueId value) const;

 private:
  std::vector<std::vector<ir::NodeId>> readers_;  // by value
  std::vector<bool> output_;                      // by value: of the graph
};

}  // namespace octavo::engine
