#pragma once

#include "octavo/graph.h"

namespace octavo::import {

// Sets each value's memory format: the order in which PyTorch 1.13 with its qnnpack engine holds it in
// memory, on which the arithmetic of some quantized operators depends.  Inputs of the model are taken for
// contiguous. What is not known to be in another order counts as contiguous.
void SetMemoryFormats(ir::Graph& graph);

}  // namespace octavo::import
