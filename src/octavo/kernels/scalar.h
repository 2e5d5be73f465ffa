#pragma once

#include "octavo/kernels/kernels.h"

// Plain loops over one element or one row, for the scalar table and for what is left over behind a vector.
// Everything has internal linkage: each file compiles its own copy for its own instruction set.

namespace octavo::kernels::scalar {

[[maybe_unused]] static std::int32_t Integer(std::uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(byte) : byte;
}

// The order of the comparisons makes NaN `low`; clamping first keeps what is beyond int32 right.
[[maybe_unused]] static std::uint8_t RoundAndClamp(float value, std::int32_t zero_point, std::int32_t low,
                                                   std::int32_t high) {
  const auto least = static_cast<float>(low - zero_point), most = static_cast<float>(high - zero_point);
  value = value > least ? value : least;
  value = value < most ? value : most;
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(__builtin_rintf(value)) + zero_point);
}

[[maybe_unused]] static std::uint8_t Requantize(std::int32_t sum, float multiplier, const Requantization& r) {
  return RoundAndClamp(static_cast<float>(sum) * multiplier, r.zero_point, r.low, r.high);
}

[[maybe_unused]] static void PackActivations(const std::uint8_t* source, std::int64_t count, bool is_signed,
                                             std::byte* target) {
  auto* out = reinterpret_cast<std::int16_t*>(target);
  if (is_signed) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<std::int16_t>(Integer(source[i], true));
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = source[i];
  }
}

// Channels `first` and above of one pixel.
[[maybe_unused]] static void DepthwisePixel(const Depthwise& d, const Requantization& requantization,
                                            std::int64_t pixel, std::int64_t first, std::uint8_t* target) {
  const std::int64_t pairs = (d.num_taps + 1) / 2;
  const std::uint8_t* const* taps = d.taps + pixel * d.num_taps;
  for (std::int64_t c = first; c < d.channels; ++c) {
    const std::int16_t* weights = d.weights + c / 16 * pairs * 32 + c % 16 * 2;
    auto sum = static_cast<std::uint32_t>(d.biases[c]);
    for (std::int64_t t = 0; t < d.num_taps; ++t) {
      sum += static_cast<std::uint32_t>(Integer(taps[t][c], d.is_signed) * weights[t / 2 * 32 + t % 2]);
    }
    target[c] = Requantize(static_cast<std::int32_t>(sum), requantization.multipliers[c], requantization);
  }
}

[[maybe_unused]] static std::uint8_t BinaryOne(const Binary& f, std::uint8_t a_byte, std::uint8_t b_byte) {
  const std::int32_t a = Integer(a_byte, f.is_signed), b = Integer(b_byte, f.is_signed);
  float value = 0;
  switch (f.form) {
    case Binary::Form::kSum:
      value = (static_cast<float>(a - f.a_zero) * f.a_scale + static_cast<float>(b - f.b_zero) * f.b_scale) *
              f.factor;
      break;
    case Binary::Form::kSumFused:
      value = (__builtin_fmaf(static_cast<float>(a), f.a_scale, f.offset) +
               __builtin_fmaf(static_cast<float>(b), f.b_scale, f.b_offset)) *
              f.factor;
      break;
    case Binary::Form::kSumChained:
      value = __builtin_fmaf(static_cast<float>(a), f.a_scale,
                             __builtin_fmaf(static_cast<float>(b), f.b_scale, f.offset));
      break;
    case Binary::Form::kSumFixed: {
      const std::int32_t sum = (a - f.a_zero) * f.a_factor + (b - f.b_zero) * f.b_factor;
      const std::int32_t half = 1 << (f.shift - 1);
      std::int32_t y = ((sum + half - (!f.ties_up && sum < 0 ? 1 : 0)) >> f.shift) + f.zero_point;
      y = y > f.low ? y : f.low;
      return static_cast<std::uint8_t>(y < f.high ? y : f.high);
    }
    case Binary::Form::kProduct:
      value = static_cast<float>(a - f.a_zero) * f.a_scale * (static_cast<float>(b - f.b_zero) * f.b_scale) *
              f.factor;
      break;
    case Binary::Form::kProductInt:
      value = static_cast<float>((a - f.a_zero) * (b - f.b_zero)) * f.factor + f.offset;
      break;
  }
  return RoundAndClamp(value, f.zero_point, f.low, f.high);
}

[[maybe_unused]] static void MaxRows(const std::uint8_t* const* rows, std::int64_t num_rows,
                                     std::int64_t first, std::int64_t channels, bool is_signed,
                                     std::uint8_t* target) {
  const std::uint8_t flip = is_signed ? 0x80 : 0;
  for (std::int64_t c = first; c < channels; ++c) {
    std::uint8_t best = 0;
    for (std::int64_t r = 0; r < num_rows; ++r) {
      const auto value = static_cast<std::uint8_t>(rows[r][c] ^ flip);
      best = value > best ? value : best;
    }
    target[c] = best ^ flip;
  }
}

[[maybe_unused]] static void SumRows(const std::uint8_t* const* rows, std::int64_t num_rows,
                                     std::int64_t first, std::int64_t channels, bool is_signed,
                                     std::int32_t* sums) {
  for (std::int64_t r = 0; r < num_rows; ++r) {
    for (std::int64_t c = first; c < channels; ++c) sums[c] += Integer(rows[r][c], is_signed);
  }
}

}  // namespace octavo::kernels::scalar
