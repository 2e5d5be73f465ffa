#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>

#include "octavo/targets/onnxruntime/rounding.h"

// QLinearSoftmax of com.microsoft: contrib_ops/cpu/quantization/qlinear_softmax.cc.

namespace octavo::targets::onnxruntime {

// exp of the distance to the row's maximum: entry 255 is the maximum's own.  All are multiplied by one factor
// that keeps the sum of `row_length` of them within float32.
using SoftmaxTable = std::array<float, 256>;
SoftmaxTable MakeSoftmaxTable(float x_scale, std::size_t row_length);

// How an element's share of the sum, in steps of the output, becomes an integer.
enum class SoftmaxRelease {
  kUpTo1_28,  // float32; what int8 does not hold wraps: a probability of 1 comes out as 0 with -128 and 1/256
  k1_29To1_31,  // float32; int8 saturates
  kSince1_32,   // float64; both types saturate
};

// `share` in float32, before 1.32: infinite where element times steps leaves float32, and then converted as
// x86-64 does, to uint32 for uint8 (0), to int32 for int8 (the lowest, to which adding wraps).
template <typename T>
inline T QuantizeShare(float share, std::int32_t zero_point, bool saturates) {
  const bool held = share < 2147483648.0F;
  const auto rounded =
      static_cast<std::uint32_t>(held ? static_cast<std::int32_t>(std::nearbyint(share)) : 0);
  const std::uint32_t unheld = std::is_signed_v<T> ? 0x80000000U : 0;
  const auto sum =
      static_cast<std::int32_t>((held ? rounded : unheld) + static_cast<std::uint32_t>(zero_point));
  if (saturates) return static_cast<T>(std::clamp(sum, kLowest<T>, kHighest<T>));
  return static_cast<T>(std::min(sum, 255));
}

// One row of the last axis; `y` is as long as `x`.  The output's steps are counted with the whole number
// below 1 / y_scale.
template <typename T>
void QLinearSoftmax(std::span<const T> x, std::span<T> y, const SoftmaxTable& table, Quantization to,
                    SoftmaxRelease release) {
  if (x.empty()) return;
  const float steps = std::floor(1.0F / to.scale);
  const std::int32_t maximum = *std::max_element(x.begin(), x.end());
  const auto exp = [&table, maximum](T value) {
    const std::int32_t entry = 255 - maximum + value;
    return table[static_cast<std::size_t>(entry)];
  };
  float sum = 0;
  for (const T value : x) sum += exp(value);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (release == SoftmaxRelease::kSince1_32) {
      const double share = static_cast<double>(exp(x[i])) * steps / sum;
      y[i] =
          static_cast<T>(std::clamp<double>(std::nearbyint(share) + to.zero_point, kLowest<T>, kHighest<T>));
    } else {
      y[i] = QuantizeShare<T>(exp(x[i]) * steps / sum, to.zero_point,
                              std::is_signed_v<T> && release == SoftmaxRelease::k1_29To1_31);
    }
  }
}

}  // namespace octavo::targets::onnxruntime
