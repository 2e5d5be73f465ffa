#pragma once

// Averages, which pooling, adaptive pooling and mean share.  The input has a batch and a channel dimension;
// it is real, or in the qdq dialect quantized, and the result is quantized with the same numbers.

#include <cstdint>
#include <optional>

#include "octavo/lower/window.h"
#include "octavo/operators.h"

namespace octavo {

// Which of PyTorch's kernels averages a quantized tensor.
enum class AverageKernel {
  kQnnpack,   // round(sum (s / (s cells))) + zero point
  kInteger,   // round(sum (1 / cells) + zero point)
  kDistance,  // round(sum (1 / cells)) + zero point
};

struct AverageOptions {
  bool count_include_pad = true;
  std::optional<std::int64_t> divisor_override;
  AverageKernel kernel = AverageKernel::kQnnpack;
};

// The kernel for `x` as the model has it, before a batch dimension is added.
AverageKernel AverageKernelOf(const Builder& g, const Value& x, int spatial_dims, bool ceil_mode);
// Whether the engine has qnnpack average tensors of this dtype.
bool AveragedByQnnpack(const Builder& g, DType dtype, int spatial_dims);

// Whether PyTorch has its kernels for channels-last tensors average `x`.  Builds without FBGEMM take a batch
// of images of one channel for one, too.  `x` as the model has it.
bool AveragedChannelsLast(const Builder& g, const Value& x, int spatial_dims);
// The number of channels that a channels-last kernel's vector loop leaves over, whose averages PyTorch rounds
// as those of contiguous tensors; 0 if `x` is contiguous, or if the number of channels is not known.
std::int64_t ChannelsLeftOver(const Value& x, std::int64_t block);

// All of the input's spatial dimensions as one window, if their sizes are known.
std::optional<Window> WholeWindow(const Value& x);

// The average of each window, as aten::avg_pool1d/2d/3d.  `type` is the result's.
Result<Value> WindowAverage(Builder& g, Value x, const Window& window, const AverageOptions& options,
                            const TensorType& type);

// Whether every sum of a window's integers gives the same integer divided by their number as multiplied.
bool AverageIsProduct(const Window& window, DType dtype, float multiplier);

// The average of each window without padding, as PyTorch has it for means: the integers are summed as they
// are, divided, and rounded to even.  `x` is quantized.
// `fused`: PyTorch's kernel for channels-last tensors, which adds the zero point in the same rounding.
Result<Value> AverageOfIntegers(Builder& g, Value x, const Window& window, const TensorType& type,
                                bool fused = false);

// The average over all spatial dimensions, which stay with size 1.  PyTorch rounds the average of a quantized
// tensor in two ways, which differ where it lies halfway between two integers: qnnpack makes the distance
// from the zero point even, PyTorch's own kernels the integer itself.
enum class HalfwayRounding { kEvenDistance, kEvenInteger };
// Sizes that are known may rather be a WindowAverage; one that is not goes here.
Value GlobalAverage(Builder& g, Value x, const TensorType& type, HalfwayRounding rounding);

// States what is known of averages of so many integers (0: not known), divided and rounded to even.
void StateOfMean(Builder& g, const TensorType& type, std::int64_t cells);

}  // namespace octavo
