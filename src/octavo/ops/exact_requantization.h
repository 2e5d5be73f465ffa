#pragma once

// Scales with which ONNX Runtime's QLinearConv and QGemm requantize as PyTorch does.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/tensor.h"

namespace octavo {

// What the DequantizeLinear nodes of a layer's input and weight and its QuantizeLinear are to say.
struct RequantizationTypes {
  TensorType x, y;
  Quantization weight;
  std::optional<std::vector<std::int32_t>> bias = {};  // if not as QuantizedBias has it
};

// The scales nearest to the model's own with which ONNX Runtime has one of the multipliers of each channel;
// the first of a channel's is the preferred one.  Input and result are counted in steps (scale 1) if there
// are none.
RequantizationTypes WithMultipliers(const TensorType& x, const Quantization& weight, const TensorType& y,
                                    const std::vector<std::vector<float>>& multipliers);

// PyTorch multiplies the accumulator of channel c by (x w_c) (1 / y), ONNX Runtime by (x w_c) / y
// (onnxruntime/core/providers/cpu/quantization/qlinearconv.cc), float32 after each step.  The answer has
// PyTorch's multiplier in every channel: each scale within a few units in the last place of the model's own
// where that is found (nearly always for one channel, seldom for many, which share x and y), else x and y 1
// and the multipliers as the weight's scales.  As it is where a multiplier is not a normal number.
RequantizationTypes ExactRequantization(const TensorType& x, const Quantization& weight, const TensorType& y);

// Of how many channels ONNX Runtime's multiplier, with the types as written, is not PyTorch's.
std::size_t ChannelsThatDiffer(const TensorType& x, const Quantization& weight, const TensorType& y,
                               const RequantizationTypes& written);

}  // namespace octavo
