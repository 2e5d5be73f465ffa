#pragma once

#include "octavo/operators.h"

namespace octavo {

// x where it is above 0, else x slope.  LeakyRelu and PRelu give 0 for 0, whatever the slope; PyTorch gives
// NaN for slopes that are not finite.
Value SlopedBelowZero(Builder& g, Value x, Value slope);

void RegisterPrelu(Registry& registry);  // called by RegisterActivations

}  // namespace octavo
