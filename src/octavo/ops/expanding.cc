#include <algorithm>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/shaping.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// ---- expand

Result<Shape> Expand(const Shape& from, Shape to) {
  if (to.size() < from.size()) {
    return Unsupported(fmt::format("shape {} cannot be expanded to rank {}", ToString(from), to.size()));
  }
  const std::size_t added = to.size() - from.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == Dim(-1)) {
      if (i < added) return Unsupported("the size of a new dimension cannot be -1");
      to[i] = from[i - added];
    } else if (to[i].known() && to[i].value() < 0) {
      return Unsupported(fmt::format("a dimension cannot be expanded to size {}", to[i].ToString()));
    } else if (i >= added && from[i - added] != Dim(1) && Dim::Equal(from[i - added], to[i]) == false) {
      return Unsupported(fmt::format("shape {} cannot be expanded to {}", ToString(from), ToString(to)));
    }
  }
  return to;
}

// An expansion that PyTorch's tracer added before an operator that broadcasts.  PyTorch takes it out again
// before it runs a program.
bool IsImplicit(const Arguments& a) {
  const ArgumentSpec& last = a.specs().back();
  return last.name == "implicit" && last.kind == ArgumentKind::kBool && a.flag("implicit");
}

ShapeRule ExpandedTo(const char* argument) {
  return [argument](const Arguments& a) -> Result<std::optional<Shape>> {
    const Shape to = a.dims(argument);
    const std::optional<Shape>& from = a.tensor("self").shape();
    if (IsImplicit(a)) return from;
    if (from) return std::optional<Shape>(OCTAVO_TRY(Expand(*from, to)));
    Shape shape;
    for (const Dim& size : to) shape.push_back(size == Dim(-1) ? Dim::Unknown() : size);
    return std::optional<Shape>(std::move(shape));
  };
}

Result<std::optional<Shape>> ExpandedAs(const Arguments& a) {
  const std::optional<Shape>& from = a.tensor("self").shape();
  const std::optional<Shape>& to = a.tensor("other").shape();
  if (!from || !to) return to;
  return std::optional<Shape>(OCTAVO_TRY(Expand(*from, *to)));
}

// The second input of ONNX's Expand, for which 1 is the input's own size.
Result<Value> ExpandSizes(Builder& g, const Arguments& a, const std::optional<Shape>& from) {
  if (!a.result().shape) return NeedsShape("self");
  std::vector<Dim> sizes = *a.result().shape;
  if (from) {
    const std::size_t added = sizes.size() - from->size();
    for (std::size_t i = added; i < sizes.size(); ++i) {
      if (sizes[i] == (*from)[i - added]) sizes[i] = sizes[i].known() ? sizes[i] : Dim(1);
    }
  }
  return RuntimeSizes(g, sizes);
}

// As often along each dimension; there may be more of them than x has, which are new ones before its own.
Result<Value> Tiled(Builder& g, Value x, const std::vector<Dim>& repeats) {
  const auto added = static_cast<std::int64_t>(repeats.size() - x.shape()->size());
  std::vector<std::int64_t> axes;
  for (std::int64_t i = 0; i < added; ++i) axes.push_back(i);
  if (!axes.empty()) x = Unsqueeze(g, x, axes);
  const bool once = std::all_of(repeats.begin(), repeats.end(), [](const Dim& r) { return r == Dim(1); });
  return once ? x : g.Op("Tile", {x, OCTAVO_TRY(RuntimeSizes(g, repeats))});
}

// Nothing, made of something: ONNX Runtime's Expand leaves a size of 1 where 0 is asked for.
Result<Value> RepeatedNoTimes(Builder& g, Value x, Shape repeats) {
  const std::size_t added = repeats.size() - x.shape()->size();
  for (std::size_t i = added; i < repeats.size(); ++i) {
    if ((*x.shape())[i - added] != Dim(1)) repeats[i] = Dim(1);
  }
  return Tiled(g, x, repeats);
}

Result<std::vector<Value>> EmitExpand(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  if (IsImplicit(a) || (x.shape() && x.shape() == a.result().shape)) return One(x);
  const std::optional<Shape>& to = a.result().shape;
  if (x.shape() && to && KnownSizes(*to) && std::ranges::find(*to, Dim(0)) != to->end()) {
    return One(OCTAVO_TRY(RepeatedNoTimes(g, x, *to)));
  }
  return One(g.Op("Expand", {x, OCTAVO_TRY(ExpandSizes(g, a, x.shape()))}));
}

