#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
#include "octavo/module/source_map.h"

// Any record gives lines or none; the names of files are printable, without folders.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace octavo;
  auto owner = std::make_shared<std::vector<std::byte>>(size);
  for (std::size_t i = 0; i < size; ++i) (*owner)[i] = static_cast<std::byte>(data[i]);
  const auto map = module::SourceMap::Read({.bytes = *owner, .owner = owner}, {});
  if (!map) return 0;
  for (std::size_t byte = 0; byte <= size; ++byte) {
    const module::AuthorLine* line = map->Find(byte);
    if (line == nullptr) continue;
    if (line->file.size() > 100 || line->line < 0) std::abort();
    for (const char c : line->file) {
      if (c < 0x20 || c >= 0x7f || c == '/' || c == '\\') std::abort();
    }
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed, octavo::fuzz::MutatePickle);
}
