#include "octavo/ops/interpolation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octavo {
namespace {

// Input elements for each output element.
float Step(const Axis& axis) {
  if (axis.scale && *axis.scale > 0) return static_cast<float>(1.0 / *axis.scale);
  return static_cast<float>(axis.in) / static_cast<float>(axis.out);
}

std::int64_t Floor(float x) { return static_cast<std::int64_t>(std::floor(x)); }

// What Resize reads, in float32 as ONNX Runtime computes it; nullopt so near to a boundary between two
// elements that it depends on how the runtime rounds its position.
std::optional<std::int64_t> ResizeIndex(std::int64_t o, float scale, std::int64_t in, NearestRule rule) {
  const auto x = static_cast<float>(o);
  if (scale == 1.0F) return std::min(o, in - 1);
  if (rule == NearestRule::kFloor) return std::min(Floor(x / scale), in - 1);
  const float position = (x + 0.5F) / scale;
  const float beside = std::abs(position - std::round(position));
  if (beside < 1e-5F * (1 + position)) return std::nullopt;
  return std::min(Floor(position), in - 1);
}

// Runtimes multiply in float32, ONNX's shape inference in float64: both must come to `out`.
bool GivesSize(const Axis& axis, float scale) {
  const double product = static_cast<double>(axis.in) * static_cast<double>(scale);
  return Floor(static_cast<float>(axis.in) * scale) == axis.out &&
         static_cast<std::int64_t>(std::floor(product)) == axis.out;
}

// The scale itself and its neighbours, nearest first.
std::vector<float> Neighbourhood(float scale) {
  constexpr int kSteps = 8;
  std::vector<float> scales = {scale};
  float up = scale, down = scale;
  for (int i = 0; i < kSteps; ++i) {
    up = std::nextafter(up, std::numeric_limits<float>::infinity());
    down = std::nextafter(down, 0.0F);
    scales.push_back(up);
    scales.push_back(down);
  }
  return scales;
}

std::vector<float> Candidates(const Axis& axis) {
  std::vector<float> scales;
  if (axis.scale && *axis.scale > 0) scales = Neighbourhood(static_cast<float>(*axis.scale));
  const std::vector<float> ratio = Neighbourhood(static_cast<float>(axis.out) / static_cast<float>(axis.in));
  scales.insert(scales.end(), ratio.begin(), ratio.end());
  return scales;
}

// The position in the input of output index o.  Linear interpolation stays inside the input, cubic does not.
float Position(const Axis& axis, std::int64_t o, bool align_corners, bool cubic, bool fused = false) {
  if (align_corners) {
    if (axis.out <= 1) return 0.0F;
    return static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1) * static_cast<float>(o);
  }
  const float place = static_cast<float>(o) + 0.5F;
  const float position = fused ? std::fma(Step(axis), place, -0.5F) : Step(axis) * place - 0.5F;
  return !cubic && position < 0 ? 0.0F : position;
}

}  // namespace

std::vector<std::int64_t> NearestIndices(const Axis& axis, NearestRule rule) {
  const float step = Step(axis);
  std::vector<std::int64_t> indices;
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const auto x = static_cast<float>(o);
    const float position = rule == NearestRule::kFloor ? x * step : (x + 0.5F) * step;
    indices.push_back(std::min(Floor(position), axis.in - 1));
  }
  return indices;
}

std::optional<float> NearestScale(const Axis& axis, NearestRule rule) {
  const std::vector<std::int64_t> wanted = NearestIndices(axis, rule);
  for (const float scale : Candidates(axis)) {
    if (!GivesSize(axis, scale)) continue;
    bool same = true;
    for (std::int64_t o = 0; o < axis.out && same; ++o) {
      same = ResizeIndex(o, scale, axis.in, rule) == wanted[static_cast<std::size_t>(o)];
    }
    if (same) return scale;
  }
  return std::nullopt;
}

std::optional<float> SizingScale(const Axis& axis) {
  for (const float scale : Candidates(axis)) {
    if (GivesSize(axis, scale)) return scale;
  }
  return std::nullopt;
}

LinearTaps LinearTapsOf(const Axis& axis, bool align_corners, bool fused) {
  LinearTaps taps;
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const float position = Position(axis, o, align_corners, false, fused);
    const std::int64_t left = std::min(static_cast<std::int64_t>(position), axis.in - 1);
    const float weight = position - static_cast<float>(left);
    taps.left.push_back(left);
    taps.right.push_back(std::min(left + 1, axis.in - 1));
    taps.left_weight.push_back(1.0F - weight);
    taps.right_weight.push_back(weight);
  }
  return taps;
}

bool ResizeIsExact(const Axis& axis, bool align_corners, float scale) {
  constexpr float kShort = 256;  // two weights and an 8-bit integer make 24 bits
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const float position = Position(axis, o, align_corners, false);
    if (position * kShort != std::floor(position * kShort)) return false;
    if (position != Position(axis, o, align_corners, false, true)) return false;
    const auto x = static_cast<float>(o);
    float runtime = (x + 0.5F) / scale - 0.5F;
    if (align_corners) {
      runtime = axis.out > 1 ? x * static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1) : 0.0F;
    }
    const auto last = static_cast<float>(axis.in - 1);
    if (std::clamp(runtime, 0.0F, last) != std::clamp(position, 0.0F, last)) return false;
  }
  return true;
}

Matrix LinearMatrix(const Axis& axis, bool align_corners) {
  const LinearTaps taps = LinearTapsOf(axis, align_corners);
  Matrix m(axis.out, axis.in);
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const auto i = static_cast<std::size_t>(o);
    m.at(o, taps.left[i]) += taps.left_weight[i];
    m.at(o, taps.right[i]) += taps.right_weight[i];
  }
  return m;
}

Matrix CubicMatrix(const Axis& axis, bool align_corners) {
  constexpr float kA = -0.75F;
  const auto inner = [](float x) { return ((kA + 2) * x - (kA + 3)) * x * x + 1; };
  const auto outer = [](float x) { return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA; };
  Matrix m(axis.out, axis.in);
  for (std::int64_t o = 0; o < axis.out; ++o) {
    const float position = Position(axis, o, align_corners, true);
    const std::int64_t left = Floor(position);
    const float t = position - static_cast<float>(left);
    const float weights[] = {outer(t + 1), inner(t), inner(1 - t), outer(2 - t)};
    for (std::int64_t k = 0; k < 4; ++k) {
      m.at(o, std::clamp<std::int64_t>(left - 1 + k, 0, axis.in - 1)) += weights[k];
    }
  }
  return m;
}

}  // namespace octavo
