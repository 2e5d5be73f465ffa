#pragma once

#include <vector>

#include "octavo/graph.h"
#include "octavo/lower/lower.h"
#include "octavo/verify/pair.h"

namespace octavo::driver {

// Follows what holds a value of the imported graph through the passes, which leave out transposes and
// identities: what went into one stands for what came out of it, with another order of axes.
class LinkFollower {
 public:
  // `lowered` is as the passes find it, without dead nodes.
  LinkFollower(const ir::Graph& lowered, std::vector<lower::Link> links);
  // The pairs that are left after the passes.
  std::vector<verify::Pair> After(const ir::Graph& lowered) const;

 private:
  struct Step {
    ir::ValueId from;        // invalid: there is no way back
    std::vector<int> order;  // of from's axes to the value's
  };
  std::vector<lower::Link> links_;
  std::vector<Step> steps_;  // by value
};

}  // namespace octavo::driver
