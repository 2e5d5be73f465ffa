#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

Result<Prepared> Transpose(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const std::size_t rank = type.sizes->size();
  Sizes reversed(rank);
  for (std::size_t d = 0; d < rank; ++d) reversed[d] = static_cast<std::int64_t>(rank - 1 - d);
  const Sizes order = OCTAVO_TRY(call.Ints("perm", reversed));
  if (order.size() != rank)
    return call.Invalid(
        fmt::format("attribute perm has {} elements, but the input has rank {}", order.size(), rank));
  const std::vector<int> axes = OCTAVO_TRY(call.Axes(order, static_cast<int>(rank)));
  Sizes sizes(rank), strides(rank);
  const Sizes own = StridesOf(*type.sizes);
  for (std::size_t d = 0; d < rank; ++d) {
    sizes[d] = (*type.sizes)[static_cast<std::size_t>(axes[d])];
    strides[d] = own[static_cast<std::size_t>(axes[d])];
  }
  return One(type.dtype, sizes, [sizes, strides](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], sizes, strides, 0);
  });
}

Result<Prepared> Concat(Call& call) {
  OCTAVO_TRY(call.Inputs(1, call.num_inputs()));
  OCTAVO_TRY(CheckSameType(call));
  Sizes sizes = OCTAVO_TRY(call.sizes(0));
  const int axis = OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis")), static_cast<int>(sizes.size())));
  const auto a = static_cast<std::size_t>(axis);
  for (std::size_t i = 1; i < call.num_inputs(); ++i) {
    const Sizes other = OCTAVO_TRY(call.sizes(i));
    Sizes wanted = sizes;
    if (other.size() == sizes.size()) wanted[a] = other[a];
    if (other != wanted) return call.Invalid(fmt::format("the shape of input {} does not fit input 0", i));
    sizes[a] += other[a];
  }
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, sizes, [sizes, a, dtype](const Operands& in) -> Result<Tensor> {
    const std::size_t size = ElementSize(dtype);
    std::vector<std::byte> bytes;
    bytes.reserve(static_cast<std::size_t>(Product(sizes)) * size);
    const std::int64_t outer = Product(sizes, 0, a);
    for (std::int64_t o = 0; o < outer; ++o) {
      for (const Tensor* t : in) {
        const std::size_t piece = static_cast<std::size_t>(Product(t->sizes, a, t->sizes.size())) * size;
        const std::byte* from = Begin(*t) + static_cast<std::size_t>(o) * piece;
        bytes.insert(bytes.end(), from, from + piece);
      }
    }
    return Tensor::FromBytes(dtype, sizes, std::move(bytes));
  });
}

Result<Prepared> Split(Call& call) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  OCTAVO_TRY(call.Inputs(1, call.opset() < 13 ? 1 : 2));
  const int axis =
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", 0)), static_cast<int>(type.sizes->size())));
  const auto a = static_cast<std::size_t>(axis);
  const std::int64_t total = (*type.sizes)[a];
  const auto pieces = static_cast<std::int64_t>(call.num_outputs());
  Sizes split;
  OCTAVO_TRY(call.Int("num_outputs", pieces));
  if (call.opset() < 13) {
    split = OCTAVO_TRY(call.Ints("split", Sizes()));
  } else if (call.has(1)) {
    split = OCTAVO_TRY(call.IntsOf(1));
  }
  if (split.empty() && pieces > 0) {
    if (call.opset() >= 18 && OCTAVO_TRY(call.Int("num_outputs", pieces)) != pieces)
      return call.Invalid(fmt::format("attribute num_outputs must be {}", pieces));
    const std::int64_t piece = (total + pieces - 1) / pieces;
    if (call.opset() < 18 && total % pieces != 0)
      return call.Invalid(fmt::format("{} elements cannot be split into {} equal parts", total, pieces));
    for (std::int64_t i = 0; i < pieces; ++i)
      split.push_back(std::clamp<std::int64_t>(total - i * piece, 0, piece));
  }
  std::int64_t sum = 0;
  for (const std::int64_t s : split) {
    if (s < 0 || s > total - sum)
      return call.Invalid("the sizes of the parts do not add up to the size of the axis");
    sum += s;
  }
  if (sum != total || static_cast<std::int64_t>(split.size()) != pieces)
    return call.Invalid("the sizes of the parts do not add up to the size of the axis");
  Prepared prepared;
  Sizes begins;
  std::int64_t begin = 0;
  const Sizes own = StridesOf(*type.sizes);
  for (const std::int64_t s : split) {
    Sizes sizes = *type.sizes;
    sizes[a] = s;
    prepared.outputs.push_back({.dtype = type.dtype, .sizes = sizes});
    begins.push_back(begin * own[a]);
    begin += s;
  }
  prepared.compute = [outputs = prepared.outputs, begins,
                      own](const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      results.push_back(Strided(*in[0], *outputs[i].sizes, own, begins[i]));
    return results;
  };
  return prepared;
}

