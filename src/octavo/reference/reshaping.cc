#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// Other sizes for the same elements in row-major order.

namespace octavo::reference {
namespace {

// `sizes` with the one that is -1 solved for `elements`.
Result<Sizes> Solved(Sizes sizes, std::int64_t elements) {
  std::int64_t rest = 1;
  std::int64_t* open = nullptr;
  for (std::int64_t& size : sizes) {
    if (size == -1) {
      if (open) return Unsupported(fmt::format("the shape {} contains -1 more than once", sizes));
      open = &size;
    } else if (size < 0 || size > kMaxTensorElements / std::max<std::int64_t>(rest, 1)) {
      return Unsupported(fmt::format("a tensor of shape {} is not possible", sizes));
    } else {
      rest *= size;
    }
  }
  if (open) {
    if (rest == 0 || elements % rest != 0) {
      return Unsupported(fmt::format("{} elements cannot be reshaped to {}", elements, sizes));
    }
    *open = elements / rest;
  }
  return sizes;
}

Results InSizes(const Tensor& x, Sizes sizes) {
  return One(OCTAVO_TRY(Reshaped(x, OCTAVO_TRY(Solved(std::move(sizes), x.num_elements())))));
}

// view(dtype) to the same dtype is nothing, and the importer takes no other.
Results ToView(const Call& call) {
  if (call.has("dtype")) return One(call.tensor("self"));
  return InSizes(call.tensor("self"), call.ints("size"));
}
Results Reshape(const Call& call) { return InSizes(call.tensor("self"), call.ints("shape")); }
Results ReshapeAs(const Call& call) { return InSizes(call.tensor("self"), call.tensor("other").sizes); }
Results Ravel(const Call& call) { return InSizes(call.tensor("self"), {-1}); }

Results Flatten(const Call& call) {
  const Tensor& x = call.tensor("self");
  const std::size_t rank = x.sizes.size();
  const std::size_t start = OCTAVO_TRY(Axis(call.integer("start_dim"), rank));
  const std::size_t end = OCTAVO_TRY(Axis(call.integer("end_dim"), rank));
  if (start > end) return Unsupported("argument start_dim must not be greater than end_dim");
  Sizes sizes;
  std::int64_t flat = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    if (d < start || d > end) {
      sizes.push_back(x.sizes[d]);
      continue;
    }
    flat *= x.sizes[d];
    if (d == end) sizes.push_back(flat);
  }
  if (rank == 0) sizes = {1};
  return One(OCTAVO_TRY(Reshaped(x, std::move(sizes))));
}

Results Unflatten(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() == 0) return Unsupported("a scalar cannot be unflattened");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  const Sizes inner = OCTAVO_TRY(Solved(call.ints("sizes"), x.sizes[axis]));
  Sizes sizes;
  for (std::size_t d = 0; d < x.sizes.size(); ++d) {
    if (d == axis) {
      sizes.insert(sizes.end(), inner.begin(), inner.end());
    } else {
      sizes.push_back(x.sizes[d]);
    }
  }
  return One(OCTAVO_TRY(Reshaped(x, std::move(sizes))));
}

Results Squeeze(const Call& call) {
  const Tensor& x = call.tensor("self");
  const bool all = !call.has("dim");
  std::size_t axis = 0;
  if (!all) axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  Sizes sizes;
  for (std::size_t d = 0; d < x.sizes.size(); ++d) {
    if (x.sizes[d] != 1 || (!all && d != axis)) sizes.push_back(x.sizes[d]);
  }
  return One(OCTAVO_TRY(Reshaped(x, std::move(sizes))));
}

Results Unsqueeze(const Call& call) {
  const Tensor& x = call.tensor("self");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size() + 1));
  Sizes sizes = x.sizes;
  sizes.insert(sizes.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  return One(OCTAVO_TRY(Reshaped(x, std::move(sizes))));
}

}  // namespace

void AddReshaping(Kernels& kernels) {
  kernels.Add("aten::view", ToView);
  kernels.Add("aten::view_copy", ToView);
  kernels.Add("aten::reshape", Reshape);
  kernels.Add("aten::view_as", ReshapeAs);
  kernels.Add("aten::reshape_as", ReshapeAs);
  kernels.Add("aten::ravel", Ravel);
  kernels.Add("aten::flatten", Flatten);
  kernels.Add("aten::unflatten", Unflatten);
  kernels.Add("aten::squeeze", Squeeze);
  kernels.Add("aten::unsqueeze", Unsqueeze);
}

}  // namespace octavo::reference
