#include "octavo/base/transpose_bytes.h"

#include <algorithm>
#include <cstring>

namespace octavo {
namespace {

using Line = unsigned char __attribute__((vector_size(kTransposeTile)));

Line InterleaveLow(Line a, Line b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
Line InterleaveHigh(Line a, Line b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// Interleaving the first half of the lines with the second rotates the 8 bits of (line, byte) by one; four
// times exchanges line and byte.
void Tile(const std::byte* in, std::int64_t rows, std::int64_t columns, std::int64_t column_step,
          std::byte* out, std::int64_t row_bytes) {
  Line a[kTransposeTile], b[kTransposeTile];
  for (std::int64_t c = 0; c < columns; ++c) std::memcpy(&a[c], in + c * column_step, sizeof a[c]);
  for (std::int64_t c = columns; c < kTransposeTile; ++c) a[c] = Line{};
  const auto interleave = [](const Line* from, Line* to) {
    for (int i = 0; i < kTransposeTile / 2; ++i) {
      to[2 * i] = InterleaveLow(from[i], from[i + kTransposeTile / 2]);
      to[2 * i + 1] = InterleaveHigh(from[i], from[i + kTransposeTile / 2]);
    }
  };
  interleave(a, b);
  interleave(b, a);
  interleave(a, b);
  interleave(b, a);
  // In this order a row's surplus bytes are overwritten by the next row.
  for (std::int64_t r = 0; r < rows; ++r) std::memcpy(out + r * row_bytes, &a[r], sizeof a[r]);
}

// Where the tile that comes after `at` begins: the last one overlaps its neighbour and ends at the border.
std::int64_t Next(std::int64_t at, std::int64_t size) {
  const std::int64_t next = at + kTransposeTile;
  if (next >= size) return size;
  return std::min(next, std::max<std::int64_t>(size - kTransposeTile, 0));
}

}  // namespace

void TransposeBytes(const std::byte* in, std::int64_t rows, std::int64_t columns, std::int64_t column_step,
                    std::byte* out) {
  for (std::int64_t r = 0; r < rows; r = Next(r, rows)) {
    const std::int64_t tile_rows = std::min(kTransposeTile, rows - r);
    for (std::int64_t c = 0; c < columns; c = Next(c, columns)) {
      const std::int64_t tile_columns = std::min(kTransposeTile, columns - c);
      Tile(in + r + c * column_step, tile_rows, tile_columns, column_step, out + r * columns + c, columns);
    }
  }
}

}  // namespace octavo
