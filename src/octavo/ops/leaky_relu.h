#pragma once

#include "octavo/operators.h"

namespace octavo {

// Scales and a slope with which ONNX Runtime's quantized leaky ReLU gives PyTorch's integer for every input.
struct LeakyReluForm {
  float input_scale;
  float output_scale;
  float slope;
  int differing;  // how many of the 256 inputs come out one step from PyTorch's with the best form there is
};

// A leaky ReLU is homogeneous: both scales may be multiplied by the same number, and only what is rounded in
// between changes.  That decides where a result lies halfway between two integers, as every tenth does with a
// slope of 0.1 and the same scale on both sides.  `in` and `out` are quantized per tensor to 8 bits.
LeakyReluForm FindLeakyReluForm(const TensorType& in, const TensorType& out, float slope);

}  // namespace octavo
