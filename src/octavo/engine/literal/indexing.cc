#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

// Indices count from the end where they are negative.
Status FromFront(std::vector<std::int64_t>& indices, std::int64_t size) {
  for (std::int64_t& i : indices) {
    if (i < -size || i >= size)
      return InvalidFile(fmt::format("index {} is out of range for {} elements", i, size));
    if (i < 0) i += size;
  }
  return {};
}

struct Indexed {
  ValueType data;
  Sizes indices;
  std::size_t axis = 0;
};

Result<Indexed> IndexedOf(Call& call, std::size_t inputs, std::optional<std::int64_t> axis) {
  OCTAVO_TRY(call.Inputs(inputs, inputs));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kInt32, DType::kInt64}));
  Indexed indexed;
  indexed.data = OCTAVO_TRY(call.type(0));
  indexed.indices = OCTAVO_TRY(call.sizes(1));
  if (axis) {
    indexed.axis =
        static_cast<std::size_t>(OCTAVO_TRY(call.Axis(*axis, static_cast<int>(indexed.data.sizes->size()))));
  }
  return indexed;
}

Result<Prepared> Gather(Call& call) {
  const Indexed g = OCTAVO_TRY(IndexedOf(call, 2, OCTAVO_TRY(call.Int("axis", 0))));
  const Sizes& x = *g.data.sizes;
  Sizes result(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(g.axis));
  result.insert(result.end(), g.indices.begin(), g.indices.end());
  result.insert(result.end(), x.begin() + static_cast<std::ptrdiff_t>(g.axis) + 1, x.end());
  if (!CountElements(result)) return call.Invalid("the result is too large");
  return One(g.data.dtype, result, [result, axis = g.axis](const Operands& in) -> Result<Tensor> {
    const Sizes& from = in[0]->sizes;
    const std::int64_t size = from[axis];
    std::vector<std::int64_t> indices = Integers(*in[1]);
    OCTAVO_TRY(FromFront(indices, size));
    const std::int64_t outer = Product(from, 0, axis), inner = Product(from, axis + 1, from.size());
    std::vector<std::int64_t> source;
    source.reserve(static_cast<std::size_t>(Product(result)));
    for (std::int64_t o = 0; o < outer; ++o) {
      for (const std::int64_t i : indices) {
        for (std::int64_t k = 0; k < inner; ++k) source.push_back((o * size + i) * inner + k);
      }
    }
    return Picked(*in[0], result, source);
  });
}

// The offsets in a tensor of `sizes` that elements of an index tensor stand for, with the index along `axis`
// taken from the element.
Result<std::vector<std::int64_t>> AlongAxis(const Tensor& index_tensor, const Sizes& sizes,
                                            std::size_t axis) {
  std::vector<std::int64_t> indices = Integers(index_tensor);
  OCTAVO_TRY(FromFront(indices, sizes[axis]));
  Sizes strides = StridesOf(sizes);
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  ForEachOffset(index_tensor.sizes, strides, 0, [&](std::int64_t i, std::int64_t offset) {
    std::int64_t& index = indices[static_cast<std::size_t>(i)];
    index = offset + index * step;
  });
  return indices;
}

Status CheckAlongAxis(Call& call, const Indexed& g) {
  const Sizes& x = *g.data.sizes;
  bool fits = x.size() == g.indices.size();
  for (std::size_t d = 0; fits && d < x.size(); ++d) fits = d == g.axis || g.indices[d] <= x[d];
  if (!fits) return call.Invalid("the shape of the indices does not fit the data");
  return {};
}

Result<Prepared> GatherElements(Call& call) {
  const Indexed g = OCTAVO_TRY(IndexedOf(call, 2, OCTAVO_TRY(call.Int("axis", 0))));
  OCTAVO_TRY(CheckAlongAxis(call, g));
  return One(g.data.dtype, g.indices, [axis = g.axis](const Operands& in) -> Result<Tensor> {
    return Picked(*in[0], in[1]->sizes, OCTAVO_TRY(AlongAxis(*in[1], in[0]->sizes, axis)));
  });
}

