#include <algorithm>
#include <utility>

#include "octavo/engine/fused/operation.h"
#include "octavo/engine/fused/parallel.h"
#include "octavo/engine/taps.h"

namespace octavo::engine::fused {
namespace {

std::size_t Aligned(std::size_t size) { return (size + 63) / 64 * 64; }

// One row of output positions at a time, or a part of its channels; what a thread needs lies in its part of
// the scratch memory.
class Pool : public Operation {
 public:
  explicit Pool(const Pooling& pooling) : p_(pooling) {}
  void Run(const Machine& machine, std::span<const std::byte* const> x, std::byte* y,
           std::byte* scratch) const override {
    constexpr std::int64_t kLeastChannels = 64;
    const std::int64_t rows = p_.batch * p_.out_height;
    const std::int64_t parts = rows >= machine.pool->threads() ? 1 : 2 * machine.pool->threads();
    const std::int64_t part = std::max(kLeastChannels, (p_.channels + parts - 1) / parts);
    const std::int64_t tasks = (p_.channels + part - 1) / part;
    machine.pool->ParallelFor(rows * tasks, [&](std::int64_t task, int worker) {
      const std::int64_t row = task / tasks, first = task % tasks * part;
      std::byte* own = scratch + static_cast<std::size_t>(worker) * ThreadScratch();
      const auto** window = reinterpret_cast<const std::uint8_t**>(own);
      for (std::int64_t out_x = 0; out_x < p_.out_width; ++out_x) {
        const std::int64_t count = Window(Bytes(x[0]) + first, row, out_x, window);
        Pixel(*machine.table, window, count, std::min(part, p_.channels - first),
              own + Aligned(PointerBytes()), Bytes(y) + (row * p_.out_width + out_x) * p_.channels + first);
      }
    });
  }
  std::size_t scratch_size(const Machine& machine) const override {
    return ThreadScratch() * static_cast<std::size_t>(machine.pool->threads());
  }

 protected:
  // `channels` elements of each row and of `y`; the scratch memory has four bytes for each.
  virtual void Pixel(const kernels::Table& table, const std::uint8_t* const* rows, std::int64_t count,
                     std::int64_t channels, std::byte* scratch, std::uint8_t* y) const = 0;

 private:
  std::size_t PointerBytes() const {
    return static_cast<std::size_t>(std::min(p_.kernel_height, p_.height) *
                                    std::min(p_.kernel_width, p_.width)) *
           sizeof(const std::uint8_t*);
  }
  std::size_t ThreadScratch() const {
    return Aligned(PointerBytes()) + Aligned(static_cast<std::size_t>(p_.channels) * 4);
  }

  // The window's elements that lie in the image.
  std::int64_t Window(const std::uint8_t* x, std::int64_t row, std::int64_t out_x,
                      const std::uint8_t** rows) const {
    const std::int64_t image = row / p_.out_height, out_y = row % p_.out_height;
    std::int64_t count = 0;
    const std::int64_t top = out_y * p_.stride_height - p_.pad_top;
    const std::int64_t left = out_x * p_.stride_width - p_.pad_left;
    const TapRange lines = TapsInside(top, p_.kernel_height, p_.dilation_height, p_.height);
    const TapRange columns = TapsInside(left, p_.kernel_width, p_.dilation_width, p_.width);
    for (std::int64_t ky = lines.first; ky < lines.last; ++ky) {
      const std::int64_t iy = top + ky * p_.dilation_height;
      for (std::int64_t kx = columns.first; kx < columns.last; ++kx) {
        const std::int64_t ix = left + kx * p_.dilation_width;
        rows[count++] = x + ((image * p_.height + iy) * p_.width + ix) * p_.channels;
      }
    }
    return count;
  }

  Pooling p_;
};

class MaxPool final : public Pool {
 public:
  MaxPool(const Pooling& pooling, bool is_signed) : Pool(pooling), is_signed_(is_signed) {}

 private:
  void Pixel(const kernels::Table& table, const std::uint8_t* const* rows, std::int64_t count,
             std::int64_t channels, std::byte* /*scratch*/, std::uint8_t* y) const override {
    table.max_rows(rows, count, channels, is_signed_, y);
  }

  bool is_signed_;
};

class AveragePool final : public Pool {
 public:
  AveragePool(const Pooling& pooling, const Quant& x, AverageFormula formula)
      : Pool(pooling), x_(x), formula_(std::move(formula)) {}

 private:
  void Pixel(const kernels::Table& table, const std::uint8_t* const* rows, std::int64_t count,
             std::int64_t channels, std::byte* scratch, std::uint8_t* y) const override {
    auto* sums = reinterpret_cast<std::int32_t*>(scratch);
    std::fill_n(sums, channels, static_cast<std::int32_t>(-count * x_.zero_point));
    table.sum_rows(rows, count, channels, x_.is_signed, sums);
    for (std::int64_t c = 0; c < channels; ++c) y[c] = formula_(sums[c], count);
  }

  Quant x_;
  AverageFormula formula_;
};

class FloatAveragePool final : public Pool {
 public:
  FloatAveragePool(const Pooling& pooling, const Quant& x, FloatAverageFormula formula)
      : Pool(pooling), formula_(std::move(formula)) {
    for (int byte = 0; byte < 256; ++byte) {
      values_[static_cast<std::size_t>(byte)] =
          static_cast<float>(x.Integer(static_cast<std::uint8_t>(byte)) - x.zero_point) * x.scale;
    }
  }

 private:
  void Pixel(const kernels::Table& /*table*/, const std::uint8_t* const* rows, std::int64_t count,
             std::int64_t channels, std::byte* scratch, std::uint8_t* y) const override {
    auto* sums = reinterpret_cast<float*>(scratch);
    std::fill_n(sums, channels, 0.0F);
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t c = 0; c < channels; ++c) sums[c] += values_[rows[r][c]];
    }
    for (std::int64_t c = 0; c < channels; ++c) y[c] = formula_(sums[c], count);
  }

  std::array<float, 256> values_{};
  FloatAverageFormula formula_;
};

}  // namespace

std::unique_ptr<Operation> MakeMaxPool(const Pooling& pooling, bool is_signed) {
  return std::make_unique<MaxPool>(pooling, is_signed);
}
std::unique_ptr<Operation> MakeAveragePool(const Pooling& pooling, const Quant& x, AverageFormula formula) {
  return std::make_unique<AveragePool>(pooling, x, std::move(formula));
}
std::unique_ptr<Operation> MakeFloatAveragePool(const Pooling& pooling, const Quant& x,
                                                FloatAverageFormula formula) {
  return std::make_unique<FloatAveragePool>(pooling, x, std::move(formula));
}

}  // namespace octavo::engine::fused
