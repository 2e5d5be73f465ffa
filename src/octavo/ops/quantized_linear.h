#pragma once

#include "octavo/operators.h"

namespace octavo {

// Rows quantized::linear(_relu).
void RegisterQuantizedLinear(Registry& registry);

}  // namespace octavo
