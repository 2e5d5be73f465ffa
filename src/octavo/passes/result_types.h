#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "octavo/graph.h"

namespace octavo::passes {

// The types of the outputs of one node of a lowered graph, by ONNX's definition of its operator, as far as
// the types of its inputs tell.  Quantized integers have the type that they are stored in.  A size that
// cannot be told is Dim::Unknown(); a dtype or rank that cannot be told is left out.  Empty: the operator is
// not one of those known here.
std::vector<TensorType> ResultTypes(const ir::Graph& graph, const ir::Node& node);

// Whether the operator's result has the shape of its first input, whatever the others are.
bool KeepsShape(std::string_view op);
// Whether all inputs of the operator broadcast.
bool Broadcasts(std::string_view op);
// The shape of such an operator's result.  nullopt: the shapes do not broadcast.
std::optional<Shape> BroadcastShapes(const Shape& a, const Shape& b);

}  // namespace octavo::passes
