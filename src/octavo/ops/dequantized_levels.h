#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "octavo/operators.h"

// Patterns in the graph that is being written.

namespace octavo {

// The node that makes `id`, if it is an `op`.
const ir::Node* ProducerOf(const ir::Graph& graph, ir::ValueId id, std::string_view op);
// An input of a node, if it is a constant.
const Tensor* ConstantInput(const ir::Graph& graph, const ir::Node& node, std::size_t index);

// What is moved to become `id`: past Split, Reshape and the like.
ir::ValueId BeforeMovements(const ir::Graph& graph, ir::ValueId id);

// Integers of 8 bits, and what they were dequantized with.
struct DequantizedLevels {
  Value integers, zero_point;
  float scale = 0, zero = 0, low = 0, high = 0;
  float Real(float level) const { return (level - zero) * scale; }
};
// nullopt unless `x` comes from a DequantizeLinear with one scale.
std::optional<DequantizedLevels> LevelsBehind(const ir::Graph& graph, ir::ValueId x);

}  // namespace octavo
