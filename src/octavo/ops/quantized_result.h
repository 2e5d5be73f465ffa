#pragma once

#include "octavo/operators.h"

namespace octavo {

// QuantizeLinear of a float value to `type` (quantized, per tensor), after max(0, .) where `relu` is set.  A
// ReLU that the zero point's clamp already does is left out.  With any other zero point ONNX Runtime takes a
// Relu before QuantizeLinear for a reason not to fuse the layer; there the ReLU comes after it, as a
// LeakyRelu of slope 0 between its own pair, which is a table in that runtime and changes no result.
Value QuantizeReal(Builder& g, Value real, const TensorType& type, bool relu);

// The lowest integer of a quantized dtype of 8 bits.
std::int64_t LowestInteger(DType dtype);

}  // namespace octavo
