#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/graph.h"
#include "octavo/import/operator_rules.h"
#include "octavo/module/value.h"
#include "octavo/result.h"

namespace octavo::import {

// None, a bool, an int or a float.
using InputLiteral = std::variant<std::monostate, bool, std::int64_t, double>;

// What the user said of an input.
struct InputSpec {
  std::string name;  // empty: by position
  TensorType type;
  std::optional<InputLiteral> value;  // set: the argument of that name is fixed at this value
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
  // What was assumed of forward's arguments, and what the model itself would say with warnings.warn.
  std::vector<std::string> warnings;
};

// Evaluates the module's `forward` with its tensors left symbolic.  The graph has one node for each call of
// an aten:: or quantized:: operator; everything else has been evaluated.
Result<Imported> Import(const module::Module& module, const OperatorRules& rules, const Options& options);

}  // namespace octavo::import
