#pragma once

#include <optional>

#include "octavo/operators.h"

namespace octavo {

// aten::quantize_per_tensor to `type` of aten::silu of numbers that were dequantized: a function of 256
// levels.  Written with a multiplier for which each of them is PyTorch's, whatever approximation of the
// sigmoid ONNX Runtime has (within 2^-22).  nullopt where `x` is no such result, or no multiplier is found.
// States how exact the node is, and settles the SiLU (Builder::Settle).
std::optional<Value> QuantizedSilu(Builder& g, Value x, const TensorType& type);

}  // namespace octavo
