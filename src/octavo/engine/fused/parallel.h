#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "octavo/kernels/thread_pool.h"

namespace octavo::engine::fused {

inline const std::uint8_t* Bytes(const std::byte* bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes);
}
inline std::uint8_t* Bytes(std::byte* bytes) { return reinterpret_cast<std::uint8_t*>(bytes); }

// Elements that are worth waking a thread for.
inline constexpr std::int64_t kPiece = 16384;

// Calls work(begin, count) for pieces of [0, count).
template <typename Work>
void ForPieces(kernels::ThreadPool& pool, std::int64_t count, Work&& work, std::int64_t piece = kPiece) {
  if (count <= 0) return;
  pool.ParallelFor((count + piece - 1) / piece, [&](std::int64_t index, int /*worker*/) {
    work(index * piece, std::min(piece, count - index * piece));
  });
}

}  // namespace octavo::engine::fused
