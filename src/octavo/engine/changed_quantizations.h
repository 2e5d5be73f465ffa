#pragma once

#include "octavo/engine/program.h"

namespace octavo::engine {

// What ONNX Runtime does when it loads a model.

// DoubleQDQPairsRemover gives two pairs of QuantizeLinear and DequantizeLinear that follow one another a
// third quantization.  Called before QuantizeConstants.
void MergeQuantizations(Program& program);
// ClipQuantFusion removes a Clip whose bounds are almost those of the QuantizeLinear behind it.  Called after
// QuantizeConstants, which looks past a Clip, but not past two readers: the Clip stays in the graph, unread.
void RemoveClips(Program& program);

}  // namespace octavo::engine
