#include "octavo/ops/exact_addition.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

struct AddedTensors {
  BinaryScales scales;
  Bounds a, b, to;
  bool is_signed;

  float a_ratio() const { return scales.a / scales.result; }
  float b_ratio() const { return scales.b / scales.result; }
};

// Two integers and PyTorch's answer.
struct IntegerSum {
  float a, b, integer;
};

// What PyTorch computes, in steps of the result's, and how it rounds that.  Each scale is a whole number of
// 2^-shift steps.
class SumInFixedPoint {
 public:
  static bool Takes(const AddedTensors& o) {
    const float low = o.is_signed ? 0x1p-10F : 0x1p-14F;
    for (const float ratio : {o.a_ratio(), o.b_ratio()}) {
      if (!(ratio >= low && ratio < 256)) return false;
    }
    return true;
  }
  explicit SumInFixedPoint(const AddedTensors& o)
      : a_zero_(o.a.zero), b_zero_(o.b.zero), ties_up_(o.is_signed) {
    const int bits = o.is_signed ? 20 : 21;
    const double step = std::ldexp(1.0, std::ilogb(std::max(o.a_ratio(), o.b_ratio())) - bits);
    a_ = std::nearbyint(o.a_ratio() / step) * step;
    b_ = std::nearbyint(o.b_ratio() / step) * step;
  }
  FixedPointRatios ratios() const { return {a_, b_, ties_up_}; }
  // Whole numbers below 2^53 of a power of two: exact.
  double Steps(float a, float b) const {
    return a_ * static_cast<double>(a - a_zero_) + b_ * static_cast<double>(b - b_zero_);
  }
  double Rounded(double steps) const {
    return ties_up_ || steps >= 0 ? std::floor(steps + 0.5) : std::ceil(steps - 0.5);
  }

 private:
  double a_, b_;
  float a_zero_, b_zero_;
  bool ties_up_;
};

class SumOfReals {
 public:
  explicit SumOfReals(const AddedTensors& o) : o_(o), inverse_(1.0F / o.scales.result) {}
  double Steps(float a, float b) const {
    const float steps = (std::fma(o_.scales.a, a, -(o_.scales.a * o_.a.zero)) +
                         std::fma(o_.scales.b, b, -(o_.scales.b * o_.b.zero))) *
                        inverse_;
    return static_cast<double>(steps);
  }
  static double Rounded(double steps) { return std::nearbyint(steps); }

 private:
  const AddedTensors& o_;
  float inverse_;
};

// How near, in steps of the result's.
float Near(const AddedTensors& o) { return std::max(0x1p-9F, 0x1p-12F * std::max(o.a_ratio(), o.b_ratio())); }

// The pairs whose sum is so near to the middle between two integers that float32 may round it otherwise.
template <typename PyTorch>
std::vector<IntegerSum> SumsNearTies(const AddedTensors& o, const PyTorch& pytorch) {
  const float largest = std::max(o.a_ratio(), o.b_ratio());
  const double nearly_half = 0.5 - static_cast<double>(Near(o));
  const double low = static_cast<double>(o.to.low - o.to.zero) - 1,
               high = static_cast<double>(o.to.high - o.to.zero) + 1;
  // First in float32, whose three roundings are of 255 `largest` at most.
  const float slack = 0x1p-14F * std::max(largest, 1.0F);
  const float about_half = static_cast<float>(nearly_half) - slack,
              about_low = static_cast<float>(low) - slack, about_high = static_cast<float>(high) + slack;
  // Adding this leaves no bits behind the point: the nearest integer without a function's call.
  constexpr float kWhole = 0x1.8p23F;
  constexpr std::size_t kCount = 256;
  std::array<float, kCount> b_steps{};
  for (std::size_t i = 0; i < kCount; ++i) {
    b_steps[i] = o.b_ratio() * (o.b.low + static_cast<float>(static_cast<int>(i)) - o.b.zero);
  }
  std::vector<IntegerSum> sums;
  std::array<std::uint32_t, kCount> near{};
  for (float a = o.a.low; a <= o.a.high; ++a) {
    const float a_steps = o.a_ratio() * (a - o.a.zero);
    // Without a branch: the compiler makes vectors of it.
    std::uint32_t any = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      const float steps = a_steps + b_steps[i];
      const float distance = std::abs(steps - ((steps + kWhole) - kWhole));
      near[i] = static_cast<std::uint32_t>(distance >= about_half) &
                static_cast<std::uint32_t>(steps >= about_low) &
                static_cast<std::uint32_t>(steps <= about_high);
      any |= near[i];
    }
    if (any == 0) continue;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (near[i] == 0) continue;
      const float b = o.b.low + static_cast<float>(static_cast<int>(i));
      const double steps = pytorch.Steps(a, b);
      if (std::abs(steps - std::nearbyint(steps)) < nearly_half || steps < low || steps > high) continue;
      sums.push_back({a, b, o.to.Clamped(static_cast<float>(pytorch.Rounded(steps)) + o.to.zero)});
    }
  }
  return sums;
}

