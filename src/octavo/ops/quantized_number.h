#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "octavo/tensor.h"

namespace octavo {

// The integer that PyTorch stores for a real number in a tensor of `type`, which is quantized per tensor:
// round_half_even(value * (1 / scale)) + zero_point in float32, inside the dtype's range.
// `adds_before`: builds with FBGEMM add the zero point before they round.
inline std::int64_t QuantizedNumber(const TensorType& type, double value, bool adds_before = false) {
  const float inverse = 1.0F / static_cast<float>(type.quantization->scale());
  const auto zero_point = static_cast<double>(type.quantization->zero_point());
  const float steps = static_cast<float>(value) * inverse;
  const double integer = adds_before
                             ? static_cast<double>(std::nearbyintf(steps + static_cast<float>(zero_point)))
                             : static_cast<double>(std::nearbyintf(steps)) + zero_point;
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
