#pragma once

#include <string>
#include <vector>

#include "octavo/graph.h"
#include "octavo/module/value.h"

namespace octavo::driver {

// What to do with a model that was prepared for quantization and never converted; empty for any other.
std::string AdviceToConvert(const module::Module& module, const ir::Graph& graph);

// Warnings about a model that was saved in another state than its author may think, although it converts:
// calibrated but not quantized, or with weights that were quantized and turned back into floats.
// `graph` is what was imported of `module`.
std::vector<std::string> SavedStateWarnings(const module::Module& module, const ir::Graph& graph);

}  // namespace octavo::driver
