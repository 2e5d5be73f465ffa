#pragma once

#include <cstdint>
#include <vector>

#include "octavo/engine/call.h"
#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {

// Matrices [rows, depth] by [depth, columns] for each index of the other dimensions, which broadcast.
struct MatMulLayout {
  std::int64_t rows = 1, depth = 1, columns = 1;
  Sizes batch;             // broadcast
  Sizes a_steps, b_steps;  // by dimension of `batch`, in matrices
  Sizes result;
};

// Checks the operands in inputs `first` and `second`.
Result<MatMulLayout> MatMulLayoutOf(Call& call, std::size_t first, std::size_t second);

// Of two matrices in inputs `first` and `second`, each transposed or not.
Result<MatMulLayout> GemmLayoutOf(Call& call, std::size_t first, std::size_t second, bool transpose_a,
                                  bool transpose_b);

// The two dimensions of a matrix exchanged.
Tensor TransposedMatrix(const Tensor& t);

template <typename T>
std::vector<T> MultiplyMatrices(const MatMulLayout& l, const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> y(static_cast<std::size_t>(Product(l.result)));
  std::vector<std::int64_t> from_b(static_cast<std::size_t>(Product(l.batch)));
  ForEachOffset(l.batch, l.b_steps, 0,
                [&](std::int64_t i, std::int64_t at) { from_b[static_cast<std::size_t>(i)] = at; });
  ForEachOffset(l.batch, l.a_steps, 0, [&](std::int64_t i, std::int64_t at) {
    const T* left = a.data() + at * l.rows * l.depth;
    const T* right = b.data() + from_b[static_cast<std::size_t>(i)] * l.depth * l.columns;
    T* to = y.data() + i * l.rows * l.columns;
    for (std::int64_t r = 0; r < l.rows; ++r) {
      for (std::int64_t d = 0; d < l.depth; ++d) {
        const T factor = left[r * l.depth + d];
        for (std::int64_t c = 0; c < l.columns; ++c)
          to[r * l.columns + c] += factor * right[d * l.columns + c];
      }
    }
  });
  return y;
}

// The integers less their zero points: one for all, or one per row of A or column of B.
std::vector<std::int64_t> ShiftedOperand(const Tensor& x, const Tensor* zero_point, bool by_column);
Status CheckZeroPoint(Call& call, std::size_t i, std::size_t of, bool by_column);

}  // namespace octavo::engine::literal
