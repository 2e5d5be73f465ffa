#include "octavo/ops/exact_binary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "octavo/lower/checks.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

float ScaleOf(const TensorType& type) { return static_cast<float>(type.quantization->scale()); }

// An accumulator and PyTorch's integer for it.
struct Pair {
  float accumulator, integer;
};

struct Bounds {
  float low, high, zero;
  explicit Bounds(const TensorType& type)
      : low(static_cast<float>(RangeOf(type.dtype).low)),
        high(static_cast<float>(RangeOf(type.dtype).high)),
        zero(static_cast<float>(type.quantization->zero_point())) {}
  float Clamped(float q) const { return std::clamp(q, low, high); }
};

// ---- Products ----

// Every product of the operands' integers less their zero points that comes near the middle between two
// integers of the result, with PyTorch's answer.  No other product's answer depends on the last bits.
std::vector<Pair> ProductsNearTies(const TensorType& a, const TensorType& b, const Bounds& out,
                                   float multiplier) {
  constexpr float kNear = 0x1p-7F;
  const auto [low, high] = RangeOf(a.dtype);
  const int za = static_cast<int>(a.quantization->zero_point());
  const int zb = static_cast<int>(b.quantization->zero_point());
  constexpr int kLargest = 255 * 255;
  std::vector<bool> seen(static_cast<std::size_t>(2 * kLargest + 1), false);
  std::vector<Pair> pairs;
  for (int i = low - za; i <= high - za; ++i) {
    for (int j = low - zb; j <= high - zb; ++j) {
      const int product = i * j;
      const auto index = static_cast<std::size_t>(std::int64_t{product} + kLargest);
      if (seen[index]) continue;
      seen[index] = true;
      const auto accumulator = static_cast<float>(product);
      const float scaled = accumulator * multiplier;
      if (scaled + out.zero < out.low - 1 || scaled + out.zero > out.high + 1) continue;
      if (std::abs(scaled - std::floor(scaled) - 0.5F) > kNear) continue;
      pairs.push_back({accumulator, out.Clamped(std::nearbyintf(scaled) + out.zero)});
    }
  }
  return pairs;
}

// Scales near these, and near each other's distance, with (a b) / c == ratio.
std::optional<BinaryScales> ScalesOfRatio(BinaryScales s, float ratio) {
  constexpr int kReach = 12;
  for (int reach = 0; reach <= kReach; ++reach) {
    for (int i = -reach; i <= reach; ++i) {
      for (const int j : {std::abs(i) - reach, reach - std::abs(i)}) {
        const float a = Ulps(s.a, i), c = Ulps(s.result, j);
        if ((a * s.b) / c == ratio) return BinaryScales{a, s.b, c};
      }
    }
  }
  return std::nullopt;
}

// ---- Sums ----

// QLinearAdd with a scalar as its second operand, whose integer and zero point are 1 and 0, or 0 and 1.
struct SumKernel {
  float zero_a, integer_b, zero_b;
  const Bounds* out;

  // The answers, one for each of the ways in which its kernels round.
  std::array<float, 4> Answers(float q, const BinaryScales& s) const {
    const float a = s.a / s.result, b = s.b / s.result;
    auto constant = [&](float zeros) { return (out->zero - zeros) + integer_b * b; };
    const float separate = constant(a * zero_a + b * zero_b);
    return {Round(separate + q * a), Round(std::fma(q, a, separate)),
            Round(std::fma(q, a, constant(std::fma(a, zero_a, b * zero_b)))),
            Round(std::fma(q, a, constant(std::fma(b, zero_b, a * zero_a))))};
  }
  float Round(float v) const { return out->Clamped(std::nearbyintf(v)); }
};

}  // namespace

std::optional<BinaryScales> ExactProductScales(const TensorType& a, const TensorType& b,
                                               const TensorType& result) {
  const BinaryScales plain = {ScaleOf(a), ScaleOf(b), ScaleOf(result)};
  const float multiplier = (plain.a * plain.b) * (1.0F / plain.result);
  if (!std::isnormal(multiplier) || !std::isnormal(plain.a * plain.b)) return std::nullopt;
  const Bounds out(result);
  const std::vector<Pair> pairs = ProductsNearTies(a, b, out, multiplier);
  constexpr int kTries = 129;
  for (int i = 0; i < kTries; ++i) {
    const float ratio = Ulps(multiplier, Alternating(i));
    const bool exact = std::all_of(pairs.begin(), pairs.end(), [&](const Pair& p) {
      return out.Clamped(std::nearbyintf(p.accumulator * ratio + out.zero)) == p.integer;
    });
    if (!exact) continue;
    if (const auto scales = ScalesOfRatio(plain, ratio)) return scales;
  }
  return std::nullopt;
}

std::optional<BinaryScales> ExactSumScales(const TensorType& a, double steps, const TensorType& result) {
  const auto [low, high] = RangeOf(a.dtype);
  const Bounds out(result);
  const auto zero_a = static_cast<float>(a.quantization->zero_point());
  const BinaryScales plain = {ScaleOf(a), static_cast<float>(std::abs(steps) * a.quantization->scale()),
                              ScaleOf(result)};
  if (!std::isnormal(plain.b)) return std::nullopt;
  const float multiplier = plain.a * (1.0F / plain.result);
  std::vector<Pair> pairs;
  std::vector<Pair> others;
  constexpr float kNear = 0x1p-8F;
  for (int q = low; q <= high; ++q) {
    const float scaled = static_cast<float>(q - a.quantization->zero_point() + steps) * multiplier;
    const bool near_tie = std::abs(scaled - std::floor(scaled) - 0.5F) < kNear;
    (near_tie ? pairs : others)
        .push_back({static_cast<float>(q), out.Clamped(std::nearbyintf(scaled) + out.zero)});
  }
  // Those that fail first.
  pairs.insert(pairs.end(), others.begin(), others.end());
  const bool positive = steps > 0;
  const SumKernel kernel{zero_a, positive ? 1.0F : 0.0F, positive ? 0.0F : 1.0F, &out};
  auto is_exact = [&](const BinaryScales& s) {
    return std::all_of(pairs.begin(), pairs.end(), [&](const Pair& p) {
      const auto answers = kernel.Answers(p.accumulator, s);
      return std::all_of(answers.begin(), answers.end(), [&](float v) { return v == p.integer; });
    });
  };
  constexpr int kReach = 13, kConstantReach = 25;
  for (int i = 0; i < kConstantReach; ++i) {
    for (int j = 0; j < kReach; ++j) {
      for (int k = 0; k < kReach; ++k) {
        const BinaryScales s = {Ulps(plain.a, Alternating(j)), Ulps(plain.b, Alternating(i)),
                                Ulps(plain.result, Alternating(k))};
        if (is_exact(s)) return s;
      }
    }
  }
  return std::nullopt;
}

}  // namespace octavo
