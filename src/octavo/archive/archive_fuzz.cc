#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "octavo/archive/archive.h"
#include "octavo/archive/zip_testing.h"
#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"

// Any file is opened or refused, and every record of it read or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace octavo;
  const archive::TestFile file({reinterpret_cast<const char*>(data), size});
  auto mapped = MappedFile::Open(file.path());
  if (!mapped) return 0;
  const auto archive = archive::Archive::Open(*mapped, {});
  if (!archive) return 0;
  const std::string_view root = (*archive)->root();
  for (const std::string_view name : (*archive)->names()) {
    if (!name.starts_with(root)) continue;
    const auto text = (*archive)->ReadText(name.substr(root.size()));
    if (!text && text.error().where().empty()) std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed, [](std::string_view zip, octavo::fuzz::Dice& dice) {
    return octavo::fuzz::MutateZip(zip, {}, dice);
  });
}
