#pragma once

#include <string>
#include <vector>

#include "octavo/graph.h"

namespace octavo::driver {

// The nodes of a model of other software, in the qdq dialect, whose results in ONNX Runtime may not be those
// of PyTorch's operators in the engine qnnpack, which a model of the Caffe2 dialect means.  One line each:
// "Add at node sum: ONNX Runtime ...; PyTorch ...".  Operators that only move or compare elements are equal,
// and so are layers whose multipliers are.
std::vector<std::string> NodesThatRoundOtherwise(const ir::Graph& graph);

}  // namespace octavo::driver
