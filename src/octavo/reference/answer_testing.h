#pragma once

#include <string>
#include <string_view>

#include "octavo/reference/reference.h"

namespace octavo::reference {

// Runs a graph in text form (docs/ir.md) that has no inputs.  Its outputs, each as
// "float32[2,2]{1, 2, 3, 4}" with " | " between them, or "error: " and the message.
std::string Answer(std::string_view text, const Options& options = {});

}  // namespace octavo::reference
