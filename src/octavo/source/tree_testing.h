#pragma once

#include <string>

#include "octavo/source/syntax.h"

namespace octavo::source {

// The tree in the notation of tests/models/source_tree.py.
std::string DumpTree(const File& file);
std::string DumpExpr(const Expr& expr);

}  // namespace octavo::source
