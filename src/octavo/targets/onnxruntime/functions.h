#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "octavo/targets/onnxruntime/rounding.h"

// Float operators between a DequantizeLinear and a QuantizeLinear that ONNX Runtime does not fuse: MLAS's own
// approximations, with the fused multiplications and additions of its AVX2/FMA3 kernels.  std::fma is one
// instruction where the caller is compiled with -mfma, a slow call elsewhere.

namespace octavo::targets::onnxruntime {

// core/mlas/lib/logistic.cpp (constants) and x86_64/LogisticKernelFma3.S: p(x) / q(x) + 0.5, x in [-18, 18].
inline float Sigmoid(float value) {
  const float x = AtMost(18.0F, AtLeast(-18.0F, value));
  const float x2 = x * x;
  float p = std::fma(x2, 4.37031012579801e-11F, 1.15627324459942e-07F);
  p = std::fma(p, x2, 6.08574864600143e-05F);
  p = std::fma(p, x2, 8.51377133304701e-03F);
  p = std::fma(p, x2, 2.48287947061529e-01F);
  float q = std::fma(x2, 6.10247389755681e-13F, 5.76102136993427e-09F);
  q = std::fma(q, x2, 6.29106785017040e-06F);
  q = std::fma(q, x2, 1.70198817374094e-03F);
  q = std::fma(q, x2, 1.16817656904453e-01F);
  q = std::fma(q, x2, 9.93151921023180e-01F);
  return AtLeast(0.0F, x * p / q + 0.5F);
}

// core/mlas/lib/tanh.cpp and x86_64/TanhKernelFma3.S: p(x) / q(x), x in [-9, 9].
inline float Tanh(float value) {
  const float x = AtMost(9.0F, AtLeast(-9.0F, value));
  const float x2 = x * x;
  float p = std::fma(x2, -2.76076847742355e-16F, 2.00018790482477e-13F);
  p = std::fma(p, x2, -8.60467152213735e-11F);
  p = std::fma(p, x2, 5.12229709037114e-08F);
  p = std::fma(p, x2, 1.48572235717979e-05F);
  p = std::fma(p, x2, 6.37261928875436e-04F);
  p = std::fma(p, x2, 4.89352455891786e-03F);
  float q = std::fma(x2, 1.19825839466702e-06F, 1.18534705686654e-04F);
  q = std::fma(q, x2, 2.26843463243900e-03F);
  q = std::fma(q, x2, 4.89352518554385e-03F);
  return x * p / q;
}

// core/mlas/lib/compute.cpp: exp(x) is 2^m * p(x - m * ln 2).
struct ReducedExp {
  std::int32_t m;
  float x;  // what is left, at most ln 2 / 2

  explicit ReducedExp(float value) {
    constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23
    const float biased = std::fma(value, 1.44269504088896341F, kMagic);
    const float rounded = biased - kMagic;
    m = std::bit_cast<std::int32_t>(biased) - std::bit_cast<std::int32_t>(kMagic);
    x = std::fma(rounded, -1.42860677e-6F, std::fma(rounded, -6.93145752e-1F, value));
  }
  // The polynomial but for its last step, p * x + 1.
  float Polynomial() const {
    float p = std::fma(0x1.694000p-10F, x, 0x1.125edcp-7F);
    p = std::fma(p, x, 0x1.555b5ap-5F);
    p = std::fma(p, x, 0x1.555450p-3F);
    p = std::fma(p, x, 0x1.fffff6p-2F);
    return std::fma(p, x, 1.0F);
  }
};

inline float PowerOf2(std::int32_t exponent) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

// MlasComputeExp, x86_64/TransKernelFma3.S: the scale is applied in two steps so that results below 2^-126
// and above 2^127 come out.
inline float Exp(float value) {
  const float clamped = AtMost(88.7762626647950F, AtLeast(-103.9720840454F, value));
  const ReducedExp reduced(clamped);
  const std::int32_t normal = std::max(-126, std::min(reduced.m, 127));
  const float overflow = PowerOf2(reduced.m - normal);
  const float p = std::fma(reduced.Polynomial(), reduced.x * overflow, overflow);
  return p * PowerOf2(normal);
}

// core/mlas/lib/erf.cpp and x86_64/ErfKernelFma3.S: x + x * p(x^2) below 0.921875, 1 - exp(-q(x)) above.
inline float Erf(float value) {
  if (std::isnan(value)) return value;
  const float x = AtMost(std::fabs(value), 3.925F);
  float result = 0;
  if (x < 0.921875F) {
    const float x2 = x * x;
    float p = std::fma(-5.99104969e-4F, x2, 4.99339588e-3F);
    p = std::fma(p, x2, -2.67667342e-2F);
    p = std::fma(p, x2, 1.12818025e-1F);
    p = std::fma(p, x2, -3.76124859e-1F);
    p = std::fma(p, x2, 1.28379151e-1F);
    result = std::fma(p, x, x);
  } else {
    float q = std::fma(1.72948930e-5F, x, -3.83208680e-4F);
    q = std::fma(q, x, 3.88393435e-3F);
    q = std::fma(q, x, -2.42545605e-2F);
    q = std::fma(q, x, 1.06777847e-1F);
    q = std::fma(q, x, 6.34846687e-1F);
    q = std::fma(q, x, 1.28717512e-1F);
    const float exponent = AtLeast(-std::fma(q, x, x), -88.3762626647949F);
    const float rounded = std::fma(1.44269504088896341F, exponent, 12582912.0F) - 12582912.0F;
    const float f = std::fma(rounded, -1.42860677e-6F, std::fma(rounded, -6.93145752e-1F, exponent));
    float e = std::fma(1.38319808e-3F, f, 8.37550033e-3F);
    e = std::fma(e, f, 4.16689515e-2F);
    e = std::fma(e, f, 1.66664466e-1F);
    e = std::fma(e, f, 4.99999851e-1F);
    e = std::fma(e, f, 1.0F);
    e = std::fma(e, f, 1.0F);
    result = 1.0F - e * PowerOf2(static_cast<std::int32_t>(rounded));
  }
  return std::copysign(result, value);
}

// core/providers/cpu/activation/activations.h: no fused operation.
inline float HardSigmoid(float value, float alpha, float beta) {
  return std::max(std::min(alpha * value + beta, 1.0F), 0.0F);
}

// ONNX's function HardSwish, which is expanded: Mul(x, HardSigmoid<alpha = 1/6, beta = 0.5>(x)).
inline float HardSwish(float value) { return value * HardSigmoid(value, 1.0F / 6.0F, 0.5F); }

// LeakyRelu, also QLinearLeakyRelu's.
inline float LeakyRelu(float value, float alpha) { return value >= 0.0F ? value : alpha * value; }

// The instructions that ONNX Runtime finds on an x86-64 CPU.
enum class Instructions { kAvx2, kAvx512 };

// Softmax over the last axis: core/mlas/lib/compute.cpp, in the order of x86_64/TransKernelFma3.S (8 partial
// sums) or of TransKernelAvx512F.S (16, and exponentials below 2^-126).  `results` is as long as `values`,
// may be the same.
void Softmax(std::span<const float> values, std::span<float> results, Instructions instructions);

}  // namespace octavo::targets::onnxruntime
