#pragma once

#include <optional>

#include "octavo/operators.h"

// aten::batch_norm of numbers that were dequantized: a function of 256 levels in each channel, all of which
// are tried.

namespace octavo {

struct BatchNormStatistics {
  Value weight, bias;  // undefined: 1, 0
  Value mean, variance;
  double epsilon;
};

// In a form that gives PyTorch's floats in ONNX Runtime, marked so (Builder::SetProven).  nullopt where the
// statistics are not constants, `x` is not the result of a DequantizeLinear with one scale, or none is found.
std::optional<Value> ExactBatchNorm(Builder& g, Value x, const BatchNormStatistics& statistics);

// aten::quantize_per_tensor to `type` of such a result, or of its Relu: one multiplication and one addition
// per element that give PyTorch's level for every level of the input.  nullopt where `x` is no such result,
// or no such numbers are found.  States how exact the node is.
std::optional<Value> QuantizedBatchNorm(Builder& g, Value x, const TensorType& type);

}  // namespace octavo
