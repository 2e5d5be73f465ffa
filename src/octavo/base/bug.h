#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace octavo {

// A contract between Octavo's own parts was broken, by a row that names an argument it has not described,
// say.  Never for anything that a file can cause.
[[noreturn]] inline void Bug(const std::string& what) {
  std::fprintf(stderr, "octavo: internal error: %s\n", what.c_str());
  std::abort();
}

}  // namespace octavo
