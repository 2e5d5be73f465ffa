#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::import {

// What the importer must know of an operator: how a call's arguments are named, and the types of what it
// returns.
class OperatorRules {
 public:
  enum class Returns { kTensor, kTensorList, kTuple };
  struct Call {
    std::vector<ir::Argument> arguments;  // all named, defaults filled in
    std::vector<TensorType> results;
    Returns returns = Returns::kTensor;
  };
  virtual ~OperatorRules() = default;
  // nullopt: no such operator is known.  An error: it is known, but these arguments do not fit.
  virtual Result<std::optional<Call>> Bind(const ir::Graph& graph, std::string_view op,
                                           std::span<const ir::Argument> arguments) const = 0;
};

}  // namespace octavo::import
