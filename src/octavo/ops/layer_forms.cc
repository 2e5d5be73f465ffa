#include "octavo/ops/layer_forms.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

using arithmetic::pytorch::LayerChannel;

constexpr std::int64_t kNone = std::int64_t{1} << 31, kAll = -kNone;

// The lowest sum for which `reaches` is true; it is false below and true above.  `near` is a guess.
template <typename Reaches>
std::int64_t LowestSum(double near, const Reaches& reaches) {
  const double limit = static_cast<double>(kNone) - 1;
  auto low = static_cast<std::int64_t>(std::clamp(std::ceil(near), -limit, limit));  // the guess
  std::int64_t high = low;
  std::int64_t step = 1;
  if (reaches(low)) {
    while (low > kAll && reaches(low)) {
      high = low;
      low = std::max(low - step, kAll);
      step *= 2;
    }
    if (low == kAll && reaches(low)) return kAll;
  } else {
    while (high < kNone && !reaches(high)) {
      low = high;
      high = std::min(high + step, kNone);
      step *= 2;
    }
    if (high == kNone && !reaches(kNone - 1)) return kNone;
  }
  while (high - low > 1) {  // reaches(high), not reaches(low)
    const std::int64_t middle = low + (high - low) / 2;
    (reaches(middle) ? high : low) = middle;
  }
  return high;
}

// How often levels so many steps from the zero point are expected.  Activations are about normally
// distributed, and observers choose ranges of about four standard deviations.
double ExpectedAt(double steps) {
  constexpr double kDeviation = 60;
  return std::exp(-0.5 * (steps / kDeviation) * (steps / kDeviation));
}

// `level` gives a form's level of a sum.
template <typename Level>
Distance DistanceOf(const Level& level, const std::vector<std::int64_t>& boundaries,
                    const LevelRange& range) {
  Distance distance;
  std::int64_t last = kAll;  // the end of the sums that are wrong for the levels so far
  auto k = static_cast<float>(range.low);
  for (const std::int64_t boundary : boundaries) {
    k += 1;
    const auto reaches = [&](std::int64_t sum) { return level(sum) >= k; };
    const bool right = (boundary == kNone || reaches(boundary)) &&
                       (boundary == kAll || !reaches(std::min(boundary, kNone) - 1));
    if (right) continue;
    const std::int64_t other = LowestSum(static_cast<double>(boundary), reaches);
    distance.sums += std::abs(other - boundary);
    distance.expected += static_cast<double>(std::abs(other - boundary)) *
                         ExpectedAt(static_cast<double>(k) - static_cast<double>(range.zero) - 0.5);
    distance.more_than_one_step |= std::min(other, boundary) < last;
    last = std::max(other, boundary);
  }
  return distance;
}

struct Interval {
  double low, high, weight;
};

// The number that lies in intervals of the most weight; of a stretch of such numbers its middle.
double InHeaviest(const std::vector<Interval>& intervals, double fallback) {
  if (intervals.empty()) return fallback;
  double low = intervals[0].low, high = intervals[0].high;
  for (const Interval& i : intervals) {
    low = std::max(low, i.low);
    high = std::min(high, i.high);
  }
  if (low < high) return (low + high) / 2;
  std::vector<std::pair<double, double>> ends;
  ends.reserve(2 * intervals.size());
  for (const Interval& i : intervals) {
    ends.emplace_back(i.low, i.weight);
    ends.emplace_back(i.high, -i.weight);
  }
  std::sort(ends.begin(), ends.end());
  double inside = 0, most = 0, best = fallback;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    inside += ends[i].second;
    if (inside > most) {
      most = inside;
      best = (ends[i].first + ends[i + 1].first) / 2;
    }
  }
  return best;
}

bool Finite(std::int64_t boundary) { return boundary != kNone && boundary != kAll; }

bool Better(const Distance& a, const Distance& b) {
  if (a.more_than_one_step != b.more_than_one_step) return b.more_than_one_step;
  return a.expected < b.expected;
}

}  // namespace

