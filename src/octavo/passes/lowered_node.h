#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "octavo/graph.h"
#include "octavo/ir/inputs.h"
#include "octavo/passes/replacements.h"

// What the passes ask of the nodes of a lowered graph.

namespace octavo::passes {

// An attribute that is a known integer, or a list of them.
std::optional<std::int64_t> IntAttribute(const ir::Node& node, std::string_view name);
std::optional<std::vector<std::int64_t>> IntsAttribute(const ir::Node& node, std::string_view name);
// The tensor of a constant; `Constant` nodes are constants, too.  Null for any other value.
const Tensor* ConstantOf(const ir::Graph& graph, ir::ValueId id);
// The elements of a small constant of integers.
std::optional<std::vector<std::int64_t>> ConstantInts(const ir::Graph& graph, ir::ValueId id);
// The order of the axes that a Transpose or Int8Transpose makes; nullopt for any other node.
std::optional<std::vector<std::int64_t>> Permutation(const ir::Node& node);
// May `source` be used in place of `copy`, which has the same elements?  It may not where their quantization
// differs, nor where an output of the graph would lose the node that names it.
// `replacements`: those that were found already.
bool CanStandFor(const ir::Graph& graph, const Replacements& replacements, ir::ValueId source,
                 ir::ValueId copy);

// The node that makes the first input; null if none does.
const ir::Node* MadeBy(const ir::Graph& graph, const ir::Node& node);
// Puts the nodes in this order; those that it leaves out are removed.
void Reorder(ir::Graph& graph, const std::vector<ir::NodeId>& order);

}  // namespace octavo::passes
