#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/tensor.h"

// Arithmetic on sizes that come from a file: std::nullopt instead of an overflow.

namespace octavo {

constexpr std::optional<std::int64_t> CheckedSum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

constexpr std::optional<std::int64_t> CheckedProduct(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// No tensor has more elements or a longer dimension: so bytes and offsets of a tensor never overflow.
inline constexpr std::int64_t kMaxTensorElements = std::int64_t{1} << 48;

// The number of elements of a tensor of these sizes.  Nullopt for a negative size, and if a size or the
// product of those that are not 0 exceeds kMaxTensorElements: so no product of some of them overflows.
constexpr std::optional<std::int64_t> CountElements(const std::vector<std::int64_t>& sizes) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > kMaxTensorElements) return std::nullopt;
    empty = empty || size == 0;
    if (size == 0) continue;
    if (count > kMaxTensorElements / size) return std::nullopt;
    count *= size;
  }
  return empty ? 0 : count;
}

// The bytes of those elements.
inline std::optional<std::int64_t> CountBytes(const std::vector<std::int64_t>& sizes, DType dtype) {
  const auto count = CountElements(sizes);
  if (!count) return std::nullopt;
  return *count * static_cast<std::int64_t>(ElementSize(dtype));
}

}  // namespace octavo
