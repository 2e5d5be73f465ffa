#include "octavo/ops/matmul_shape.h"

#include <fmt/format.h>

#include "octavo/row.h"

namespace octavo {

Result<std::optional<Shape>> MatMulShape(const std::optional<Shape>& a, const std::optional<Shape>& b) {
  if (!a || !b) return std::optional<Shape>();
  if (a->empty() || b->empty()) return Unsupported("a scalar cannot be an operand of a matrix product");
  Shape x = *a, y = *b;
  if (x.size() == 1) x.insert(x.begin(), Dim(1));
  if (y.size() == 1) y.push_back(Dim(1));
  if (Dim::Equal(x.back(), y[y.size() - 2]) == false) {
    return Unsupported(
        fmt::format("matrices of shapes {} and {} cannot be multiplied", ToString(*a), ToString(*b)));
  }
  Shape shape = OCTAVO_TRY(Broadcast(Shape(x.begin(), x.end() - 2), Shape(y.begin(), y.end() - 2)));
  if (a->size() > 1) shape.push_back(x[x.size() - 2]);
  if (b->size() > 1) shape.push_back(y.back());
  return std::optional<Shape>(std::move(shape));
}

Result<std::optional<Shape>> LinearShape(const std::optional<Shape>& x, const Dim& features,
                                         const Dim& channels) {
  if (!x) return std::optional<Shape>();
  if (x->empty() || Dim::Equal(x->back(), features) == false) {
    return Unsupported(fmt::format("the layer expects {} input features, but its input has shape {}",
                                   features.ToString(), ToString(*x)));
  }
  Shape shape = *x;
  shape.back() = channels;
  return std::optional<Shape>(std::move(shape));
}

}  // namespace octavo
