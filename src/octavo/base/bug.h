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

// Whether this is a build with the address sanitizer, which is slow and has memory of its own.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

// True in debug and sanitizer builds: indices are checked at each access, which release builds leave out of
// inner loops.
#ifdef NDEBUG
inline constexpr bool kChecksIndices = kSanitized;
#else
inline constexpr bool kChecksIndices = true;
#endif

}  // namespace octavo
