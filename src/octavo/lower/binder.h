#pragma once

#include <span>
#include <vector>

#include "octavo/operators.h"

namespace octavo::lower {

// The call's arguments in the order of the row's descriptors, defaults filled in.  An error names the
// argument.
Result<std::vector<ir::Operand>> BindArguments(const ir::Graph& graph, const OperatorRow& row,
                                               std::span<const ir::Argument> arguments);

// Registry::Bind for calls that Octavo itself makes: the arguments in the order of the schema, keyword-only
// ones as well.
Result<std::optional<Registry::BoundCall>> BindInOrder(const Registry& registry, const ir::Graph& graph,
                                                       std::string_view op,
                                                       std::vector<ir::Operand> arguments);

}  // namespace octavo::lower
