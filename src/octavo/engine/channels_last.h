#pragma once

#include "octavo/engine/program.h"

namespace octavo::engine {

// Finds the linear Resize nodes of 8-bit integers between two convolutions of integers.  ONNX Runtime
// computes these convolutions with the channels last (NhwcTransformer) and leaves the transpositions between
// them out, so that the Resize sees that order, too; its kernel for it has weights of 1/1024.
void FindChannelsLast(Program& program);

}  // namespace octavo::engine
