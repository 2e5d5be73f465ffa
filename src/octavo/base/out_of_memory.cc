#include "octavo/base/out_of_memory.h"

#include <fmt/format.h>

namespace octavo {

Error OutOfMemory(const std::string& what) {
  return Unsupported(fmt::format("there is not enough memory for {}", what),
                     "Close other programs, give smaller inputs, or allow this process more memory.");
}

}  // namespace octavo
