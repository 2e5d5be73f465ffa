#pragma once

#include <cstddef>
#include <cstdint>

#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {

// Calls f(first, step) for each line along `axis`: its elements lie at first, first + step, ...
template <typename F>
void ForEachLine(const Sizes& sizes, std::size_t axis, F&& f) {
  const std::int64_t outer = Product(sizes, 0, axis), inner = Product(sizes, axis + 1, sizes.size());
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) f(o * sizes[axis] * inner + i, inner);
  }
}

}  // namespace octavo::engine::literal
