#pragma once

#include <string>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/graph.h"
#include "octavo/import/operator_rules.h"
#include "octavo/module/value.h"
#include "octavo/result.h"

namespace octavo::import {

// What the user said of an input.
struct InputSpec {
  std::string name;  // empty: by position
  TensorType type;
};

struct Options {
  std::vector<InputSpec> inputs;
  Limits limits;
};

// An operator that has no row: the import goes on, so that all of them are reported together.
struct MissingOperator {
  std::string op;
  std::vector<std::shared_ptr<const ir::Origin>> uses;  // in order
};

struct Imported {
  ir::Graph graph;
  std::vector<MissingOperator> missing;
  std::vector<std::string> warnings;  // what the model itself would say with warnings.warn, and the like
};

// Evaluates the module's `forward` with its tensors left symbolic.  The graph has one node for each call of
// an aten:: or quantized:: operator; everything else has been evaluated.
Result<Imported> Import(const module::Module& module, const OperatorRules& rules, const Options& options);

}  // namespace octavo::import
