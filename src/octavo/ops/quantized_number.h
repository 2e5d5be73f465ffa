#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "octavo/arithmetic/pytorch/quantize.h"
#include "octavo/tensor.h"

namespace octavo {

// How PyTorch gets from a number to an integer: arithmetic/pytorch/quantize.h.
enum class NumberRounding {
  kAfter,   // builds without FBGEMM
  kBefore,  // builds with FBGEMM, one number: masked_fill
  kFused,   // builds with FBGEMM, a tensor of that number: pad
};

// The integer that PyTorch stores for a real number in a tensor of `type`, which is quantized per tensor,
// inside the dtype's range.
inline std::int64_t QuantizedNumber(const TensorType& type, double value,
                                    NumberRounding rounding = NumberRounding::kAfter) {
  using arithmetic::pytorch::LevelBefore, arithmetic::pytorch::LevelFused;
  const float inverse = 1.0F / static_cast<float>(type.quantization->scale());
  const auto narrow = static_cast<float>(value), zero = static_cast<float>(type.quantization->zero_point());
  // qint32's zero points and integers may be more than float32 holds.
  const double integer =
      rounding == NumberRounding::kBefore  ? static_cast<double>(LevelBefore(narrow, inverse, zero))
      : rounding == NumberRounding::kFused ? static_cast<double>(LevelFused(narrow, inverse, zero))
                                           : static_cast<double>(std::nearbyintf(narrow * inverse)) +
                                                 static_cast<double>(type.quantization->zero_point());
  double low = std::numeric_limits<std::int32_t>::min(), high = std::numeric_limits<std::int32_t>::max();
  if (type.dtype == DType::kQUint8) {
    low = 0;
    high = 255;
  } else if (type.dtype == DType::kQInt8) {
    low = -128;
    high = 127;
  }
  return std::isnan(integer) ? type.quantization->zero_point()
                             : static_cast<std::int64_t>(std::clamp(integer, low, high));
}

}  // namespace octavo
