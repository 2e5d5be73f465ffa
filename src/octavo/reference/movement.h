#pragma once

#include <cstdint>
#include <vector>

#include "octavo/reference/call.h"
#include "octavo/reference/sizes.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

// Operators that only move elements move the integers of quantized tensors, whose quantization stays.

namespace octavo::reference {

// One dimension of a view.
struct Walk {
  std::int64_t size = 1;
  std::int64_t step = 0;  // in elements; 0 repeats, a negative one goes backwards
  int source = -1;        // the dimension of the tensor that this one is, from its first index to its last
};

// Another reading of a tensor's elements in row-major order: index (i0, i1, ...) is the element
// start + i0 * step0 + i1 * step1 + ...
struct View {
  std::vector<Walk> walks;
  std::int64_t start = 0;

  // The tensor as it is.
  explicit View(const Tensor& tensor);
  Sizes sizes() const;
};

// What the view reads.
Result<Tensor> Moved(const Tensor& tensor, const View& view);

// Elements by their places in row-major order, one for each element of the result.  A place of kFill is
// `fill`, which has the bytes of one element.
inline constexpr std::int64_t kFill = -1;
Result<Tensor> Picked(const Tensor& tensor, Sizes sizes, const std::vector<std::int64_t>& places,
                      const std::vector<std::byte>& fill = {});

// The same elements in row-major order, in other sizes.
Result<Tensor> Reshaped(const Tensor& tensor, Sizes sizes);

// Several tensors after each other along an axis.  All have the same dtype and, but for the axis, the same
// sizes; the first one's quantization is the result's.
Result<Tensor> Joined(const std::vector<Tensor>& tensors, std::size_t axis);

inline Results One(Tensor tensor) {
  std::vector<Tensor> results;
  results.push_back(std::move(tensor));
  return results;
}

}  // namespace octavo::reference
