#include "octavo/kernels/kernels.h"

#include <cfenv>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace octavo::kernels {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Each table that this machine can run, against plain loops that share nothing with them.
class KernelTest : public testing::TestWithParam<const Table*> {
 protected:
  const Table& table() const { return *GetParam(); }

  std::int64_t Draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  float DrawFloat(float low, float high) { return std::uniform_real_distribution<float>(low, high)(random_); }
  Bytes DrawBytes(std::int64_t count) {
    Bytes bytes(static_cast<std::size_t>(count));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(Draw(0, 255));
    return bytes;
  }

  std::mt19937 random_{7};
};

std::int64_t Value(std::uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(byte) : byte;
}

// In double, where a float's product by a float and the sum of a zero point are exact or saturate alike.
std::uint8_t Clamped(float value, std::int64_t zero_point, std::int64_t low, std::int64_t high) {
  if (std::isnan(value)) return static_cast<std::uint8_t>(low);
  const double rounded = std::nearbyint(static_cast<double>(value)) + static_cast<double>(zero_point);
  const double clamped = std::min(std::max(rounded, static_cast<double>(low)), static_cast<double>(high));
  return static_cast<std::uint8_t>(static_cast<std::int64_t>(clamped));
}

// 2^n - 1, 2^n, 2^n + 1 and 0.
const std::vector<std::int64_t> kSizes = {0,  1,  2,  3,  4,  5,  7,   8,   9,   15,  16, 17,
                                          31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257};

TEST_P(KernelTest, ProductsOfTiles) {
  for (int round = 0; round < 400; ++round) {
    const bool is_signed = Draw(0, 1) != 0, wide = table().takes_wide && Draw(0, 1) != 0,
               extreme = Draw(0, 3) == 0;
    const std::int64_t products = kSizes[static_cast<std::size_t>(Draw(1, 22))];
    const std::int64_t depth = (products + table().depth_step - 1) / table().depth_step * table().depth_step;
    const int rows = static_cast<int>(Draw(1, table().rows)),
              columns = static_cast<int>(Draw(1, table().columns));
    const std::int64_t row_stride = depth * table().activation_size + 64 * Draw(0, 1);
    std::vector<std::byte> packed(static_cast<std::size_t>(row_stride * rows));
    std::vector<Bytes> activations;
    for (int r = 0; r < rows; ++r) {
      activations.push_back(extreme ? Bytes(static_cast<std::size_t>(depth), is_signed ? 0x80 : 0xFF)
                                    : DrawBytes(depth));
      table().pack_activations(activations.back().data(), depth, is_signed,
                               &packed[static_cast<std::size_t>(r * row_stride)]);
    }
    const std::int64_t least = wide ? -255 : -128, most = wide ? 255 : 127;
    std::vector<std::int64_t> weights(static_cast<std::size_t>(depth * table().columns));
    for (auto& weight : weights) weight = extreme ? least : Draw(least, most);
    std::vector<std::int16_t> wide_weights(weights.size());
    std::vector<std::int8_t> narrow_weights(weights.size());
    const auto packed_at = [&](std::int64_t k, std::int64_t c) {
      const std::int64_t step = table().depth_step;
      return static_cast<std::size_t>(k / step * table().columns * step + c * step + k % step);
    };
    for (std::size_t i = 0; i < weights.size(); ++i) {
      wide_weights[i] = static_cast<std::int16_t>(weights[i]);
      narrow_weights[i] = static_cast<std::int8_t>(weights[i]);
    }
    std::vector<std::int32_t> biases(static_cast<std::size_t>(table().columns));
    std::vector<float> multipliers(biases.size());
    for (auto& bias : biases) {
      bias = static_cast<std::int32_t>(
          extreme ? Draw(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max())
                  : Draw(-100000, 100000));
    }
    const float scale = std::exp2(static_cast<float>(Draw(-20, 3)));
    for (auto& multiplier : multipliers) multiplier = Draw(0, 1) != 0 ? scale : scale * DrawFloat(0.5F, 2);
    const Tile tile = {.rows = packed.data(),
                       .row_stride = row_stride,
                       .num_rows = rows,
                       .weights = wide ? reinterpret_cast<const std::byte*>(wide_weights.data())
                                       : reinterpret_cast<const std::byte*>(narrow_weights.data()),
                       .wide = wide,
                       .depth = depth,
                       .biases = biases.data()};
    std::vector<std::int32_t> sums(static_cast<std::size_t>(table().rows * table().columns));
    table().accumulate(tile, sums.data());
    const bool signed_output = Draw(0, 1) != 0;
    Requantization requantization = {.multipliers = multipliers.data(),
                                     .zero_point = 0,
                                     .low = signed_output ? -128 : 0,
                                     .high = signed_output ? 127 : 255};
    requantization.zero_point = static_cast<std::int32_t>(Draw(requantization.low, requantization.high));
    if (Draw(0, 2) == 0) requantization.low = requantization.zero_point;
    const std::int64_t stride = columns + Draw(0, 3);
    Bytes target(static_cast<std::size_t>(rows * stride), 0xAB);
    table().multiply(tile, requantization, columns, target.data(), stride);
    const std::int64_t raised = is_signed && table().shifts_signed ? 128 : 0;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < table().columns; ++c) {
        std::int64_t sum = biases[static_cast<std::size_t>(c)];
        for (std::int64_t k = 0; k < depth; ++k) {
          sum += (Value(activations[static_cast<std::size_t>(r)][static_cast<std::size_t>(k)], is_signed) +
                  raised) *
                 weights[packed_at(k, c)];
        }
        const auto wrapped =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum)));
        ASSERT_EQ(sums[static_cast<std::size_t>(r * table().columns + c)], wrapped)
            << "row " << r << " column " << c;
        if (c >= columns) continue;
        ASSERT_EQ(target[static_cast<std::size_t>(r * stride + c)],
                  Clamped(static_cast<float>(wrapped) * multipliers[static_cast<std::size_t>(c)],
                          requantization.zero_point, requantization.low, requantization.high))
            << wrapped << " times " << multipliers[static_cast<std::size_t>(c)];
      }
      for (std::int64_t c = columns; c < stride; ++c)
        ASSERT_EQ(target[static_cast<std::size_t>(r * stride + c)], 0xAB);
    }
  }
}

