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

// True in debug and sanitizer builds: indices are checked at each access, which release builds leave out of
// inner loops.
#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kChecksIndices = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kChecksIndices = true;
#else
inline constexpr bool kChecksIndices = false;
#endif
#else
inline constexpr bool kChecksIndices = false;
#endif

}  // namespace octavo
