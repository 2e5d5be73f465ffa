#pragma once

// A function of one 8-bit integer as a table: the last resort of an operator whose integers no scales make
// PyTorch's.  Exact in every runtime, and slower than the operator's own kernel.

#include <cstdint>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// Looks up each integer of `x` (quint8 or qint8, per tensor) among `integers`: what becomes of the 256 of its
// type, from the lowest on.  The result has x's shape and `type`'s quantization.
Result<Value> LookUpInteger(Builder& g, Value x, const std::vector<std::int64_t>& integers,
                            const TensorType& type);

}  // namespace octavo
