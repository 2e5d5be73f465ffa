#pragma once

#include <cstdint>

#include "octavo/engine/call.h"
#include "octavo/engine/literal/window.h"

namespace octavo::engine::literal {

// Sizes of a convolution, [N, C, ...] by [M, C/group, ...], or transposed by [C, M/group, ...].
struct ConvLayout {
  std::int64_t batch = 0, channels = 0, outputs = 0, group = 1;
  std::int64_t image = 1, taps = 1,
               pixels = 1;  // elements of an input image, of the window, of an output image
  Window window;
  Sizes result;
};

// Checks the node; the weight is input `weight_input`.
Result<ConvLayout> ConvLayoutOf(Call& call, std::size_t weight_input, bool transposed);

}  // namespace octavo::engine::literal