struct Range {
  std::vector<std::int64_t> starts, ends, axes, steps;
};

Result<Range> SlicedRange(Call& call, std::size_t rank) {
  Range range;
  if (call.opset() < 10) {
    OCTAVO_TRY(call.Inputs(1, 1));
    range.starts = OCTAVO_TRY(call.Ints("starts"));
    range.ends = OCTAVO_TRY(call.Ints("ends"));
    range.axes = OCTAVO_TRY(call.Ints("axes", Sizes()));
  } else {
    OCTAVO_TRY(call.Inputs(3, 5));
    constexpr auto kIndices = Call::Width::kInt32OrInt64;
    range.starts = OCTAVO_TRY(call.IntsOf(1, kIndices));
    range.ends = OCTAVO_TRY(call.IntsOf(2, kIndices));
    if (call.has(3)) range.axes = OCTAVO_TRY(call.IntsOf(3, kIndices));
    if (call.has(4)) range.steps = OCTAVO_TRY(call.IntsOf(4, kIndices));
  }
  if (range.axes.empty() && range.starts.size() <= rank) {
    range.axes.resize(range.starts.size());
    std::iota(range.axes.begin(), range.axes.end(), 0);
  }
  if (range.steps.empty()) range.steps.assign(range.starts.size(), 1);
  if (range.ends.size() != range.starts.size() || range.axes.size() != range.starts.size() ||
      range.steps.size() != range.starts.size()) {
    return call.Invalid("starts, ends, axes and steps must have the same length");
  }
  return range;
}

Result<Prepared> Slice(Call& call) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  const Range range = OCTAVO_TRY(SlicedRange(call, type.sizes->size()));
  const std::vector<int> axes = OCTAVO_TRY(call.Axes(range.axes, static_cast<int>(type.sizes->size())));
  Sizes sizes = *type.sizes, strides = StridesOf(sizes);
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<std::size_t>(axes[i]);
    const std::int64_t size = sizes[a], step = range.steps[i];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min())
      return call.Invalid("a step is out of range");
    const auto from_front = [size](std::int64_t v) { return v < 0 ? v + size : v; };
    std::int64_t start = from_front(range.starts[i]), end = from_front(range.ends[i]);
    std::int64_t count = 0;
    if (step > 0) {
      start = std::clamp<std::int64_t>(start, 0, size);
      end = std::clamp<std::int64_t>(end, 0, size);
      if (end > start) count = (end - start - 1) / step + 1;
    } else {
      start = std::clamp<std::int64_t>(start, -1, size - 1);
      end = std::clamp<std::int64_t>(end, -1, size - 1);
      if (start > end) count = (start - end - 1) / -step + 1;
    }
    if (count > 0) begin += start * strides[a];
    sizes[a] = count;
    // With a single element the step may be anything.
    strides[a] = count > 1 ? strides[a] * step : 0;
  }
  return One(type.dtype, sizes, [sizes, strides, begin](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], sizes, strides, begin);
  });
}

