#pragma once

#include "octavo/engine/program.h"

namespace octavo::engine {

// Does what ONNX Runtime does when it loads a model: ClipQuantFusion removes a Clip whose bounds are almost
// those of the QuantizeLinear behind it, and DoubleQDQPairsRemover gives two pairs of QuantizeLinear and
// DequantizeLinear that follow one another a third quantization.  Called before QuantizeConstants.
void ChangeQuantizations(Program& program);

}  // namespace octavo::engine
