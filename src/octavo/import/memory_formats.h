#pragma once

#include "octavo/graph.h"

namespace octavo::import {

// Sets each value's memory format: the order in which PyTorch 1.13 with its qnnpack engine holds it in
// memory, on which the arithmetic of some quantized operators depends.  Inputs of the model are taken for
// contiguous. What is not known to be in another order counts as contiguous.
void SetMemoryFormats(ir::Graph& graph);

// The first quantized operator that PyTorch computes otherwise if the model's inputs are channels-last
// instead; ir::kNoNode: none is known.  The formats are as SetMemoryFormats sets them afterwards.
ir::NodeId DependsOnOrderOfInputs(ir::Graph& graph);

}  // namespace octavo::import
