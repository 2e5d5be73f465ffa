#pragma once

#include <string>
#include <vector>

#include "octavo/graph.h"
#include "octavo/module/value.h"

namespace octavo::driver {

// Warnings for weights that the file has as zeros because PyTorch did not save their bytes: those that the
// graph reads, and those that it does not.
std::vector<std::string> LostWeightWarnings(const module::Module& module, const ir::Graph& graph);

}  // namespace octavo::driver
