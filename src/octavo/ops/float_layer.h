#pragma once

#include "octavo/graph.h"

namespace octavo {

// Whether a float convolution or linear layer gives it.  ONNX Runtime makes weights of 8 bits of such a
// layer's if it comes from a DequantizeLinear and goes to a QuantizeLinear
// (qdq_transformer/weight_bias_quantization.cc), also past what only moves elements, clamps as the zero point
// does, or can be taken into the weights.  `float_weights`: only if its weights are float constants.
bool IsOfFloatLayer(const ir::Graph& graph, ir::ValueId value, bool float_weights);

}  // namespace octavo
