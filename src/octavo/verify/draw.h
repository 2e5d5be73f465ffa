#pragma once

#include <cstdint>
#include <vector>

#include "octavo/base/budget.h"
#include "octavo/graph.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::verify {

// Inputs that keep a network's layers alive, the same for the same seed everywhere.  Images (four dimensions
// or more, or three whose last two are 8 or more) are smooth random fields, others are independent numbers;
// floats fill the range that the graph quantizes the input to, where it does so at once, else are of mean 0
// and deviation 1; quantized inputs fill their integers; indices of an embedding stay inside of it; other
// integers are from 0 to 9.  All sizes must be known: kUsage.
// `memory`: what they are taken from, which must live as long as they do.
Result<std::vector<Tensor>> DrawInputs(const ir::Graph& graph, std::uint64_t seed, Memory& memory);

}  // namespace octavo::verify
