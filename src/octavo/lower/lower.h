#pragma once

#include "octavo/graph.h"
#include "octavo/operators.h"
#include "octavo/result.h"

namespace octavo::lower {

struct Lowered {
  ir::Graph graph;
  std::vector<std::string> warnings;
};

// Writes every node of an imported graph through its row's emitter for the dialect.  All nodes that cannot be
// written are reported in one error (kUnsupported).
Result<Lowered> Lower(const ir::Graph& graph, const Registry& registry, const LowerOptions& options);

}  // namespace octavo::lower
