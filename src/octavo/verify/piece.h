#pragma once

#include <optional>
#include <vector>

#include "octavo/graph.h"

namespace octavo::verify {

// The part of a graph that makes one value from others.
struct Piece {
  ir::Graph graph;  // one output
  // The whole graph's values that the piece's inputs stand for, in order.
  std::vector<ir::ValueId> inputs;
};

// Cuts out what makes `value`, back to the values for which boundary[index] is true, and to graph inputs,
// which are boundary in any case.  `quantizations`, by index, becomes part of the types of the piece's
// inputs, since what made them is not there to say it.  nullopt: no node is between.
std::optional<Piece> Cut(const ir::Graph& graph, ir::ValueId value, const std::vector<bool>& boundary,
                         const std::vector<std::optional<Quantization>>& quantizations);

}  // namespace octavo::verify
