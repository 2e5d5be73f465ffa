#include "octavo/reference/sizes.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace octavo::reference {

Result<Sizes> Checked(Sizes sizes) {
  for (const std::int64_t size : sizes) {
    if (size < 0) return Unsupported(fmt::format("a tensor of shape {} is not possible", sizes));
  }
  if (!CountElements(sizes)) {
    return Unsupported(
        fmt::format("a tensor of shape {} exceeds the limit of {} elements", sizes, kMaxTensorElements));
  }
  return sizes;
}

Result<std::size_t> Axis(std::int64_t dim, std::size_t rank) {
  const auto dimensions = static_cast<std::int64_t>(std::max<std::size_t>(rank, 1));
  if (dim < -dimensions || dim >= dimensions) {
    return Unsupported(fmt::format("dimension {} is out of range for a tensor of rank {}", dim, rank));
  }
  return static_cast<std::size_t>(dim < 0 ? dim + dimensions : dim);
}

Result<std::vector<std::size_t>> Axes(const std::vector<std::int64_t>& dims, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (const std::int64_t dim : dims) {
    const std::size_t axis = OCTAVO_TRY(Axis(dim, rank));
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) {
      return Unsupported(fmt::format("dimension {} occurs twice", dim));
    }
    axes.push_back(axis);
  }
  return axes;
}

Result<Sizes> Broadcast(const Sizes& a, const Sizes& b) {
  Sizes sizes(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      return Unsupported(fmt::format("the shapes {} and {} cannot be broadcast", a, b));
    }
    sizes[sizes.size() - 1 - i] = x == 1 ? y : x;
  }
  return Checked(std::move(sizes));
}

Sizes Steps(const Sizes& sizes) {
  Sizes steps(sizes.size());
  std::int64_t step = 1;
  for (std::size_t d = sizes.size(); d-- > 0;) {
    steps[d] = step;
    step *= sizes[d];
  }
  return steps;
}

Around::Around(const Sizes& sizes, std::size_t axis) {
  if (sizes.empty()) return;
  for (std::size_t d = 0; d < axis; ++d) outer *= sizes[d];
  size = sizes[axis];
  for (std::size_t d = axis + 1; d < sizes.size(); ++d) inner *= sizes[d];
}

}  // namespace octavo::reference
