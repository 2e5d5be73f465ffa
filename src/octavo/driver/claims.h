#pragma once

// What is said of a written model beside its exactness: how much of it runs in int8, which operators compute
// floats, and what a user should know about both.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "octavo/graph.h"
#include "octavo/octavo.h"
#include "octavo/reference/reference.h"

namespace octavo::driver {

struct Claims {
  std::size_t counted_operators = 0, int8_operators = 0;  // as in ExportReport
  std::map<std::string, std::size_t> not_int8;
  std::vector<FloatOperator> float_operators;
  std::vector<std::string> warnings;
};

// `written` is what `imported` became; its nodes have the `origins`, one for each node of `imported`, and
// those that are `proven` give PyTorch's floats (lower::Lowered).
Claims ClaimsOf(const ir::Graph& imported, const std::vector<std::shared_ptr<const ir::Origin>>& origins,
                const std::vector<bool>& proven, const ir::Graph& written, const ExportOptions& options);

// The operators of an imported graph in which the PyTorch engine is wrong, each with
// Exactness::kAsMeant and the bug as its bound.
std::vector<NodeExactness> MistakesIn(const ir::Graph& imported, const Registry& registry, Engine engine);

// Warnings about them (also about lower::Lowered::mistakes): one per kind.
std::vector<std::string> WarningsAboutMistakes(const std::vector<NodeExactness>& mistakes, Engine engine);
// The same for the reference: of the mistakes of its engine, and where it repeats them, of those that it
// cannot repeat.
std::vector<std::string> WarningsAboutMistakes(const ir::Graph& imported, const Registry& registry,
                                               const reference::Options& options);

// "41 of 62 operators run in int8 (not 21 quantized::hardswish)".  Empty where no operator counts.
std::string Int8Text(const ExportReport& report, Dialect dialect, Target target);

// The metadata `octavo.float_operators`: [place, operator, why, whether integers depend on it] of each.
// Empty where there are none.
std::string FloatOperatorsText(const std::vector<FloatOperator>& operators);

}  // namespace octavo::driver
