#pragma once

#include "octavo/graph.h"

namespace octavo::ir {

// Is the graph well formed: every value made once and before its use, ids in range, quantized types with as
// many scales as their axis has indices, outputs defined?  A node has at least one output.  The message names
// the node.  A failure is a bug of Octavo.
Status Verify(const Graph& graph);

}  // namespace octavo::ir
