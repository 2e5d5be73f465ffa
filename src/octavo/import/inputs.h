#pragma once

#include <optional>
#include <string>
#include <vector>

#include "octavo/import/evaluator.h"

namespace octavo::import {

// Makes the graph's inputs and the values that forward is called with.  What it assumes becomes a warning:
// optional tensors that are left out, and other arguments that stay at their defaults.
Result<std::vector<Value>> MakeInputs(Evaluator& evaluator, const source::Function& forward);

// Makes the graph's outputs of what forward returned; `expr` is what its return statement says, or null.
Status MakeOutputs(Evaluator& evaluator, const Value& returned, const source::Expr* expr);

}  // namespace octavo::import
