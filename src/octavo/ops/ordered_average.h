#pragma once

#include <optional>

#include "octavo/operators.h"

// The average of a whole image of float32 numbers, which PyTorch adds up in an order of its own.  ONNX
// Runtime chooses the order of its pools and means by the CPU; CumSum adds one number after the other.

namespace octavo {

enum class AverageOf {
  kWindow,  // avg_pool1d, avg_pool2d: one element after the other, whatever the order in memory
  kMean,    // mean over height and width, adaptive_avg_pool2d to one element
};

// The average of each image [N, C, H, W] with sizes [N, C, 1, 1] (or of each row [N, C, W]), marked as
// PyTorch's (Builder::SetProven). nullopt where the order is not known, the numbers are not PyTorch's to the
// bit, or none was dequantized. The order in memory of `x` matters for means.
std::optional<Value> AverageInOrder(Builder& g, Value x, AverageOf of);

}  // namespace octavo
