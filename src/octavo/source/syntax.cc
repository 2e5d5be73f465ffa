#include "octavo/source/syntax.h"

namespace octavo::source {

// Here, where Function is complete.
Statement::Statement() = default;
Statement::~Statement() = default;

}  // namespace octavo::source