TEST_P(KernelTest, Depthwise) {
  for (const std::int64_t channels : kSizes) {
    for (const std::int64_t taps : {1, 2, 3, 9, 25, 49}) {
      const bool is_signed = Draw(0, 1) != 0;
      const std::int64_t pixels = Draw(0, 4), pairs = (taps + 1) / 2;
      const Bytes image = DrawBytes(channels * 10);
      std::vector<const std::uint8_t*> pointers;
      for (std::int64_t i = 0; i < pixels * taps; ++i)
        pointers.push_back(image.data() + Draw(0, 9) * channels);
      std::vector<std::int16_t> packed(static_cast<std::size_t>((channels + 15) / 16 * pairs * 32));
      const auto at = [&](std::int64_t c, std::int64_t t) {
        return static_cast<std::size_t>(((c / 16 * pairs + t / 2) * 16 + c % 16) * 2 + t % 2);
      };
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t t = 0; t < taps; ++t) packed[at(c, t)] = static_cast<std::int16_t>(Draw(-255, 255));
      }
      std::vector<std::int32_t> biases;
      std::vector<float> multipliers;
      for (std::int64_t c = 0; c < channels; ++c) {
        biases.push_back(static_cast<std::int32_t>(Draw(-10000, 10000)));
        multipliers.push_back(DrawFloat(0, 0.01F));
      }
      const Requantization requantization = {.multipliers = multipliers.data(),
                                             .zero_point = 3,
                                             .low = is_signed ? -128 : 0,
                                             .high = is_signed ? 127 : 255};
      const std::int64_t stride = channels + 2;
      Bytes target(static_cast<std::size_t>(pixels * stride));
      table().depthwise({.taps = pointers.data(),
                         .num_taps = taps,
                         .pixels = pixels,
                         .channels = channels,
                         .is_signed = is_signed,
                         .weights = packed.data(),
                         .biases = biases.data()},
                        requantization, target.data(), stride);
      for (std::int64_t p = 0; p < pixels; ++p) {
        for (std::int64_t c = 0; c < channels; ++c) {
          std::int32_t sum = biases[static_cast<std::size_t>(c)];
          for (std::int64_t t = 0; t < taps; ++t) {
            sum += static_cast<std::int32_t>(
                       Value(pointers[static_cast<std::size_t>(p * taps + t)][c], is_signed)) *
                   packed[at(c, t)];
          }
          ASSERT_EQ(target[static_cast<std::size_t>(p * stride + c)],
                    Clamped(static_cast<float>(sum) * multipliers[static_cast<std::size_t>(c)], 3,
                            requantization.low, requantization.high))
              << channels << " channels, " << taps << " taps, channel " << c;
        }
      }
    }
  }
}

