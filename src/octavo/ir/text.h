#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::ir {

struct PrintOptions {
  bool origins = true;            // where each node came from, as a comment
  std::size_t max_elements = 32;  // a constant with more of them is left out: "{... 9408 bytes}"
};

// The graph's text form, docs/ir.md.  ParseGraph(Print(g)) gives the same graph wherever no constant was too
// large to be written out, but for origins, and for values' indices, which follow the order of the text.
std::string Print(const Graph& graph, const PrintOptions& options = {});
// Errors: kInvalidFile with line and column.
Result<Graph> ParseGraph(std::string_view text);

}  // namespace octavo::ir
