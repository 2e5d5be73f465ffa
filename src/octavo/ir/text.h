#pragma once

#include <string>
#include <string_view>

#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::ir {

// The graph's text form, docs/ir.md.  Parse(Print(g)) gives the same graph wherever no constant was too large to
// be written out.
std::string Print(const Graph& graph);
Result<Graph> ParseGraph(std::string_view text);

}  // namespace octavo::ir