float BinaryValue(const Binary& f, std::int64_t a, std::int64_t b) {
  const auto real = [](std::int64_t x, std::int32_t zero, float scale) {
    return static_cast<float>(x - zero) * scale;
  };
  switch (f.form) {
    case Binary::Form::kSum: {
      const volatile float x = real(a, f.a_zero, f.a_scale), y = real(b, f.b_zero, f.b_scale);
      const volatile float sum = x + y;
      return sum * f.factor;
    }
    case Binary::Form::kSumFused: {
      const volatile float sum = std::fma(static_cast<float>(a), f.a_scale, f.offset) +
                                 std::fma(static_cast<float>(b), f.b_scale, f.b_offset);
      return sum * f.factor;
    }
    case Binary::Form::kSumChained:
      return std::fma(static_cast<float>(a), f.a_scale, std::fma(static_cast<float>(b), f.b_scale, f.offset));
    case Binary::Form::kSumFixed: {
      // The nearest integer; ties away from zero, or up.
      const double sum = static_cast<double>((a - f.a_zero) * f.a_factor + (b - f.b_zero) * f.b_factor);
      const double steps = std::ldexp(sum, -f.shift);
      return static_cast<float>(f.ties_up ? std::floor(steps + 0.5) : std::round(steps));
    }
    case Binary::Form::kProduct: {
      const volatile float x = real(a, f.a_zero, f.a_scale), y = real(b, f.b_zero, f.b_scale);
      const volatile float product = x * y;
      return product * f.factor;
    }
    case Binary::Form::kProductInt: {
      const volatile float product = static_cast<float>((a - f.a_zero) * (b - f.b_zero)) * f.factor;
      return product + f.offset;
    }
  }
  return 0;
}

TEST_P(KernelTest, BinaryOnAllPairs) {
  Bytes a, b;
  for (int i = 0; i < 65536; ++i) {
    a.push_back(static_cast<std::uint8_t>(i & 255));
    b.push_back(static_cast<std::uint8_t>(i >> 8));
  }
  for (int round = 0; round < 24; ++round) {
    Binary f = {.form = static_cast<Binary::Form>(round % 6), .is_signed = Draw(0, 1) != 0};
    f.low = f.is_signed ? -128 : 0;
    f.high = f.low + 255;
    f.a_zero = static_cast<std::int32_t>(Draw(f.low, f.high));
    f.b_zero = static_cast<std::int32_t>(Draw(f.low, f.high));
    f.zero_point = static_cast<std::int32_t>(Draw(f.low, f.high));
    f.a_scale = round < 6 ? 0.5F : DrawFloat(0.001F, 2);
    f.b_scale = round < 6 ? 0.25F : DrawFloat(0.001F, 2);
    f.factor = round < 6 ? 0.5F : DrawFloat(0.1F, 2);
    f.ties_up = Draw(0, 1) != 0;
    f.shift = static_cast<std::int32_t>(Draw(10, 22));
    f.a_factor = round < 6 ? 1 << (f.shift - 1) : static_cast<std::int32_t>(Draw(0, 1 << 21));
    f.b_factor = round < 6 ? 1 << (f.shift - 2) : static_cast<std::int32_t>(Draw(0, 1 << 21));
    f.offset = DrawFloat(-100, 100);
    f.b_offset = DrawFloat(-100, 100);
    for (const std::int64_t count : {0L, 1L, 15L, 17L, 65536L}) {
      for (const std::int64_t step : {0L, 1L}) {
        Bytes target(static_cast<std::size_t>(count) + 1, 0xAB);
        table().binary(f, a.data(), b.data() + 300, step, std::min<std::int64_t>(count, 65536 - 300),
                       target.data());
        for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 65536 - 300); ++i) {
          const std::int64_t x = Value(a[static_cast<std::size_t>(i)], f.is_signed);
          const std::int64_t y = Value(b[static_cast<std::size_t>(300 + i * step)], f.is_signed);
          ASSERT_EQ(target[static_cast<std::size_t>(i)],
                    Clamped(BinaryValue(f, x, y), f.zero_point, f.low, f.high))
              << "form " << round % 6 << ": " << x << ", " << y;
        }
        ASSERT_EQ(target.back(), 0xAB);
      }
    }
  }
}

