#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "octavo/base/file_kind.h"

// Any bytes are recognized or not; a name that is given says something.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto kind = octavo::RecognizeFile(std::as_bytes(std::span(data, size)));
  if (kind && kind->what.empty()) std::abort();
  return 0;
}
