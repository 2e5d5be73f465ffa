#pragma once

#include <cstdint>

#include "octavo/arithmetic/pytorch/quantized_number.h"
#include "octavo/lower/checks.h"
#include "octavo/tensor.h"

namespace octavo {

using arithmetic::pytorch::NumberRounding;

// The level that PyTorch stores for a real number in a tensor of `type`, which is quantized per tensor.
inline std::int64_t QuantizedNumber(const TensorType& type, double value,
                                    NumberRounding rounding = NumberRounding::kAfter) {
  std::int64_t low = INT32_MIN, high = INT32_MAX;
  if (type.dtype != DType::kQInt32) {
    const IntegerRange range = RangeOf(type.dtype);
    low = range.low;
    high = range.high;
  }
  return arithmetic::pytorch::QuantizedNumber(static_cast<float>(value), type.quantization->scale(),
                                              type.quantization->zero_point(), low, high, rounding);
}

}  // namespace octavo
