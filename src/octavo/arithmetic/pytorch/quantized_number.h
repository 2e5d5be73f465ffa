#pragma once

#include <cmath>
#include <cstdint>

namespace octavo::arithmetic::pytorch {

// True if zero_point + round(value (1/scale)) is beyond int64: PyTorch takes such a number, and infinity, for
// the lowest level.
inline bool BeyondInt64(float value, double scale, std::int64_t zero_point) {
  constexpr float kInt64End = 9223372036854775808.0F;
  const float inverse = 1.0F / static_cast<float>(scale);
  return static_cast<float>(zero_point) + std::nearbyintf(value * inverse) >= kInt64End;
}

// The level of a real number: zero_point + round_half_even(value (1/scale)) within [low, high], all in
// float32. NaN is the lowest level, as in builds without FBGEMM; infinity saturates, which is what is meant.
// Source: aten/src/ATen/native/quantized/AffineQuantizerBase.cpp (quantize_val).
inline std::int64_t QuantizedNumber(float value, double scale, std::int64_t zero_point, std::int64_t low,
                                    std::int64_t high) {
  const float inverse = 1.0F / static_cast<float>(scale);
  const float level = static_cast<float>(zero_point) + std::nearbyintf(value * inverse);
  if (!(level >= static_cast<float>(low))) return low;
  return level >= static_cast<float>(high) ? high : static_cast<std::int64_t>(level);
}

}  // namespace octavo::arithmetic::pytorch
