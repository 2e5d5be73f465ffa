#pragma once

#include "octavo/engine/call.h"

namespace octavo::engine::literal {

// What ONNX Runtime's CPU kernels compute for a float operator where that is not the specification's result
// rounded once: their own approximations and their order of additions.  `literal` with another `compute`, or
// as it is for operators that need none.  The call's arithmetic is ONNX
// Runtime's.
struct RuntimeHints {
  bool channels_last = false;  // see Program
  // ONNX Runtime has the first input in blocks of channels, or puts it there: a graph input, or a pool's
  // result.
  bool first_in_blocks = false;
  bool second_is_stored = false;  // the second input is a constant of the model, and not the integers of one
};
Result<Prepared> AsOnnxRuntime(Call& call, Prepared literal, RuntimeHints hints);

}  // namespace octavo::engine::literal
