#include "octavo/kernels/convolution.h"

#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace octavo::kernels {
namespace {

using RandomWeights = std::vector<std::uint8_t>;

std::int64_t Out(std::int64_t size, std::int64_t kernel, std::int64_t dilation, std::int64_t stride,
                 std::int64_t pad_begin, std::int64_t pad_end) {
  return std::max<std::int64_t>(0, (size + pad_begin + pad_end - (kernel - 1) * dilation - 1) / stride + 1);
}

// The definition, in double where that is exact.
RandomWeights Plain(const ConvolutionShape& s, const RandomWeights& x,
                    const std::vector<std::int16_t>& weights, const std::vector<std::int32_t>& biases,
                    bool is_signed, std::int32_t x_zero, const OutputFormula& f) {
  RandomWeights y;
  const std::int64_t per_group = s.channels / s.groups, out_per_group = s.out_channels / s.groups;
  const auto sum_of = [&](std::int64_t n, std::int64_t oz, std::int64_t oy, std::int64_t ox, std::int64_t m) {
    std::int32_t sum = biases[static_cast<std::size_t>(m)];
    for (std::int64_t kz = 0; kz < s.kernel_depth; ++kz) {
      for (std::int64_t ky = 0; ky < s.kernel_height; ++ky) {
        for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
          const std::int64_t iz = oz * s.stride_depth - s.pad_front + kz * s.dilation_depth;
          const std::int64_t iy = oy * s.stride_height - s.pad_top + ky * s.dilation_height;
          const std::int64_t ix = ox * s.stride_width - s.pad_left + kx * s.dilation_width;
          if (iz < 0 || iz >= s.depth || iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
          const std::int64_t pixel = ((n * s.depth + iz) * s.height + iy) * s.width + ix;
          const std::int64_t tap = ((m * s.kernel_depth + kz) * s.kernel_height + ky) * s.kernel_width + kx;
          for (std::int64_t c = 0; c < per_group; ++c) {
            const std::uint8_t byte =
                x[static_cast<std::size_t>(pixel * s.channels + m / out_per_group * per_group + c)];
            const int value = is_signed ? static_cast<std::int8_t>(byte) : byte;
            sum += (value - x_zero) * weights[static_cast<std::size_t>(tap * per_group + c)];
          }
        }
      }
    }
    return sum;
  };
  const auto byte_of = [&](std::int32_t sum, std::int64_t m) {
    if (f.formula) return f.formula(sum, m);
    const float scaled =
        static_cast<float>(sum) * f.multipliers[f.multipliers.size() == 1 ? 0 : static_cast<std::size_t>(m)];
    const double rounded = std::nearbyint(static_cast<double>(scaled)) + f.zero_point;
    return static_cast<std::uint8_t>(static_cast<int>(
        std::min(std::max(rounded, static_cast<double>(f.low)), static_cast<double>(f.high))));
  };
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t oz = 0; oz < s.out_depth; ++oz) {
      for (std::int64_t oy = 0; oy < s.out_height; ++oy) {
        for (std::int64_t ox = 0; ox < s.out_width; ++ox) {
          for (std::int64_t m = 0; m < s.out_channels; ++m) y.push_back(byte_of(sum_of(n, oz, oy, ox, m), m));
        }
      }
    }
  }
  return y;
}

class Random {
 public:
  std::int64_t Draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  template <typename T>
  std::vector<T> Many(std::int64_t count, std::int64_t low, std::int64_t high) {
    std::vector<T> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<T>(Draw(low, high)));
    return values;
  }

 private:
  std::mt19937 random_{11};
};

const std::vector<const Table*>& TablesOfConvolutions() {
  static const std::vector<const Table*> tables = [] {
    std::vector<const Table*> found = {&kScalar};
    if (Avx2() != nullptr) found.push_back(Avx2());
    if (Avx512Vnni() != nullptr) found.push_back(Avx512Vnni());
    return found;
  }();
  return tables;
}

