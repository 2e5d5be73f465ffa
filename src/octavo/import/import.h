#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
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
  // List the program rather than convert it: a type that is not known is no error, a branch on it is followed
  // both ways, and a statement that cannot be evaluated is skipped.
  bool survey = false;
};

// An operator that is not supported: the import goes on, so that all of them are reported together.
struct MissingOperator {
  std::string op;
  std::vector<std::shared_ptr<const ir::Origin>> uses;     // in order
  std::vector<std::shared_ptr<const ir::Origin>> perhaps;  // in branches that may not be taken
};

// What is known of a call.
struct CallNote {
  bool perhaps = false;  // in a branch that may not be taken
  bool bound = true;     // false: whether the operator takes these arguments is not known
};

// Of an imported graph: the value that one of two branches gives.  Not an operator.
inline constexpr const char* kEither = "prim::If";

struct Imported {
  ir::Graph graph;
  // By node: its code may be a trace.  Where the file does not say, a function with branches or loops is
  // none.
  std::vector<bool> traced;
  // The sizes that the model was traced with, by the names that the inputs' types have for them.
  std::map<std::string, std::int64_t> traced_sizes;
  std::vector<MissingOperator> missing;
  // False: a branch was followed both ways, or a statement skipped.  Then something is missing, or this is a
  // survey.
  bool complete = true;
  std::vector<Error> skipped;  // why statements were skipped that are executed for sure; the first hundred
  std::unordered_map<const ir::Origin*, CallNote> notes;  // of calls of which not all is known
  // Inputs whose type neither the file nor the user says: taken as float32, in a survey as unknown.
  std::vector<std::string> untyped;
  std::unordered_set<const void*> read;  // where the elements begin of the tensors that the program asks for
  // What was assumed of forward's arguments, and what the model itself would say with warnings.warn.
  std::vector<std::string> warnings;
};

// Evaluates the module's `forward` with its tensors left symbolic.  The graph has one node for each call of
// an aten:: or quantized:: operator; everything else has been evaluated.
Result<Imported> Import(const module::Module& module, const OperatorRules& rules, const Options& options);

}  // namespace octavo::import
