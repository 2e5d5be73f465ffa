#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo {

// A vector register's worth: reads and writes go this far.
inline constexpr std::int64_t kTransposeTile = 16;

// out[r * columns + c] = in[r + c * column_step] for all r < rows, c < columns.
// Reads whole tiles: with fewer than 16 rows up to 15 bytes after the last column's are read and not used.
// Writes whole tiles: with fewer than 16 columns up to 15 bytes after the last are overwritten.
void TransposeBytes(const std::byte* in, std::int64_t rows, std::int64_t columns, std::int64_t column_step,
                    std::byte* out);

}  // namespace octavo