void Compare(Random& random, ConvolutionShape s, ThreadPool& pool) {
  const bool is_signed = random.Draw(0, 1) != 0, wide = random.Draw(0, 3) == 0;
  const std::int64_t per_filter = s.taps() * (s.channels / s.groups);
  const auto x = random.Many<std::uint8_t>(s.batch * s.depth * s.height * s.width * s.channels, 0, 255);
  const auto weights =
      random.Many<std::int16_t>(s.out_channels * per_filter, wide ? -255 : -128, wide ? 255 : 127);
  const auto biases = random.Many<std::int32_t>(s.out_channels, -20000, 20000);
  const auto x_zero = static_cast<std::int32_t>(is_signed ? random.Draw(-128, 127) : random.Draw(0, 255));
  OutputFormula f = {.zero_point = 100, .low = random.Draw(0, 1) != 0 ? 0 : 100, .high = 255};
  const std::int64_t kind = random.Draw(0, 4);
  const float scale = 0.02F / std::sqrt(static_cast<float>(per_filter));
  for (std::int64_t m = 0; m < (kind == 0 ? 1 : s.out_channels); ++m) {
    f.multipliers.push_back(scale * static_cast<float>(random.Draw(50, 150)) / 100);
  }
  if (kind == 4) {
    f.formula = [](std::int32_t sum, std::int64_t channel) {
      return static_cast<std::uint8_t>(sum / 1000 + channel);
    };
  }
  const RandomWeights expected = Plain(s, x, weights, biases, is_signed, x_zero, f);
  for (const Table* table : TablesOfConvolutions()) {
    const Convolution convolution(*table, s, weights, biases, is_signed, x_zero, f);
    std::vector<std::byte> scratch(convolution.scratch_size() * static_cast<std::size_t>(pool.threads()));
    RandomWeights y(expected.size());
    convolution.Run(x.data(), y.data(), pool, scratch.data());
    ASSERT_EQ(y, expected) << table->name << ": " << s.height << "x" << s.width << "x" << s.channels << " -> "
                           << s.out_height << "x" << s.out_width << "x" << s.out_channels << ", kernel "
                           << s.kernel_height << "x" << s.kernel_width << ", groups " << s.groups;
  }
}

TEST(ConvolutionTest, RandomShapes) {
  Random random;
  ThreadPool one(1), three(3);
  for (int round = 0; round < 300; ++round) {
    ConvolutionShape s = {.batch = random.Draw(0, 5) == 0 ? random.Draw(0, 3) : 1,
                          .height = random.Draw(1, 12),
                          .width = random.Draw(1, 12),
                          .kernel_height = random.Draw(1, 4),
                          .kernel_width = random.Draw(1, 4),
                          .stride_height = random.Draw(1, 3),
                          .stride_width = random.Draw(1, 3),
                          .dilation_height = random.Draw(1, 2),
                          .dilation_width = random.Draw(1, 2),
                          .pad_top = random.Draw(0, 5),
                          .pad_left = random.Draw(0, 5)};
    switch (round % 3) {
      case 0:  // dense
        s.channels = random.Draw(1, 40);
        s.out_channels = random.Draw(1, 40);
        break;
      case 1:  // grouped
        s.groups = random.Draw(1, 5);
        s.channels = s.groups * random.Draw(1, 9);
        s.out_channels = s.groups * random.Draw(1, 20);
        break;
      default:  // depthwise
        s.groups = s.channels = s.out_channels = random.Draw(1, 40);
    }
    s.out_height =
        Out(s.height, s.kernel_height, s.dilation_height, s.stride_height, s.pad_top, random.Draw(0, 5));
    s.out_width =
        Out(s.width, s.kernel_width, s.dilation_width, s.stride_width, s.pad_left, random.Draw(0, 5));
    ASSERT_NO_FATAL_FAILURE(Compare(random, s, round % 2 == 0 ? one : three));
  }
}

