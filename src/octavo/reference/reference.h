#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "octavo/base/budget.h"
#include "octavo/graph.h"
#include "octavo/pytorch_engine.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

// Runs an imported graph, whose operators are PyTorch's, with the numbers that PyTorch computes on a CPU: one
// plain loop for each operator, straight from its formula.  It is what converted models are compared with, so
// it shares no operator's code with anything that is compared.  docs/numbers.md states the formulas.

namespace octavo::reference {

// What is computed where the engine is plainly wrong (docs/numbers.md lists these cases).
enum class Faults : std::uint8_t {
  kMeant,  // what the operator says
  kKeep,   // what PyTorch answers
};

struct Options {
  Engine engine = kDefaultEngine;  // whose results are computed
  Faults faults = Faults::kMeant;
  // What values and work are taken from; each run has all of its work.
  std::shared_ptr<Budget> budget = std::make_shared<Budget>();
};

// Called with every value that a node makes, in the order of the graph.
using Observer = std::function<void(ir::ValueId, const Tensor&)>;

// `inputs`: one tensor for each graph input, with its dtype, shape and quantization.  All sizes of the graph
// must be known: import the model with the inputs' own shapes.  Answers the graph's outputs, contiguous, in
// order.  Errors: kUsage for inputs that do not fit the graph; kUnsupported, with the operator and its place,
// for what the reference cannot run, and where the model wants more memory or work than the budget has.
Result<std::vector<Tensor>> Run(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                                const Options& options = {}, const Observer& observer = {});

// Whether there is a kernel for "aten::relu".
bool Knows(std::string_view op);

}  // namespace octavo::reference
