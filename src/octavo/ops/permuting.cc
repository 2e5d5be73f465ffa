#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/shaping.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using Permutation = std::vector<int>;
// nullopt: the input's rank is needed and not known.
using PermutationRule = std::function<Result<std::optional<Permutation>>(const Arguments&)>;

Permutation Identity(int rank) {
  Permutation order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// Dimensions counted from the front, each at most once.
Result<std::vector<int>> DistinctAxes(const Arguments& a, const char* argument, int rank) {
  std::vector<int> axes;
  for (const std::int64_t dim : OCTAVO_TRY(KnownInts(a, argument))) {
    axes.push_back(OCTAVO_TRY(NormalizedAxis(dim, rank, argument)));
  }
  std::vector<int> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return Unsupported(fmt::format("argument {} contains a dimension twice", argument));
  }
  return axes;
}

Result<std::optional<Permutation>> PermuteOrder(const Arguments& a) {
  const auto rank = static_cast<int>(a.dims("dims").size());
  const auto of_input = a.tensor("self").rank();
  if (of_input && *of_input != rank) {
    return Unsupported(
        fmt::format("argument dims has {} elements, but the tensor has rank {}", rank, *of_input));
  }
  return std::optional<Permutation>(OCTAVO_TRY(DistinctAxes(a, "dims", rank)));
}

PermutationRule SwapOrder(const char* first, const char* second) {
  return [=](const Arguments& a) -> Result<std::optional<Permutation>> {
    const std::int64_t dim0 = OCTAVO_TRY(KnownInt(a, first));
    const std::int64_t dim1 = OCTAVO_TRY(KnownInt(a, second));
    const auto rank = a.tensor("self").rank();
    if (!rank) return std::optional<Permutation>();
    const int i = OCTAVO_TRY(NormalizedAxis(dim0, *rank, first));
    const int j = OCTAVO_TRY(NormalizedAxis(dim1, *rank, second));
    Permutation order = Identity(*rank);
    if (*rank > 0) std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
    return std::optional<Permutation>(std::move(order));
  };
}

Result<std::optional<Permutation>> TransposeMatrix(const Arguments& a) {
  const auto rank = a.tensor("self").rank();
  if (!rank) return std::optional<Permutation>();
  if (*rank > 2) return Unsupported(fmt::format("t() takes a tensor of rank 2 at most, not {}", *rank));
  Permutation order = Identity(*rank);
  std::reverse(order.begin(), order.end());
  return std::optional<Permutation>(std::move(order));
}

Result<std::optional<Permutation>> ReverseOrder(const Arguments& a) {
  const auto rank = a.tensor("self").rank();
  if (!rank) return std::optional<Permutation>();
  Permutation order = Identity(*rank);
  std::reverse(order.begin(), order.end());
  return std::optional<Permutation>(std::move(order));
}

// The last two dimensions.
Result<std::optional<Permutation>> TransposeMatrices(const Arguments& a) {
  const auto rank = a.tensor("self").rank();
  if (!rank) return std::optional<Permutation>();
  if (*rank < 2) return Unsupported(fmt::format("mT needs a tensor of rank 2 or more, not {}", *rank));
  Permutation order = Identity(*rank);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return std::optional<Permutation>(std::move(order));
}

// Dimension source[i] goes to destination[i], the others keep their order.
Result<std::optional<Permutation>> MoveOrder(const Arguments& a) {
  const auto rank = a.tensor("self").rank();
  if (!rank) return std::optional<Permutation>();
  const std::vector<int> source = OCTAVO_TRY(DistinctAxes(a, "source", *rank));
  const std::vector<int> destination = OCTAVO_TRY(DistinctAxes(a, "destination", *rank));
  if (source.size() != destination.size()) {
    return Unsupported("arguments source and destination have different lengths");
  }
  if (*rank == 0) return std::optional<Permutation>(Permutation{});
  constexpr int kFree = -1;
  Permutation order(static_cast<std::size_t>(*rank), kFree);
  for (std::size_t i = 0; i < source.size(); ++i) order[static_cast<std::size_t>(destination[i])] = source[i];
  int next = 0;
  for (int& place : order) {
    if (place != kFree) continue;
    while (std::find(source.begin(), source.end(), next) != source.end()) ++next;
    place = next++;
  }
  return std::optional<Permutation>(std::move(order));
}