std::vector<std::int64_t> BoundariesOf(const LayerChannel& channel, const LevelRange& range) {
  std::vector<std::int64_t> boundaries;
  boundaries.reserve(static_cast<std::size_t>(std::max<std::int64_t>(range.high - range.low, 0)));
  for (std::int64_t k = range.low + 1; k <= range.high; ++k) {
    const double near = (static_cast<double>(k - range.zero) - 0.5) / channel.multiplier() - channel.bias();
    const auto level = static_cast<float>(k);
    boundaries.push_back(LowestSum(near, [&](std::int64_t sum) { return channel.Level(sum) >= level; }));
  }
  return boundaries;
}

Distance DistanceOfIntegerForm(std::int32_t bias, float multiplier,
                               const std::vector<std::int64_t>& boundaries, const LevelRange& range) {
  const auto zero = static_cast<float>(range.zero);
  return DistanceOf(
      [&](std::int64_t sum) { return std::nearbyintf(static_cast<float>(sum + bias) * multiplier) + zero; },
      boundaries, range);
}

IntegerForm NearestIntegerForm(const LayerChannel& channel, const std::vector<std::int64_t>& boundaries,
                               const LevelRange& range) {
  constexpr double kLow = std::numeric_limits<std::int32_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
  const double own = channel.bias();
  const auto at = [&](double bias, double multiplier) {
    IntegerForm form;
    form.bias = static_cast<std::int32_t>(std::clamp(bias, kLow, kHigh));
    form.multiplier = static_cast<float>(multiplier);
    form.distance = DistanceOfIntegerForm(form.bias, form.multiplier, boundaries, range);
    return form;
  };
  IntegerForm best = at(std::nearbyint(own), channel.multiplier());
  std::vector<Interval> intervals;
  for (const double bias : {std::floor(own), std::ceil(own)}) {
    if (best.distance.sums == 0) break;
    // The level k is reached at its boundary and not before where the multiplier's reciprocal r is such that
    // boundary - 1 + bias < (k - 1/2 - zero point) r <= boundary + bias.
    intervals.clear();
    std::int64_t k = range.low;
    for (const std::int64_t boundary : boundaries) {
      ++k;
      if (!Finite(boundary)) continue;
      const double steps = static_cast<double>(k - range.zero) - 0.5;
      const double a = (static_cast<double>(boundary - 1) + bias) / steps;
      const double b = (static_cast<double>(boundary) + bias) / steps;
      intervals.push_back({std::min(a, b), std::max(a, b), ExpectedAt(steps)});
    }
    const IntegerForm form = at(bias, 1.0 / InHeaviest(intervals, 1.0 / channel.multiplier()));
    if (Better(form.distance, best.distance)) best = form;
  }
  return best;
}

FloatForm NearestFloatForm(const LayerChannel& channel, const std::vector<std::int64_t>& boundaries,
                           const LevelRange& range, FloatOrder order) {
  const auto zero = static_cast<float>(range.zero);
  const auto at = [&](float multiplier, float bias) {
    FloatForm form{multiplier, bias, {}};
    const auto level = [&](std::int64_t sum) {
      const auto exact = static_cast<float>(sum);
      return order == FloatOrder::kBiasFirst ? std::nearbyintf((exact + bias) * multiplier) + zero
                                             : std::nearbyintf(exact * multiplier + bias);
    };
    form.distance = DistanceOf(level, boundaries, range);
    return form;
  };
  const double in_steps = channel.bias() * channel.multiplier() + static_cast<double>(range.zero);
  const float multiplier = channel.float_multiplier();
  const auto bias = static_cast<float>(order == FloatOrder::kBiasFirst ? channel.bias() : in_steps);
  FloatForm best = at(multiplier, bias);
  constexpr int kTries = 9;
  for (int i = 0; i < kTries && best.distance.sums > 0; ++i) {
    for (int j = 0; j < kTries && best.distance.sums > 0; ++j) {
      const float moved = bias == 0 ? bias : Ulps(bias, Alternating(j));
      const FloatForm form = at(Ulps(multiplier, Alternating(i)), moved);
      if (Better(form.distance, best.distance)) best = form;
    }
  }
  return best;
}

}  // namespace octavo
