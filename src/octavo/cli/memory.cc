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
  void* block = std::malloc(kBlock);
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(block) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(sbrk(0)) / page * page;
  std::free(block);
  // Advice alone: where it is not taken, or the block lies elsewhere, nothing is lost.
  if (begin < end && end - begin <= 2 * std::uintptr_t{kStep}) {
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  }
#endif
}

}  // namespace octavo::cli
