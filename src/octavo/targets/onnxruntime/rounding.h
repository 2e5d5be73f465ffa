#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

// What the kernels of ONNX Runtime's CPU execution provider compute, element by element, in their order of
// rounding: x86-64 with AVX2 and FMA3, which its AVX-512 kernels repeat except where it is said.  Source
// files are named by their paths below onnxruntime/ in its repository.  What other paths do differently, and
// how all of this is proven: docs/numbers.md.

namespace octavo::targets::onnxruntime {

struct Quantization {
  float scale = 1;
  std::int32_t zero_point = 0;
};

// T is std::uint8_t or std::int8_t throughout.
template <typename T>
inline constexpr std::int32_t kLowest = std::is_signed_v<T> ? -128 : 0;
template <typename T>
inline constexpr std::int32_t kHighest = std::is_signed_v<T> ? 127 : 255;

// maxps and minps: of a NaN and a bound, the bound.
inline float AtLeast(float value, float bound) { return value > bound ? value : bound; }
inline float AtMost(float value, float bound) { return value < bound ? value : bound; }

// To the nearest integer, ties to the even one, for |value| < 2^22: 1.5 * 2^23 leaves no bits behind the
// point.
inline std::int32_t RoundSmall(float value) {
  constexpr float kMagic = 12582912.0F;
  return std::bit_cast<std::int32_t>(value + kMagic) - std::bit_cast<std::int32_t>(kMagic);
}

// cvtps2dq and the two packing instructions that follow it: rounds, ties to even, then saturates to T.  What
// int32 does not hold, and NaN, becomes int32's lowest and so T's lowest, however large it was.
template <typename T>
inline T RoundAndSaturate(float value) {
  constexpr float kInt32End = 2147483648.0F;
  const float held = value < kInt32End ? value : static_cast<float>(kLowest<T>);
  const float clamped =
      AtMost(AtLeast(held, static_cast<float>(kLowest<T>)), static_cast<float>(kHighest<T>));
  return static_cast<T>(RoundSmall(clamped));
}

}  // namespace octavo::targets::onnxruntime