TEST_P(KernelTest, Lookup) {
  const Bytes entries = DrawBytes(256);
  for (const std::int64_t size : kSizes) {
    Bytes source = DrawBytes(size), target(static_cast<std::size_t>(size) + 1, 0xAB);
    for (std::size_t i = 0; size >= 255 && i < 255; ++i) source[i] = static_cast<std::uint8_t>(i);
    table().lookup(source.data(), size, entries.data(), target.data());
    for (std::size_t i = 0; i < source.size(); ++i) ASSERT_EQ(target[i], entries[source[i]]);
    ASSERT_EQ(target.back(), 0xAB);
  }
}

TEST_P(KernelTest, MaximaAndSums) {
  for (const std::int64_t size : kSizes) {
    for (const bool is_signed : {false, true}) {
      const std::int64_t num_rows = Draw(1, 9);
      const Bytes image = DrawBytes(size * num_rows);
      std::vector<const std::uint8_t*> rows;
      for (std::int64_t r = 0; r < num_rows; ++r) rows.push_back(image.data() + r * size);
      Bytes target(static_cast<std::size_t>(size) + 1, 0xAB);
      std::vector<std::int32_t> sums(static_cast<std::size_t>(size) + 1, 5);
      table().max_rows(rows.data(), num_rows, size, is_signed, target.data());
      table().sum_rows(rows.data(), num_rows, size, is_signed, sums.data());
      for (std::int64_t c = 0; c < size; ++c) {
        std::int64_t best = -1000, sum = 5;
        for (const std::uint8_t* row : rows) {
          best = std::max(best, Value(row[c], is_signed));
          sum += Value(row[c], is_signed);
        }
        ASSERT_EQ(Value(target[static_cast<std::size_t>(c)], is_signed), best);
        ASSERT_EQ(sums[static_cast<std::size_t>(c)], sum);
      }
      ASSERT_EQ(target.back(), 0xAB);
      ASSERT_EQ(sums.back(), 5);
    }
  }
}

TEST_P(KernelTest, QuantizeAndDequantize) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::int64_t size : kSizes) {
    for (const bool divides : {false, true}) {
      const bool is_signed = Draw(0, 1) != 0;
      const std::int32_t low = is_signed ? -128 : 0, high = low + 255;
      const auto zero_point = static_cast<std::int32_t>(Draw(low, high));
      const float factor = Draw(0, 1) != 0 ? 0.25F : DrawFloat(0.01F, 100);
      std::vector<float> source;
      for (std::int64_t i = 0; i < size; ++i) source.push_back(static_cast<float>(Draw(-2000, 2000)) / 8);
      const std::vector<float> special = {infinity, -infinity, std::nanf(""), -0.0F,
                                          3e38F,    -3e38F,    2147483648.0F};
      for (std::size_t i = 0; i < special.size() && 2 * i < source.size(); ++i) source[2 * i] = special[i];
      Bytes target(source.size());
      table().quantize(source.data(), size, factor, divides, zero_point, low, high, target.data());
      for (std::size_t i = 0; i < source.size(); ++i) {
        const float value = divides ? source[i] / factor : source[i] * factor;
        ASSERT_EQ(target[i], Clamped(value, zero_point, low, high)) << source[i];
      }
      std::vector<float> back(source.size());
      table().dequantize(target.data(), size, is_signed, zero_point, factor, back.data());
      for (std::size_t i = 0; i < source.size(); ++i) {
        ASSERT_EQ(back[i], static_cast<float>(Value(target[i], is_signed) - zero_point) * factor);
      }
    }
  }
}

std::vector<const Table*> Tables() {
  std::vector<const Table*> tables = {&kScalar};
  if (Avx2() != nullptr) tables.push_back(Avx2());
  if (Avx512Vnni() != nullptr) tables.push_back(Avx512Vnni());
  return tables;
}

INSTANTIATE_TEST_SUITE_P(Tables, KernelTest, testing::ValuesIn(Tables()),
                         [](const auto& param) { return std::string(param.param->name); });

}  // namespace
}  // namespace octavo::kernels
