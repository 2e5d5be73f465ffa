#pragma once

#include <vector>

#include "octavo/graph.h"

namespace octavo::passes {

// Values that stand for others, to be put in their place in one walk over the graph.
class Replacements {
 public:
  explicit Replacements(ir::Graph& graph) : graph_(graph), to_(graph.num_values()) {}

  // Every use of `from` becomes `to`, or what that is replaced by: in the graph's outputs at once, in nodes
  // when Apply is called.
  void Add(ir::ValueId from, ir::ValueId to);
  ir::ValueId Of(ir::ValueId id) const {
    if (!id.valid()) return id;
    const ir::ValueId to = to_[static_cast<std::size_t>(id.index)];
    return to.valid() ? to : id;
  }
  void Apply() const;

 private:
  ir::Graph& graph_;
  std::vector<ir::ValueId> to_;
};

// Removes those of `candidates` (by node) whose values nothing uses, and then those that only they used, and
// so on.  Returns how many.
int RemoveUnused(ir::Graph& graph, const std::vector<bool>& candidates);

}  // namespace octavo::passes
