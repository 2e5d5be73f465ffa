#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/requantization.h"
#include "octavo/reference/windows.h"

// Quantized convolutions.  For each place of the result the elements that its window reads are gathered, 0
// where it reads padding, and multiplied with each channel's weights in int32.  Sources: qconv.cpp, qnnpack,
// FBGEMM.

namespace octavo::reference {
namespace {

// The sizes of a convolution over three dimensions; those of fewer have leading sizes of 1.
struct QuantizedGeometry {
  bool transposed = false;
  std::int64_t groups = 1, batch = 0, in_channels = 0, out_channels = 0;
  Sizes in, out, kernel, stride, padding, dilation, output_padding;

  std::int64_t in_per_group() const { return in_channels / groups; }
  std::int64_t out_per_group() const { return out_channels / groups; }

  // The cells of the window at `o` along dimension `d` among which are all that read an element.
  Inside Reading(std::size_t d, std::int64_t o) const {
    if (!transposed) return CellsInside(o * stride[d] - padding[d], kernel[d], dilation[d], in[d]);
    // Counted from the window's other end, the elements lie `dilation` apart as well.
    const std::int64_t last = kernel[d] - 1;
    const Inside back =
        CellsInside(o + padding[d] - last * dilation[d], kernel[d], dilation[d], in[d] * stride[d]);
    return {last - back.last + 1, last - back.first + 1};
  }

