#include "octavo/cli/memory.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace octavo::cli {

void UseLargePages() {
#ifdef __GLIBC__
  constexpr int kStep = 64 << 20;            // of address space: what is not touched takes no memory
  constexpr int kOwnMapping = 1 << 20;       // larger blocks go back to the system when they are freed
  constexpr std::size_t kBlock = 256 << 10;  // larger than what the heap has left
  mallopt(M_TOP_PAD, kStep);
  mallopt(M_TRIM_THRESHOLD, 2 * kStep);
  mallopt(M_MMAP_THRESHOLD, kOwnMapping);
  auto* const block = static_cast<std::byte*>(std::malloc(kBlock));
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(block),
             top = reinterpret_cast<std::uintptr_t>(sbrk(0));
  const std::uintptr_t skip = (page - address % page) % page;
  // Advice alone: where it is not taken, or the block lies elsewhere, nothing is lost.
  if (block != nullptr && address + skip < top && top - address <= 2 * std::uintptr_t{kStep}) {
    madvise(block + skip, (top - address - skip) / page * page, MADV_HUGEPAGE);
  }
  std::free(block);
#endif
}

}  // namespace octavo::cli
