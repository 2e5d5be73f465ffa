#include "octavo/engine/literal/window.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {
namespace {

// No size or padding of a real model comes near; products of two stay far from overflow.
constexpr std::int64_t kMost = std::int64_t{1} << 30;

Status CheckList(const Call& call, std::string_view name, const Sizes& list, std::size_t length,
                 std::int64_t least) {
  if (list.size() != length)
    return call.Invalid(
        fmt::format("attribute {} has {} elements, but {} are expected", name, list.size(), length));
  for (const std::int64_t v : list) {
    if (v < least || v > kMost) return call.Invalid(fmt::format("attribute {} cannot contain {}", name, v));
  }
  return {};
}

struct Padding {
  std::string automatic;
  Sizes begin, end;
};

Result<Padding> PaddingOf(Call& call, std::size_t rank) {
  Padding padding;
  padding.automatic = OCTAVO_TRY(call.Text("auto_pad", "NOTSET"));
  std::string& mode = padding.automatic;
  if (mode.empty()) mode = "NOTSET";  // as ONNX Runtime reads it
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return call.Invalid(fmt::format("auto_pad {} is not supported", mode));
  Sizes pads = OCTAVO_TRY(call.Ints("pads", Sizes(2 * rank)));
  OCTAVO_TRY(CheckList(call, "pads", pads, 2 * rank, 0));
  if (mode != "NOTSET") pads.assign(2 * rank, 0);
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
  padding.begin.assign(pads.begin(), middle);
  padding.end.assign(middle, pads.end());
  return padding;
}

Result<Window> Basics(Call& call, const Sizes& input, const Sizes& kernel) {
  Window w;
  w.input = input;
  w.kernel = kernel.empty() ? OCTAVO_TRY(call.Ints("kernel_shape")) : kernel;
  OCTAVO_TRY(CheckList(call, "kernel_shape", w.kernel, w.rank(), 1));
  if (!kernel.empty() && OCTAVO_TRY(call.Ints("kernel_shape", kernel)) != kernel)
    return call.Invalid("attribute kernel_shape does not match the weight");
  w.stride = OCTAVO_TRY(call.Ints("strides", Sizes(w.rank(), 1)));
  OCTAVO_TRY(CheckList(call, "strides", w.stride, w.rank(), 1));
  w.dilation = OCTAVO_TRY(call.Ints("dilations", Sizes(w.rank(), 1)));
  OCTAVO_TRY(CheckList(call, "dilations", w.dilation, w.rank(), 1));
  return w;
}

}  // namespace

Result<Window> WindowOf(Call& call, const Sizes& input, const Sizes& kernel) {
  Window w = OCTAVO_TRY(Basics(call, input, kernel));
  Padding padding = OCTAVO_TRY(PaddingOf(call, w.rank()));
  w.begin = std::move(padding.begin);
  w.end = std::move(padding.end);
  const bool ceil = OCTAVO_TRY(call.Int("ceil_mode", 0)) != 0;
  for (std::size_t d = 0; d < w.rank(); ++d) {
    const std::int64_t extent = (w.kernel[d] - 1) * w.dilation[d] + 1;
    if (padding.automatic.starts_with("SAME")) {
      const std::int64_t outputs = (w.input[d] + w.stride[d] - 1) / w.stride[d];
      const std::int64_t total = std::max<std::int64_t>((outputs - 1) * w.stride[d] + extent - w.input[d], 0);
      w.begin[d] = padding.automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.end[d] = total - w.begin[d];
      w.output.push_back(outputs);
      continue;
    }
    const std::int64_t room = w.input[d] + w.begin[d] + w.end[d] - extent;
    if (room < 0) {
      return call.Invalid(
          fmt::format("a window of size {} does not fit into {} elements with padding {} and {}", extent,
                      w.input[d], w.begin[d], w.end[d]));
    }
    std::int64_t outputs = room / w.stride[d] + 1;
    // With ceil_mode a window may hang over the end, but it must begin before the padding there.
    if (ceil && room % w.stride[d] != 0 && outputs * w.stride[d] < w.input[d] + w.begin[d]) ++outputs;
    w.output.push_back(outputs);
  }
  return w;
}

Result<Window> TransposedWindowOf(Call& call, const Sizes& input, const Sizes& kernel) {
  Window w = OCTAVO_TRY(Basics(call, input, kernel));
  Padding padding = OCTAVO_TRY(PaddingOf(call, w.rank()));
  w.begin = std::move(padding.begin);
  w.end = std::move(padding.end);
  const Sizes extra = OCTAVO_TRY(call.Ints("output_padding", Sizes(w.rank())));
  OCTAVO_TRY(CheckList(call, "output_padding", extra, w.rank(), 0));
  for (std::size_t d = 0; d < w.rank(); ++d) {
    if (extra[d] > 0 && extra[d] >= std::max(w.stride[d], w.dilation[d]))
      return call.Invalid(fmt::format("output_padding {} must be smaller than stride or dilation", extra[d]));
  }
  const Sizes given = OCTAVO_TRY(call.Ints("output_shape", Sizes()));
  if (!given.empty()) OCTAVO_TRY(CheckList(call, "output_shape", given, w.rank(), 1));
  for (std::size_t d = 0; d < w.rank(); ++d) {
    const std::int64_t extent = (w.kernel[d] - 1) * w.dilation[d] + 1;
    const std::int64_t full = w.stride[d] * (w.input[d] - 1) + extra[d] + extent;
    const bool same = padding.automatic.starts_with("SAME");
    if (!given.empty() || same) {
      const std::int64_t outputs = given.empty() ? w.input[d] * w.stride[d] : given[d];
      const std::int64_t total = std::max<std::int64_t>(full - outputs, 0);
      // What is longer than all windows together must still be the result of this input.
      if (outputs > full && (outputs - extent) / w.stride[d] + 1 != w.input[d])
        return call.Invalid(fmt::format("output_shape {} does not fit {} elements", outputs, w.input[d]));
      w.begin[d] = padding.automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.end[d] = total - w.begin[d];
      w.output.push_back(outputs);
      continue;
    }
    const std::int64_t outputs = full - w.begin[d] - w.end[d];
    if (outputs < 0) return call.Invalid("the padding is larger than the result");
    w.output.push_back(outputs);
  }
  return w;
}

}  // namespace octavo::engine::literal
