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
};

// The average of each window, as aten::avg_pool1d/2d/3d.  `type` is the result's.
Result<Value> WindowAverage(Builder& g, Value x, const Window& window, const AverageOptions& options,
                            const TensorType& type);

// The average over all spatial dimensions, which stay with size 1.
Value GlobalAverage(Builder& g, Value x, const TensorType& type);

}  // namespace octavo
