#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "octavo/arithmetic/pytorch/quantize.h"
#include "octavo/arithmetic/pytorch/quantized_number.h"
#include "octavo/lower/checks.h"
#include "octavo/tensor.h"

namespace octavo {

// How PyTorch gets from a number to an integer: arithmetic/pytorch/quantize.h.
enum class NumberRounding {
  kAfter,   // builds without FBGEMM
  kBefore,  // builds with FBGEMM, one number: masked_fill
  kFused,   // builds with FBGEMM, a tensor of that number: pad
};

// The level that PyTorch stores for a real number in a tensor of `type`, which is quantized per tensor.  NaN
// is the lowest level in builds without FBGEMM; in those with it 0, and the highest in a tensor of numbers.
inline std::int64_t QuantizedNumber(const TensorType& type, double value,
                                    NumberRounding rounding = NumberRounding::kAfter) {
  std::int64_t low = INT32_MIN, high = INT32_MAX;
  if (type.dtype != DType::kQInt32) {
    const IntegerRange range = RangeOf(type.dtype);
    low = range.low;
    high = range.high;
  }
  const Quantization& q = *type.quantization;
  const auto narrow = static_cast<float>(value);
  if (rounding == NumberRounding::kAfter)
    return arithmetic::pytorch::QuantizedNumber(narrow, q.scale(), q.zero_point(), low, high);
  const bool fused = rounding == NumberRounding::kFused;
  if (std::isnan(value))
    return !fused ? std::clamp<std::int64_t>(0, low, high) : type.dtype == DType::kQInt32 ? low : high;
  const float inverse = 1.0F / static_cast<float>(q.scale()), zero = static_cast<float>(q.zero_point());
  const auto level = static_cast<double>(fused ? arithmetic::pytorch::LevelFused(narrow, inverse, zero)
                                               : arithmetic::pytorch::LevelBefore(narrow, inverse, zero));
  return static_cast<std::int64_t>(std::clamp(level, static_cast<double>(low), static_cast<double>(high)));
}

}  // namespace octavo
