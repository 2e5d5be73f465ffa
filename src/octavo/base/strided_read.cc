#include "octavo/base/strided_read.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "octavo/base/transpose_bytes.h"

namespace octavo {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
// A transposition is done in tiles whose lines all stay in the first-level cache.
constexpr std::int64_t kTileColumns = 64;

struct Axis {
  std::int64_t size, step;  // step in bytes
};

// The fewest axes that say the same: without those of size 1, and with neighbours joined where the outer one
// goes on where the inner one ends.
std::vector<Axis> JoinedAxes(const Tensor& tensor) {
  const auto element = static_cast<std::int64_t>(ElementSize(tensor.dtype));
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    const Axis axis{tensor.sizes[i], tensor.strides[i] * element};
    if (axis.size == 1) continue;
    if (!axes.empty() && axes.back().step == axis.size * axis.step) {
      axes.back() = {axes.back().size * axis.size, axis.step};
    } else {
      axes.push_back(axis);
    }
  }
  // Two at least, so that there are rows and columns.
  while (axes.size() < 2) axes.insert(axes.begin(), {1, 0});
  return axes;
}

// Writes rows x columns elements of kBytes bytes in row-major order.
template <std::size_t kBytes>
void CopyPanel(const std::byte* in, Axis rows, Axis columns, std::byte* out) {
  constexpr auto kStep = static_cast<std::int64_t>(kBytes);
  const std::int64_t row_bytes = columns.size * kStep;
  if (columns.step == kStep) {
    for (std::int64_t r = 0; r < rows.size; ++r) {
      std::memcpy(out + r * row_bytes, in + r * rows.step, static_cast<std::size_t>(row_bytes));
    }
    return;
  }
  const std::int64_t tile_rows = columns.size <= kTileColumns ? 512 : 32;
  for (std::int64_t first_row = 0; first_row < rows.size; first_row += tile_rows) {
    const std::int64_t last_row = std::min(rows.size, first_row + tile_rows);
    for (std::int64_t first = 0; first < columns.size; first += kTileColumns) {
      const std::int64_t last = std::min(columns.size, first + kTileColumns);
      // The longer loop is the inner one.
      if (last_row - first_row >= last - first) {
        for (std::int64_t c = first; c < last; ++c) {
          const std::byte* from = in + first_row * rows.step + c * columns.step;
          std::byte* to = out + first_row * row_bytes + c * kStep;
          for (std::int64_t r = first_row; r < last_row; ++r, from += rows.step, to += row_bytes) {
            std::memcpy(to, from, kBytes);
          }
        }
      } else {
        for (std::int64_t r = first_row; r < last_row; ++r) {
          const std::byte* from = in + r * rows.step + first * columns.step;
          std::byte* to = out + r * row_bytes + first * kStep;
          for (std::int64_t c = first; c < last; ++c, from += columns.step, to += kStep) {
            std::memcpy(to, from, kBytes);
          }
        }
      }
    }
  }
}

void FlipSignBits(std::span<std::byte> bytes) {
  constexpr std::uint64_t kSigns = 0x8080808080808080U;
  std::size_t i = 0;
  for (; i + sizeof kSigns <= bytes.size(); i += sizeof kSigns) {
    std::uint64_t word;
    std::memcpy(&word, &bytes[i], sizeof word);
    word ^= kSigns;
    std::memcpy(&bytes[i], &word, sizeof word);
  }
  for (; i < bytes.size(); ++i) bytes[i] ^= std::byte{0x80};
}

class StridedReader {
 public:
  StridedReader(const Tensor& tensor, const std::function<Status(std::span<const std::byte>)>& sink)
      : tensor_(tensor),
        sink_(sink),
        element_(ElementSize(tensor.dtype)),
        capacity_(std::min(kPieceBytes, tensor.num_bytes())),
        buffer_(std::make_unique_for_overwrite<std::byte[]>(capacity_ + kTransposeTile)) {}

