#include "octavo/source/syntax.h"

namespace octavo::source {

// Here, where Function is complete.
Statement::Statement(std::pmr::memory_resource* arena) : targets(arena), body(arena), otherwise(arena) {}
Statement::~Statement() = default;

}  // namespace octavo::source
