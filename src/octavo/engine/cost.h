#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "octavo/engine/program.h"

namespace octavo::engine {

class Call;

// What the node takes where it is evaluated literally, from the types of its operands and results.
Cost CostOf(Call& call, const std::vector<ValueType>& outputs);

// "the result float32[4,1000]", for messages about memory.
std::string ResultText(const ValueType& type);

}  // namespace octavo::engine
