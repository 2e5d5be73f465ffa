#include <fmt/format.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// Elements chosen by tensors of indices.

namespace octavo::reference {
namespace {

Status CheckIndex(const Tensor& index) {
  if (index.dtype == DType::kInt64 || index.dtype == DType::kInt32) return {};
  return Unsupported(fmt::format("indices must be int32 or int64, not {}", Name(index.dtype)));
}

// The indices, each inside [0, size); negative ones count from the end where `wraps`.
Result<std::vector<std::int64_t>> IndexValues(const Tensor& index, std::int64_t size, bool wraps) {
  OCTAVO_TRY(CheckIndex(index));
  std::vector<std::int64_t> indices = index.ToInts();
  for (std::int64_t& i : indices) {
    if (i < (wraps ? -size : 0) || i >= size) {
      return Unsupported(fmt::format("index {} is out of range for a dimension of size {}", i, size));
    }
    if (i < 0) i += size;
  }
  return indices;
}

// The dimension is replaced by those of `index`.
Result<Tensor> ChosenPlaces(const Tensor& x, std::size_t axis, const Tensor& index, bool wraps) {
  const Around around(x.sizes, axis);
  const std::vector<std::int64_t> indices = OCTAVO_TRY(IndexValues(index, around.size, wraps));
  Sizes sizes(x.sizes.begin(), x.sizes.begin() + static_cast<std::ptrdiff_t>(axis));
  sizes.insert(sizes.end(), index.sizes.begin(), index.sizes.end());
  if (!x.sizes.empty()) {
    sizes.insert(sizes.end(), x.sizes.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.sizes.end());
  }
  sizes = OCTAVO_TRY(Checked(std::move(sizes)));
  std::vector<std::int64_t> places;
  for (std::int64_t o = 0; o < around.outer; ++o) {
    for (const std::int64_t i : indices) {
      for (std::int64_t k = 0; k < around.inner; ++k) {
        places.push_back((o * around.size + i) * around.inner + k);
      }
    }
  }
  return Picked(x, std::move(sizes), places);
}

Results IndexSelect(const Call& call) {
  const Tensor& x = call.tensor("self");
  Tensor index = call.tensor("index");
  if (index.rank() > 1) return Unsupported("argument index must have rank 0 or 1");
  if (x.rank() > 0) index = OCTAVO_TRY(Reshaped(index, {index.num_elements()}));
  if (x.rank() == 0 && index.num_elements() != 1)
    return Unsupported("a scalar can be indexed with one element only");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  if (x.rank() == 0) index = OCTAVO_TRY(Reshaped(index, {}));
  return One(OCTAVO_TRY(ChosenPlaces(x, axis, index, false)));
}

// One tensor of indices, and whole dimensions elsewhere.
Results Index(const Call& call) {
  const Tensor& x = call.tensor("self");
  const std::vector<Tensor> indices = call.tensors("indices");
  std::optional<std::size_t> axis;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (indices[d].dtype == DType::kUnknown) continue;
    if (axis) return Unsupported("indexing with more than one tensor is not supported");
    axis = d;
  }
  if (!axis || *axis >= x.sizes.size())
    return Unsupported("argument indices holds no tensor for a dimension of self");
  return One(OCTAVO_TRY(ChosenPlaces(x, *axis, indices[*axis], true)));
}

// result[..., i, ...] = self[..., index[..., i, ...], ...]; other dimensions may be shorter than self's.
Results Gather(const Call& call) {
  const Tensor &x = call.tensor("self"), &index = call.tensor("index");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  if (index.num_elements() == 0) return One(OCTAVO_TRY(Picked(x, index.sizes, {})));
  Sizes from = x.sizes, to = index.sizes;
  if (from.empty()) from = {1};
  if (to.empty()) to = {1};
  if (from.size() != to.size()) return Unsupported("arguments self and index must have the same rank");
  for (std::size_t d = 0; d < to.size(); ++d) {
    if (d != axis && to[d] > from[d]) return Unsupported("argument index must not be larger than self");
  }
  const std::vector<std::int64_t> indices = OCTAVO_TRY(IndexValues(index, from[axis], false));
  const Sizes steps = Steps(from);
  std::vector<std::int64_t> places;
  ForEachIndex(to, [&](const Sizes& at) {
    std::int64_t place = indices[places.size()] * steps[axis];
    for (std::size_t d = 0; d < at.size(); ++d) {
      if (d != axis) place += at[d] * steps[d];
    }
    places.push_back(place);
  });
  return One(OCTAVO_TRY(Picked(x, index.sizes, places)));
}

// The weight's rows.
Results Embedding(const Call& call) {
  const Tensor& weight = call.tensor("weight");
  if (weight.rank() != 2) return Unsupported("argument weight must have rank 2");
  return One(OCTAVO_TRY(ChosenPlaces(weight, 0, call.tensor("indices"), false)));
}

Results OneHot(const Call& call) {
  const Tensor& x = call.tensor("self");
  const std::int64_t classes = call.integer("num_classes");
  OCTAVO_TRY(Checked({classes}));
  const std::vector<std::int64_t> indices = OCTAVO_TRY(IndexValues(x, classes, false));
  Sizes sizes = x.sizes;
  sizes.push_back(classes);
  Array<std::int64_t> result(OCTAVO_TRY(Checked(std::move(sizes))));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    result[static_cast<std::int64_t>(i) * classes + indices[i]] = 1;
  }
  return One(ToTensor(result, {.dtype = DType::kInt64}));
}

}  // namespace

void AddIndexing(Kernels& kernels) {
  kernels.Add("aten::index_select", IndexSelect);
  kernels.Add("aten::index", Index);
  kernels.Add("aten::gather", Gather);
  kernels.Add("aten::embedding", Embedding);
  kernels.Add("aten::one_hot", OneHot);
}

}  // namespace octavo::reference
