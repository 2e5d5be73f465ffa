#include "octavo/ops/exact_binary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "octavo/lower/checks.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

// An accumulator and PyTorch's integer for it.
struct Pair {
  float accumulator, integer;
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
  const float integer_b = steps > 0 ? 1.0F : 0.0F, zero_b = 1.0F - integer_b;
  auto is_exact = [&](const BinaryScales& s) {
    const QLinearAddKernel kernel(zero_a, zero_b, out, s);
    return std::all_of(pairs.begin(), pairs.end(),
                       [&](const Pair& p) { return kernel.Gives(p.accumulator, integer_b, p.integer); });
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
