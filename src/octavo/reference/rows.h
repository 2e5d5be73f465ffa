#pragma once

#include <cstdint>
#include <vector>

#include "octavo/reference/conversion.h"
#include "octavo/reference/movement.h"

// Reductions: the elements that give one element of the result lie in one row.

namespace octavo::reference {

// The dimensions that the argument `dim` names, sorted; all of them where it is missing, None or empty.
Result<std::vector<std::size_t>> ReducedAxes(const Call& call, const Tensor& x);

// `sizes` after the reduction: the axes are left out, or kept with size 1 if the call says keepdim.
Sizes ReducedSizes(const Call& call, const Sizes& sizes, const std::vector<std::size_t>& axes);

// The tensor with the reduced dimensions behind the others: [results, length] as two dimensions, each row in
// the order of the reduced dimensions.
struct Rows {
  std::int64_t count = 1, length = 1;
  Tensor tensor;
};
Result<Rows> RowsOf(const Tensor& x, const std::vector<std::size_t>& axes);

// f(row, length) of each row, where `row` points to T's.
template <typename T, typename F>
Result<Array<T>> Reduced(const Rows& rows, Sizes sizes, F f) {
  const Array<T> numbers = OCTAVO_TRY(Numbers<T>(rows.tensor));
  Array<T> result(std::move(sizes));
  for (std::int64_t i = 0; i < rows.count; ++i)
    result[i] = f(numbers.row(i * rows.length, rows.length), rows.length);
  return result;
}

}  // namespace octavo::reference
