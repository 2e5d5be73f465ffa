#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "octavo/arithmetic/pytorch/quantize.h"

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

// The same with a float zero point (per_channel_affine_float_qparams), which is added before the rounding:
// round_half_even(value (1/scale) + zero_point).  nullopt for what int32 does not hold, of which PyTorch
// keeps the low bits.  NaN is level 0.  Source: the same file (quantize_val_float_qparams).
inline std::optional<std::int64_t> QuantizedByFloatZeroPoint(float value, double scale, float zero_point,
                                                             std::int64_t low, std::int64_t high) {
  const float level = std::nearbyintf(value * (1.0F / static_cast<float>(scale)) + zero_point);
  constexpr float kInt32End = 2147483648.0F;
  if (level >= kInt32End || level < -kInt32End) return std::nullopt;
  const std::int64_t whole = std::isnan(level) ? 0 : static_cast<std::int64_t>(level);
  return std::clamp(whole, low, high);
}

// How PyTorch gets from a number to a level: quantize.h.
enum class NumberRounding {
  kAfter,   // builds without FBGEMM
  kBefore,  // builds with FBGEMM, one number at a time: masked_fill, clamp, quantize_per_channel
  kFused,   // builds with FBGEMM, a tensor of numbers: quantize_per_tensor, pad
};

// The same in each build.  In builds with FBGEMM, NaN is level 0 one at a time, the highest level in a
// tensor, and for qint32 the lowest.  Checked against PyTorch 2.13.
inline std::int64_t QuantizedNumber(float value, double scale, std::int64_t zero_point, std::int64_t low,
                                    std::int64_t high, NumberRounding rounding) {
  if (rounding == NumberRounding::kAfter) return QuantizedNumber(value, scale, zero_point, low, high);
  const bool fused = rounding == NumberRounding::kFused;
  if (std::isnan(value)) {
    if (high > 255) return low;
    return fused ? high : std::clamp<std::int64_t>(0, low, high);
  }
  const float inverse = 1.0F / static_cast<float>(scale), zero = static_cast<float>(zero_point);
  const auto level =
      static_cast<double>(fused ? LevelFused(value, inverse, zero) : LevelBefore(value, inverse, zero));
  return static_cast<std::int64_t>(std::clamp(level, static_cast<double>(low), static_cast<double>(high)));
}

}  // namespace octavo::arithmetic::pytorch
