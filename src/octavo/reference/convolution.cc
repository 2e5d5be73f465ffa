#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/windows.h"

// Float convolutions over 1, 2 or 3 dimensions.  Products are added up in float64.

namespace octavo::reference {
namespace {

// Beyond this no number of a window is one of a real model; keeps products in range.
constexpr std::int64_t kLargestNumber = std::int64_t{1} << 28;

struct Geometry {
  std::size_t dims = 0;
  Sizes stride, begin, end, dilation, output_padding;  // padding before and behind
  std::int64_t groups = 1;
  bool transposed = false;
};

Result<Sizes> WindowNumbers(const Call& call, const char* name, std::size_t dims, std::int64_t lowest) {
  Sizes numbers = call.ints(name);
  if (numbers.size() == 1) numbers.assign(dims, numbers[0]);
  if (numbers.size() != dims) return Unsupported(fmt::format("argument {} is not valid: {}", name, numbers));
  for (const std::int64_t n : numbers) {
    if (n < lowest || n > kLargestNumber)
      return Unsupported(fmt::format("argument {} is not valid: {}", name, numbers));
  }
  return numbers;
}

// padding="same": the result has the input's size, and an odd rest of padding goes to the end.
Status PadByName(Geometry& g, const std::string& name, const Sizes& weight) {
  g.begin.assign(g.dims, 0);
  g.end.assign(g.dims, 0);
  if (name == "valid") return {};
  if (name != "same")
    return Unsupported(fmt::format("argument padding must be \"same\" or \"valid\", not \"{}\"", name));
  for (std::size_t d = 0; d < g.dims; ++d) {
    if (g.stride[d] != 1) return Unsupported("padding=\"same\" is supported with stride 1 only");
    const std::int64_t total = g.dilation[d] * (weight[d + 2] - 1);
    g.begin[d] = total / 2;
    g.end[d] = total - total / 2;
  }
  return {};
}

Result<Geometry> GeometryOf(const Call& call, const Sizes& weight, bool transposed) {
  if (weight.size() < 3 || weight.size() > 5) {
    return Unsupported(fmt::format("the weights must have rank 3, 4 or 5, but their shape is {}", weight));
  }
  Geometry g;
  g.dims = weight.size() - 2;
  g.transposed = transposed;
  g.groups = call.integer("groups");
  g.stride = OCTAVO_TRY(WindowNumbers(call, "stride", g.dims, 1));
  g.dilation = OCTAVO_TRY(WindowNumbers(call, "dilation", g.dims, 1));
  g.output_padding.assign(g.dims, 0);
  if (transposed) g.output_padding = OCTAVO_TRY(WindowNumbers(call, "output_padding", g.dims, 0));
  if (g.groups < 1 || g.groups > weight[0] || weight[0] % g.groups != 0) {
    return Unsupported(fmt::format("the weights cannot be divided into {} groups", g.groups));
  }
  if (std::find(weight.begin() + 2, weight.end(), 0) != weight.end()) {
    return Unsupported(fmt::format("the weights {} have no elements", weight));
  }
  if (call.is_text("padding")) {
    OCTAVO_TRY(PadByName(g, call.text("padding"), weight));
  } else {
    g.begin = g.end = OCTAVO_TRY(WindowNumbers(call, "padding", g.dims, 0));
  }
  return g;
}

std::int64_t OutputSize(const Geometry& g, std::size_t d, std::int64_t size, std::int64_t kernel) {
  const std::int64_t window = g.dilation[d] * (kernel - 1) + 1;
  if (g.transposed) return (size - 1) * g.stride[d] - g.begin[d] - g.end[d] + window + g.output_padding[d];
  const std::int64_t room = size + g.begin[d] + g.end[d] - window;
  return room < 0 ? -1 : room / g.stride[d] + 1;
}

// Calls f(input place, weight place, output place) for each product of one image and one pair of channels;
// the places are relative to those channels.  Output index = input index stride + kernel index dilation -
// padding for the transposed convolution; the other one has input and output exchanged.
template <typename F>
void ForEachProduct(const Geometry& g, const Sizes& input, const Sizes& kernel, const Sizes& output, F&& f) {
  constexpr std::size_t kDims = 3;
  const Sizes& strided = g.transposed ? input : output;
  const Sizes& other = g.transposed ? output : input;
  const Sizes other_steps = Steps(other), kernel_steps = Steps(kernel);
  std::int64_t strided_place = 0;
  ForEachIndex(strided, [&](const Sizes& at) {
    // Dimensions that are missing have one cell.
    std::array<Inside, kDims> cells;
    std::array<std::int64_t, kDims> start{}, step{}, kernel_step{};
    cells.fill({0, 1});
    for (std::size_t d = 0; d < g.dims; ++d) {
      const std::int64_t first = at[d] * g.stride[d] - g.begin[d];
      cells[d] = CellsInside(first, kernel[d], g.dilation[d], other[d]);
      start[d] = first * other_steps[d];
      step[d] = g.dilation[d] * other_steps[d];
      kernel_step[d] = kernel_steps[d];
    }
    for (std::int64_t z = cells[0].first; z < cells[0].last; ++z) {
      for (std::int64_t y = cells[1].first; y < cells[1].last; ++y) {
        for (std::int64_t x = cells[2].first; x < cells[2].last; ++x) {
          const std::int64_t place = start[0] + z * step[0] + start[1] + y * step[1] + start[2] + x * step[2];
          const std::int64_t kernel_place = z * kernel_step[0] + y * kernel_step[1] + x * kernel_step[2];
          f(g.transposed ? strided_place : place, kernel_place, g.transposed ? place : strided_place);
        }
      }
    }
    ++strided_place;
  });
}

Sizes Spatial(const Sizes& sizes, std::size_t dims) {
  return Sizes(sizes.end() - static_cast<std::ptrdiff_t>(dims), sizes.end());
}

// input [N, I, ...], weight [O, I / groups, ...], transposed [I, O / groups, ...].
Result<Array<double>> Convolved(const Geometry& g, const Array<double>& x, const Array<double>& weight) {
  const std::int64_t in = x.size(1), first = weight.size(0), second = weight.size(1);
  const std::int64_t out = g.transposed ? second * g.groups : first;
  if (in != (g.transposed ? first : second * g.groups)) {
    return Unsupported(
        fmt::format("the channels of the input {} do not match the weights {}", x.sizes, weight.sizes));
  }
  const Sizes input = Spatial(x.sizes, g.dims), kernel = Spatial(weight.sizes, g.dims);
  Sizes sizes = {x.size(0), out};
  for (std::size_t d = 0; d < g.dims; ++d) sizes.push_back(OutputSize(g, d, input[d], kernel[d]));
  Array<double> y(OCTAVO_TRY(Checked(std::move(sizes))));
  const Sizes output = Spatial(y.sizes, g.dims);
  const std::int64_t in_group = in / g.groups, out_group = out / g.groups;
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t k = 0; k < in_group; ++k) {
        const std::int64_t i = o / out_group * in_group + k;
        const double* from = x.row((n * in + i) * Count(input), Count(input));
        const std::int64_t matrix = g.transposed ? i * out_group + o % out_group : o * in_group + k;
        const double* weights = weight.row(matrix * Count(kernel), Count(kernel));
        double* to = y.row((n * out + o) * Count(output), Count(output));
        ForEachProduct(g, input, kernel, output,
                       [&](std::int64_t at_x, std::int64_t at_w, std::int64_t at_y) {
                         to[at_y] += from[at_x] * weights[at_w];
                       });
      }
    }
  }
  return y;
}

