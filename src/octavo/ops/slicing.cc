#include "octavo/ops/slicing.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {
namespace {

constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int64_t>::max();

// A slice as the call states it; indices may be negative, and behind the end.
struct Range {
  std::int64_t dim = 0;
  Dim start = 0;
  Dim end = kOpenEnd;
  std::int64_t step = 1;
};

Result<Range> SliceRange(const Arguments& a) {
  Range range;
  range.dim = OCTAVO_TRY(KnownInt(a, "dim"));
  if (a.has("start")) range.start = a.dim("start");
  if (a.has("end")) range.end = a.dim("end");
  range.step = OCTAVO_TRY(KnownInt(a, "step"));
  if (range.step < 1) return Unsupported(fmt::format("argument step must be positive, not {}", range.step));
  return range;
}

Result<Range> NarrowRange(const Arguments& a) {
  Range range;
  range.dim = OCTAVO_TRY(KnownInt(a, "dim"));
  range.start = a.dim("start");
  const Dim length = a.dim("length");
  if (length.known() && length.value() < 0) return Unsupported("argument length must not be negative");
  const bool from_end = range.start.known() && range.start.value() < 0;
  range.end = range.start + length;
  // -2 and a length of 2 reach the end, which is not 0.
  if (from_end && range.end == Dim(0)) range.end = kOpenEnd;
  const std::optional<Shape>& shape = a.tensor("self").shape();
  if (shape && !shape->empty()) {
    const int axis = OCTAVO_TRY(NormalizedAxis(range.dim, static_cast<int>(shape->size())));
    const Dim size = (*shape)[static_cast<std::size_t>(axis)];
    const Dim start = from_end ? size + range.start : range.start;
    if (Dim::Less(start, 0) == true || Dim::Less(size, start + length) == true) {
      return Unsupported(fmt::format("start {} and length {} are out of range for a dimension of size {}",
                                     range.start.ToString(), length.ToString(), size.ToString()));
    }
  }
  return range;
}

// Python's meaning of an index into `size` elements: from the front, at most `size`.  Where the size is not
// known, an index is taken to lie inside it: the result's size is a statement about what comes out, the slice
// itself is cut when the model runs.
Dim StartFromFront(const Dim& index, const Dim& size) {
  if (index == Dim(kOpenEnd)) return size;
  if (index.known() && index.value() < 0) {
    const Dim at = size + index;
    return Dim::Less(at, 0) == true ? Dim(0) : at;
  }
  if (Dim::Less(size, index) == false) return index;
  if (Dim::Less(size, index) == true || Dim::Less(index, size) == false) return size;
  return Dim::Unknown();
}

Dim SizeOf(const Range& range, const Dim& size) {
  const Dim length = StartFromFront(range.end, size) - StartFromFront(range.start, size);
  if (Dim::Less(length, 0) == true) return 0;
  return Dim::FloorDivide(length + Dim(range.step - 1), Dim(range.step));
}

using RangeRule = Result<Range> (*)(const Arguments&);

ShapeRule RangeShape(RangeRule rule) {
  return [rule](const Arguments& a) -> Result<std::optional<Shape>> {
    const Range range = OCTAVO_TRY(rule(a));
    std::optional<Shape> shape = a.tensor("self").shape();
    if (!shape) return shape;
    if (shape->empty()) return Unsupported("a scalar cannot be sliced");
    const int axis = OCTAVO_TRY(NormalizedAxis(range.dim, static_cast<int>(shape->size())));
    Dim& size = (*shape)[static_cast<std::size_t>(axis)];
    size = SizeOf(range, size);
    return shape;
  };
}

// An index as the model gives it, or the number that means the same where it is the size itself.
std::optional<std::int64_t> IndexNumber(const Dim& index, const Dim& size) {
  if (index.known()) return index.value();
  if (index == size) return kOpenEnd;
  return std::nullopt;
}

Emitter EmitRange(RangeRule rule) {
  return [rule](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    const Range range = OCTAVO_TRY(rule(a));
    std::int64_t axis = range.dim;
    Dim size = Dim::Unknown();
    if (x.shape()) {
      axis = OCTAVO_TRY(NormalizedAxis(axis, *x.rank()));
      size = (*x.shape())[static_cast<std::size_t>(axis)];
    }
    const auto start = IndexNumber(range.start, size), end = IndexNumber(range.end, size);
    const bool reaches_end = end == kOpenEnd || (end && size.known() && *end >= size.value());
    if (g.dialect() == Dialect::kQdq && start == 0 && reaches_end && range.step == 1) return One(x);
    if (start && end) return One(OCTAVO_TRY(Strided(g, x, axis, *start, *end, range.step, size.maybe())));
    if (g.opset() < 10) return NeedsShape("self");
    const Value from = OCTAVO_TRY(RuntimeSizes(g, {range.start}));
    const Value to = OCTAVO_TRY(RuntimeSizes(g, {range.end}));
    return One(g.Op("Slice", {x, from, to, g.Ints({axis}), g.Ints({range.step})}));
  };
}

// Int8Slice counts -1 as the end itself, knows no step, and refuses a start behind the end.
std::optional<std::int64_t> Int8Index(const Dim& index, const Dim& size) {
  const auto number = IndexNumber(index, size);
  if (!number || *number >= 0) return number;
  if (!size.known()) return *number - 1;
  return std::max<std::int64_t>(0, *number + size.value());
}

Emitter EmitRangeInt8(RangeRule rule) {
  return [rule](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    const Range range = OCTAVO_TRY(rule(a));
    if (x.shape()) {
      const int axis = OCTAVO_TRY(NormalizedAxis(range.dim, *x.rank()));
      const Dim size = (*x.shape())[static_cast<std::size_t>(axis)];
      const auto start = Int8Index(range.start, size), end = Int8Index(range.end, size);
      const bool empty = !a.result().shape || Dim::Equal(SizeOf(range, size), 0) == true;
      if (range.step == 1 && start && end && !empty)
        return One(Int8Slice(g, x, axis, *start, *end, a.result()));
    }
    return Moves("self", EmitRange(rule))(g, a);
  };
}

void AddRange(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, RangeRule rule) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = Moved("self", RangeShape(rule)),
                .qdq = Moves("self", EmitRange(rule)),
                .caffe2 = Int8Or(EmitRangeInt8(rule), EmitRange(rule))});
}

