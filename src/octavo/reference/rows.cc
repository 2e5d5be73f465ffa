#include "octavo/reference/rows.h"

#include <algorithm>
#include <numeric>

namespace octavo::reference {

Result<std::vector<std::size_t>> ReducedAxes(const Call& call, const Tensor& x) {
  std::vector<std::size_t> axes;
  if (call.has("dim")) axes = OCTAVO_TRY(Axes(call.ints("dim"), x.sizes.size()));
  if (axes.empty()) {
    axes.resize(x.sizes.size());
    std::iota(axes.begin(), axes.end(), std::size_t{0});
  }
  if (x.sizes.empty()) axes.clear();
  std::sort(axes.begin(), axes.end());
  return axes;
}

Sizes ReducedSizes(const Call& call, const Sizes& sizes, const std::vector<std::size_t>& axes) {
  const bool keep = call.has("keepdim") && call.flag("keepdim");
  Sizes reduced;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (!std::binary_search(axes.begin(), axes.end(), d)) {
      reduced.push_back(sizes[d]);
    } else if (keep) {
      reduced.push_back(1);
    }
  }
  return reduced;
}

Result<Rows> RowsOf(const Tensor& x, const std::vector<std::size_t>& axes) {
  const View whole(x);
  View view = whole;
  view.walks.clear();
  Rows rows;
  for (std::size_t d = 0; d < whole.walks.size(); ++d) {
    if (std::binary_search(axes.begin(), axes.end(), d)) continue;
    view.walks.push_back(whole.walks[d]);
    rows.count *= whole.walks[d].size;
  }
  for (const std::size_t d : axes) {
    view.walks.push_back(whole.walks[d]);
    rows.length *= whole.walks[d].size;
  }
  rows.tensor = OCTAVO_TRY(Moved(x, view));
  return rows;
}

}  // namespace octavo::reference
