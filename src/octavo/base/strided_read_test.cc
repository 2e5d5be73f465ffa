#include "octavo/base/strided_read.h"

#include <random>

#include <gtest/gtest.h>

#include "octavo/base/transpose_bytes.h"

namespace octavo {
namespace {

std::vector<std::byte> RandomBytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

TEST(TransposeBytes, EverySizeAroundTheTile) {
  for (std::int64_t rows = 1; rows <= 40; ++rows) {
    for (std::int64_t columns = 1; columns <= 40; ++columns) {
      for (const std::int64_t step : {rows, rows + 5}) {
        // Exactly the surplus that may be read and written is there, so that a sanitizer sees what goes
        // beyond.
        const std::int64_t read = (columns - 1) * step + std::max(rows, kTransposeTile);
        const std::int64_t written = rows * columns + std::max<std::int64_t>(kTransposeTile - columns, 0);
        const std::vector<std::byte> in = RandomBytes(static_cast<std::size_t>(read), 1);
        std::vector<std::byte> out(static_cast<std::size_t>(written));
        TransposeBytes(in.data(), rows, columns, step, out.data());
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t c = 0; c < columns; ++c) {
            ASSERT_EQ(out[static_cast<std::size_t>(r * columns + c)],
                      in[static_cast<std::size_t>(r + c * step)])
                << rows << " x " << columns << " at " << r << "," << c;
          }
        }
      }
    }
  }
}

// Element by element, from the definition of a strided view.
std::vector<std::byte> PlainRead(const Tensor& t) {
  std::vector<std::byte> out;
  const std::size_t size = ElementSize(t.dtype);
  for (std::int64_t n = 0; n < t.num_elements(); ++n) {
    std::int64_t at = t.offset, rest = n;
    for (std::size_t d = t.sizes.size(); d-- > 0; rest /= t.sizes[d]) at += rest % t.sizes[d] * t.strides[d];
    for (std::size_t b = 0; b < size; ++b) {
      const std::byte value = t.storage->bytes[static_cast<std::size_t>(at) * size + b];
      out.push_back(t.flip_sign_bit ? value ^ std::byte{0x80} : value);
    }
  }
  return out;
}

// Views of every kind: axes in any order, gaps, steps of 0 and below, and none of the storage left behind the
// last.
TEST(ReadStrided, RandomViews) {
  std::mt19937 random(7);
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const std::vector<std::int64_t> sizes = {1, 2, 3, 9, 15, 16, 17, 31, 33, 49, 63, 65, 130};
  for (const DType dtype :
       {DType::kInt8, DType::kInt8, DType::kFloat16, DType::kFloat32, DType::kInt64, DType::kComplex128}) {
    for (int trial = 0; trial < 150; ++trial) {
      Tensor t;
      t.dtype = dtype;
      const std::int64_t rank = 1 + below(4);
      std::vector<std::size_t> order;
      for (std::int64_t d = 0; d < rank; ++d) {
        t.sizes.push_back(sizes[static_cast<std::size_t>(below(rank < 4 ? 13 : 7))]);
        order.insert(order.begin() + below(d + 1), static_cast<std::size_t>(d));
      }
      t.strides.resize(t.sizes.size());
      std::int64_t step = below(4) == 0 ? 2 : 1, first = 0, last = 0;
      for (const std::size_t d : order) {
        t.strides[d] = below(10) == 0 ? 0 : below(10) == 0 ? -step : step;
        (t.strides[d] < 0 ? first : last) += t.strides[d] * (t.sizes[d] - 1);
        if (t.strides[d] != 0) step = step * t.sizes[d] + (below(4) == 0 ? below(5) : 0);
      }
      t.offset = -first;
      const auto elements = static_cast<std::size_t>(last - first + 1);
      t.storage = Storage::Of(RandomBytes(elements * ElementSize(dtype), static_cast<unsigned>(trial)));
      t.flip_sign_bit = dtype == DType::kInt8 && below(2) == 0;
      std::vector<std::byte> read;
      ASSERT_TRUE(ReadStrided(t, [&read](std::span<const std::byte> piece) -> Status {
        EXPECT_LE(piece.size(), std::size_t{256} << 10);
        read.insert(read.end(), piece.begin(), piece.end());
        return {};
      }));
      ASSERT_EQ(read, PlainRead(t)) << t.type().ToString() << " trial " << trial;
    }
  }
}

TEST(ReadStrided, RowsLongerThanAPiece) {
  Tensor t = Tensor::FromBytes(DType::kInt8, {3, 600'000}, RandomBytes(1'800'000, 3));
  t.sizes = {2, 300'000};
  t.strides = {900'000, 2};
  EXPECT_EQ(t.Bytes(), PlainRead(t));
  Tensor wide = Tensor::FromBytes(DType::kFloat64, {200'000}, RandomBytes(1'600'000, 4));
  wide.strides = {-1};
  wide.offset = 199'999;
  EXPECT_EQ(wide.Bytes(), PlainRead(wide));
}

}  // namespace
}  // namespace octavo
