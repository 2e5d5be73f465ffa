#include "octavo/ops/convolution_geometry.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/ops/movement.h"

namespace octavo {
namespace {

// Sizes beyond this are no window of a real model, and their products could overflow.
constexpr std::int64_t kLargestNumber = (std::int64_t{1} << 31) - 1;

Status CheckList(std::vector<std::int64_t>& list, int dims, std::int64_t lowest, std::string_view name,
                 std::string_view what) {
  const auto length = static_cast<std::size_t>(dims);
  if (list.size() == 1) list.assign(length, list[0]);
  if (list.size() != length) {
    return Unsupported(
        fmt::format("the {} of {} has {} elements, but {} are expected", name, what, list.size(), dims));
  }
  for (const std::int64_t n : list) {
    if (n < lowest || n > kLargestNumber) {
      return Unsupported(fmt::format("the {} of {} cannot be {}", name, what, n));
    }
  }
  return {};
}

}  // namespace

Status ConvGeometry::Check(std::string_view what) {
  if (groups < 1 || groups > kLargestNumber) {
    return Unsupported(fmt::format("{} cannot have {} groups", what, groups));
  }
  if (!kernel.empty()) OCTAVO_TRY(CheckList(kernel, dims, 1, "kernel", what));
  OCTAVO_TRY(CheckList(stride, dims, 1, "stride", what));
  OCTAVO_TRY(CheckList(dilation, dims, 1, "dilation", what));
  OCTAVO_TRY(CheckList(padding_begin, dims, 0, "padding", what));
  OCTAVO_TRY(CheckList(padding_end, dims, 0, "padding", what));
  if (transposed) {
    OCTAVO_TRY(CheckList(output_padding, dims, 0, "output_padding", what));
    for (std::size_t i = 0; i < output_padding.size(); ++i) {
      if (output_padding[i] >= stride[i] && output_padding[i] >= dilation[i]) {
        return Unsupported(
            fmt::format("the output_padding {} of {} must be smaller than the stride or the dilation",
                        output_padding[i], what));
      }
    }
  } else {
    output_padding.clear();
  }
  return {};
}

Result<std::optional<Shape>> ConvGeometry::OutputShape(const std::optional<Shape>& input,
                                                       std::optional<Dim> channels) const {
  if (!input || !channels || kernel.empty()) return std::optional<Shape>();
  const std::size_t spatial = static_cast<std::size_t>(dims);
  if (input->size() != spatial + 2 && input->size() != spatial + 1) {
    return Unsupported(
        fmt::format("a {0}-dimensional convolution needs an input of rank {1}, but the input has shape {2}",
                    dims, dims + 2, ToString(*input)));
  }
  const std::size_t first = input->size() - spatial;
  Shape shape(input->begin(), input->begin() + static_cast<std::ptrdiff_t>(first));
  shape.back() = *channels;
  for (std::size_t i = 0; i < spatial; ++i) {
    const Dim size = (*input)[first + i];
    if (size == Dim(0)) {
      return Unsupported(fmt::format("the input has no elements: its shape is {}", ToString(*input)));
    }
    const Dim window = Dim(dilation[i] * (kernel[i] - 1) + 1);
    const Dim pads = Dim(padding_begin[i] + padding_end[i]);
    Dim out;
    if (transposed) {
      out = (size - Dim(1)) * Dim(stride[i]) - pads + window + Dim(output_padding[i]);
    } else {
      out = Dim::FloorDivide(size + pads - window, Dim(stride[i])) + Dim(1);
    }
    if (out.known() && out.value() <= 0) {
      return Unsupported(
          fmt::format("a kernel of size {} with dilation {} does not fit into an input of size {}", kernel[i],
                      dilation[i], size.ToString()));
    }
    shape.push_back(out);
  }
  return std::optional<Shape>(std::move(shape));
}

std::vector<std::int64_t> ConvGeometry::pads() const {
  std::vector<std::int64_t> all = padding_begin;
  all.insert(all.end(), padding_end.begin(), padding_end.end());
  return all;
}

Attributes ConvGeometry::OnnxAttributes() const {
  Attributes attributes{{"dilations", dilation}, {"group", groups}};
  if (!kernel.empty()) attributes.Set("kernel_shape", kernel);
  if (transposed &&
      std::any_of(output_padding.begin(), output_padding.end(), [](auto n) { return n != 0; })) {
    attributes.Set("output_padding", output_padding);
  }
  attributes.Set("pads", pads());
  attributes.Set("strides", stride);
  return attributes;
}

Value Convolve(Builder& g, ConvGeometry geometry, ConvInputs inputs) {
  auto& [x, weight, bias] = inputs;
  if (!geometry.transposed) return g.Op("Conv", {x, weight, bias}, geometry.OnnxAttributes());
  // Runtimes take no output_padding of a whole stride.  Leaving out less at the end is the same, and so are
  // zeros behind the input, each of which makes the output longer by a stride.
  std::vector<std::int64_t> zeros(geometry.output_padding.size(), 0);
  bool padded = false;
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    std::int64_t& extra = geometry.output_padding[i];
    if (extra < geometry.stride[i]) continue;
    const std::int64_t moved = std::min(extra, geometry.padding_end[i]);
    geometry.padding_end[i] -= moved;
    extra -= moved;
    zeros[i] = extra / geometry.stride[i];
    extra %= geometry.stride[i];
    padded = padded || zeros[i] > 0;
  }
  if (padded) x = PadWithZeros(g, x, std::vector<std::int64_t>(zeros.size(), 0), zeros);
  return g.Op("ConvTranspose", {x, weight, bias}, geometry.OnnxAttributes());
}

}  // namespace octavo
