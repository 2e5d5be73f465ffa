#pragma once

// What ONNX Runtime's QLinearAdd answers, in each of the ways in which it rounds.

#include <algorithm>
#include <array>
#include <cmath>

#include "octavo/lower/checks.h"
#include "octavo/ops/exact_binary.h"
#include "octavo/tensor.h"

namespace octavo {

// The integers of a tensor quantized per tensor to 8 bits, as float32.
struct Bounds {
  float low, high, zero;
  explicit Bounds(const TensorType& type)
      : low(static_cast<float>(RangeOf(type.dtype).low)),
        high(static_cast<float>(RangeOf(type.dtype).high)),
        zero(static_cast<float>(type.quantization->zero_point())) {}
  float Clamped(float q) const { return std::clamp(q, low, high); }
};

inline float ScaleOf(const TensorType& type) { return static_cast<float>(type.quantization->scale()); }

// Whose fused multiplications and additions: those that compilers and processors may make, or those of the
// AVX2 and AVX-512 kernels alone, whose z - (...) was fused by the compiler or not.
enum class QLinearAddBuilds { kAll, kX86 };

// onnxruntime/core/mlas/lib/qladd.cpp, intrinsics/avx2/qladd_avx2.cpp:
//   round(q_a (a / c) + (q_b (b / c) + (z - (z_a (a / c) + z_b (b / c))))).
class QLinearAddKernel {
 public:
  QLinearAddKernel(float zero_a, float zero_b, const Bounds& out, const BinaryScales& s,
                   QLinearAddBuilds builds = QLinearAddBuilds::kAll)
      : out_(out), all_(builds == QLinearAddBuilds::kAll), a_(s.a / s.result), b_(s.b / s.result) {
    const float apart = out.zero - (a_ * zero_a + b_ * zero_b);
    const float a_fused = out.zero - std::fma(a_, zero_a, b_ * zero_b);
    fixed_ = {apart, a_fused, all_ ? out.zero - std::fma(b_, zero_b, a_ * zero_a) : a_fused};
  }
  // Whether the sum is this integer whichever way it is rounded.
  bool Gives(float a, float b, float integer) const { return Agree(a, a_, b, b_, integer); }
  // The same where the kernel takes the operands in the other order.
  bool GivesSwapped(float a, float b, float integer) const { return Agree(b, b_, a, a_, integer); }

 private:
  bool Agree(float q, float ratio, float other, float other_ratio, float integer) const {
    auto is = [&](float v) { return out_.Clamped(std::nearbyintf(v)) == integer; };
    return (!all_ || is(q * ratio + (other * other_ratio + fixed_[0]))) &&
           std::all_of(fixed_.begin(), fixed_.end(), [&](float fixed) {
             return is(std::fma(q, ratio, std::fma(other, other_ratio, fixed)));
           });
  }

  const Bounds& out_;
  bool all_;
  float a_, b_;
  std::array<float, 3> fixed_{};
};

}  // namespace octavo
