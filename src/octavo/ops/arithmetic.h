#pragma once

#include "octavo/operators.h"

namespace octavo {

void RegisterDivision(Registry& registry);    // division.cc: div, floor_divide, remainder, fmod
void RegisterComparison(Registry& registry);  // comparison.cc: eq, ..., logical_*, bitwise_*, where
void RegisterCreation(Registry& registry);    // creation.cc: arange, zeros, full_like, ...
void RegisterEinsum(Registry& registry);      // einsum.cc

// The common shape of these arguments after broadcasting.
Result<std::optional<Shape>> BroadcastShape(const Arguments& a, const std::vector<std::string_view>& names);

// The type that arithmetic of these arguments gives: PyTorch's common dtype, broadcast.
TypeRule PromotedType(std::vector<std::string_view> names);

// ONNX computes in int32, int64 and floating point; an error for other dtypes.
Status CheckArithmetic(DType dtype);

}  // namespace octavo