  // The index along dimension `d` that the window at `o` reads with its cell `k`; -1: none.
  std::int64_t Source(std::size_t d, std::int64_t o, std::int64_t k) const {
    if (!transposed) {
      const std::int64_t i = o * stride[d] - padding[d] + k * dilation[d];
      return i >= 0 && i < in[d] ? i : -1;
    }
    const std::int64_t i = o + padding[d] - k * dilation[d];
    return i >= 0 && i % stride[d] == 0 && i / stride[d] < in[d] ? i / stride[d] : -1;
  }
};

constexpr std::size_t kDims = 3;

// `given`, of the last dimensions, with `fill` for those that are missing before them.
Sizes Widened(const Sizes& given, std::size_t dims, std::int64_t fill) {
  Sizes last = given;
  if (last.size() > dims) last.erase(last.begin(), last.end() - static_cast<std::ptrdiff_t>(dims));
  if (last.size() == 1) last.assign(dims, last[0]);
  if (last.empty()) last.assign(dims, fill);
  Sizes all(kDims - last.size(), fill);
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

Result<QuantizedGeometry> QuantizedGeometryOf(const ir::PackedWeights& packed, const Tensor& x,
                                              const Sizes& weight, std::size_t dims) {
  QuantizedGeometry g;
  g.transposed = packed.kind == ir::PackedWeights::Kind::kConvTranspose;
  g.groups = packed.groups;
  if (x.sizes.size() != dims + 2 || weight.size() != dims + 2) {
    return Unsupported(fmt::format("an input of rank {} is not supported", x.rank()));
  }
  if (g.groups < 1 || g.groups > weight[0]) {
    return Unsupported(fmt::format("the weights {} cannot be divided into {} groups", weight, g.groups));
  }
  g.batch = x.sizes[0];
  g.in_channels = x.sizes[1];
  g.out_channels = g.transposed ? weight[1] * g.groups : weight[0];
  if (g.in_channels != (g.transposed ? weight[0] : weight[1] * g.groups) || g.in_channels % g.groups != 0 ||
      g.out_channels % g.groups != 0) {
    return Unsupported("the channels of the input do not match the weights");
  }
  g.in = Widened(Sizes(x.sizes.begin() + 2, x.sizes.end()), dims, 1);
  g.kernel = Widened(Sizes(weight.begin() + 2, weight.end()), dims, 1);
  g.stride = Widened(packed.stride, dims, 1);
  g.dilation = Widened(packed.dilation, dims, 1);
  g.padding = Widened(packed.padding, dims, 0);
  g.output_padding = Widened(packed.output_padding, dims, 0);
  for (std::size_t d = 0; d < kDims; ++d) {
    constexpr std::int64_t kMost = 1 << 20;
    if (g.stride[d] < 1 || g.dilation[d] < 1 || g.padding[d] < 0 || g.stride[d] > kMost ||
        g.dilation[d] > kMost || g.padding[d] > kMost || g.output_padding[d] < 0 ||
        g.output_padding[d] > kMost) {
      return Unsupported("the stride, padding or dilation is out of range");
    }
    const std::int64_t reach = g.dilation[d] * (g.kernel[d] - 1) + 1;
    const std::int64_t room = g.in[d] + 2 * g.padding[d] - reach;
    const std::int64_t size =
        g.transposed ? (g.in[d] - 1) * g.stride[d] - 2 * g.padding[d] + reach + g.output_padding[d]
        : room < 0   ? 0
                     : room / g.stride[d] + 1;
    if (g.kernel[d] < 1 || size < 1) return Unsupported("the result has no elements");
    g.out.push_back(size);
  }
  return g;
}

// Weights less their zero points as rows, one for each channel of the result: [out_channels][in_per_group,
// kernel...].
std::vector<std::int16_t> WeightRows(const QuantizedGeometry& g, const Tensor& weight,
                                     const Requantization& to) {
  const Array<std::int8_t> w = Elements<std::int8_t>(weight);
  const std::int64_t cells = Count(g.kernel);
  std::vector<std::int16_t> rows;
  for (std::int64_t o = 0; o < g.out_channels; ++o) {
    for (std::int64_t i = 0; i < g.in_per_group(); ++i) {
      const std::int64_t at =
          g.transposed
              ? (o / g.out_per_group() * g.in_per_group() + i) * g.out_per_group() + o % g.out_per_group()
              : o * g.in_per_group() + i;
      for (std::int64_t k = 0; k < cells; ++k) {
        rows.push_back(static_cast<std::int16_t>(w[at * cells + k] - to.WeightZero(o)));
      }
    }
  }
  return rows;
}

// A cell of the window at one place of the result, and where in a channel's plane the element is that it
// reads.
struct Cell {
  std::int64_t cell = 0, element = 0;
};

// Those that do not read padding.
std::vector<Cell> CellsOf(const QuantizedGeometry& g, std::int64_t z, std::int64_t y, std::int64_t x) {
  std::vector<Cell> cells;
  const Inside depth = g.Reading(0, z), height = g.Reading(1, y), width = g.Reading(2, x);
  for (std::int64_t kz = depth.first; kz < depth.last; ++kz) {
    for (std::int64_t ky = height.first; ky < height.last; ++ky) {
      for (std::int64_t kx = width.first; kx < width.last; ++kx) {
        const std::int64_t i = g.Source(0, z, kz), j = g.Source(1, y, ky), k = g.Source(2, x, kx);
        if (i < 0 || j < 0 || k < 0) continue;
        cells.push_back(
            {.cell = (kz * g.kernel[1] + ky) * g.kernel[2] + kx, .element = (i * g.in[1] + j) * g.in[2] + k});
      }
    }
  }
  return cells;
}

// The sum of products of the elements that the window reads, where that is little of it.
std::int32_t SumOfFew(const std::vector<Cell>& cells, const std::int16_t* window, const std::int16_t* row,
                      std::int64_t channels, std::int64_t window_cells) {
  std::uint32_t sum = 0;
  for (std::int64_t i = 0; i < channels; ++i) {
    for (const Cell& cell : cells) {
      const std::int64_t at = i * window_cells + cell.cell;
      sum += static_cast<std::uint32_t>(std::int32_t{window[at]} * std::int32_t{row[at]});
    }
  }
  return static_cast<std::int32_t>(sum);
}

// FBGEMM's kernels for depthwise convolutions add two neighbouring products in int16, which saturates.
// Source: fbgemm/include/fbgemm/Fbgemm.h, takeDepthWiseFastPath.
bool SaturatesInPairs(const QuantizedGeometry& g, LayerKernel kernel, std::size_t dims) {
  if (kernel != LayerKernel::kFbgemm || g.transposed || dims < 2 || g.groups != g.in_channels ||
      (g.out_channels != g.groups && g.out_channels != 2 * g.groups) || g.groups % 8 != 0 ||
      g.kernel[1] != g.kernel[2]) {
    return false;
  }
  for (std::size_t d = kDims - dims; d < kDims; ++d) {
    if ((g.kernel[d] != 3 && g.kernel[d] != 5 && g.kernel[d] != 7) || g.stride[d] > 2 || g.dilation[d] != 1 ||
        g.padding[d] != (g.kernel[d] - 1) / 2) {
      return false;
    }
  }
  return true;
}

// The sum of products less the zero points, where each pair of products of the levels themselves is cut to
// int16.
std::int32_t SumOfCutPairs(const std::int16_t* a, const std::int16_t* b, std::int64_t length,
                           std::int32_t a_zero, std::int32_t b_zero) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < length; i += 2) {
    std::int32_t pair = 0;
    for (std::int64_t k = i; k < std::min(i + 2, length); ++k) {
      pair += (a[k] + a_zero) * (b[k] + b_zero);
      sum -= a_zero * (b[k] + b_zero) + b_zero * a[k];
    }
    sum += std::clamp<std::int32_t>(pair, INT16_MIN, INT16_MAX);
  }
  return sum;
}

template <typename T>
Array<T> QuantizedConvolved(const QuantizedGeometry& g, const Array<T>& x, std::int64_t x_zero,
                            const std::vector<std::int16_t>& rows, const Requantization& to, bool in_pairs,
                            Sizes sizes) {
  Array<T> result(std::move(sizes));
  const std::int64_t in_plane = Count(g.in), out_plane = Count(g.out);
  const std::int64_t window_cells = Count(g.kernel), length = g.in_per_group() * window_cells;
  std::vector<std::int16_t> window(static_cast<std::size_t>(length));
  for (std::int64_t place = 0; place < out_plane; ++place) {
    const std::vector<Cell> cells =
        CellsOf(g, place / (g.out[1] * g.out[2]), place / g.out[2] % g.out[1], place % g.out[2]);
    const bool few = !in_pairs && static_cast<std::int64_t>(cells.size()) < window_cells / 2;
    // What the last place read, and this one does not, is padding again.
    if (!few) std::ranges::fill(window, std::int16_t{0});
    for (std::int64_t part = 0; part < g.batch * g.groups; ++part) {
      const std::int64_t batch = part / g.groups, group = part % g.groups;
      for (std::int64_t i = 0; i < g.in_per_group(); ++i) {
        const T* plane = x.row((batch * g.in_channels + group * g.in_per_group() + i) * in_plane, in_plane);
        for (const Cell& cell : cells) {
          window[static_cast<std::size_t>(i * window_cells + cell.cell)] =
              static_cast<std::int16_t>(plane[cell.element] - x_zero);
        }
      }
      for (std::int64_t o = group * g.out_per_group(); o < (group + 1) * g.out_per_group(); ++o) {
        const std::int16_t* row = rows.data() + o * length;
        const std::int32_t sum = few ? SumOfFew(cells, window.data(), row, g.in_per_group(), window_cells)
                                 : in_pairs
                                     ? SumOfCutPairs(window.data(), row, length,
                                                     static_cast<std::int32_t>(x_zero), to.WeightZero(o))
                                     : SumOfProducts(window.data(), row, length);
        result[(batch * g.out_channels + o) * out_plane + place] = static_cast<T>(to.Level(sum, o));
      }
    }
  }
  return result;
}

// The weights of a convolution over one dimension have a height of 1.
void DropHeight(Tensor& weight, std::size_t dims) {
  if (weight.sizes.size() != dims + 3 || weight.sizes[2] != 1) return;
  weight.sizes.erase(weight.sizes.begin() + 2);
  weight.strides.erase(weight.strides.begin() + 2);
}

template <std::size_t dims, bool kRelu>
Results QuantizedConvolution(const Call& call) {
  const Tensor& x = call.tensor("qx");
  const ir::PackedWeights& packed = call.packed(call.has("packed_weight") ? "packed_weight" : "weight");
  Tensor weight = call.weight(packed);
  if (dims == 1) DropHeight(weight, dims);
  if (x.dtype == DType::kQInt32) return Unsupported("a convolution of qint32 is not supported");
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const QuantizedGeometry g = OCTAVO_TRY(QuantizedGeometryOf(packed, x, weight.sizes, dims));
    const int axis = g.transposed ? 1 : 0;
    const LayerKernel kernel = OCTAVO_TRY(ConvolutionKernel(call, x, packed, weight));
    const Requantization to = OCTAVO_TRY((Requantization::Of<T, kRelu>(
        call, kernel, x, weight, axis, g.out_channels, call.bias(packed), type)));
    Sizes sizes = {g.batch, g.out_channels};
    sizes.insert(sizes.end(), g.out.end() - static_cast<std::ptrdiff_t>(dims), g.out.end());
    sizes = OCTAVO_TRY(Checked(std::move(sizes)));
    return One(ToTensor(
        QuantizedConvolved(g, Elements<T>(x), x.quantization->zero_point(), WeightRows(g, weight, to), to,
                           SaturatesInPairs(g, kernel, dims), std::move(sizes)),
        type));
  });
}

}  // namespace

void AddQuantizedConvolution(Kernels& kernels) {
  kernels.Add("quantized::conv1d", QuantizedConvolution<1, false>);
  kernels.Add("quantized::conv2d", QuantizedConvolution<2, false>);
  kernels.Add("quantized::conv3d", QuantizedConvolution<3, false>);
  kernels.Add("quantized::conv1d_relu", QuantizedConvolution<1, true>);
  kernels.Add("quantized::conv2d_relu", QuantizedConvolution<2, true>);
  kernels.Add("quantized::conv3d_relu", QuantizedConvolution<3, true>);
  kernels.Add("quantized::conv_transpose1d", QuantizedConvolution<1, false>);
  kernels.Add("quantized::conv_transpose2d", QuantizedConvolution<2, false>);
  kernels.Add("quantized::conv_transpose3d", QuantizedConvolution<3, false>);
}

}  // namespace octavo::reference
