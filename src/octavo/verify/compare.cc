#include "octavo/verify/compare.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace octavo::verify {
namespace {

constexpr std::int64_t kFarthest = 16;

std::vector<std::int64_t> PlaceOf(std::int64_t index, const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> place(sizes.size());
  for (std::size_t i = sizes.size(); i-- > 0;) {
    place[i] = index % sizes[i];
    index /= sizes[i];
  }
  return place;
}

void CompareIntegers(const Tensor& a, const Tensor& b, std::int64_t shift, const Tolerance& tolerance,
                     Difference& difference) {
  const std::vector<std::int64_t> x = a.ToInts(), y = b.ToInts();
  difference.integers = true;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t apart = y[i] - x[i] - shift;
    if (apart == 0) continue;
    ++difference.histogram[static_cast<int>(std::clamp(apart, -kFarthest, kFarthest))];
    difference.largest = std::max(difference.largest, std::abs(static_cast<double>(apart)));
    if (std::abs(apart) <= tolerance.lsb) continue;
    if (difference.differ++ > 0) continue;
    difference.first = PlaceOf(static_cast<std::int64_t>(i), a.sizes);
    difference.a_there = static_cast<double>(x[i]);
    difference.b_there = static_cast<double>(y[i] - shift);
  }
}

double RootMeanSquare(const std::vector<double>& numbers) {
  double sum = 0;
  std::size_t count = 0;
  for (const double x : numbers) {
    if (!std::isfinite(x)) continue;
    sum += x * x;
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

void CompareFloats(const Tensor& a, const Tensor& b, const Tolerance& tolerance, Difference& difference) {
  const std::vector<double> x = a.ToDoubles(), y = b.ToDoubles();
  const double typical = RootMeanSquare(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    const double apart = std::abs(y[i] - x[i]);
    // Where one of them is no finite number, they differ by as much as can be.
    const double relative =
        std::isfinite(apart) ? apart / (std::abs(x[i]) + typical) : std::numeric_limits<double>::infinity();
    difference.largest = std::max(difference.largest, relative);
    if (!(relative > tolerance.relative)) continue;
    ++difference.histogram[std::isfinite(relative) ? static_cast<int>(std::floor(std::log10(relative)))
                                                   : kNotFinite];
    if (difference.differ++ > 0) continue;
    difference.first = PlaceOf(static_cast<std::int64_t>(i), a.sizes);
    difference.a_there = x[i];
    difference.b_there = y[i];
  }
}

}  // namespace

void Difference::Add(const Difference& other) {
  if (differ == 0 && other.differ > 0) {
    first = other.first;
    a_there = other.a_there;
    b_there = other.b_there;
  }
  if (mismatch.empty()) mismatch = other.mismatch;
  elements += other.elements;
  differ += other.differ;
  largest = std::max(largest, other.largest);
  integers = other.integers;
  for (const auto& [apart, count] : other.histogram) histogram[apart] += count;
}

Difference Compare(const Tensor& a, const Tensor& b, const Tolerance& tolerance) {
  Difference difference{.elements = a.num_elements()};
  const DType x = StorageType(a.dtype), y = StorageType(b.dtype);
  const bool integers = !IsFloat(x) && !IsFloat(y);
  // int8 stands for uint8 with every number lower by 128; other types are what they are.
  const bool shifted = (x == DType::kUint8 && y == DType::kInt8) || (x == DType::kInt8 && y == DType::kUint8);
  const bool real = x <= DType::kFloat64 || x == DType::kBool || x == DType::kBFloat16;
  if (a.sizes != b.sizes || IsFloat(x) != IsFloat(y) || !real || (integers && x != y && !shifted)) {
    difference.mismatch = fmt::format("{} and {}", a.type().ToString(), b.type().ToString());
    return difference;
  }
  if (integers) {
    CompareIntegers(a, b, !shifted ? 0 : x == DType::kUint8 ? -128 : 128, tolerance, difference);
  } else {
    CompareFloats(a, b, tolerance, difference);
  }
  return difference;
}

}  // namespace octavo::verify
