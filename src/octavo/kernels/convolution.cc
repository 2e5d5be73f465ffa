#include "octavo/kernels/convolution.h"

#include <algorithm>
#include <cstring>

namespace octavo::kernels {
namespace {

// What stays in the second-level cache beside the weights.
constexpr std::int64_t kPackedBytes = 128 * 1024;
constexpr std::int64_t kMaxTilesAtOnce = 16;
// Of a depthwise convolution, whose taps are gathered first.
constexpr std::int64_t kPixelsAtOnce = 128;

std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

Convolution::Convolution(const Table& table, const ConvolutionShape& shape,
                         std::span<const std::int16_t> weights, std::span<const std::int32_t> biases,
                         bool is_signed, std::int32_t x_zero_point, OutputFormula output)
    : table_(&table), shape_(shape), is_signed_(is_signed), output_(std::move(output)) {
  wide_ = std::ranges::any_of(weights, [](std::int16_t w) { return w < -128 || w > 127; });
  if (wide_ && !table.takes_wide) table_ = Avx2() != nullptr ? Avx2() : &kScalar;
  const std::int64_t group_channels = shape.channels / shape.groups;
  const bool volume = shape.depth != 1 || shape.out_depth != 1 || shape.kernel_depth != 1;
  depthwise_ = group_channels == 1 && shape.groups == shape.out_channels && shape.groups > 1 &&
               !output_.formula && !volume;
  const std::int64_t taps = shape.taps(), products = taps * group_channels;
  const std::int64_t group_out = shape.out_channels / shape.groups;
  const std::int64_t columns = depthwise_ ? 1 : table_->columns;
  group_blocks_ = CeilDiv(group_out, columns);
  const auto padded = static_cast<std::size_t>(shape.groups * group_blocks_ * columns);
  biases_.resize(padded);
  multipliers_.resize(padded);
  const std::int32_t raised = !depthwise_ && is_signed && table_->shifts_signed ? 128 : 0;
  for (std::int64_t m = 0; m < shape.out_channels; ++m) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < products; ++k) sum += weights[static_cast<std::size_t>(m * products + k)];
    const std::int64_t bias = biases.empty() ? 0 : biases[static_cast<std::size_t>(m)];
    const auto at = static_cast<std::size_t>(m / group_out * group_blocks_ * columns + m % group_out);
    biases_[at] = static_cast<std::int32_t>(static_cast<std::uint32_t>(bias - (x_zero_point + raised) * sum));
    if (!output_.multipliers.empty()) {
      multipliers_[at] =
          output_.multipliers[output_.multipliers.size() == 1 ? 0 : static_cast<std::size_t>(m)];
    }
  }
  padding_.assign(static_cast<std::size_t>(shape.kernel_width * shape.channels),
                  static_cast<std::uint8_t>(x_zero_point));
  if (depthwise_) {
    PackDepthwise(weights);
    scratch_size_ = static_cast<std::size_t>(std::min(shape.out_width, kPixelsAtOnce) * taps) *
                    sizeof(const std::uint8_t*);
  } else {
    depth_ = CeilDiv(products, table_->depth_step) * table_->depth_step;
    PackDense(weights);
    rows_at_once_ = std::clamp<std::int64_t>(kPackedBytes / (depth_ * table_->activation_size * table_->rows),
                                             1, kMaxTilesAtOnce);
    rows_at_once_ =
        std::min(rows_at_once_, std::max<std::int64_t>(1, CeilDiv(shape.out_pixels(), table_->rows)));
    rows_at_once_ *= table_->rows;
    scratch_size_ = static_cast<std::size_t>(rows_at_once_ * depth_ * table_->activation_size);
  }
  scratch_size_ = (scratch_size_ + 63) / 64 * 64;
}

void Convolution::PackDense(std::span<const std::int16_t> weights) {
  const std::int64_t products = shape_.taps() * (shape_.channels / shape_.groups);
  const std::int64_t group_out = shape_.out_channels / shape_.groups;
  const std::int64_t columns = table_->columns, step = table_->depth_step;
  const std::size_t size = wide_ ? 2 : 1;
  weights_.resize(static_cast<std::size_t>(shape_.groups * group_blocks_ * columns * depth_) * size);
  for (std::int64_t m = 0; m < shape_.out_channels; ++m) {
    const std::int64_t in_group = m % group_out;
    const std::int64_t block = m / group_out * group_blocks_ + in_group / columns;
    for (std::int64_t k = 0; k < products; ++k) {
      const std::int64_t at =
          block * columns * depth_ + k / step * columns * step + in_group % columns * step + k % step;
      const std::int16_t w = weights[static_cast<std::size_t>(m * products + k)];
      if (wide_) {
        std::memcpy(&weights_[static_cast<std::size_t>(at) * 2], &w, 2);
      } else {
        weights_[static_cast<std::size_t>(at)] = static_cast<std::byte>(w);
      }
    }
  }
}

