#pragma once

#include <cmath>
#include <cstdint>

#include "octavo/targets/onnxruntime/rounding.h"

// QLinearAdd and QLinearMul of com.microsoft.

namespace octavo::targets::onnxruntime {

// core/mlas/lib/intrinsics/avx2/qladd_avx2.cpp.  GCC joins products and sums of that file to fused ones where
// the source does not: `fixed` is as in the released builds for Linux.
struct Addition {
  float a_ratio;
  float b_ratio;
  float fixed;  // what does not depend on the elements

  Addition(Quantization a, Quantization b, Quantization c)
      : a_ratio(a.scale / c.scale),
        b_ratio(b.scale / c.scale),
        fixed(static_cast<float>(c.zero_point) - std::fma(a_ratio, static_cast<float>(a.zero_point),
                                                          b_ratio * static_cast<float>(b.zero_point))) {}
};

// contrib_ops/cpu/quantization/qlinear_binary_op.cc: where one operand is a single element along the axes
// that are run through at once, that one is `b`, with its parameters, also where it is the first operand.
template <typename T>
inline T QLinearAdd(T a, T b, const Addition& addition) {
  const float sum = std::fma(static_cast<float>(b), addition.b_ratio, addition.fixed);
  return RoundAndSaturate<T>(std::fma(static_cast<float>(a), addition.a_ratio, sum));
}

// core/mlas/lib/qlmul.cpp: `ratio` is MultiplicationRatio(...).
inline float MultiplicationRatio(float a_scale, float b_scale, float c_scale) {
  return a_scale * b_scale / c_scale;
}
template <typename T>
inline T QLinearMul(T a, std::int32_t a_zero_point, T b, std::int32_t b_zero_point, float ratio,
                    std::int32_t c_zero_point) {
  const std::int32_t product = (a - a_zero_point) * (b - b_zero_point);
  return RoundAndSaturate<T>(static_cast<float>(product) * ratio + static_cast<float>(c_zero_point));
}

}  // namespace octavo::targets::onnxruntime