Status AddBias(const Call& call, Array<double>& y, DType dtype) {
  if (!call.has("bias")) return {};
  const Tensor bias = OCTAVO_TRY(Converted(call.tensor("bias"), dtype));
  if (bias.num_elements() != y.size(1))
    return Unsupported("the bias must have one element per output channel");
  const std::vector<double> numbers = bias.ToDoubles();
  const Around around(y.sizes, 1);
  for (std::size_t i = 0; i < y.data.size(); ++i) {
    y.data[i] += numbers[i / static_cast<std::size_t>(around.inner) % numbers.size()];
  }
  return {};
}

Results Convolve(const Call& call, bool transposed) {
  const Tensor &input = call.tensor("input"), &weight = call.tensor("weight");
  if (!IsFloat(input.dtype) || weight.dtype != input.dtype) {
    return Unsupported(
        fmt::format("input and weights must be floating-point tensors of the same dtype, not {} and {}",
                    Name(input.dtype), Name(weight.dtype)));
  }
  const Geometry g = OCTAVO_TRY(GeometryOf(call, weight.sizes, transposed));
  Array<double> x = OCTAVO_TRY(Numbers<double>(input));
  // One image without a batch dimension is a batch of one.
  const bool unbatched = x.sizes.size() == g.dims + 1;
  if (unbatched) x.sizes.insert(x.sizes.begin(), 1);
  if (x.sizes.size() != g.dims + 2) {
    return Unsupported(
        fmt::format("a {}-dimensional convolution does not fit an input of shape {}", g.dims, input.sizes));
  }
  Array<double> y = OCTAVO_TRY(Convolved(g, x, OCTAVO_TRY(Numbers<double>(weight))));
  OCTAVO_TRY(AddBias(call, y, input.dtype));
  if (unbatched) y.sizes.erase(y.sizes.begin());
  return One(OCTAVO_TRY(Stored(y, input.dtype)));
}

Results Convolution(const Call& call) {
  return Convolve(call, call.has("transposed") && call.flag("transposed"));
}
Results TransposedConvolution(const Call& call) { return Convolve(call, true); }

}  // namespace

void AddConvolution(Kernels& kernels) {
  for (const char* name : {"aten::conv1d", "aten::conv2d", "aten::conv3d", "aten::convolution",
                           "aten::_convolution", "aten::_convolution_mode"}) {
    kernels.Add(name, Convolution);
  }
  for (const char* name : {"aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d"}) {
    kernels.Add(name, TransposedConvolution);
  }
}

}  // namespace octavo::reference
