#pragma once

#include <functional>

namespace octavo::cli {

// Calls the function on a stack of at least 8 MiB, which the limits on how deep a model is nested count on;
// threads that are started later have as much.  `ulimit -s` may have given the program less.
void OnLargeStack(const std::function<void()>& work);

}  // namespace octavo::cli