ShapeRule PermutedShape(const PermutationRule& rule) {
  return [rule](const Arguments& a) -> Result<std::optional<Shape>> {
    const std::optional<Permutation> order = OCTAVO_TRY(rule(a));
    const std::optional<Shape>& shape = a.tensor("self").shape();
    if (!order || !shape) return std::optional<Shape>();
    Shape result;
    for (const int axis : *order) result.push_back((*shape)[static_cast<std::size_t>(axis)]);
    return std::optional<Shape>(std::move(result));
  };
}

Emitter Permuted(const PermutationRule& rule, bool int8) {
  return [rule, int8](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const std::optional<Permutation> order = OCTAVO_TRY(rule(a));
    if (!order) return NeedsShape("self");
    const Value x = a.tensor("self");
    if (*order == Identity(static_cast<int>(order->size()))) return One(x);
    if (int8) return One(Int8(g, "Int8Transpose", {x}, a.result(), {{"axes", *order}}));
    return One(Transpose(g, x, *order));
  };
}

void AddPermutation(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
                    const PermutationRule& rule) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = Moved("self", PermutedShape(rule)),
                .qdq = Moves("self", Permuted(rule, false)),
                .caffe2 = Int8Or(Permuted(rule, true), Permuted(rule, false))});
}

// ---- flip, roll

Result<std::vector<Value>> Flip(Builder& g, const Arguments& a, const std::vector<std::int64_t>& dims) {
  Value x = a.tensor("self");
  if (!x.shape()) return NeedsShape("self");
  const Shape shape = *x.shape();
  if (shape.empty() || dims.empty()) return One(x);
  std::vector<std::int64_t> axes;
  for (const std::int64_t dim : dims) {
    axes.push_back(OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape.size()), "dims")));
  }
  constexpr std::int64_t kBegin = std::numeric_limits<std::int64_t>::min();
  if (g.opset() >= 10) {
    const std::vector<std::int64_t> last(axes.size(), -1), begin(axes.size(), kBegin);
    return One(g.Op("Slice", {x, g.Ints(last), g.Ints(begin), g.Ints(axes), g.Ints(last)}));
  }
  for (const std::int64_t axis : axes) {
    x = OCTAVO_TRY(Strided(g, x, axis, -1, kBegin, -1, shape[static_cast<std::size_t>(axis)].maybe()));
  }
  return One(x);
}

Result<std::vector<Value>> FlipDims(Builder& g, const Arguments& a) {
  return Flip(g, a, OCTAVO_TRY(KnownInts(a, "dims")));
}

Emitter FlipAxis(std::int64_t axis) {
  return [axis](Builder& g, const Arguments& a) { return Flip(g, a, {axis}); };
}

// PyTorch's dimensions, each at most once.
Result<std::vector<TensorType>> FlippedType(const Arguments& a) {
  const TensorType& type = a.tensor("self").type();
  OCTAVO_TRY(KnownInts(a, "dims"));
  if (type.shape) OCTAVO_TRY(DistinctAxes(a, "dims", *type.rank()));
  return std::vector<TensorType>{type};
}

TypeRule HasAxis(std::int64_t axis) {
  return [axis](const Arguments& a) -> Result<std::vector<TensorType>> {
    const TensorType& type = a.tensor("self").type();
    if (type.shape && *type.rank() <= axis) {
      return Unsupported(
          fmt::format("argument self must have rank {} or more, not {}", axis + 1, *type.rank()));
    }
    return std::vector<TensorType>{type};
  };
}

void AddFlip(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, TypeRule rule,
             const Emitter& flip) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = std::move(rule),
                .qdq = Moves("self", flip),
                .caffe2 = Moves("self", flip)});
}

// The last `shift` elements along the axis come first.
Result<Value> RollAxis(Builder& g, Value x, std::int64_t shift, int axis, const Dim& size) {
  if (!size.known()) return NeedsShape("self");
  if (size.value() == 0) return x;
  shift %= size.value();
  if (shift < 0) shift += size.value();
  if (shift == 0) return x;
  const std::int64_t at = size.value() - shift;
  const std::vector<Value> parts = Split(g, x, axis, {at, shift});
  return g.Op("Concat", {parts[1], parts[0]}, {{"axis", axis}});
}

