#pragma once

#include <vector>

#include "octavo/graph.h"

namespace octavo::passes {

// Values that stand for others, to be put in their place in one walk over the graph.
class Replacements {
 public:
  explicit Replacements(ir::Graph& graph);

  // Every use of `from` becomes `to`, or what that is replaced by, when Apply is called.
  void Add(ir::ValueId from, ir::ValueId to);
  ir::ValueId Of(ir::ValueId id) const {
    if (!id.valid()) return id;
    const auto at = static_cast<std::size_t>(id.index);
    return at < to_.size() && to_[at].valid() ? to_[at] : id;
  }
  // Whether the value is an output of the graph once Apply has been called.
  bool IsOutput(ir::ValueId id) const { return is_output_[static_cast<std::size_t>(id.index)]; }
  void Apply() const;

 private:
  ir::Graph& graph_;
  std::vector<ir::ValueId> to_;
  std::vector<bool> is_output_;
};

// Removes those of `candidates` (by node) whose values nothing uses, and then those that only they used, and
// so on.  Returns how many.
int RemoveUnused(ir::Graph& graph, const std::vector<bool>& candidates);

}  // namespace octavo::passes