TEST(ConvolutionTest, RandomVolumes) {
  Random random;
  ThreadPool one(1), three(3);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t groups = round % 2 == 0 ? 1 : random.Draw(1, 4);
    ConvolutionShape s = {.batch = random.Draw(1, 2),
                          .height = random.Draw(1, 6),
                          .width = random.Draw(1, 6),
                          .channels = groups * random.Draw(1, 9),
                          .out_channels = groups * random.Draw(1, 20),
                          .kernel_height = random.Draw(1, 3),
                          .kernel_width = random.Draw(1, 3),
                          .stride_height = random.Draw(1, 2),
                          .stride_width = random.Draw(1, 2),
                          .dilation_height = random.Draw(1, 2),
                          .dilation_width = random.Draw(1, 2),
                          .pad_top = random.Draw(0, 2),
                          .pad_left = random.Draw(0, 2),
                          .groups = groups,
                          .depth = random.Draw(1, 5),
                          .kernel_depth = random.Draw(1, 3),
                          .stride_depth = random.Draw(1, 3),
                          .dilation_depth = random.Draw(1, 2),
                          .pad_front = random.Draw(0, 3)};
    s.out_depth =
        Out(s.depth, s.kernel_depth, s.dilation_depth, s.stride_depth, s.pad_front, random.Draw(0, 3));
    s.out_height =
        Out(s.height, s.kernel_height, s.dilation_height, s.stride_height, s.pad_top, random.Draw(0, 3));
    s.out_width =
        Out(s.width, s.kernel_width, s.dilation_width, s.stride_width, s.pad_left, random.Draw(0, 3));
    ASSERT_NO_FATAL_FAILURE(Compare(random, s, round % 3 == 0 ? three : one));
  }
}

TEST(ConvolutionTest, LayersOfNetworks) {
  Random random;
  ThreadPool pool(2);
  const ConvolutionShape stem = {.height = 19,
                                 .width = 21,
                                 .channels = 3,
                                 .out_height = 10,
                                 .out_width = 11,
                                 .out_channels = 64,
                                 .kernel_height = 7,
                                 .kernel_width = 7,
                                 .stride_height = 2,
                                 .stride_width = 2,
                                 .pad_top = 3,
                                 .pad_left = 3};
  const ConvolutionShape last = {.height = 7,
                                 .width = 7,
                                 .channels = 512,
                                 .out_height = 7,
                                 .out_width = 7,
                                 .out_channels = 65,
                                 .kernel_height = 3,
                                 .kernel_width = 3,
                                 .pad_top = 1,
                                 .pad_left = 1};
  const ConvolutionShape pointwise = {
      .height = 14, .width = 14, .channels = 96, .out_height = 14, .out_width = 14, .out_channels = 160};
  const ConvolutionShape linear = {.channels = 1280, .out_channels = 1000};
  const ConvolutionShape long_depthwise = {.width = 300,
                                           .channels = 24,
                                           .out_width = 300,
                                           .out_channels = 24,
                                           .kernel_width = 9,
                                           .pad_left = 4,
                                           .groups = 24};
  for (const ConvolutionShape& s : {stem, last, pointwise, linear, long_depthwise})
    ASSERT_NO_FATAL_FAILURE(Compare(random, s, pool));
}

TEST(ConvolutionTest, WhatIsFarFromTheImageIsPadding) {
  Random random;
  ThreadPool pool(1);
  const ConvolutionShape s = {.height = 2,
                              .width = 2,
                              .channels = 3,
                              .out_height = 30,
                              .out_width = 30,
                              .out_channels = 5,
                              .kernel_height = 2,
                              .kernel_width = 2,
                              .pad_top = 14,
                              .pad_left = 14};
  for (int round = 0; round < 10; ++round) ASSERT_NO_FATAL_FAILURE(Compare(random, s, pool));
}

TEST(ThreadPoolTest, EveryIndexOnceFromSeveralCallers) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(round % 17));
        std::vector<std::atomic<int>> busy(3);
        pool.ParallelFor(static_cast<std::int64_t>(seen.size()), [&](std::int64_t index, int worker) {
          if (busy[static_cast<std::size_t>(worker)].fetch_add(1) != 0) ++wrong;
          ++seen[static_cast<std::size_t>(index)];
          busy[static_cast<std::size_t>(worker)].fetch_sub(1);
        });
        for (const auto& count : seen) wrong += count != 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace octavo::kernels
