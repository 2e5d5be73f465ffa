#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// Elements repeated: expand, repeat, repeat_interleave, meshgrid.

namespace octavo::reference {
namespace {

// -1 keeps a dimension's size; new dimensions come first.
Result<Tensor> Expanded(const Tensor& x, Sizes sizes) {
  if (sizes.size() < x.sizes.size()) {
    return Unsupported(fmt::format("shape {} cannot be expanded to {}", x.sizes, sizes));
  }
  const std::size_t added = sizes.size() - x.sizes.size();
  const View whole(x);
  View view = whole;
  view.walks.assign(sizes.size(), Walk());
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    Walk& walk = view.walks[d];
    if (d >= added) walk = whole.walks[d - added];
    if (sizes[d] == -1 && d >= added) continue;
    if (sizes[d] == walk.size) continue;
    if (sizes[d] < 0 || walk.size != 1) {
      return Unsupported(fmt::format("shape {} cannot be expanded to {}", x.sizes, sizes));
    }
    walk = {sizes[d], 0};
  }
  return Moved(x, view);
}

Results Expand(const Call& call) {
  if (call.op() == "aten::expand" && call.has("implicit") && call.flag("implicit"))
    return One(call.tensor("self"));
  return One(OCTAVO_TRY(Expanded(call.tensor("self"), call.ints("size"))));
}
Results ExpandAs(const Call& call) {
  return One(OCTAVO_TRY(Expanded(call.tensor("self"), call.tensor("other").sizes)));
}

// The whole tensor, repeats[d] times along each dimension; missing dimensions come first with size 1.
Results Repeated(const Tensor& x, Sizes repeats) {
  if (repeats.size() < x.sizes.size())
    return Unsupported("argument repeats has fewer elements than the tensor has dimensions");
  Sizes from(repeats.size() - x.sizes.size(), 1);
  from.insert(from.end(), x.sizes.begin(), x.sizes.end());
  Sizes sizes = OCTAVO_TRY(Checked(repeats));
  for (std::size_t d = 0; d < sizes.size(); ++d) sizes[d] *= from[d];
  sizes = OCTAVO_TRY(Checked(std::move(sizes)));
  const Sizes steps = Steps(from);
  std::vector<std::int64_t> places;
  ForEachIndex(sizes, [&](const Sizes& index) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < index.size(); ++d) place += index[d] % from[d] * steps[d];
    places.push_back(place);
  });
  return One(OCTAVO_TRY(Picked(x, std::move(sizes), places)));
}

Results Repeat(const Call& call) { return Repeated(call.tensor("self"), call.ints("repeats")); }

// Takes fewer numbers than dimensions as well, for the last ones.
Results Tile(const Call& call) {
  const Tensor& x = call.tensor("self");
  Sizes repeats = call.ints("dims");
  while (repeats.size() < x.sizes.size()) repeats.insert(repeats.begin(), 1);
  return Repeated(x, std::move(repeats));
}

// Each element `repeats` times in a row along the dimension; of the flattened tensor where none is given.
Results RepeatInterleave(const Call& call) {
  Tensor x = call.tensor("self");
  const std::int64_t repeats = call.integer("repeats");
  std::size_t axis = 0;
  if (call.has("dim")) axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  if (!call.has("dim") || x.rank() == 0) x = OCTAVO_TRY(Reshaped(x, {x.num_elements()}));
  OCTAVO_TRY(Checked({repeats}));
  Sizes sizes = x.sizes;
  sizes[axis] *= repeats;
  sizes = OCTAVO_TRY(Checked(std::move(sizes)));
  const Around around(sizes, axis);
  std::vector<std::int64_t> places;
  for (std::int64_t o = 0; o < around.outer; ++o) {
    for (std::int64_t i = 0; i < around.size; ++i) {
      for (std::int64_t k = 0; k < around.inner; ++k) {
        places.push_back((o * x.sizes[axis] + i / repeats) * around.inner + k);
      }
    }
  }
  return One(OCTAVO_TRY(Picked(x, std::move(sizes), places)));
}

// One grid for each tensor, which varies along its own dimension; "xy" exchanges the first two.
Results Meshgrid(const Call& call) {
  const std::vector<Tensor> tensors = call.tensors("tensors");
  const bool exchanged = call.has("indexing") && call.text("indexing") == "xy" && tensors.size() > 1;
  const auto place = [exchanged](std::size_t i) { return exchanged && i < 2 ? 1 - i : i; };
  Sizes grid(tensors.size(), 1);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].rank() > 1) return Unsupported("meshgrid takes tensors of rank 0 or 1 only");
    grid[place(i)] = tensors[i].num_elements();
  }
  std::vector<Tensor> grids;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    Sizes column(tensors.size(), 1);
    column[place(i)] = tensors[i].num_elements();
    grids.push_back(OCTAVO_TRY(Expanded(OCTAVO_TRY(Reshaped(tensors[i], std::move(column))), grid)));
  }
  return grids;
}

}  // namespace

void AddExpanding(Kernels& kernels) {
  for (const char* name : {"aten::expand", "aten::expand_copy", "aten::broadcast_to"}) {
    kernels.Add(name, Expand);
  }
  kernels.Add("aten::expand_as", ExpandAs);
  kernels.Add("aten::repeat", Repeat);
  kernels.Add("aten::tile", Tile);
  kernels.Add("aten::repeat_interleave", RepeatInterleave);
  kernels.Add("aten::meshgrid", Meshgrid);
}

}  // namespace octavo::reference
