#pragma once

#include "octavo/engine/program.h"

namespace octavo::engine {

// Does what ONNX Runtime does when it loads a model (WeightBiasQuantization): the float weights and float
// biases of each Conv, ConvTranspose and Gemm between a DequantizeLinear and a QuantizeLinear become
// integers.  The node reads a new constant, the integers' reals, which is in `Program::quantized`.  Called
// before values are counted.
void QuantizeConstants(Program& program);

}  // namespace octavo::engine