Result<std::vector<Value>> EmitExpandAs(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self"), other = a.tensor("other");
  if (x.shape() && other.shape() && KnownSizes(*other.shape())) return EmitExpand(g, a);
  return One(g.Op("Expand", {x, g.Op("Shape", {other})}));
}

// ---- repeat, tile

// The repeats of each dimension of the result.
std::vector<Dim> Repeats(const Arguments& a, bool tile, std::size_t rank) {
  std::vector<Dim> repeats = a.dims(tile ? "dims" : "repeats");
  // tile() takes fewer numbers than dimensions, for the last ones.
  if (tile && repeats.size() < rank) repeats.insert(repeats.begin(), rank - repeats.size(), Dim(1));
  return repeats;
}

ShapeRule RepeatedShape(bool tile) {
  return [tile](const Arguments& a) -> Result<std::optional<Shape>> {
    const std::optional<Shape>& shape = a.tensor("self").shape();
    if (!shape) return std::optional<Shape>();
    Shape repeats = Repeats(a, tile, shape->size());
    if (repeats.size() < shape->size()) {
      return Unsupported(fmt::format("argument repeats has {} elements, but the tensor has rank {}",
                                     repeats.size(), shape->size()));
    }
    const std::size_t added = repeats.size() - shape->size();
    for (std::size_t i = 0; i < repeats.size(); ++i) {
      if (repeats[i].known() && repeats[i].value() < 0)
        return Unsupported("argument repeats must not be negative");
      if (i >= added) repeats[i] = repeats[i] * (*shape)[i - added];
    }
    return std::optional<Shape>(std::move(repeats));
  };
}

Emitter EmitRepeat(bool tile) {
  return [tile](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    if (!x.shape()) return NeedsShape("self");
    const std::vector<Dim> repeats = Repeats(a, tile, x.shape()->size());
    if (repeats.empty()) return One(x);
    return One(OCTAVO_TRY(Tiled(g, x, repeats)));
  };
}

// ---- repeat_interleave

// The input's shape, flattened where no dimension is given, and the dimension.
struct Interleaved {
  Shape shape;
  std::size_t axis = 0;
};

Result<Interleaved> InterleavedInput(const Arguments& a, const Shape& shape) {
  if (!a.has("dim")) return Interleaved{{NumElements(shape)}, 0};
  if (shape.empty()) return Unsupported("argument dim must be None for a scalar");
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape.size())));
  return Interleaved{shape, static_cast<std::size_t>(axis)};
}

Result<std::optional<Shape>> InterleavedShape(const Arguments& a) {
  const std::int64_t repeats = OCTAVO_TRY(KnownInt(a, "repeats"));
  if (repeats < 0) return Unsupported("argument repeats must not be negative");
  const std::optional<Shape>& shape = a.tensor("self").shape();
  if (!shape) return std::optional<Shape>();
  Interleaved in = OCTAVO_TRY(InterleavedInput(a, *shape));
  in.shape[in.axis] = in.shape[in.axis] * Dim(repeats);
  return std::optional<Shape>(std::move(in.shape));
}

Result<std::vector<Value>> EmitInterleave(Builder& g, const Arguments& a) {
  Value x = a.tensor("self");
  if (!x.shape()) return NeedsShape("self");
  const Shape from = *x.shape();
  Interleaved in = OCTAVO_TRY(InterleavedInput(a, from));
  const std::int64_t repeats = a.integer("repeats");
  if (repeats == 1 && in.shape == from) return One(x);
  const auto axis = static_cast<std::int64_t>(in.axis);
  Shape apart = in.shape;
  apart.insert(apart.begin() + axis + 1, Dim(1));
  x = in.shape == from ? Unsqueeze(g, x, {axis + 1}) : OCTAVO_TRY(ReshapeFrom(g, x, from, apart));
  std::vector<std::int64_t> tiles(apart.size(), 1);
  tiles[in.axis + 1] = repeats;
  x = g.Op("Tile", {x, g.Ints(tiles)});
  apart[in.axis + 1] = repeats;
  return One(OCTAVO_TRY(ReshapeFrom(g, x, apart, *a.result().shape)));
}

// ---- meshgrid

