#pragma once

#include <algorithm>
#include <cstdint>

namespace octavo::engine {

// Elements k of a window along one dimension, from `first` up to but without `last`.
struct TapRange {
  std::int64_t first = 0, last = 0;
};

// Those that lie inside of `size` elements: 0 <= start + k * dilation < size.  A window may be far larger
// than what it reads, so that nobody walks its whole length.
inline TapRange TapsInside(std::int64_t start, std::int64_t kernel, std::int64_t dilation,
                           std::int64_t size) {
  TapRange taps;
  if (start < 0) taps.first = (-start + dilation - 1) / dilation;
  if (start < size) taps.last = std::min(kernel, (size - 1 - start) / dilation + 1);
  taps.last = std::max(taps.first, taps.last);
  return taps;
}

}  // namespace octavo::engine
