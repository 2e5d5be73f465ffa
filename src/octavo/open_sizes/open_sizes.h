#pragma once

// Sizes that --input leaves open and that the model does not follow.  A trace has a number wherever Python
// had one: in place of int(x.shape[0]), in an unrolled loop over a dimension.  The exported model then fails
// at another size, or answers something else than the module would.

#include <string>
#include <vector>

#include "octavo/import/import.h"

namespace octavo::open_sizes {

// One warning per size.  Needs the graph as it was imported, with its nodes in place.
std::vector<std::string> Warnings(const import::Imported& imported, const import::OperatorRules& rules);

}  // namespace octavo::open_sizes