// All pairs.
template <typename PyTorch>
std::vector<IntegerSum> AllSums(const AddedTensors& o, const PyTorch& pytorch) {
  std::vector<IntegerSum> sums;
  for (float a = o.a.low; a <= o.a.high; ++a) {
    for (float b = o.b.low; b <= o.b.high; ++b) {
      const double integer = pytorch.Rounded(pytorch.Steps(a, b)) + static_cast<double>(o.to.zero);
      sums.push_back({a, b, o.to.Clamped(static_cast<float>(integer))});
    }
  }
  return sums;
}

Bounds Unsigned(Bounds bounds) {
  constexpr float kShift = 128;
  bounds.low += kShift;
  bounds.high += kShift;
  bounds.zero += kShift;
  return bounds;
}

// What ONNX Runtime makes of an addition with these scales: QLinearAdd of uint8, as which qint8 is written,
// too.
class WrittenAddition {
 public:
  WrittenAddition(const AddedTensors& o, const BinaryScales& s, bool swapped, QLinearAddBuilds builds)
      : swapped_(swapped),
        shift_(o.is_signed ? 128.0F : 0.0F),
        to_(o.is_signed ? Unsigned(o.to) : o.to),
        kernel_(o.a.zero + shift_, o.b.zero + shift_, to_, s, builds) {}
  bool Gives(const IntegerSum& sum) const {
    const float a = sum.a + shift_, b = sum.b + shift_, integer = sum.integer + shift_;
    return kernel_.Gives(a, b, integer) && (!swapped_ || kernel_.GivesSwapped(a, b, integer));
  }

 private:
  bool swapped_;
  float shift_;
  Bounds to_;
  QLinearAddKernel kernel_;
};

// DequantizeLinear of both, their sum, QuantizeLinear, each rounded on its own.
bool FloatsGive(const AddedTensors& o, const BinaryScales& s, const IntegerSum& sum) {
  const float a = (sum.a - o.a.zero) * s.a, b = (sum.b - o.b.zero) * s.b;
  return o.to.Clamped(std::nearbyintf((a + b) / s.result) + o.to.zero) == sum.integer;
}

// All three scales times the same factor are other float32 numbers with nearly the same ratios: the sums near
// a tie are rounded anew.  `a_ratio` and `b_ratio` are PyTorch's.
template <typename PyTorch>
std::optional<BinaryScales> FloatScales(const AddedTensors& o, const PyTorch& pytorch, double a_ratio,
                                        double b_ratio) {
  const std::vector<IntegerSum> near = SumsNearTies(o, pytorch);
  constexpr int kMostFactors = 1 << 12, kMostTrials = 16;
  constexpr double kStep = 0x1p-20;
  int trials = 0;
  for (int i = 0; i < kMostFactors && trials < kMostTrials; ++i) {
    const auto result = static_cast<float>(static_cast<double>(o.scales.result) * (1 + i * kStep));
    const BinaryScales scales{static_cast<float>(a_ratio * static_cast<double>(result)),
                              static_cast<float>(b_ratio * static_cast<double>(result)), result};
    const auto gives = [&](const IntegerSum& sum) { return FloatsGive(o, scales, sum); };
    if (!std::ranges::all_of(near, gives)) continue;
    ++trials;
    if (std::ranges::all_of(AllSums(o, pytorch), gives)) return scales;
  }
  return std::nullopt;
}

