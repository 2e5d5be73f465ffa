#include "octavo/ops/trials.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/arithmetic/pytorch/quantize.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/ulps.h"

namespace octavo {
namespace {

struct Interval {
  float low, high;
};

Interval Around(float x, float y, const ErrorBound& error) {
  const float off = error ? error(x, y) : 0.0F;
  return {y - off, y + off};
}

}  // namespace

void TrialResult::Add(float pytorch, float target) {
  ++tried;
  if (pytorch == target) return;
  ++differing;
  largest = std::max(largest, std::abs(pytorch - target));
}

void TrialResult::Add(const TrialResult& other) {
  tried += other.tried;
  differing += other.differing;
  largest = std::max(largest, other.largest);
}

void StateTried(Builder& g, const TrialResult& result, std::string_view of_what) {
  if (result.differing == 0) {
    g.State(Exactness::kExhaustion);
    return;
  }
  const std::string steps = result.largest == 1 ? "one step" : fmt::format("up to {} steps", result.largest);
  g.State(Exactness::kNotExact,
          fmt::format("may be off by {} for {} of {} {}", steps, result.differing, result.tried, of_what));
}

TriedType WithMovedScale(const TensorType& type, const std::function<TrialResult(const TensorType&)>& trial) {
  TriedType best = {type, trial(type)};
  constexpr int kTries = 97;
  for (int i = 1; i < kTries && best.result.differing > 0; ++i) {
    TensorType moved = type;
    moved.quantization->scales[0] = Ulps(ScaleOf(type), Alternating(i));
    const TrialResult result = trial(moved);
    if (result.differing < best.result.differing) best = {moved, result};
  }
  return best;
}

void Trial::ThroughReals(const RealFunction& f, const ErrorBound& error, ReciprocalOf reciprocal) {
  const Bounds from(in_), to(out_);
  const float scale = ScaleOf(in_), inverse = 1.0F / ScaleOf(out_);
  const float in_vectors =
      reciprocal == ReciprocalOf::kFloat32 ? inverse : static_cast<float>(1.0 / out_.quantization->scale());
  const auto answer = [&](std::vector<float>& answers, float real, float factor, bool before) {
    using arithmetic::pytorch::LevelAfter, arithmetic::pytorch::LevelBefore;
    const auto [low, high] = Around(real, f(real), error);
    for (const float y : {low, high}) {
      answers.push_back(
          to.Clamped(before ? LevelBefore(y, factor, to.zero) : LevelAfter(y, factor, to.zero)));
    }
  };
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const float q = from.low + static_cast<float>(i);
    if (!loop_.runs) {
      answer(answers_[i], (q - from.zero) * scale, inverse, loop_.rest_rounds_after_adding);
      continue;
    }
    answer(answers_[i], std::fma(scale, q, -(scale * from.zero)), in_vectors, false);
    if (loop_.leaves_rest) answer(rest_[i], (q - from.zero) * scale, inverse, loop_.rest_rounds_after_adding);
  }
}

void Trial::ByFusedQuantization(const RealFunction& f) {
  const Bounds from(in_), to(out_);
  const float scale = ScaleOf(in_), inverse = 1.0F / ScaleOf(out_);
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const float real = (from.low + static_cast<float>(i) - from.zero) * scale;
    answers_[i].push_back(to.Clamped(arithmetic::pytorch::LevelFused(f(real), inverse, to.zero)));
  }
}

void Trial::ByTable(const RealFunction& f) {
  const Bounds from(in_), to(out_);
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const float q = from.low + static_cast<float>(i);
    answers_[i].push_back(to.Clamped(std::nearbyintf(f((q - from.zero) * ScaleOf(in_)))));
  }
}

void Trial::BySteps(const RealFunction& f) {
  const Bounds from(in_), to(out_);
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const float q = from.low + static_cast<float>(i);
    answers_[i].push_back(to.Clamped(std::nearbyintf(f(q - from.zero)) + to.zero));
  }
}

TrialResult Trial::Against(const RealFunction& f, const TensorType& in, const TensorType& out,
                           const ErrorBound& error, bool rest) const {
  const Bounds from(in), to(out);
  TrialResult result;
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const float real = (from.low + static_cast<float>(i) - from.zero) * ScaleOf(in);
    const auto [low, high] = Around(real, f(real), error);
    // Of all pairs of PyTorch's answer and the runtime's the one that is farthest apart.
    float pytorch = 0, target = 0, apart = -1;
    for (const float y : {low, high}) {
      const float integer = to.Clamped(std::nearbyintf(y / ScaleOf(out)) + to.zero);
      for (const auto* answers : {&answers_[i], &rest_[i]}) {
        if (!rest && answers == &rest_[i]) continue;
        for (const float answer : *answers) {
          if (std::abs(answer - integer) <= apart) continue;
          apart = std::abs(answer - integer);
          pytorch = answer;
          target = integer;
        }
      }
    }
    result.Add(pytorch, target);
  }
  return result;
}

TrialResult Trial::RestAgainstLoop() const {
  TrialResult result;
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const float first = answers_[i].front();
    float other = first;
    for (const auto* answers : {&answers_[i], &rest_[i]}) {
      for (const float answer : *answers) other = answer == first ? other : answer;
    }
    result.Add(first, other);
  }
  return result;
}

std::optional<std::vector<std::int64_t>> Trial::Integers(bool rest) const {
  std::vector<std::int64_t> integers;
  for (std::size_t i = 0; i < kIntegers; ++i) {
    const std::vector<float>& answers = answers_[i];
    const auto differs = [&](float answer) { return answer != answers.front(); };
    if (answers.empty() || std::any_of(answers.begin(), answers.end(), differs)) return std::nullopt;
    if (rest && std::any_of(rest_[i].begin(), rest_[i].end(), differs)) return std::nullopt;
    integers.push_back(static_cast<std::int64_t>(answers.front()));
  }
  return integers;
}

void StateOfSums(Builder& g, const Sums& sums, const std::vector<FromSum>& forms) {
  if (!StatesExactness(g)) return;
  constexpr std::int64_t kMost = 1 << 20;
  constexpr std::int64_t kMostIntegers = 1 << 12;
  const std::int64_t range = sums.high - sums.low;
  const bool few = sums.most > 0 && sums.most <= kMostIntegers &&
                   (sums.fewest + sums.most) * (sums.most - sums.fewest + 1) / 2 * range <= kMost;
  if (!few) {
    g.State(Exactness::kNotExact, "may be off by one step: there are too many possible sums to try");
    return;
  }
  TrialResult result;
  for (std::int64_t count = sums.fewest; count <= sums.most; ++count) {
    const auto n = static_cast<float>(count);
    for (std::int64_t sum = count * sums.low; sum <= count * sums.high; ++sum) {
      const auto s = static_cast<float>(sum);
      const float first = forms[0](s, n);
      float other = first;
      for (const FromSum& form : forms) {
        if (const float integer = form(s, n); integer != first) other = integer;
      }
      result.Add(first, other);
    }
  }
  StateTried(g, result, "sums");
}

}  // namespace octavo
