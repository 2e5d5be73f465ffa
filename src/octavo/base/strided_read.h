#pragma once

#include <functional>
#include <span>

#include "octavo/tensor.h"

namespace octavo {

// Tensor::Read for views whose elements do not lie in row-major order, or whose bytes change on the way:
// gathers them into a buffer of some hundred kB and hands that out each time it is full.  Needs at least one
// element.
Status ReadStrided(const Tensor& tensor, const std::function<Status(std::span<const std::byte>)>& sink);

}  // namespace octavo