// Looks for scales, the nearest first.
class ScaleSearch {
 public:
  // `all` gives all sums.
  ScaleSearch(const AddedTensors& o, std::vector<IntegerSum> sums,
              std::function<std::vector<IntegerSum>()> all, bool swapped, QLinearAddBuilds builds)
      : o_(o),
        sums_(std::move(sums)),
        all_(std::move(all)),
        swapped_(swapped),
        builds_(builds),
        plain_(o.scales) {}

  AdditionScales Run() {
    if (Try(plain_)) return best_;
    // So many are sums in the middle between two integers, which single steps do not move off it.
    constexpr int kMany = 1000;
    const bool many = best_.differing > kMany;
    if (many && (Far() || best_.differing > kMany)) return best_;
    constexpr int kReach = 48;
    for (int reach = 1; reach <= kReach; ++reach) {
      for (int i = -reach; i <= reach; ++i) {
        const int j = reach - std::abs(i);
        if (Moved(i, j, 0) || (j != 0 && Moved(i, -j, 0))) return best_;
      }
    }
    if (!many && Far()) return best_;
    constexpr int kSmallReach = 6;
    for (int k = -kSmallReach; k <= kSmallReach; ++k) {
      for (int i = -kSmallReach; i <= kSmallReach; ++i) {
        for (int j = -kSmallReach; j <= kSmallReach; ++j) {
          if (Moved(i, j, k)) return best_;
        }
      }
    }
    return best_;
  }

 private:
  // Moves all sums up, or down, which one near the zero point takes many steps for.
  bool Far() {
    constexpr int kFar = 1 << 14;
    for (int steps = 1; steps <= kFar; steps *= 2) {
      if (Moved(0, 0, -steps) || Moved(0, 0, steps)) return true;
    }
    return false;
  }
  bool Moved(int a, int b, int c) {
    const AdditionScales before = best_;
    if (!Try({Ulps(plain_.a, a), Ulps(plain_.b, b), Ulps(plain_.result, c)})) return false;
    const float largest = std::max({o_.a_ratio(), o_.b_ratio(), 1.0F});
    const float shift =
        static_cast<float>(std::abs(a) + std::abs(b) + std::abs(c)) * 0x1p-23F * 255 * largest;
    if (shift < Near(o_) - 0x1p-13F * largest || AllAreGiven()) return true;
    best_ = before;
    return false;
  }
  // Scales that are moved far may bring other sums to a tie than those that are near one.
  bool AllAreGiven() {
    constexpr int kMostTrials = 16;
    if (++trials_ > kMostTrials) return false;
    const WrittenAddition written(o_, best_.scales, swapped_, builds_);
    const std::vector<IntegerSum> all = all_();
    return std::ranges::all_of(all, [&](const IntegerSum& sum) { return written.Gives(sum); });
  }
  // True where no sum differs.  The best so far is kept.
  bool Try(const BinaryScales& s) {
    const WrittenAddition written(o_, s, swapped_, builds_);
    int differing = 0;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      if (written.Gives(sums_[i])) continue;
      std::swap(sums_[i], sums_[static_cast<std::size_t>(differing)]);  // it may refute the next, too
      if (++differing >= best_.differing) return false;
    }
    best_ = {s, differing};
    return differing == 0;
  }

  const AddedTensors& o_;
  std::vector<IntegerSum> sums_;
  std::function<std::vector<IntegerSum>()> all_;
  bool swapped_;
  QLinearAddBuilds builds_;
  int trials_ = 0;
  BinaryScales plain_;
  AdditionScales best_{plain_, 1 << 16};
};

