#pragma once

#include <cstdint>

#include "octavo/operators.h"

namespace octavo {

void RegisterClamps(Registry& registry);  // relu, clamp and their like; called by RegisterActivations

// The integer that PyTorch quantizes a bound to, and the real that an integer means.  `type` is quantized per
// tensor to 8 bits.
std::int64_t QuantizedBound(const Builder& g, double bound, const TensorType& type);
float RealOf(std::int64_t q, const TensorType& type);

}  // namespace octavo