void Convolution::PackDepthwise(std::span<const std::int16_t> weights) {
  const std::int64_t taps = shape_.kernel_height * shape_.kernel_width, pairs = CeilDiv(taps, 2);
  depthwise_weights_.resize(static_cast<std::size_t>(CeilDiv(shape_.channels, 16) * pairs * 32));
  for (std::int64_t c = 0; c < shape_.channels; ++c) {
    for (std::int64_t t = 0; t < taps; ++t) {
      depthwise_weights_[static_cast<std::size_t>((c / 16 * pairs + t / 2) * 32 + c % 16 * 2 + t % 2)] =
          weights[static_cast<std::size_t>(c * taps + t)];
    }
  }
}

// Packs the group's channels of one output position's window.
void Convolution::PackPixel(const std::uint8_t* x, std::int64_t pixel, std::int64_t group,
                            std::byte* target) const {
  const ConvolutionShape& s = shape_;
  const std::int64_t group_channels = s.channels / s.groups, size = table_->activation_size;
  const std::int64_t out_x = pixel % s.out_width, out_y = pixel / s.out_width % s.out_height;
  const std::int64_t out_z = pixel / s.out_width / s.out_height % s.out_depth;
  const std::int64_t image = pixel / s.out_width / s.out_height / s.out_depth;
  const std::int64_t left = out_x * s.stride_width - s.pad_left, top = out_y * s.stride_height - s.pad_top;
  const auto pack = [&](const std::uint8_t* from, std::int64_t count) {
    table_->pack_activations(from, count, is_signed_, target);
    target += count * size;
  };
  for (std::int64_t row = 0; row < s.kernel_depth * s.kernel_height; ++row) {
    const std::int64_t iy = top + row % s.kernel_height * s.dilation_height;
    const std::int64_t iz = out_z * s.stride_depth - s.pad_front + row / s.kernel_height * s.dilation_depth;
    if (iy < 0 || iy >= s.height || iz < 0 || iz >= s.depth) {
      pack(padding_.data(), s.kernel_width * group_channels);
      continue;
    }
    const std::uint8_t* begin_of_row =
        x + ((image * s.depth + iz) * s.height + iy) * s.width * s.channels + group * group_channels;
    if (s.groups == 1 && s.dilation_width == 1) {
      const std::int64_t begin = std::clamp<std::int64_t>(-left, 0, s.kernel_width);
      const std::int64_t end = std::clamp<std::int64_t>(s.width - left, begin, s.kernel_width);
      if (begin > 0) pack(padding_.data(), begin * s.channels);
      pack(begin_of_row + (left + begin) * s.channels, (end - begin) * s.channels);
      if (end < s.kernel_width) pack(padding_.data(), (s.kernel_width - end) * s.channels);
      continue;
    }
    for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
      const std::int64_t ix = left + kx * s.dilation_width;
      pack(ix < 0 || ix >= s.width ? padding_.data() : begin_of_row + ix * s.channels, group_channels);
    }
  }
}

void Convolution::PackRows(const std::uint8_t* x, std::int64_t first, std::int64_t count, std::int64_t group,
                           std::byte* target) const {
  const ConvolutionShape& s = shape_;
  const std::int64_t products = s.taps() * (s.channels / s.groups);
  const std::int64_t stride = depth_ * table_->activation_size;
  const bool pointwise = s.groups == 1 && s.taps() == 1 && s.stride_depth == 1 && s.stride_height == 1 &&
                         s.stride_width == 1 && s.pad_front == 0 && s.pad_top == 0 && s.pad_left == 0 &&
                         s.depth == s.out_depth && s.height == s.out_height && s.width == s.out_width;
  if (pointwise && products == depth_) {
    return table_->pack_activations(x + first * s.channels, count * s.channels, is_signed_, target);
  }
  for (std::int64_t r = 0; r < count; ++r) {
    // The weights behind the last product are zeros; what they meet only has to be there.
    std::memset(target + r * stride + products * table_->activation_size, 0,
                static_cast<std::size_t>((depth_ - products) * table_->activation_size));
    PackPixel(x, first + r, group, target + r * stride);
  }
}

