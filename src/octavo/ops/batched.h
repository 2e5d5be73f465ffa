#pragma once

#include <string>

#include "octavo/operators.h"

namespace octavo {

// PyTorch's operators over `spatial_dims` dimensions take an input with a batch dimension or without; ONNX's
// take one with it.  Adds it where it is missing, and takes it off the results again.
Emitter Batched(std::string argument, int spatial_dims, Emitter batched);

}  // namespace octavo
