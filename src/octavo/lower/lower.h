#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "octavo/base/budget.h"
#include "octavo/graph.h"
#include "octavo/operators.h"
#include "octavo/result.h"

namespace octavo::lower {

// A value of the imported graph and what holds it in the lowered one.
struct Link {
  ir::ValueId source, lowered;
};

struct Lowered {
  ir::Graph graph;
  std::vector<std::string> warnings;
  std::vector<NodeExactness>
      exactness;  // of the nodes with quantized results, where Numbers::kExact asks for it
  std::vector<NodeExactness> mistakes;  // the nodes in which PyTorch itself is wrong, whatever was asked for
  // Of the nodes that were written for each node of the imported graph, by its index.
  std::vector<std::shared_ptr<const ir::Origin>> origins;
  // For each node of the imported graph, by its index, whether it gives floats that are proven to be
  // PyTorch's (Builder::SetProven).
  std::vector<bool> proven;
  std::vector<Link> links;  // in the order of the imported graph, without constants
};

// Writes every node of an imported graph through its row's emitter for the dialect.  All nodes that cannot be
// written are reported in one error (kUnsupported).  `progress`: called with the share of the nodes that is
// done.  `constants`: values that are known, by index, though nodes compute them; these nodes are not
// written.  `budget`: what the constants that emitters make are taken from.
Result<Lowered> Lower(const ir::Graph& graph, const Registry& registry, const LowerOptions& options,
                      const std::function<void(double)>& progress,
                      std::unordered_map<std::int32_t, Tensor> constants, Budget& budget);
Result<Lowered> Lower(const ir::Graph& graph, const Registry& registry, const LowerOptions& options);

}  // namespace octavo::lower
