#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "octavo/kernels/kernels.h"
#include "octavo/kernels/thread_pool.h"

namespace octavo::kernels {

// Activations are [batch, depth, height, width, channels], weights [out_channels, kernel_depth,
// kernel_height, kernel_width, channels / groups]; an image has the depth 1.  Nothing may be negative, and
// only batch and the sizes of the output may be 0; the window of every output position may reach over the
// image by any distance.
struct ConvolutionShape {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1, out_channels = 1;
  std::int64_t kernel_height = 1, kernel_width = 1;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t dilation_height = 1, dilation_width = 1;
  std::int64_t pad_top = 0, pad_left = 0;
  std::int64_t groups = 1;
  // Of volumes.
  std::int64_t depth = 1, out_depth = 1, kernel_depth = 1, stride_depth = 1, dilation_depth = 1,
               pad_front = 0;

  std::int64_t taps() const { return kernel_depth * kernel_height * kernel_width; }
  std::int64_t out_pixels() const { return batch * out_depth * out_height * out_width; }
};

// How sums become bytes.
struct OutputFormula {
  std::vector<float> multipliers;  // one, or one a channel
  std::int32_t zero_point = 0, low = 0, high = 255;
  // Instead of the multipliers: the byte for a channel's sum.
  std::function<std::uint8_t(std::int32_t sum, std::int64_t channel)> formula;
};

// A convolution or matrix product with constant weights, packed once:
// sum = bias + the products of (x - x_zero_point), 0 outside the image, with the weights.
class Convolution {
 public:
  // `weights` are without zero points, within [-255, 255].
  Convolution(const Table& table, const ConvolutionShape& shape, std::span<const std::int16_t> weights,
              std::span<const std::int32_t> biases, bool is_signed, std::int32_t x_zero_point,
              OutputFormula output);

  const ConvolutionShape& shape() const { return shape_; }
  // Bytes that Run needs for each thread of the pool.
  std::size_t scratch_size() const { return scratch_size_; }
  // `scratch` has pool.threads() * scratch_size() bytes.
  void Run(const std::uint8_t* x, std::uint8_t* y, ThreadPool& pool, std::byte* scratch) const;

 private:
  void PackDense(std::span<const std::int16_t> weights);
  void PackDepthwise(std::span<const std::int16_t> weights);
  void PackPixel(const std::uint8_t* x, std::int64_t pixel, std::int64_t group, std::byte* target) const;
  void PackRows(const std::uint8_t* x, std::int64_t first, std::int64_t count, std::int64_t group,
                std::byte* target) const;
  void RunDense(const std::uint8_t* x, std::uint8_t* y, std::int64_t first_pixel, std::int64_t pixels,
                std::int64_t first_block, std::int64_t blocks, std::byte* scratch) const;
  void RunDepthwise(const std::uint8_t* x, std::uint8_t* y, std::int64_t row, std::byte* scratch) const;

  const Table* table_;
  ConvolutionShape shape_;
  bool is_signed_;
  bool depthwise_;
  bool wide_ = false;
  OutputFormula output_;
  std::int64_t depth_ = 0;         // products a sum, rounded up to the table's step
  std::int64_t group_blocks_ = 0;  // blocks of Table::columns channels a group
  std::int64_t rows_at_once_ = 0;  // pixels that are packed together
  std::size_t scratch_size_ = 0;
  std::vector<std::byte> weights_;
  std::vector<std::int16_t> depthwise_weights_;
  std::vector<std::int32_t> biases_;   // with the zero point's part; of whole blocks
  std::vector<float> multipliers_;     // of whole blocks
  std::vector<std::uint8_t> padding_;  // a pixel, or a row of the window, of zero points
};

}  // namespace octavo::kernels
