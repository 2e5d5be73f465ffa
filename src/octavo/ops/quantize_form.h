#pragma once

#include "octavo/operators.h"

namespace octavo {

// Whether the model is to have the numbers of PyTorch's x86 packages, which are built with FBGEMM.
bool OfFbgemmBuild(const Builder& g);

// quantize_per_tensor of those packages for ONNX Runtime: round(fma(x, 1 / scale, zero point)), in float64,
// which holds the product.  States how exact the node is.
Value QuantizeFused(Builder& g, Value x, const TensorType& type);

// quantize_per_channel of those packages: round(x (1 / scale) + zero point), rounded after each step.
// `sizes`: the shape of one number per channel that broadcasts to x.
Value QuantizeBefore(Builder& g, Value x, const TensorType& type, const std::vector<std::int64_t>& sizes);

// True if rounding x (1 / scale) + zero point to float64 and then to float32 gives the same level for every
// float32 x as rounding it once.
bool RoundsLikeFused(float scale, std::int64_t zero_point, DType dtype);

}  // namespace octavo
