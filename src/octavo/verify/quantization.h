#pragma once

#include <optional>
#include <vector>

#include "octavo/graph.h"

namespace octavo::verify {

// How each value of a graph is quantized, by index.  In a graph that was read from a file, quantized values
// are plain integers; the nodes that make or read them say what they mean.
std::vector<std::optional<Quantization>> Quantizations(const ir::Graph& graph);

}  // namespace octavo::verify
