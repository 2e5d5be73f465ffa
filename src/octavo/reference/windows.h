#pragma once

#include <algorithm>

#include <fmt/format.h>

#include "octavo/reference/call.h"
#include "octavo/reference/sizes.h"

// Pooling windows over one to three dimensions; those of fewer have leading sizes of 1.

namespace octavo::reference {

struct Windows {
  static constexpr std::size_t kDims = 3;

  std::size_t dims = kDims;  // of the call
  std::int64_t planes = 1;   // batch and channels
  Sizes in, out, kernel, stride, padding, dilation;
  Sizes result;  // the sizes of the result

  std::int64_t cells() const { return Count(kernel); }
  std::int64_t First(std::size_t d, std::int64_t o) const { return o * stride[d] - padding[d]; }
};

// The cells k of a window along one dimension for which 0 <= start + k dilation < size: those from `first` up
// to but without `last`.
struct Inside {
  std::int64_t first = 0, last = 0;
};

inline Inside CellsInside(std::int64_t start, std::int64_t kernel, std::int64_t dilation, std::int64_t size) {
  Inside cells;
  if (start < 0) cells.first = (dilation - 1 - start) / dilation;
  if (start < size) cells.last = std::min(kernel, (size - 1 - start) / dilation + 1);
  cells.last = std::max(cells.first, cells.last);
  return cells;
}

// `given`, of `dims` dimensions, one number standing for all, with `fill` for the dimensions before them.
inline Sizes WidenedTo3(Sizes given, std::size_t dims, std::int64_t fill) {
  if (given.size() == 1) given.assign(dims, given[0]);
  Sizes all(Windows::kDims - std::min(given.size(), Windows::kDims), fill);
  all.insert(all.end(), given.begin(), given.end());
  return all;
}

// How many windows fit: in ceil_mode the last one may hang over, but must start inside.
inline std::int64_t WindowCount(std::int64_t in, std::int64_t padding, std::int64_t reach,
                                std::int64_t stride, bool ceil_mode) {
  const std::int64_t room = in + 2 * padding - reach + (ceil_mode ? stride - 1 : 0);
  const std::int64_t count = (room >= 0 ? room / stride : -1) + 1;
  return ceil_mode && (count - 1) * stride >= in + padding ? count - 1 : count;
}

// The images of `x`: its last `dims` dimensions; what is before them, batch and channels, counts as planes.
inline Result<Windows> ImagesOf(const Tensor& x, std::size_t dims) {
  if (x.sizes.size() != dims + 1 && x.sizes.size() != dims + 2) {
    return Unsupported(
        fmt::format("a tensor of rank {} does not fit pooling over {} dimensions", x.rank(), dims));
  }
  Windows w;
  w.dims = dims;
  const auto split = x.sizes.end() - static_cast<std::ptrdiff_t>(dims);
  w.planes = Count(Sizes(x.sizes.begin(), split));
  w.in = WidenedTo3(Sizes(split, x.sizes.end()), dims, 1);
  return w;
}

// Gives the windows their result: `x`'s sizes with w.out in place of its images'.
inline Status SetResult(Windows& w, const Tensor& x, std::size_t dims) {
  const auto tail = static_cast<std::ptrdiff_t>(dims);
  w.result.assign(x.sizes.begin(), x.sizes.end() - tail);
  w.result.insert(w.result.end(), w.out.end() - tail, w.out.end());
  w.result = OCTAVO_TRY(Checked(std::move(w.result)));
  return {};
}

// From kernel_size, stride, padding, dilation and ceil_mode of the call.
inline Result<Windows> WindowsOf(const Call& call, const Tensor& x, std::size_t dims) {
  Windows w = OCTAVO_TRY(ImagesOf(x, dims));
  w.kernel = WidenedTo3(call.ints("kernel_size"), dims, 1);
  const Sizes stride = call.has("stride") ? call.ints("stride") : Sizes();
  w.stride = stride.empty() ? w.kernel : WidenedTo3(stride, dims, 1);
  w.padding = WidenedTo3(call.ints("padding"), dims, 0);
  w.dilation = call.has("dilation") ? WidenedTo3(call.ints("dilation"), dims, 1) : Sizes(Windows::kDims, 1);
  for (const Sizes* list : {&w.kernel, &w.stride, &w.padding, &w.dilation}) {
    if (list->size() != Windows::kDims)
      return Unsupported(
          "kernel_size, stride, padding and dilation must have one element per spatial dimension");
  }
  constexpr std::int64_t kMost = 1 << 20;
  for (std::size_t d = 0; d < Windows::kDims; ++d) {
    if (w.kernel[d] < 1 || w.stride[d] < 1 || w.dilation[d] < 1 || w.padding[d] < 0 || w.kernel[d] > kMost ||
        w.stride[d] > kMost || w.dilation[d] > kMost || w.padding[d] > w.kernel[d] / 2) {
      return Unsupported("kernel_size, stride, padding or dilation is out of range");
    }
    const bool ceil_mode = call.flag("ceil_mode") && d + dims >= Windows::kDims;
    const std::int64_t reach = w.dilation[d] * (w.kernel[d] - 1) + 1;
    w.out.push_back(WindowCount(w.in[d], w.padding[d], reach, w.stride[d], ceil_mode));
    if (w.out.back() < 1) return Unsupported("the pooling window does not fit into the padded input");
  }
  OCTAVO_TRY(SetResult(w, x, dims));
  return w;
}

// floor(o in / out) to ceil((o + 1) in / out)
inline std::int64_t AdaptiveStart(std::int64_t o, std::int64_t in, std::int64_t out) { return o * in / out; }
inline std::int64_t AdaptiveEnd(std::int64_t o, std::int64_t in, std::int64_t out) {
  return ((o + 1) * in + out - 1) / out;
}

// From output_size, of which None stands for the input's own size.
inline Result<Windows> AdaptiveWindowsOf(const Call& call, const Tensor& x, std::size_t dims) {
  Windows w = OCTAVO_TRY(ImagesOf(x, dims));
  w.out = WidenedTo3(call.ints("output_size"), dims, 1);
  if (w.out.size() != Windows::kDims)
    return Unsupported("argument output_size must have one element per spatial dimension");
  for (std::size_t d = 0; d < Windows::kDims; ++d) {
    if (w.in[d] < 1 || w.out[d] < 0) return Unsupported("the input has no elements");
  }
  OCTAVO_TRY(SetResult(w, x, dims));
  return w;
}

}  // namespace octavo::reference