  Status Read() {
    std::vector<Axis> outer = JoinedAxes(tensor_);
    const Axis columns = outer.back();
    outer.pop_back();
    const Axis rows = outer.back();
    outer.pop_back();
    const std::byte* base =
        tensor_.storage->bytes.data() + tensor_.offset * static_cast<std::int64_t>(element_);
    std::vector<std::int64_t> index(outer.size(), 0);
    for (;;) {
      OCTAVO_TRY(Panel(base, rows, columns));
      std::size_t axis = outer.size();
      for (; axis > 0; --axis) {
        const Axis& a = outer[axis - 1];
        std::int64_t& i = index[axis - 1];
        base += a.step;
        if (++i < a.size) break;
        base -= a.size * a.step;
        i = 0;
      }
      if (axis == 0) return Flush();
    }
  }

 private:
  // As many whole rows at a time as the buffer has room for; a row that is too long goes in parts.
  Status Panel(const std::byte* base, Axis rows, Axis columns) {
    const std::size_t row_bytes = static_cast<std::size_t>(columns.size) * element_;
    if (row_bytes > capacity_) {
      for (std::int64_t r = 0; r < rows.size; ++r) OCTAVO_TRY(LongRow(base + r * rows.step, columns));
      return {};
    }
    for (std::int64_t done = 0; done < rows.size;) {
      if (capacity_ - filled_ < row_bytes) OCTAVO_TRY(Flush());
      const auto room = static_cast<std::int64_t>((capacity_ - filled_) / row_bytes);
      const std::int64_t count = std::min(room, rows.size - done);
      Copy(base + done * rows.step, {count, rows.step}, columns);
      done += count;
    }
    return {};
  }

  Status LongRow(const std::byte* base, Axis columns) {
    for (std::int64_t done = 0; done < columns.size;) {
      if (capacity_ - filled_ < element_) OCTAVO_TRY(Flush());
      const auto room = static_cast<std::int64_t>((capacity_ - filled_) / element_);
      const std::int64_t count = std::min(room, columns.size - done);
      Copy(base + done * columns.step, {1, 0}, {count, columns.step});
      done += count;
    }
    return {};
  }

  void Copy(const std::byte* in, Axis rows, Axis columns) {
    std::byte* out = buffer_.get() + filled_;
    filled_ += static_cast<std::size_t>(rows.size * columns.size) * element_;
    switch (element_) {
      case 1:
        if (rows.step == 1 && ReadsInside(in, rows, columns)) {
          return TransposeBytes(in, rows.size, columns.size, columns.step, out);
        }
        return CopyPanel<1>(in, rows, columns, out);
      case 2:
        return CopyPanel<2>(in, rows, columns, out);
      case 4:
        return CopyPanel<4>(in, rows, columns, out);
      case 8:
        return CopyPanel<8>(in, rows, columns, out);
      default:
        return CopyPanel<16>(in, rows, columns, out);
    }
  }

  // May TransposeBytes read whole tiles here?
  bool ReadsInside(const std::byte* in, Axis rows, Axis columns) const {
    if (columns.step < 0) return false;
    const std::span<const std::byte> bytes = tensor_.storage->bytes;
    const std::int64_t surplus = std::max<std::int64_t>(kTransposeTile - rows.size, 0);
    const std::int64_t left = bytes.data() + bytes.size() - in;
    return (columns.size - 1) * columns.step + rows.size + surplus <= left;
  }

  Status Flush() {
    if (filled_ == 0) return {};
    const std::span<std::byte> piece(buffer_.get(), filled_);
    if (tensor_.flip_sign_bit) FlipSignBits(piece);
    filled_ = 0;
    return sink_(piece);
  }

  const Tensor& tensor_;
  const std::function<Status(std::span<const std::byte>)>& sink_;
  const std::size_t element_;
  const std::size_t capacity_;
  std::size_t filled_ = 0;
  std::unique_ptr<std::byte[]> buffer_;
};

}  // namespace

Status ReadStrided(const Tensor& tensor, const std::function<Status(std::span<const std::byte>)>& sink) {
  return StridedReader(tensor, sink).Read();
}

}  // namespace octavo
