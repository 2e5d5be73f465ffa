#pragma once

#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::targets::onnxruntime {

// An error that names each node of a graph in the qdq dialect that ONNX Runtime does not load because of its
// inputs' dtypes: its CPU provider has no kernel for them, or ONNX takes operands of one dtype only.  Dtypes
// that are not known, and operators that are not listed, pass.
Status CheckNodeTypes(const ir::Graph& graph);

}  // namespace octavo::targets::onnxruntime
