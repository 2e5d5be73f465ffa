#pragma once

#include <cstdint>
#include <vector>

#include "octavo/engine/call.h"
#include "octavo/engine/taps.h"

namespace octavo::engine::literal {

// A window that moves over the spatial dimensions (all but the first two) of [N, C, ...].
struct Window {
  Sizes input, kernel, stride, dilation, begin, end;  // by spatial dimension; begin and end: padding
  Sizes output;

  std::size_t rank() const { return input.size(); }
};

// The window of a convolution or pool from its attributes kernel_shape, strides, dilations, pads, auto_pad
// and ceil_mode.  `kernel`: from the weights; empty: kernel_shape is required.  Checks that all sizes are
// possible.
Result<Window> WindowOf(Call& call, const Sizes& input, const Sizes& kernel);
// Likewise for a transposed convolution, whose `output` is the larger one.
Result<Window> TransposedWindowOf(Call& call, const Sizes& input, const Sizes& kernel);

// Calls f(o, positions): for each output position o (row-major) and every kernel position k (row-major) with
// the index i of the input element under it, row-major within the image, where it lies inside:
// f(o, k, i).
template <typename F>
void ForEachTap(const Window& w, F&& f) {
  const std::size_t rank = w.rank();
  std::int64_t outputs = 1;
  for (std::size_t d = 0; d < rank; ++d) outputs *= w.output[d];
  Sizes at(rank), k(rank);
  std::vector<TapRange> taps(rank);
  for (std::int64_t o = 0; o < outputs; ++o) {
    bool any = true;
    for (std::size_t d = 0; d < rank; ++d) {
      taps[d] = TapsInside(at[d] * w.stride[d] - w.begin[d], w.kernel[d], w.dilation[d], w.input[d]);
      k[d] = taps[d].first;
      any = any && taps[d].first < taps[d].last;
    }
    while (any) {
      std::int64_t tap = 0, offset = 0;
      for (std::size_t d = 0; d < rank; ++d) {
        tap = tap * w.kernel[d] + k[d];
        offset = offset * w.input[d] + at[d] * w.stride[d] - w.begin[d] + k[d] * w.dilation[d];
      }
      f(o, tap, offset);
      any = false;
      for (std::size_t d = rank; d-- > 0;) {
        any = ++k[d] < taps[d].last;
        if (any) break;
        k[d] = taps[d].first;
      }
    }
    for (std::size_t d = rank; d-- > 0;) {
      if (++at[d] < w.output[d]) break;
      at[d] = 0;
    }
  }
}

}  // namespace octavo::engine::literal
