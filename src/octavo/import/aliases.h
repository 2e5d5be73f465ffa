#pragma once

#include <string_view>

namespace octavo::import {

// True if a result of the operator (its name without overload) may be a view of a tensor that it reads: a
// later write in place to either changes both.  Sources: the alias annotations of PyTorch's schemas, and what
// PyTorch's operators return (tests/data/aliases.txt).
bool MayAlias(std::string_view op);

}  // namespace octavo::import