// ---- select

Result<std::optional<Shape>> SelectedShape(const Arguments& a) {
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  std::optional<Shape> shape = a.tensor("self").shape();
  if (!shape) return shape;
  if (shape->empty()) return Unsupported("select of a scalar is not supported");
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape->size())));
  const Dim size = (*shape)[static_cast<std::size_t>(axis)], index = a.dim("index");
  if (Dim::Less(index, size) == false || Dim::Less(index, Dim(0) - size) == true) {
    return Unsupported(fmt::format("argument index {} is out of range for a dimension of size {}",
                                   index.ToString(), size.ToString()));
  }
  shape->erase(shape->begin() + axis);
  return shape;
}

// From the front where the size is known: runtimes of old opsets take no other.
Result<std::int64_t> SelectedIndex(Builder& g, const Arguments& a, const Value& x, std::int64_t axis) {
  const Dim index = a.dim("index");
  Dim at = index;
  if (x.shape() && !(index.known() && index.value() >= 0)) {
    const Dim size = (*x.shape())[static_cast<std::size_t>(axis)];
    if (index.known() && size.known()) at = index + size;
    // x[N - 1] of N elements.
    if (!index.known() && (index - size).known()) at = index - size;
  }
  if (!at.known() || (at.value() < 0 && g.opset() < 11)) return NeedsShape("self");
  return at.value();
}

Result<std::vector<Value>> EmitSelect(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  std::int64_t axis = a.integer("dim");
  if (x.rank()) axis = OCTAVO_TRY(NormalizedAxis(axis, *x.rank()));
  const std::int64_t index = OCTAVO_TRY(SelectedIndex(g, a, x, axis));
  const Value scalar = g.Constant(Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{index}));
  return One(g.Op("Gather", {x, scalar}, {{"axis", axis}}));
}

Result<std::vector<Value>> EmitSelectInt8(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const auto index = a.dim("index").maybe();
  if (x.shape() && a.result().shape && index && *index >= 0) {
    const int axis = OCTAVO_TRY(NormalizedAxis(a.integer("dim"), *x.rank()));
    TensorType one = x.type();
    (*one.shape)[static_cast<std::size_t>(axis)] = 1;
    if (const auto target = ReshapeTarget(one.shape, *a.result().shape)) {
      const Value slice = Int8Slice(g, x, axis, *index, *index + 1, one);
      return One(Int8Reshape(g, slice, *target, a.result()));
    }
  }
  return Moves("self", EmitSelect)(g, a);
}

}  // namespace

void RegisterSlicing(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self");
  for (const char* name : {"aten::slice.Tensor", "aten::slice_copy.Tensor"}) {
    AddRange(registry, name,
             {x, arg::Int("dim", 0), arg::OptionalInt("start"), arg::OptionalInt("end"), arg::Int("step", 1)},
             SliceRange);
  }
  for (const char* name : {"aten::narrow", "aten::narrow_copy"}) {
    AddRange(registry, name, {x, arg::Int("dim"), arg::Int("start"), arg::Int("length")}, NarrowRange);
  }
  for (const char* name : {"aten::select.int", "aten::select_copy.int"}) {
    registry.Add({.name = name,
                  .arguments = {x, arg::Int("dim"), arg::Int("index")},
                  .result = Moved("self", SelectedShape),
                  .qdq = Moves("self", EmitSelect),
                  .caffe2 = Int8Or(EmitSelectInt8, EmitSelect)});
  }
  RegisterSplitting(registry);
  RegisterIndexing(registry);
}

}  // namespace octavo
