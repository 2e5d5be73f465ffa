#pragma once

#include <optional>

#include "octavo/operators.h"

namespace octavo {

// numpy's matmul: vectors count as a row before and a column behind, leading dimensions broadcast.
Result<std::optional<Shape>> MatMulShape(const std::optional<Shape>& a, const std::optional<Shape>& b);

// The input's shape with the last size replaced by `channels`; error if the last size is not `features`.
Result<std::optional<Shape>> LinearShape(const std::optional<Shape>& x, const Dim& features,
                                         const Dim& channels);

}  // namespace octavo
