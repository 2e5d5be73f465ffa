#pragma once

#include "octavo/graph.h"
#include "octavo/operators.h"

namespace octavo {

// Whether a float convolution or linear layer gives it.  ONNX Runtime makes weights of 8 bits of such a
// layer's if it comes from a DequantizeLinear and goes to a QuantizeLinear
// (qdq_transformer/weight_bias_quantization.cc), also past what only moves elements, clamps as the zero point
// does, or can be taken into the weights.  `float_weights`: only if its weights are float constants.
bool IsOfFloatLayer(const ir::Graph& graph, ir::ValueId value, bool float_weights);

// The same numbers, behind an operation (LeakyRelu of slope 1) past which runtimes do not look for what to
// fuse.
Value KeptApart(Builder& g, Value x);

}  // namespace octavo
