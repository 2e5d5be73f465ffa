#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include "octavo/targets/onnxruntime/rounding.h"

// Resize: core/providers/cpu/tensor/upsamplebase.h, upsample.cc and upsample.h.  On 8-bit integers linear
// interpolation cuts the fraction off, towards zero.  Which Resize works on integers: docs/numbers.md.

namespace octavo::targets::onnxruntime {

enum class Coordinates { kHalfPixel, kAsymmetric, kPytorchHalfPixel, kAlignCorners };
enum class Nearest { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil };

struct ResizeAxis {
  std::int64_t in = 1;
  std::int64_t out = 1;
  float scale = 1;  // as given; out / in, rounded to float32, where sizes are given
  Coordinates coordinates = Coordinates::kHalfPixel;
};

// Where output element `index` lies in the input.  An axis of scale 1 is not transformed.
inline float ResizeCoordinate(const ResizeAxis& axis, std::int64_t index) {
  const auto x = static_cast<float>(index);
  if (axis.scale == 1.0F) return x;
  switch (axis.coordinates) {
    case Coordinates::kAsymmetric:
      return x / axis.scale;
    case Coordinates::kPytorchHalfPixel:
      return axis.out > 1 ? (x + 0.5F) / axis.scale - 0.5F : 0.0F;
    case Coordinates::kAlignCorners:
      return axis.out == 1 ? 0.0F : x * static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1);
    case Coordinates::kHalfPixel:
      break;
  }
  return (x + 0.5F) / axis.scale - 0.5F;
}

// The input element that mode `nearest` takes for output element `index`.
inline std::int64_t ResizeNearest(const ResizeAxis& axis, Nearest nearest, std::int64_t index) {
  // An index that no int64 holds stays outside of the image on its side.
  const float x = AtMost(AtLeast(ResizeCoordinate(axis, index), -1.0F), static_cast<float>(axis.in));
  std::int64_t taken = 0;
  switch (nearest) {
    case Nearest::kRoundPreferFloor: {
      const bool half = x == static_cast<float>(static_cast<std::int64_t>(x)) + 0.5F;
      taken = static_cast<std::int64_t>(half ? std::floor(x) : std::round(x));
      break;
    }
    case Nearest::kRoundPreferCeil:
      taken = static_cast<std::int64_t>(std::round(x));
      break;
    case Nearest::kFloor:
      taken = static_cast<std::int64_t>(std::floor(x));
      break;
    case Nearest::kCeil:
      taken = static_cast<std::int64_t>(std::ceil(x));
      break;
  }
  return std::clamp<std::int64_t>(taken, 0, axis.in - 1);
}

// The two elements between which mode `linear` interpolates, and their weights.
struct LinearWeights {
  std::int64_t first;
  std::int64_t second;
  float first_weight;
  float second_weight;
  // In 1/1024, for images whose channels come last.
  std::int32_t first_integer;
  std::int32_t second_integer;

  LinearWeights(const ResizeAxis& axis, std::int64_t index) {
    const auto last = static_cast<float>(axis.in - 1);
    const float x = std::max(0.0F, std::min(ResizeCoordinate(axis, index), last));
    first = std::min(static_cast<std::int64_t>(x), axis.in - 1);
    second = std::min(first + 1, axis.in - 1);
    const auto scaled = static_cast<std::int64_t>(x * 1024.0F);
    if (first == second) {
      first_weight = second_weight = 0.5F;
      first_integer = second_integer = 512;
    } else {
      first_weight = std::fabs(x - static_cast<float>(second));
      second_weight = std::fabs(x - static_cast<float>(first));
      first_integer = static_cast<std::int32_t>(std::abs(scaled - second * 1024));
      second_integer = static_cast<std::int32_t>(std::abs(scaled - first * 1024));
    }
  }
};

// The elements of rows y.first and y.second at columns x.first and x.second.
template <typename T>
struct LinearCorners {
  T first_first;  // row y.first, column x.first
  T first_second;
  T second_first;
  T second_second;
};

enum class LinearForm {
  kFloat,
  kInteger,  // 8-bit images whose channels come last, as between convolutions in that layout
};

// T: std::uint8_t, std::int8_t, or float, which keeps its fraction.
template <typename T>
inline T ResizeBilinear(const LinearCorners<T>& c, const LinearWeights& y, const LinearWeights& x,
                        LinearForm form) {
  if constexpr (!std::is_floating_point_v<T>) {
    if (form == LinearForm::kInteger) {
      const std::int32_t sum = x.first_integer * y.first_integer * c.first_first +
                               x.second_integer * y.first_integer * c.first_second +
                               x.first_integer * y.second_integer * c.second_first +
                               x.second_integer * y.second_integer * c.second_second;
      return static_cast<T>(sum / (1 << 20));
    }
  }
  const auto first_first = static_cast<float>(c.first_first);
  const auto first_second = static_cast<float>(c.first_second);
  const auto second_first = static_cast<float>(c.second_first);
  const auto second_second = static_cast<float>(c.second_second);
  return static_cast<T>(
      x.first_weight * y.first_weight * first_first + x.second_weight * y.first_weight * first_second +
      x.first_weight * y.second_weight * second_first + x.second_weight * y.second_weight * second_second);
}

}  // namespace octavo::targets::onnxruntime