void Convolution::RunDense(const std::uint8_t* x, std::uint8_t* y, std::int64_t first_pixel,
                           std::int64_t pixels, std::int64_t first_block, std::int64_t blocks,
                           std::byte* scratch) const {
  const std::int64_t columns = table_->columns, group_out = shape_.out_channels / shape_.groups;
  const std::int64_t block_size = columns * depth_ * (wide_ ? 2 : 1),
                     stride = depth_ * table_->activation_size;
  std::int64_t packed_group = -1;
  std::vector<std::int32_t> sums(output_.formula ? static_cast<std::size_t>(table_->rows * columns) : 0);
  for (std::int64_t block = first_block; block < first_block + blocks; ++block) {
    const std::int64_t group = block / group_blocks_, in_group = block % group_blocks_ * columns;
    if (group != packed_group) PackRows(x, first_pixel, pixels, group, scratch);
    packed_group = group;
    const auto channel = group * group_out + in_group;
    const int valid = static_cast<int>(std::min(columns, group_out - in_group));
    const Requantization requantization = {
        .multipliers = &multipliers_[static_cast<std::size_t>(block * columns)],
        .zero_point = output_.zero_point,
        .low = output_.low,
        .high = output_.high};
    for (std::int64_t r = 0; r < pixels; r += table_->rows) {
      const Tile tile = {.rows = scratch + r * stride,
                         .row_stride = stride,
                         .num_rows = static_cast<int>(std::min<std::int64_t>(table_->rows, pixels - r)),
                         .weights = &weights_[static_cast<std::size_t>(block * block_size)],
                         .wide = wide_,
                         .depth = depth_,
                         .biases = &biases_[static_cast<std::size_t>(block * columns)]};
      std::uint8_t* target = y + (first_pixel + r) * shape_.out_channels + channel;
      if (!output_.formula) {
        table_->multiply(tile, requantization, valid, target, shape_.out_channels);
        continue;
      }
      table_->accumulate(tile, sums.data());
      for (int row = 0; row < tile.num_rows; ++row) {
        for (int c = 0; c < valid; ++c) {
          target[row * shape_.out_channels + c] =
              output_.formula(sums[static_cast<std::size_t>(row * columns + c)], channel + c);
        }
      }
    }
  }
}

// One row of one image, some pixels at a time.
void Convolution::RunDepthwise(const std::uint8_t* x, std::uint8_t* y, std::int64_t row,
                               std::byte* scratch) const {
  const ConvolutionShape& s = shape_;
  const std::int64_t image = row / s.out_height, out_y = row % s.out_height;
  for (std::int64_t first = 0; first < s.out_width; first += kPixelsAtOnce) {
    const std::int64_t pixels = std::min(kPixelsAtOnce, s.out_width - first);
    const auto** taps = reinterpret_cast<const std::uint8_t**>(scratch);
    for (std::int64_t out_x = first; out_x < first + pixels; ++out_x) {
      for (std::int64_t ky = 0; ky < s.kernel_height; ++ky) {
        const std::int64_t iy = out_y * s.stride_height - s.pad_top + ky * s.dilation_height;
        for (std::int64_t kx = 0; kx < s.kernel_width; ++kx) {
          const std::int64_t ix = out_x * s.stride_width - s.pad_left + kx * s.dilation_width;
          *taps++ = iy < 0 || iy >= s.height || ix < 0 || ix >= s.width
                        ? padding_.data()
                        : x + ((image * s.height + iy) * s.width + ix) * s.channels;
        }
      }
    }
    table_->depthwise({.taps = reinterpret_cast<const std::uint8_t* const*>(scratch),
                       .num_taps = s.kernel_height * s.kernel_width,
                       .pixels = pixels,
                       .channels = s.channels,
                       .is_signed = is_signed_,
                       .weights = depthwise_weights_.data(),
                       .biases = biases_.data()},
                      {.multipliers = multipliers_.data(),
                       .zero_point = output_.zero_point,
                       .low = output_.low,
                       .high = output_.high},
                      y + (row * s.out_width + first) * s.channels, s.channels);
  }
}

void Convolution::Run(const std::uint8_t* x, std::uint8_t* y, ThreadPool& pool, std::byte* scratch) const {
  if (depthwise_) {
    pool.ParallelFor(shape_.batch * shape_.out_height, [&](std::int64_t row, int worker) {
      RunDepthwise(x, y, row, scratch + static_cast<std::size_t>(worker) * scratch_size_);
    });
    return;
  }
  const std::int64_t pixels = shape_.out_pixels(), all_blocks = shape_.groups * group_blocks_;
  const std::int64_t pixel_tasks = CeilDiv(pixels, rows_at_once_);
  // Where there are too few pixels to share, channels are shared: each thread packs the pixels for itself.
  const std::int64_t wanted = pool.threads() == 1 ? 1 : 4 * pool.threads();
  const std::int64_t channel_tasks =
      std::clamp<std::int64_t>(wanted / std::max<std::int64_t>(1, pixel_tasks), 1, all_blocks);
  const std::int64_t blocks = CeilDiv(all_blocks, channel_tasks);
  pool.ParallelFor(pixel_tasks * channel_tasks, [&](std::int64_t task, int worker) {
    const std::int64_t first_pixel = task % pixel_tasks * rows_at_once_,
                       first_block = task / pixel_tasks * blocks;
    if (first_block >= all_blocks) return;
    RunDense(x, y, first_pixel, std::min(rows_at_once_, pixels - first_pixel), first_block,
             std::min(blocks, all_blocks - first_block),
             scratch + static_cast<std::size_t>(worker) * scratch_size_);
  });
}

}  // namespace octavo::kernels
