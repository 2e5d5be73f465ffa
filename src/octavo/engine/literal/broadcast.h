#pragma once

#include <cstdint>
#include <vector>

#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {

// f of each pair of elements, both operands broadcast to `to`.
template <typename Out, typename In, typename F>
std::vector<Out> Zip(const std::vector<In>& a, const Sizes& a_sizes, const std::vector<In>& b,
                     const Sizes& b_sizes, const Sizes& to, F f) {
  std::vector<Out> result(static_cast<std::size_t>(Product(to)));
  if (a_sizes == to && b_sizes == to) {
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = f(a[i], b[i]);
    return result;
  }
  std::vector<std::int64_t> from_b(result.size());
  ForEachOffset(to, BroadcastStrides(b_sizes, to), 0,
                [&](std::int64_t i, std::int64_t offset) { from_b[static_cast<std::size_t>(i)] = offset; });
  ForEachOffset(to, BroadcastStrides(a_sizes, to), 0, [&](std::int64_t i, std::int64_t offset) {
    const auto at = static_cast<std::size_t>(i);
    result[at] = f(a[static_cast<std::size_t>(offset)], b[static_cast<std::size_t>(from_b[at])]);
  });
  return result;
}

// Whether ONNX Runtime runs through `a` as through one element while it runs through `b`: the last dimension
// along which the result has several elements is repeated in `a`.
bool IsSpread(const Sizes& a, const Sizes& b, const Sizes& result);

Error DoNotBroadcast(const Call& call, const Sizes& a, const Sizes& b);

}  // namespace octavo::engine::literal
