#pragma once

// What is known of quantized activations by trying all 256 integers.

#include <string>

#include "octavo/operators.h"

namespace octavo {

enum class TriedActivation { kSigmoid, kTanh, kHardSigmoid, kHardSwish };

// The emitter, which writes the function of its `argument` between a pair, and what it states.  Where an
// integer comes out otherwise than PyTorch's, the result's scale is moved by a few units in the last place.
Emitter Tried(TriedActivation function, std::string argument, Emitter emitter);

}  // namespace octavo
