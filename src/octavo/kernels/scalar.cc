#include "octavo/kernels/scalar.h"

#include <cmath>

namespace octavo::kernels {
namespace {

constexpr int kRows = 4, kColumns = 16, kStep = 2;

void PackActivations(const std::uint8_t* source, std::int64_t count, bool is_signed, std::byte* target) {
  scalar::PackActivations(source, count, is_signed, target);
}

template <typename Weight>
void Accumulate(const Tile& tile, std::int32_t* sums) {
  const auto* weights = reinterpret_cast<const Weight*>(tile.weights);
  for (int r = 0; r < tile.num_rows; ++r) {
    const auto* row = reinterpret_cast<const std::int16_t*>(tile.rows + r * tile.row_stride);
    std::uint32_t* out = reinterpret_cast<std::uint32_t*>(sums) + r * kColumns;
    for (int c = 0; c < kColumns; ++c) out[c] = static_cast<std::uint32_t>(tile.biases[c]);
    for (std::int64_t k = 0; k < tile.depth; k += kStep) {
      const Weight* w = weights + k * kColumns;
      for (int c = 0; c < kColumns; ++c) {
        out[c] += static_cast<std::uint32_t>(row[k] * w[2 * c] + row[k + 1] * w[2 * c + 1]);
      }
    }
  }
}

void AccumulateTile(const Tile& tile, std::int32_t* sums) {
  if (tile.wide) return Accumulate<std::int16_t>(tile, sums);
  Accumulate<std::int8_t>(tile, sums);
}

void Multiply(const Tile& tile, const Requantization& requantization, int columns, std::uint8_t* target,
              std::int64_t target_stride) {
  std::int32_t sums[kRows * kColumns];
  AccumulateTile(tile, sums);
  for (int r = 0; r < tile.num_rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      target[r * target_stride + c] =
          scalar::Requantize(sums[r * kColumns + c], requantization.multipliers[c], requantization);
    }
  }
}

void DepthwiseRows(const Depthwise& depthwise, const Requantization& requantization, std::uint8_t* target,
                   std::int64_t target_stride) {
  for (std::int64_t p = 0; p < depthwise.pixels; ++p) {
    scalar::DepthwisePixel(depthwise, requantization, p, 0, target + p * target_stride);
  }
}

void BinaryRow(const Binary& binary, const std::uint8_t* a, const std::uint8_t* b, std::int64_t b_step,
               std::int64_t count, std::uint8_t* target) {
  for (std::int64_t i = 0; i < count; ++i) target[i] = scalar::BinaryOne(binary, a[i], b[i * b_step]);
}

void Lookup(const std::uint8_t* source, std::int64_t count, const std::uint8_t* table, std::uint8_t* target) {
  for (std::int64_t i = 0; i < count; ++i) target[i] = table[source[i]];
}

void MaxRows(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t channels, bool is_signed,
             std::uint8_t* target) {
  scalar::MaxRows(rows, num_rows, 0, channels, is_signed, target);
}

void SumRows(const std::uint8_t* const* rows, std::int64_t num_rows, std::int64_t channels, bool is_signed,
             std::int32_t* sums) {
  scalar::SumRows(rows, num_rows, 0, channels, is_signed, sums);
}

void Quantize(const float* source, std::int64_t count, float factor, bool divides, std::int32_t zero_point,
              std::int32_t low, std::int32_t high, std::uint8_t* target) {
  for (std::int64_t i = 0; i < count; ++i) {
    target[i] =
        scalar::RoundAndClamp(divides ? source[i] / factor : source[i] * factor, zero_point, low, high);
  }
}

void Dequantize(const std::uint8_t* source, std::int64_t count, bool is_signed, std::int32_t zero_point,
                float scale, float* target) {
  for (std::int64_t i = 0; i < count; ++i) {
    target[i] = static_cast<float>(scalar::Integer(source[i], is_signed) - zero_point) * scale;
  }
}

}  // namespace

const Table kScalar = {.name = "scalar",
                       .rows = kRows,
                       .columns = kColumns,
                       .depth_step = kStep,
                       .activation_size = 2,
                       .shifts_signed = false,
                       .takes_wide = true,
                       .pack_activations = PackActivations,
                       .accumulate = AccumulateTile,
                       .multiply = Multiply,
                       .depthwise = DepthwiseRows,
                       .binary = BinaryRow,
                       .lookup = Lookup,
                       .max_rows = MaxRows,
                       .sum_rows = SumRows,
                       .quantize = Quantize,
                       .dequantize = Dequantize};

}  // namespace octavo::kernels
