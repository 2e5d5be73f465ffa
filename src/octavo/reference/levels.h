#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "octavo/reference/array.h"
#include "octavo/reference/call.h"
#include "octavo/reference/reference.h"
#include "octavo/tensor.h"

// Levels, the integers of a quantized tensor, and the reals that they stand for.  Everything here is float32
// arithmetic with one rounding a step, as PyTorch's (sources: AffineQuantizerBase.cpp, vec256_qint.h).

namespace octavo::reference {

// One scale and zero point.
struct Affine {
  float scale, inverse;
  std::int64_t zero_point;

  Affine(double s, std::int64_t z) : scale(static_cast<float>(s)), inverse(1.0F / scale), zero_point(z) {}
  explicit Affine(const Quantization& per_tensor) : Affine(per_tensor.scale(), per_tensor.zero_point()) {}

  // (q - zero_point) scale
  float Real(std::int64_t level) const {
    return static_cast<float>(static_cast<std::int32_t>(level - zero_point)) * scale;
  }
  // scale q - scale zero_point with the product of the level not rounded: what PyTorch's vector loops do.
  float FusedReal(std::int64_t level) const {
    return std::fma(scale, static_cast<float>(level), -(scale * static_cast<float>(zero_point)));
  }
};

template <typename T>
T Saturated(std::int64_t level) {
  return static_cast<T>(
      std::clamp<std::int64_t>(level, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

// round_half_even(real) as an integer, where what lies far outside any dtype stays far outside on its side;
// NaN is far below.
inline std::int64_t RoundedFar(float real) {
  constexpr float kFar = 1e15F;
  return std::isnan(real) ? static_cast<std::int64_t>(-kFar)
                          : static_cast<std::int64_t>(std::nearbyint(std::clamp(real, -kFar, kFar)));
}

// zero_point + round_half_even(real inverse) within T's range.  The sum is a float32, which shows for qint32.
// PyTorch takes what is beyond int64, infinity above all, for its lowest value: so does kQnnpack, where
// kMeant saturates.  NaN is the lowest level.
template <typename T>
T LevelOf(float real, const Affine& to, Faults faults) {
  const float level = static_cast<float>(to.zero_point) + std::nearbyint(real * to.inverse);
  constexpr float kBeyond = 9223372036854775808.0F;
  if (std::isnan(level) || (faults == Faults::kKeep && level >= kBeyond)) {
    return std::numeric_limits<T>::min();
  }
  return Saturated<T>(RoundedFar(level));
}

// round_half_even(real inverse + zero_point): PyTorch built with FBGEMM adds the zero point before it rounds,
// where `fused` rounds the sum and the product at once.  Source: fbgemm/src/QuantUtils.cc.
template <typename T, bool fused>
T LevelOfSum(float real, const Affine& to) {
  const auto zero_point = static_cast<float>(to.zero_point);
  const float level = fused ? std::fma(real, to.inverse, zero_point) : real * to.inverse + zero_point;
  if (std::isnan(level)) {
    if (sizeof(T) > 1) return std::numeric_limits<T>::min();
    return fused ? std::numeric_limits<T>::max() : T{0};
  }
  return Saturated<T>(RoundedFar(level));
}

// What quantize_per_tensor gives.
template <typename T>
T TensorLevelOf(float real, const Affine& to, const Options& options) {
  if (options.engine == Engine::kQnnpack) return LevelOf<T>(real, to, options.faults);
  return LevelOfSum<T, true>(real, to);
}

// What PyTorch's function for a single number gives: of quantize_per_channel, and of bounds.
template <typename T>
T ScalarLevelOf(float real, const Affine& to, const Options& options) {
  if (options.engine == Engine::kQnnpack) return LevelOf<T>(real, to, options.faults);
  return LevelOfSum<T, false>(real, to);
}

// The same in PyTorch's vector loops for 8 bits: the rounded number is cut to what int32 holds, and then the
// zero point is added, which may overflow (kQnnpack) or not (kMeant).
template <typename T>
T VectorLevelOf(float real, const Affine& to, Faults faults) {
  if (faults == Faults::kMeant || sizeof(T) > 1) return LevelOf<T>(real, to, faults);
  constexpr float kLargest = 2147483520.0F, kSmallest = -2147483648.0F;
  const float scaled = real * to.inverse;
  const float cut = scaled < kLargest ? std::max(scaled, kSmallest) : kLargest;
  const auto rounded = static_cast<std::int64_t>(std::nearbyint(cut));
  return Saturated<T>(static_cast<std::int32_t>(rounded + to.zero_point));
}

// zero_point + round_half_even(sum multiplier) within [low, high]: requantization of sums.  PyTorch's kernels
// for x86 convert to int32 before they add the zero point, where a product of 2^31 and more turns to the
// lowest number.  Source: qnnpack/src/requantization/fp32-sse2.c, fbgemm/src/QuantUtilsAvx2.cc.
inline std::int64_t RequantizedReal(float sum, float multiplier, std::int64_t zero_point, std::int64_t low,
                                    std::int64_t high, Faults faults) {
  const float scaled = sum * multiplier;
  constexpr float kBeyond = 2147483648.0F;
  if (faults == Faults::kKeep && scaled >= kBeyond) return low;
  return std::clamp(RoundedFar(scaled) + zero_point, low, high);
}
inline std::int64_t Requantized(std::int64_t accumulator, float multiplier, std::int64_t zero_point,
                                std::int64_t low, std::int64_t high, Faults faults) {
  return RequantizedReal(static_cast<float>(accumulator), multiplier, zero_point, low, high, faults);
}

template <typename T>
std::int64_t LowestOf() {
  return std::numeric_limits<T>::min();
}
template <typename T>
std::int64_t HighestOf() {
  return std::numeric_limits<T>::max();
}

// Calls `f` with a value of the type that stores the levels of `x`, which must be quantized with one scale.
template <typename F>
Results WithLevels(const Tensor& x, F&& f) {
  if (!x.quantization || !x.quantization->per_tensor()) {
    return Unsupported("the tensor must be per-tensor quantized");
  }
  Results results = std::vector<Tensor>();
  if (x.dtype == DType::kQUint8) {
    results = f(std::uint8_t{});
  } else if (x.dtype == DType::kQInt8) {
    results = f(std::int8_t{});
  } else if (x.dtype == DType::kQInt32) {
    results = f(std::int32_t{});
  } else {
    return Unsupported("the tensor must be quint8, qint8 or qint32");
  }
  return results;
}

// The type of the call's result: the dtype of `x`, in the quantization that the call gives.
inline Result<TensorType> QuantizedResult(const Call& call, const Tensor& x) {
  const TensorType& type = call.result();
  if (type.dtype != x.dtype || !type.quantization || !type.quantization->per_tensor()) {
    return Unsupported("the result must be per-tensor quantized with the dtype of the input");
  }
  return type;
}

}  // namespace octavo::reference
