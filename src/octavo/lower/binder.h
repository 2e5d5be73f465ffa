#pragma once

#include <span>
#include <vector>

#include "octavo/operators.h"

namespace octavo::lower {

// The call's arguments in the order of the row's descriptors, defaults filled in.  An error names the
// argument.
Result<std::vector<ir::Operand>> BindArguments(const ir::Graph& graph, const OperatorRow& row,
                                               std::span<const ir::Argument> arguments);

}  // namespace octavo::lower
