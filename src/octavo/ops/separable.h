#pragma once

// Linear maps that act on each spatial dimension by itself: averages over uneven windows, interpolation.

#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// rows x columns, row-major.
struct Matrix {
  Matrix(std::int64_t r, std::int64_t c)
      : rows(r), columns(c), elements(static_cast<std::size_t>(r) * static_cast<std::size_t>(c), 0.0F) {}
  float& at(std::int64_t r, std::int64_t c) { return elements[static_cast<std::size_t>(r * columns + c)]; }
  std::int64_t rows, columns;
  std::vector<float> elements;
};

// y[n, c, o...] = sum over i of product of matrices[k](o_k, i_k) x[n, c, i...]; `sizes` are the 1 to 3
// spatial sizes of x, which has a batch and a channel dimension before them; an unset matrix leaves its
// dimension as it is.
Result<Value> ApplySeparably(Builder& g, Value x, const std::vector<std::int64_t>& sizes,
                             const std::vector<std::optional<Matrix>>& matrices);

}  // namespace octavo
