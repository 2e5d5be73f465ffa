#pragma once

namespace octavo::cli {

// For a command that makes many small objects and ends: the heap grows in large steps, on large pages where
// the system has them.  Its first touch of each page would otherwise be a sixth of an export's time.
void UseLargePages();

}  // namespace octavo::cli