AddedTensors Added(const TensorType& a, const TensorType& b, const TensorType& result) {
  return {{ScaleOf(a), ScaleOf(b), ScaleOf(result)},
          Bounds(a),
          Bounds(b),
          Bounds(result),
          a.dtype == DType::kQInt8};
}

// All integers of the dtype, or those that a constant has.
std::vector<float> LevelsOf(const Bounds& bounds, const Tensor* constant) {
  std::set<float> levels;
  if (constant) {
    for (const std::int64_t level : constant->Integers().ToInts()) levels.insert(static_cast<float>(level));
  } else {
    for (float level = bounds.low; level <= bounds.high; ++level) levels.insert(level);
  }
  return {levels.begin(), levels.end()};
}

}  // namespace

std::optional<FixedPointRatios> RatiosInFixedPoint(const TensorType& a, const TensorType& b,
                                                   const TensorType& result) {
  const AddedTensors o = Added(a, b, result);
  if (!SumInFixedPoint::Takes(o)) return std::nullopt;
  return SumInFixedPoint(o).ratios();
}

TwoSums PairsWithTwoSums(const TensorType& a, const TensorType& b, const TensorType& result, VectorLoop loop,
                         const Tensor* a_levels, const Tensor* b_levels) {
  if (!loop.leaves_rest) return {};
  const AddedTensors o = Added(a, b, result);
  const SumOfReals reals(o);
  const float inverse = 1.0F / o.scales.result;
  const auto integer = [&o](double steps) {
    return o.to.Clamped(static_cast<float>(SumOfReals::Rounded(steps)) + o.to.zero);
  };
  const std::vector<float> lefts = LevelsOf(o.a, a_levels), rights = LevelsOf(o.b, b_levels);
  TwoSums found;
  for (const float i : lefts) {
    for (const float j : rights) {
      const float left = ((i - o.a.zero) * o.scales.a + (j - o.b.zero) * o.scales.b) * inverse;
      const float rest = loop.rest_rounds_after_adding ? o.to.Clamped(std::nearbyintf(left + o.to.zero))
                                                       : integer(static_cast<double>(left));
      ++found.pairs;
      found.differing += integer(reals.Steps(i, j)) != rest ? 1 : 0;
    }
  }
  return found;
}

AdditionScales ExactAdditionScales(const TensorType& a, const TensorType& b, const TensorType& result,
                                   QuantizedSum sum, bool swapped, QLinearAddBuilds builds) {
  const AddedTensors o = Added(a, b, result);
  constexpr float kLowest = 0x1p-40F, kHighest = 0x1p11F;  // else all is lost, or saturates
  if (!(std::min(o.a_ratio(), o.b_ratio()) >= kLowest && std::max(o.a_ratio(), o.b_ratio()) <= kHighest)) {
    return {o.scales, 1 << 16};
  }
  const auto search = [&](const auto& pytorch) {
    const auto all = [&] { return AllSums(o, pytorch); };
    return ScaleSearch(o, SumsNearTies(o, pytorch), all, swapped, builds).Run();
  };
  const bool fixed_point = sum == QuantizedSum::kFixedPoint && SumInFixedPoint::Takes(o);
  return fixed_point ? search(SumInFixedPoint(o)) : search(SumOfReals(o));
}

std::optional<BinaryScales> ExactFloatAdditionScales(const TensorType& a, const TensorType& b,
                                                     const TensorType& result, QuantizedSum sum) {
  const AddedTensors o = Added(a, b, result);
  const auto ratio = [&o](float scale) {
    return static_cast<double>(scale) / static_cast<double>(o.scales.result);
  };
  if (sum == QuantizedSum::kFixedPoint && SumInFixedPoint::Takes(o)) {
    const SumInFixedPoint fixed(o);
    return FloatScales(o, fixed, fixed.ratios().a, fixed.ratios().b);
  }
  return FloatScales(o, SumOfReals(o), ratio(o.scales.a), ratio(o.scales.b));
}

}  // namespace octavo
