#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "octavo/base/checked.h"
#include "octavo/reference/array.h"
#include "octavo/result.h"

namespace octavo::reference {

// The sizes themselves, if none is negative and their product, without those that are 0, is at most
// kMaxTensorElements: so no product of some of them overflows.  Whether there is memory for them, Run() has
// asked before.
Result<Sizes> Checked(Sizes sizes);

// `dim` counted from the front; a scalar counts as one dimension, as in PyTorch.
Result<std::size_t> Axis(std::int64_t dim, std::size_t rank);
// Each at most once.
Result<std::vector<std::size_t>> Axes(const std::vector<std::int64_t>& dims, std::size_t rank);

// numpy's: from the last dimension on, sizes are equal or one of them is 1.
Result<Sizes> Broadcast(const Sizes& a, const Sizes& b);

// How many elements further the next index of each dimension lies in row-major order.
Sizes Steps(const Sizes& sizes);

// [outer, size, inner] of `axis`: all dimensions before and behind it as one each.  A scalar is [1, 1, 1].
struct Around {
  std::int64_t outer = 1, size = 1, inner = 1;
  Around(const Sizes& sizes, std::size_t axis);
};

// Calls `f` with each index in row-major order.
template <typename F>
void ForEachIndex(const Sizes& sizes, F&& f) {
  Sizes index(sizes.size(), 0);
  for (std::int64_t count = Count(sizes); count > 0; --count) {
    f(static_cast<const Sizes&>(index));
    for (std::size_t d = sizes.size(); d > 0; --d) {
      if (++index[d - 1] < sizes[d - 1]) break;
      index[d - 1] = 0;
    }
  }
}

}  // namespace octavo::reference