Result<std::vector<TensorType>> RolledType(const Arguments& a) {
  const TensorType& type = a.tensor("self").type();
  const std::vector<std::int64_t> shifts = OCTAVO_TRY(KnownInts(a, "shifts"));
  const std::vector<std::int64_t> dims = OCTAVO_TRY(KnownInts(a, "dims"));
  if (shifts.empty() || (shifts.size() != dims.size() && !(dims.empty() && shifts.size() == 1))) {
    return Unsupported("arguments shifts and dims must have the same length");
  }
  if (type.shape && type.shape->empty() && !dims.empty()) {
    return Unsupported("argument dims must be empty for a scalar");
  }
  // PyTorch does not look at the dimensions of what has no elements.
  const bool empty = type.shape && Dim::Equal(NumElements(*type.shape), 0) == true;
  for (const std::int64_t dim : dims) {
    if (type.shape && !empty) OCTAVO_TRY(NormalizedAxis(dim, *type.rank(), "dims"));
  }
  return std::vector<TensorType>{type};
}

Result<std::vector<Value>> Roll(Builder& g, const Arguments& a) {
  Value x = a.tensor("self");
  if (!x.shape()) return NeedsShape("self");
  const Shape shape = *x.shape();
  const std::vector<std::int64_t> shifts = OCTAVO_TRY(KnownInts(a, "shifts"));
  const std::vector<std::int64_t> dims = OCTAVO_TRY(KnownInts(a, "dims"));
  if (dims.empty()) {
    if (shifts.size() != 1) return Unsupported("arguments shifts and dims must have the same length");
    const Dim elements = NumElements(shape);
    x = OCTAVO_TRY(RollAxis(g, Reshape(g, x, {-1}), shifts[0], 0, elements));
    return One(OCTAVO_TRY(ReshapeFrom(g, x, Shape{elements}, shape)));
  }
  if (shifts.size() != dims.size()) return Unsupported("arguments shifts and dims must have the same length");
  if (shape.empty() || Dim::Equal(NumElements(shape), 0) == true) return One(x);
  // Once for each axis, however often PyTorch is to roll it.
  std::vector<std::int64_t> sums(shape.size(), 0);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int axis = OCTAVO_TRY(NormalizedAxis(dims[i], static_cast<int>(shape.size()), "dims"));
    const Dim& size = shape[static_cast<std::size_t>(axis)];
    if (!size.known()) return NeedsShape("self");
    std::int64_t& sum = sums[static_cast<std::size_t>(axis)];
    sum = (sum + shifts[i] % size.value()) % size.value();
  }
  for (std::size_t axis = 0; axis < sums.size(); ++axis) {
    if (sums[axis] != 0) x = OCTAVO_TRY(RollAxis(g, x, sums[axis], static_cast<int>(axis), shape[axis]));
  }
  return One(x);
}

}  // namespace

void RegisterPermuting(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self");
  AddPermutation(registry, "aten::permute", {x, arg::Ints("dims")}, PermuteOrder);
  AddPermutation(registry, "aten::transpose.int", {x, arg::Int("dim0"), arg::Int("dim1")},
                 SwapOrder("dim0", "dim1"));
  AddPermutation(registry, "aten::swapdims", {x, arg::Int("dim0"), arg::Int("dim1")},
                 SwapOrder("dim0", "dim1"));
  AddPermutation(registry, "aten::swapaxes", {x, arg::Int("axis0"), arg::Int("axis1")},
                 SwapOrder("axis0", "axis1"));
  AddPermutation(registry, "aten::t", {x}, TransposeMatrix);
  AddPermutation(registry, "aten::numpy_T", {x}, ReverseOrder);
  AddPermutation(registry, "aten::mT", {x}, TransposeMatrices);
  for (const char* name : {"aten::movedim", "aten::moveaxis"}) {
    // The form with single numbers is bound as lists of one.
    AddPermutation(registry, fmt::format("{}.intlist", name),
                   {x, arg::Ints("source"), arg::Ints("destination")}, MoveOrder);
  }
  AddFlip(registry, "aten::flip", {x, arg::Ints("dims")}, FlippedType, FlipDims);
  AddFlip(registry, "aten::flipud", {x}, HasAxis(0), FlipAxis(0));
  AddFlip(registry, "aten::fliplr", {x}, HasAxis(1), FlipAxis(1));
  registry.Add({.name = "aten::roll",
                .arguments = {x, arg::Ints("shifts"), arg::Ints("dims", 0, {})},
                .result = RolledType,
                .qdq = MovesIntegers("self", Roll),
                .caffe2 = MovesIntegers("self", Roll)});
}

}  // namespace octavo
