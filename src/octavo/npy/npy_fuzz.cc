#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "octavo/archive/zip_testing.h"
#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
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

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed,
                              [](std::string_view bytes, octavo::fuzz::Dice& dice) {
                                return bytes.starts_with("PK") ? octavo::fuzz::MutateZip(bytes, {}, dice)
                                                               : octavo::fuzz::MutateNpy(bytes, dice);
                              });
}