Result<Prepared> Tile(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const Sizes repeats = OCTAVO_TRY(call.IntsOf(1));
  const std::size_t rank = type.sizes->size();
  if (repeats.size() != rank)
    return call.Invalid(fmt::format("there are {} repeats, but the input has rank {}", repeats.size(), rank));
  // Read as [repeat, size, repeat, size, ...].
  Sizes sizes, spread, strides;
  const Sizes own = StridesOf(*type.sizes);
  for (std::size_t d = 0; d < rank; ++d) {
    const auto size = CountElements({repeats[d], (*type.sizes)[d]});
    if (!size)
      return call.Invalid(
          fmt::format("{} repeats of {} elements are too many", repeats[d], (*type.sizes)[d]));
    sizes.push_back(*size);
    spread.insert(spread.end(), {repeats[d], (*type.sizes)[d]});
    strides.insert(strides.end(), {0, own[d]});
  }
  return One(type.dtype, sizes, [sizes, spread, strides](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], spread, strides, 0).Reshaped(sizes);
  });
}

// Blocks of channels to blocks of pixels.
Result<Prepared> DepthToSpace(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const std::int64_t b = OCTAVO_TRY(call.Int("blocksize"));
  const std::string mode = OCTAVO_TRY(call.Text("mode", "DCR"));
  if (mode != "DCR" && mode != "CRD")
    return call.Invalid(fmt::format("attribute mode must be DCR or CRD, not {}", mode));
  const Sizes& x = *type.sizes;
  if (x.size() != 4 || b < 1 || b > 1 << 15 || x[1] % (b * b) != 0)
    return call.Invalid("the input must have rank 4 and channels divisible by blocksize²");
  const std::int64_t c = x[1] / (b * b), plane = x[2] * x[3];
  const Sizes result{x[0], c, x[2] * b, x[3] * b};
  // As [N, C, H, b, W, b].
  const Sizes spread{x[0], c, x[2], b, x[3], b};
  const Sizes strides = mode == "DCR" ? Sizes{x[1] * plane, plane, x[3], b * c * plane, 1, c * plane}
                                      : Sizes{x[1] * plane, b * b * plane, x[3], b * plane, 1, plane};
  return One(type.dtype, result, [=](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], spread, strides, 0).Reshaped(result);
  });
}

Result<Prepared> SpaceToDepth(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const std::int64_t b = OCTAVO_TRY(call.Int("blocksize"));
  const Sizes& x = *type.sizes;
  if (x.size() != 4 || b < 1 || b > 1 << 15 || x[2] % b != 0 || x[3] % b != 0)
    return call.Invalid("the input must have rank 4 and height and width divisible by blocksize");
  const std::string mode = OCTAVO_TRY(call.Text("mode", "DCR"));
  if (mode != "DCR" && mode != "CRD")
    return call.Invalid(fmt::format("attribute mode must be DCR or CRD, not {}", mode));
  const Sizes result{x[0], x[1] * b * b, x[2] / b, x[3] / b};
  // As [N, b, b, C, H/b, W/b] or [N, C, b, b, H/b, W/b].
  const std::int64_t plane = x[2] * x[3];
  const Sizes spread = mode == "DCR" ? Sizes{x[0], b, b, x[1], x[2] / b, x[3] / b}
                                     : Sizes{x[0], x[1], b, b, x[2] / b, x[3] / b};
  const Sizes strides = mode == "DCR" ? Sizes{x[1] * plane, x[3], 1, plane, b * x[3], b}
                                      : Sizes{x[1] * plane, plane, x[3], 1, b * x[3], b};
  return One(type.dtype, result, [=](const Operands& in) -> Result<Tensor> {
    return Strided(*in[0], spread, strides, 0).Reshaped(result);
  });
}

}  // namespace

void AddMovement(Registry& registry) {
  registry.Add("Transpose", Transpose);
  registry.Add("Concat", Concat);
  registry.Add("Split", Split);
  registry.Add("Slice", Slice);
  registry.Add("Tile", Tile);
  registry.Add("DepthToSpace", DepthToSpace);
  registry.Add("SpaceToDepth", SpaceToDepth);
}

}  // namespace octavo::engine::literal
