#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "octavo/graph.h"

// The inputs of nodes of a lowered graph: their arguments without the named ones, which are attributes.

namespace octavo::ir {

// nullopt where the input is left out.
std::optional<ValueId> InputOf(const Node& node, std::size_t index = 0);
// All of them, an invalid id where one before the last is left out.
std::vector<ValueId> InputsOf(const Node& node);
// Replaces an input.  Nothing happens where the node has fewer.
void SetInput(Node& node, std::size_t index, ValueId value);

// Whether the results hold elements of the first input, each at most once, and nothing else.
bool IsMovement(const Node& node);

}  // namespace octavo::ir
