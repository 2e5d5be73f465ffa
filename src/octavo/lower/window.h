#pragma once

// The geometry of pooling windows, as PyTorch's pooling operators have it.

#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// One entry for each spatial dimension.
struct Window {
  std::vector<std::int64_t> kernel, stride, padding, dilation;
  bool ceil_mode = false;

  std::size_t spatial_dims() const { return kernel.size(); }
  std::int64_t cells() const;
  bool square() const;   // every kernel size the same
  bool padded() const;   // some padding is not 0
  bool dilated() const;  // some dilation is not 1
};

// From the arguments kernel_size, stride, padding, dilation (if the row has it) and ceil_mode, each checked:
// kernel, stride and dilation positive, padding at most half the kernel.
Result<Window> WindowOf(const Arguments& a);

// The number of windows along one dimension; an error where there is none.
Result<Dim> WindowCount(const Window& window, std::size_t dimension, const Dim& size);

// The shape after pooling `input`, whose last dimensions are the spatial ones; its rank is spatial_dims() + 1
// or + 2.
Result<Shape> PooledShape(const Window& window, const Shape& input);

// How far the last windows reach beyond the padded input, for each dimension: more than 0 only where
// ceil_mode adds a window.  nullopt where that depends on a size known only when the model runs.
Result<std::optional<std::vector<std::int64_t>>> Overhang(const Window& window,
                                                          const std::optional<Shape>& input);

}  // namespace octavo
