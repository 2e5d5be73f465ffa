#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "octavo/archive/zip_testing.h"
#include "octavo/npy/npy.h"

// Any file is read or refused; every element of what was read can be looked at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace octavo;
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  const auto arrays = npy::Read(file.path());
  if (!arrays) return 0;
  for (const npy::Array& array : *arrays) {
    if (array.tensor.Bytes().size() != array.tensor.num_bytes()) std::abort();
  }
  return 0;
}