// Writes updates into a copy of `data`, element i of `updates` to offset at[i].
Result<Tensor> Scattered(const Tensor& data, const std::vector<std::int64_t>& at, const Tensor& updates,
                         const std::string& reduction) {
  const auto combine = [&](auto& y, const auto& u) {
    for (std::size_t i = 0; i < at.size(); ++i) {
      auto& to = y[static_cast<std::size_t>(at[i])];
      if (reduction == "none") to = u[i];
      if (reduction == "add") to += u[i];
      if (reduction == "mul") to *= u[i];
      if (reduction == "min") to = std::min(to, u[i]);
      if (reduction == "max") to = std::max(to, u[i]);
    }
  };
  if (IsFloat(data.dtype)) {
    std::vector<double> y = Reals(data);
    combine(y, Reals(updates));
    return FromReals(data.dtype, data.sizes, y);
  }
  std::vector<std::int64_t> y = Integers(data);
  const std::vector<std::int64_t> u = Integers(updates);
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::int64_t& to = y[static_cast<std::size_t>(at[i])];
    const auto a = static_cast<std::uint64_t>(to), b = static_cast<std::uint64_t>(u[i]);
    if (reduction == "none") to = u[i];
    if (reduction == "add") to = static_cast<std::int64_t>(a + b);
    if (reduction == "mul") to = static_cast<std::int64_t>(a * b);
    if (reduction == "min") to = std::min(to, u[i]);
    if (reduction == "max") to = std::max(to, u[i]);
  }
  return FromIntegers(data.dtype, data.sizes, y);
}

Result<std::string> ScatterReductionOf(Call& call) {
  const std::string reduction = OCTAVO_TRY(call.Text("reduction", "none"));
  for (const char* known : {"none", "add", "mul", "min", "max"}) {
    if (reduction == known) return reduction;
  }
  return call.Invalid(fmt::format("attribute reduction cannot be {}", reduction));
}

Status CheckUpdates(Call& call, const Sizes& wanted) {
  if (OCTAVO_TRY(call.dtype(2)) != OCTAVO_TRY(call.dtype(0)))
    return call.Invalid("the updates must have the dtype of the data");
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  if (!IsNumber(dtype) && dtype != DType::kBool) return call.NotSupported("this dtype is not supported");
  if (OCTAVO_TRY(call.sizes(2)) != wanted)
    return call.Invalid("the shape of the updates does not fit the indices");
  return {};
}

Result<Prepared> ScatterElements(Call& call) {
  const Indexed g = OCTAVO_TRY(IndexedOf(call, 3, OCTAVO_TRY(call.Int("axis", 0))));
  OCTAVO_TRY(CheckAlongAxis(call, g));
  OCTAVO_TRY(CheckUpdates(call, g.indices));
  const std::string reduction = OCTAVO_TRY(ScatterReductionOf(call));
  return One(g.data.dtype, *g.data.sizes, [axis = g.axis, reduction](const Operands& in) -> Result<Tensor> {
    return Scattered(*in[0], OCTAVO_TRY(AlongAxis(*in[1], in[0]->sizes, axis)), *in[2], reduction);
  });
}

// Each row of the indices is the position of a slice; offsets of all the slices' elements.
Result<std::vector<std::int64_t>> Slices(const Tensor& index_tensor, const Sizes& sizes, std::size_t batch) {
  const std::vector<std::int64_t> indices = Integers(index_tensor);
  const auto depth = static_cast<std::size_t>(index_tensor.sizes.back());
  const Sizes strides = StridesOf(sizes);
  const std::int64_t inner = Product(sizes, batch + depth, sizes.size());
  const std::int64_t rows = Product(index_tensor.sizes, 0, index_tensor.sizes.size() - 1);
  const std::int64_t per_batch = rows / std::max<std::int64_t>(Product(sizes, 0, batch), 1);
  std::vector<std::int64_t> offsets;
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int64_t offset = batch == 0 ? 0 : r / per_batch * Product(sizes, batch, sizes.size());
    for (std::size_t d = 0; d < depth; ++d) {
      std::int64_t i = indices[static_cast<std::size_t>(r) * depth + d];
      const std::int64_t size = sizes[batch + d];
      if (i < -size || i >= size)
        return InvalidFile(fmt::format("index {} is out of range for {} elements", i, size));
      offset += (i < 0 ? i + size : i) * strides[batch + d];
    }
    for (std::int64_t k = 0; k < inner; ++k) offsets.push_back(offset + k);
  }
  return offsets;
}

Result<Sizes> SlicesSizes(Call& call, const Indexed& g, std::size_t batch) {
  const Sizes& x = *g.data.sizes;
  if (g.indices.empty()) return call.Invalid("the indices must not be a scalar");
  const std::int64_t depth = g.indices.back();
  if (batch >= g.indices.size() || batch > x.size() || depth < 1 ||
      static_cast<std::size_t>(depth) > x.size() - batch ||
      !std::equal(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(batch), g.indices.begin())) {
    return call.Invalid("the shape of the indices does not fit the data");
  }
  Sizes result(g.indices.begin(), g.indices.end() - 1);
  result.insert(result.end(), x.begin() + static_cast<std::ptrdiff_t>(batch) + depth, x.end());
  if (!CountElements(result)) return call.Invalid("the result is too large");
  return result;
}

