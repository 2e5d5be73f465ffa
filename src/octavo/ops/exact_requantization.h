#pragma once

// Scales with which ONNX Runtime's QLinearConv and QGemm requantize as PyTorch does.

#include "octavo/tensor.h"

namespace octavo {

// What the DequantizeLinear nodes of a layer's input and weight and its QuantizeLinear are to say: each scale
// within a few units in the last place of the model's own.
struct RequantizationTypes {
  TensorType x, y;
  Quantization weight;
};

// PyTorch multiplies the accumulator of channel c by (x w_c) (1 / y), ONNX Runtime by (x w_c) / y
// (onnxruntime/core/providers/cpu/quantization/qlinearconv.cc), float32 after each step.  The answer is the
// choice with the most channels whose multipliers are equal; mostly all of them.
RequantizationTypes ExactRequantization(const TensorType& x, const Quantization& weight, const TensorType& y);

}  // namespace octavo
