#include "octavo/lower/window.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "octavo/lower/checks.h"

namespace octavo {
namespace {

// Far above any real window, and small enough that no product of a few of them overflows.
constexpr std::int64_t kLargest = 1 << 20;

Status CheckRange(const std::vector<std::int64_t>& numbers, std::int64_t lowest, std::string_view name) {
  for (const std::int64_t n : numbers) {
    if (n < lowest || n > kLargest) return Unsupported(fmt::format("argument {} cannot contain {}", name, n));
  }
  return {};
}

bool HasArgument(const Arguments& a, std::string_view name) {
  return std::any_of(a.specs().begin(), a.specs().end(),
                     [name](const ArgumentSpec& spec) { return spec.name == name; });
}

std::int64_t Reach(const Window& w, std::size_t i) { return w.dilation[i] * (w.kernel[i] - 1) + 1; }

}  // namespace

std::int64_t Window::cells() const {
  std::int64_t count = 1;
  for (const std::int64_t k : kernel) count *= k;
  return count;
}

bool Window::square() const {
  return std::all_of(kernel.begin(), kernel.end(), [this](std::int64_t k) { return k == kernel[0]; });
}

bool Window::padded() const {
  return std::any_of(padding.begin(), padding.end(), [](std::int64_t p) { return p != 0; });
}

bool Window::dilated() const {
  return std::any_of(dilation.begin(), dilation.end(), [](std::int64_t d) { return d != 1; });
}

Result<Window> WindowOf(const Arguments& a) {
  Window w;
  w.kernel = OCTAVO_TRY(KnownInts(a, "kernel_size"));
  w.stride = OCTAVO_TRY(KnownInts(a, "stride"));
  w.padding = OCTAVO_TRY(KnownInts(a, "padding"));
  w.dilation.assign(w.kernel.size(), 1);
  if (HasArgument(a, "dilation")) w.dilation = OCTAVO_TRY(KnownInts(a, "dilation"));
  w.ceil_mode = a.flag("ceil_mode");
  OCTAVO_TRY(CheckRange(w.kernel, 1, "kernel_size"));
  OCTAVO_TRY(CheckRange(w.stride, 1, "stride"));
  OCTAVO_TRY(CheckRange(w.padding, 0, "padding"));
  OCTAVO_TRY(CheckRange(w.dilation, 1, "dilation"));
  std::int64_t cells = 1;
  for (std::size_t i = 0; i < w.kernel.size(); ++i) {
    if (2 * w.padding[i] > w.kernel[i]) {
      return Unsupported(
          fmt::format("padding {} must be at most half of kernel_size {}", w.padding[i], w.kernel[i]));
    }
    cells *= w.kernel[i];
    if (cells > kLargest) return Unsupported("the pooling window is too large");
  }
  return w;
}

Result<Dim> WindowCount(const Window& w, std::size_t i, const Dim& size) {
  const Dim span = size + Dim(2 * w.padding[i] - Reach(w, i));
  // With ceil_mode a window may reach over the end, but not a whole stride further.
  const std::int64_t over = w.ceil_mode ? w.stride[i] - 1 : 0;
  if (const auto n = span.maybe(); n && *n < -over) {
    return Unsupported(fmt::format("a pooling window of size {} does not fit into the padded size {}",
                                   Reach(w, i), size.value() + 2 * w.padding[i]));
  }
  if (!w.ceil_mode) return Dim::FloorDivide(span, w.stride[i]) + 1;
  const Dim count = Dim::FloorDivide(span + Dim(w.stride[i] - 1), w.stride[i]) + 1;
  // The last window starts inside the input or its left padding.  Of an open size that is known only where
  // no window is short enough to start behind them.
  if (Reach(w, i) >= w.padding[i] + w.stride[i]) return count;
  if (!size.known()) return Dim::Unknown();
  return (count - 1).value() * w.stride[i] >= size.value() + w.padding[i] ? count - 1 : count;
}

Result<Shape> PooledShape(const Window& w, const Shape& input) {
  const std::size_t n = w.spatial_dims();
  if (input.size() != n + 1 && input.size() != n + 2) {
    return Unsupported(fmt::format("the input has rank {}, but this operator needs rank {} or {}",
                                   input.size(), n + 1, n + 2));
  }
  Shape result = input;
  const std::size_t first = input.size() - n;
  for (std::size_t i = 0; i < n; ++i) {
    result[first + i] = OCTAVO_TRY(WindowCount(w, i, input[first + i]));
  }
  return result;
}

Result<std::optional<std::vector<std::int64_t>>> Overhang(const Window& w,
                                                          const std::optional<Shape>& input) {
  using Answer = std::optional<std::vector<std::int64_t>>;
  std::vector<std::int64_t> overhang(w.spatial_dims(), 0);
  if (!w.ceil_mode) return Answer(overhang);
  for (std::size_t i = 0; i < w.spatial_dims(); ++i) {
    if (w.stride[i] == 1) continue;
    if (!input || input->size() < w.spatial_dims()) return Answer();
    const Dim& size = (*input)[input->size() - w.spatial_dims() + i];
    if (!size.known()) return Answer();
    const Dim count = OCTAVO_TRY(WindowCount(w, i, size));
    const std::int64_t end = (count.value() - 1) * w.stride[i] + Reach(w, i);
    overhang[i] = std::max<std::int64_t>(0, end - size.value() - 2 * w.padding[i]);
  }
  return Answer(overhang);
}

}  // namespace octavo
