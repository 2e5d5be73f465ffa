#pragma once

// Averages, which pooling, adaptive pooling and mean share.  The input has a batch and a channel dimension;
// it is real, or in the qdq dialect quantized, and the result is quantized with the same numbers.

#include <cstdint>
#include <optional>

#include "octavo/lower/window.h"
#include "octavo/operators.h"

namespace octavo {

struct AverageOptions {
  bool count_include_pad = true;
  std::optional<std::int64_t> divisor_override;
  // PyTorch multiplies by 1 / cells, rounds, and adds the zero point: its kernels for channels-last tensors.
  bool by_reciprocal = false;
};

// Whether PyTorch has its kernels for channels-last tensors average `x`: they round the distance from the
// zero point.  It takes a batch of images of one channel for one, too.  `x` as the model has it, before a
// batch dimension is added.
bool AveragedChannelsLast(const Value& x, int spatial_dims);

// All of the input's spatial dimensions as one window, if their sizes are known.
std::optional<Window> WholeWindow(const Value& x);

// The average of each window, as aten::avg_pool1d/2d/3d.  `type` is the result's.
Result<Value> WindowAverage(Builder& g, Value x, const Window& window, const AverageOptions& options,
                            const TensorType& type);

// Whether every sum of a window's integers gives the same integer divided by their number as multiplied.
bool AverageIsProduct(const Window& window, DType dtype, float multiplier);

// The average of each window without padding, as PyTorch has it for means: the integers are summed as they
// are, divided, and rounded to even.  `x` is quantized.
Result<Value> AverageOfIntegers(Builder& g, Value x, const Window& window, const TensorType& type);

// The average over all spatial dimensions, which stay with size 1.  PyTorch rounds the average of a quantized
// tensor in two ways, which differ where it lies halfway between two integers: qnnpack makes the distance
// from the zero point even, PyTorch's own kernels the integer itself.
enum class HalfwayRounding { kEvenDistance, kEvenInteger };
// Sizes that are known may rather be a WindowAverage; one that is not goes here.
Value GlobalAverage(Builder& g, Value x, const TensorType& type, HalfwayRounding rounding);

// States what is known of averages of so many integers (0: not known), divided and rounded to even.
void StateOfMean(Builder& g, const TensorType& type, std::int64_t cells);

}  // namespace octavo