Result<std::vector<Dim>> MeshSizes(const Arguments& a) {
  std::vector<Dim> sizes;
  for (const Value& v : a.tensors("tensors")) {
    if (v.quantized())
      return Unsupported("meshgrid of quantized tensors is not supported",
                         "Call .dequantize() on them first.");
    if (!v.shape()) return NeedsShape("tensors");
    if (v.shape()->size() > 1) return Unsupported("meshgrid takes tensors of rank 0 or 1 only");
    if (v.dtype() != a.tensors("tensors")[0].dtype())
      return Unsupported("meshgrid takes tensors of one dtype only");
    sizes.push_back(v.shape()->empty() ? Dim(1) : (*v.shape())[0]);
  }
  if (sizes.empty()) return Unsupported("the list of tensors is empty");
  return sizes;
}

// "xy" exchanges the first two dimensions of the grid.
Result<bool> ExchangesFirstTwo(const Arguments& a) {
  if (a.specs().size() < 2) return false;
  const std::string& indexing = a.text("indexing");
  if (indexing != "ij" && indexing != "xy") {
    return Unsupported(fmt::format("argument indexing must be \"ij\" or \"xy\", not \"{}\"", indexing));
  }
  return indexing == "xy";
}

Result<std::vector<TensorType>> MeshTypes(const Arguments& a) {
  Shape grid = OCTAVO_TRY(MeshSizes(a));
  if (OCTAVO_TRY(ExchangesFirstTwo(a)) && grid.size() >= 2) std::swap(grid[0], grid[1]);
  std::vector<TensorType> types;
  for (const Value& v : a.tensors("tensors")) {
    types.push_back(v.type());
    types.back().shape = grid;
  }
  return types;
}

Result<std::vector<Value>> EmitMesh(Builder& g, const Arguments& a) {
  const bool exchanged = OCTAVO_TRY(ExchangesFirstTwo(a));
  const std::vector<Value> tensors = a.tensors("tensors");
  const Value sizes = OCTAVO_TRY(RuntimeSizes(g, *a.result().shape));
  std::vector<Value> grids;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::size_t place = exchanged && i < 2 && tensors.size() > 1 ? 1 - i : i;
    std::vector<std::int64_t> column(tensors.size(), 1);
    column[place] = -1;
    grids.push_back(g.Op("Expand", {Reshape(g, tensors[i], column), sizes}));
  }
  return grids;
}

}  // namespace

void RegisterExpanding(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self");
  const Emitter expand = Moves("self", EmitExpand);
  for (const char* name : {"aten::expand", "aten::expand_copy"}) {
    // Of a copy PyTorch does not look at it.
    ArgumentSpec implicit = arg::Bool("implicit", false);
    if (std::string_view(name) == "aten::expand_copy") implicit = arg::Ignored("implicit");
    registry.Add({.name = name,
                  .arguments = {x, arg::Ints("size"), arg::KeywordOnly(implicit)},
                  .result = Moved("self", ExpandedTo("size")),
                  .qdq = expand,
                  .caffe2 = expand});
  }
  registry.Add({.name = "aten::broadcast_to",
                .arguments = {x, arg::Ints("size")},
                .result = Moved("self", ExpandedTo("size")),
                .qdq = expand,
                .caffe2 = expand});
  registry.Add({.name = "aten::expand_as",
                .arguments = {x, arg::Tensor("other")},
                .result = Moved("self", ExpandedAs),
                .qdq = Moves("self", EmitExpandAs),
                .caffe2 = Moves("self", EmitExpandAs)});
  for (const bool tile : {false, true}) {
    registry.Add({.name = tile ? "aten::tile" : "aten::repeat",
                  .arguments = {x, arg::Ints(tile ? "dims" : "repeats")},
                  .result = Moved("self", RepeatedShape(tile)),
                  .qdq = MovesIntegers("self", EmitRepeat(tile)),
                  .caffe2 = MovesIntegers("self", EmitRepeat(tile))});
  }
  registry.Add({.name = "aten::repeat_interleave.self_int",
                .arguments = {x, arg::Int("repeats"), arg::OptionalInt("dim"),
                              arg::KeywordOnly(arg::OptionalInt("output_size"))},
                .result = Moved("self", InterleavedShape),
                .qdq = MovesIntegers("self", EmitInterleave),
                .caffe2 = MovesIntegers("self", EmitInterleave)});
  for (const bool indexing : {false, true}) {
    std::vector<ArgumentSpec> arguments = {arg::Tensors("tensors")};
    if (indexing) arguments.push_back(arg::KeywordOnly(arg::String("indexing")));
    registry.Add({.name = indexing ? "aten::meshgrid.indexing" : "aten::meshgrid",
                  .arguments = std::move(arguments),
                  .result = MeshTypes,
                  .qdq = EmitMesh,
                  .caffe2 = EmitMesh,
                  .returns = Returns::kTensorList});
  }
}

}  // namespace octavo
