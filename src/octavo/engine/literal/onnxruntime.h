#pragma once

#include "octavo/engine/call.h"

namespace octavo::engine::literal {

// What ONNX Runtime's CPU kernels compute for a float operator where that is not the specification's result
// rounded once: their own approximations and their order of additions.  `literal` with another `compute`, or
// as it is for operators that need none.  `channels_last`: see Program.  The call's arithmetic is ONNX
// Runtime's.
Result<Prepared> AsOnnxRuntime(Call& call, Prepared literal, bool channels_last);

}  // namespace octavo::engine::literal
