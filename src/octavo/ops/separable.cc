#include "octavo/ops/separable.h"

#include "octavo/emit.h"

namespace octavo {
namespace {

Value Constant(Builder& g, const Matrix& m, bool transposed) {
  Tensor tensor = Tensor::Floats({m.rows, m.columns}, m.elements);
  if (transposed) {
    Matrix t(m.columns, m.rows);
    for (std::int64_t r = 0; r < m.rows; ++r) {
      for (std::int64_t c = 0; c < m.columns; ++c) {
        t.at(c, r) = m.elements[static_cast<std::size_t>(r * m.columns + c)];
      }
    }
    tensor = Tensor::Floats({m.columns, m.rows}, t.elements);
  }
  return g.Constant(std::move(tensor), "weights");
}

}  // namespace

Result<Value> ApplySeparably(Builder& g, Value x, const std::vector<std::int64_t>& sizes,
                             const std::vector<std::optional<Matrix>>& matrices) {
  const std::size_t n = sizes.size();
  // The last dimension: x M'.  The one before it: M x.
  if (matrices[n - 1]) x = g.Op("MatMul", {x, Constant(g, *matrices[n - 1], true)});
  if (n >= 2 && matrices[n - 2]) x = g.Op("MatMul", {Constant(g, *matrices[n - 2], false), x});
  if (n == 3 && matrices[0]) {
    const std::int64_t height = matrices[1] ? matrices[1]->rows : sizes[1];
    const std::int64_t width = matrices[2] ? matrices[2]->rows : sizes[2];
    x = Reshape(g, x, {0, 0, sizes[0], height * width});
    x = g.Op("MatMul", {Constant(g, *matrices[0], false), x});
    x = Reshape(g, x, {0, 0, matrices[0]->rows, height, width});
  }
  return x;
}

}  // namespace octavo