Result<Prepared> GatherNd(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kInt64}));
  const Indexed g = OCTAVO_TRY(IndexedOf(call, 2, std::nullopt));
  const std::int64_t batch = OCTAVO_TRY(call.Int("batch_dims", 0));
  if (batch < 0 || batch > 64) return call.Invalid("attribute batch_dims is out of range");
  const Sizes result = OCTAVO_TRY(SlicesSizes(call, g, static_cast<std::size_t>(batch)));
  return One(g.data.dtype, result, [result, batch](const Operands& in) -> Result<Tensor> {
    return Picked(*in[0], result, OCTAVO_TRY(Slices(*in[1], in[0]->sizes, static_cast<std::size_t>(batch))));
  });
}

Result<Prepared> ScatterNd(Call& call) {
  const Indexed g = OCTAVO_TRY(IndexedOf(call, 3, std::nullopt));
  OCTAVO_TRY(CheckUpdates(call, OCTAVO_TRY(SlicesSizes(call, g, 0))));
  const std::string reduction = OCTAVO_TRY(ScatterReductionOf(call));
  return One(g.data.dtype, *g.data.sizes, [reduction](const Operands& in) -> Result<Tensor> {
    return Scattered(*in[0], OCTAVO_TRY(Slices(*in[1], in[0]->sizes, 0)), *in[2], reduction);
  });
}

// Off and on values are the two elements of the third input.
Result<Prepared> OneHot(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  OCTAVO_TRY(CheckNumber(call, 0));
  const Sizes indices = OCTAVO_TRY(call.sizes(0));
  const double given_depth = OCTAVO_TRY(call.RealOf(1));
  if (!(std::fabs(given_depth) < 0x1p48)) return call.Invalid(fmt::format("depth cannot be {}", given_depth));
  const auto depth = static_cast<std::int64_t>(given_depth);
  const int rank = static_cast<int>(indices.size()) + 1;
  const int axis = OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", -1)), rank));
  if (OCTAVO_TRY(call.sizes(2)) != Sizes{2}) return call.Invalid("the values input must have two elements");
  if (depth < 1) return call.Invalid(fmt::format("depth must be positive, not {}", depth));
  Sizes result = indices;
  result.insert(result.begin() + axis, depth);
  if (!CountElements(result)) return call.Invalid("the result is too large");
  return One(OCTAVO_TRY(call.dtype(2)), result, [result, axis, depth](const Operands& in) -> Result<Tensor> {
    const std::vector<double> index = Reals(*in[0]);
    const std::int64_t inner = Product(result, static_cast<std::size_t>(axis) + 1, result.size());
    std::vector<std::int64_t> source(static_cast<std::size_t>(Product(result)));
    for (std::size_t i = 0; i < index.size(); ++i) {
      const double at = index[i] < 0 ? index[i] + static_cast<double>(depth) : index[i];
      // An index beyond the depth has no hot element.
      if (!(at >= 0 && at < static_cast<double>(depth))) continue;
      const auto k = static_cast<std::int64_t>(i);
      source[static_cast<std::size_t>((k / inner * depth + static_cast<std::int64_t>(at)) * inner +
                                      k % inner)] = 1;
    }
    return Picked(*in[2], result, source);
  });
}

Result<Prepared> NonZero(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const Tensor* x = OCTAVO_TRY(call.value(0));
  if (!IsNumber(x->dtype) && x->dtype != DType::kBool)
    return call.NotSupported("this dtype is not supported");
  const std::vector<double> values = Reals(*x);
  const std::size_t rank = std::max<std::size_t>(x->sizes.size(), 1);
  std::vector<std::vector<std::int64_t>> positions(rank);
  const Sizes strides = StridesOf(x->sizes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) continue;
    auto rest = static_cast<std::int64_t>(i);
    for (std::size_t d = 0; d < rank; ++d) {
      positions[d].push_back(x->sizes.empty() ? 0 : rest / strides[d]);
      if (!x->sizes.empty()) rest %= strides[d];
    }
  }
  const Sizes result{x->sizes.empty() ? 1 : static_cast<std::int64_t>(rank),
                     static_cast<std::int64_t>(positions[0].size())};
  std::vector<std::int64_t> all;
  for (const auto& p : positions) all.insert(all.end(), p.begin(), p.end());
  return One(DType::kInt64, result, [result, all](const Operands&) -> Result<Tensor> {
    return FromIntegers(DType::kInt64, result, all);
  });
}

}  // namespace

void AddIndexing(Registry& registry) {
  registry.Add("Gather", Gather);
  registry.Add("GatherElements", GatherElements);
  registry.Add("GatherND", GatherNd);
  registry.Add("ScatterElements", ScatterElements);
  registry.Add("Scatter", ScatterElements);
  registry.Add("ScatterND", ScatterNd);
  registry.Add("OneHot", OneHot);
  registry.Add("NonZero", NonZero);
}

}  // namespace octavo::engine::literal
