#pragma once

#include <string>
#include <vector>

#include "octavo/graph.h"
#include "octavo/octavo.h"

namespace octavo::driver {

// Gives the inputs and outputs the names that the caller wants: `output_names` go by position; then the
// renames, all at once, so that two names can be exchanged.  Errors: kUsage for names that the model does not
// have, empty names, and names that would be given twice.
Status NameInputsAndOutputs(ir::Graph& graph, const std::vector<std::string>& output_names,
                            const std::vector<Rename>& renames);
// The renames alone, of names that lie elsewhere.
Status RenameAll(const std::vector<std::string*>& names, const std::vector<Rename>& renames);

}  // namespace octavo::driver
