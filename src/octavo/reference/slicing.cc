#include <algorithm>

#include <fmt/format.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// slice, narrow, select; split and its like.

namespace octavo::reference {
namespace {

// Every `step`-th index from `start` to before `end`.
Result<Tensor> Range(const Tensor& x, std::size_t axis, std::int64_t start, std::int64_t end,
                     std::int64_t step = 1) {
  View view(x);
  Walk& walk = view.walks[axis];
  const std::int64_t length = std::max<std::int64_t>(end - start, 0);
  const bool whole = length == walk.size && step == 1;
  // The first of an empty range may lie behind the last element; it is never read.
  view.start = start * walk.step;
  walk = {length / step + (length % step != 0 ? 1 : 0), length <= step ? 0 : walk.step * step,
          whole ? walk.source : -1};
  return Moved(x, view);
}

// Python's meaning of an index: negative ones count from the end, and all are cut to [0, size].
std::int64_t CutOut(std::int64_t index, std::int64_t size) {
  if (index < 0) index = index < -size ? 0 : index + size;
  return std::min(index, size);
}

Results Slice(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() == 0) return Unsupported("a scalar cannot be sliced");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  const std::int64_t size = x.sizes[axis], step = call.integer("step");
  if (step < 1) return Unsupported("argument step must be positive");
  const std::int64_t start = call.has("start") ? CutOut(call.integer("start"), size) : 0;
  const std::int64_t end = call.has("end") ? CutOut(call.integer("end"), size) : size;
  return One(OCTAVO_TRY(Range(x, axis, start, end, step)));
}

Results Narrow(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() == 0) return Unsupported("narrow of a scalar is not supported");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  const std::int64_t size = x.sizes[axis], length = call.integer("length");
  std::int64_t start = call.integer("start");
  if (start < -size || start > size) return Unsupported("argument start is out of range for the dimension");
  if (start < 0) start += size;
  if (length < 0 || length > size - start)
    return Unsupported("argument length is out of range for the dimension");
  return One(OCTAVO_TRY(Range(x, axis, start, start + length)));
}

Result<Tensor> Selected(const Tensor& x, std::size_t axis, std::int64_t index) {
  const Tensor one = OCTAVO_TRY(Range(x, axis, index, index + 1));
  Sizes sizes = x.sizes;
  sizes.erase(sizes.begin() + static_cast<std::ptrdiff_t>(axis));
  return Reshaped(one, std::move(sizes));
}

Results Select(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() == 0) return Unsupported("select of a scalar is not supported");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  const std::int64_t size = x.sizes[axis], index = call.integer("index");
  if (index < -size || index >= size) {
    return Unsupported(fmt::format("index {} is out of range for a dimension of size {}", index, size));
  }
  return One(OCTAVO_TRY(Selected(x, axis, index < 0 ? index + size : index)));
}

// ---- split and its like: parts of these lengths after each other

// More parts than this are an error.
constexpr std::int64_t kMostParts = std::int64_t{1} << 16;

Results Parts(const Tensor& x, std::size_t axis, const Sizes& lengths) {
  std::vector<Tensor> parts;
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    if (length < 0 || length > x.sizes[axis] - begin) {
      return Unsupported("the parts do not add up to the size of the dimension");
    }
    parts.push_back(OCTAVO_TRY(Range(x, axis, begin, begin + length)));
    begin += length;
  }
  if (begin != x.sizes[axis]) return Unsupported("the parts do not add up to the size of the dimension");
  return parts;
}

// All of length `part`, but for the last one.
Result<Sizes> EqualParts(std::int64_t size, std::int64_t part) {
  if (part < 1 && !(part == 0 && size == 0))
    return Unsupported(fmt::format("the size of the parts must be positive, not {}", part));
  if (size == 0) return Sizes{0};
  if ((size - 1) / part >= kMostParts) return Unsupported("the tensor would be split into too many parts");
  Sizes lengths;
  for (std::int64_t begin = 0; begin < size; begin += std::min(part, size - begin)) {
    lengths.push_back(std::min(part, size - begin));
  }
  return lengths;
}

using LengthsRule = Result<Sizes> (*)(const Call& call, std::int64_t size);

template <LengthsRule kRule>
Results Split(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() == 0) return Unsupported("a scalar cannot be split");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  return Parts(x, axis, OCTAVO_TRY(kRule(call, x.sizes[axis])));
}

Result<Sizes> OfLength(const Call& call, std::int64_t size) {
  return EqualParts(size, call.integer("split_size"));
}

Result<Sizes> AsStated(const Call& call, std::int64_t) { return call.ints("split_sizes"); }

// A single number is the parts' length, a list all their lengths.
Result<Sizes> OfSplit(const Call& call, std::int64_t size) {
  if (!call.has("split_size")) return AsStated(call, size);
  if (call.is_list("split_size")) return call.ints("split_size");
  return OfLength(call, size);
}

// At most `chunks`, all as long as the first, but for the last one.
Result<Sizes> Chunks(const Call& call, std::int64_t size) {
  const std::int64_t chunks = call.integer("chunks");
  if (chunks < 1 || chunks > kMostParts)
    return Unsupported(fmt::format("a tensor cannot be split into {} chunks", chunks));
  if (size == 0) return Sizes(static_cast<std::size_t>(chunks), 0);
  return EqualParts(size, (size + chunks - 1) / chunks);
}

// The first parts are longer by one where the size does not divide; or the places of the cuts.
Result<Sizes> SectionsOrIndices(const Call& call, std::int64_t size) {
  Sizes lengths;
  if (call.has("sections")) {
    const std::int64_t sections = call.integer("sections");
    if (sections < 1 || sections > kMostParts) {
      return Unsupported(fmt::format("a tensor cannot be split into {} sections", sections));
    }
    for (std::int64_t i = 0; i < sections; ++i) lengths.push_back(size / sections + (i < size % sections));
    return lengths;
  }
  std::int64_t begin = 0;
  for (const std::int64_t index : call.ints("indices")) {
    const std::int64_t end = CutOut(index, size);
    if (end < begin) return Unsupported("argument indices must be in ascending order");
    lengths.push_back(end - begin);
    begin = end;
  }
  lengths.push_back(size - begin);
  return lengths;
}

Results Unbind(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.rank() == 0) return Unsupported("a scalar cannot be unbound");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  if (x.sizes[axis] > kMostParts) return Unsupported("the tensor would be split into too many parts");
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < x.sizes[axis]; ++i) parts.push_back(OCTAVO_TRY(Selected(x, axis, i)));
  return parts;
}

}  // namespace

void AddSlicing(Kernels& kernels) {
  for (const char* name : {"aten::slice", "aten::slice_copy"}) kernels.Add(name, Slice);
  for (const char* name : {"aten::narrow", "aten::narrow_copy"}) kernels.Add(name, Narrow);
  for (const char* name : {"aten::select", "aten::select_copy"}) kernels.Add(name, Select);
  for (const char* name : {"aten::chunk", "aten::unsafe_chunk"}) kernels.Add(name, Split<Chunks>);
  for (const char* name : {"aten::split", "aten::unsafe_split"}) kernels.Add(name, Split<OfSplit>);
  for (const char* name : {"aten::split_with_sizes", "aten::unsafe_split_with_sizes"}) {
    kernels.Add(name, Split<AsStated>);
  }
  kernels.Add("aten::tensor_split", Split<SectionsOrIndices>);
  kernels.Add("aten::unbind", Unbind);
}

}  // namespace octavo::reference
