#include <algorithm>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/shaping.h"
#include "octavo/row.h"

namespace octavo {
namespace {

const Dim kInferred = -1;

// `sizes` with the one that is -1 solved for `elements`; nullopt there if the elements are not known.
Result<Shape> Solve(Shape sizes, const std::optional<Dim>& elements, std::string_view argument) {
  Dim rest = 1;
  auto inferred = sizes.end();
  for (auto at = sizes.begin(); at != sizes.end(); ++at) {
    if (*at == kInferred) {
      if (inferred != sizes.end()) {
        return Unsupported(
            fmt::format("argument {} contains -1 more than once: {}", argument, ToString(sizes)));
      }
      inferred = at;
    } else if (at->known() && at->value() < 0) {
      return Unsupported(fmt::format("argument {} contains a negative size: {}", argument, ToString(sizes)));
    } else {
      rest = rest * *at;
    }
  }
  const auto misfit = [&] {
    return Unsupported(
        fmt::format("{} elements cannot be reshaped to {}", elements->ToString(), ToString(sizes)));
  };
  if (inferred == sizes.end()) {
    if (elements && Dim::Equal(*elements, rest) == false) return misfit();
    return sizes;
  }
  if (!elements) {
    *inferred = Dim::Unknown();
    return sizes;
  }
  if (rest == Dim(0)) return misfit();
  if (elements->known() && rest.known() && elements->value() % rest.value() != 0) return misfit();
  *inferred = Dim::FloorDivide(*elements, rest);
  return sizes;
}

std::optional<Dim> Elements(const Value& x) {
  return x.shape() ? std::optional<Dim>(NumElements(*x.shape())) : std::nullopt;
}

ShapeRule SizesOf(const char* argument) {
  return [argument](const Arguments& a) -> Result<std::optional<Shape>> {
    return std::optional<Shape>(OCTAVO_TRY(Solve(a.dims(argument), Elements(a.tensor("self")), argument)));
  };
}

ShapeRule SizesOfTensor(const char* argument) {
  return [argument](const Arguments& a) -> Result<std::optional<Shape>> {
    const std::optional<Shape>& shape = a.tensor(argument).shape();
    if (!shape) return std::optional<Shape>();
    return std::optional<Shape>(OCTAVO_TRY(Solve(*shape, Elements(a.tensor("self")), argument)));
  };
}

// The sizes as the model states them, where ONNX means the same by them: 0 is another thing there.
std::optional<std::vector<std::int64_t>> Stated(const Arguments& a, const char* argument) {
  auto sizes = KnownSizes(a.dims(argument));
  if (!sizes || std::count(sizes->begin(), sizes->end(), 0) > 0) return std::nullopt;
  return sizes;
}

// Writes the sizes as the model states them in the Caffe2 dialect, as the former exporter did, and where the
// input's shape is not known.
using StatedSizes = std::function<std::optional<std::vector<std::int64_t>>(const Arguments&)>;

StatedSizes StatedIn(const char* argument) {
  return [argument](const Arguments& a) { return Stated(a, argument); };
}

std::optional<std::vector<std::int64_t>> NotStated(const Arguments&) { return std::nullopt; }

Emitter ToShape(StatedSizes stated) {
  return [stated = std::move(stated)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    const std::optional<Shape>& to = a.result().shape;
    if (g.dialect() == Dialect::kCaffe2 || !x.shape() || !to) {
      if (const auto sizes = stated(a)) return One(Reshape(g, x, *sizes));
    }
    if (!to) return NeedsShape("self");
    return One(OCTAVO_TRY(ReshapeFrom(g, x, x.shape(), *to)));
  };
}

Emitter ToShapeInt8(StatedSizes stated) {
  return [stated = std::move(stated)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor("self");
    auto target = stated(a);
    if (!target && a.result().shape) target = ReshapeTarget(x.shape(), *a.result().shape);
    if (target) return One(Int8Reshape(g, x, *target, a.result()));
    return Moves("self", ToShape(NotStated))(g, a);
  };
}

void AddReshape(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, ShapeRule shape,
                const StatedSizes& stated) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = Moved("self", std::move(shape)),
                .qdq = Moves("self", ToShape(stated)),
                .caffe2 = Int8Or(ToShapeInt8(stated), ToShape(stated))});
}

// ---- flatten

Result<std::optional<Shape>> FlattenedShape(const Arguments& a) {
  const std::optional<Shape>& shape = a.tensor("self").shape();
  const std::int64_t start_dim = OCTAVO_TRY(KnownInt(a, "start_dim"));
  const std::int64_t end_dim = OCTAVO_TRY(KnownInt(a, "end_dim"));
  if (!shape) return std::optional<Shape>();
  const int rank = static_cast<int>(shape->size());
  const int start = OCTAVO_TRY(NormalizedAxis(start_dim, rank, "start_dim"));
  const int end = OCTAVO_TRY(NormalizedAxis(end_dim, rank, "end_dim"));
  if (start > end)
    return Unsupported(
        fmt::format("argument start_dim ({}) must not be greater than end_dim ({})", start_dim, end_dim));
  if (rank == 0) return std::optional<Shape>(Shape{1});
  Shape flat(shape->begin(), shape->begin() + start);
  flat.push_back(NumElements(Shape(shape->begin() + start, shape->begin() + end + 1)));
  flat.insert(flat.end(), shape->begin() + end + 1, shape->end());
  return std::optional<Shape>(std::move(flat));
}

// ONNX's Flatten gives two dimensions, whatever the shape.
Result<std::vector<Value>> FlattenReals(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const std::int64_t start = a.integer("start_dim"), end = a.integer("end_dim");
  const bool to_the_end = end == -1 || (x.rank() && end == *x.rank() - 1);
  if (start == 1 && to_the_end) return One(g.Op("Flatten", {x}, {{"axis", 1}}));
  if (start == 0 && to_the_end) return One(Reshape(g, x, {-1}));
  return ToShape(NotStated)(g, a);
}

void RegisterFlatten(Registry& registry) {
  registry.Add({.name = "aten::flatten.using_ints",
                .arguments = {arg::Tensor("self"), arg::Int("start_dim", 0), arg::Int("end_dim", -1)},
                .result = Moved("self", FlattenedShape),
                .qdq = Moves("self", FlattenReals),
                .caffe2 = Int8Or(ToShapeInt8(NotStated), FlattenReals)});
  registry.Add({.name = "aten::ravel",
                .arguments = {arg::Tensor("self")},
                .result = Moved("self",
                                [](const Arguments& a) -> Result<std::optional<Shape>> {
                                  const auto elements = Elements(a.tensor("self"));
                                  return std::optional<Shape>(Shape{elements ? *elements : Dim::Unknown()});
                                }),
                .qdq = Moves("self", ToShape(NotStated)),
                .caffe2 = Int8Or(ToShapeInt8(NotStated), ToShape(NotStated))});
}

// ---- unflatten

Result<std::optional<Shape>> UnflattenedShape(const Arguments& a) {
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  const std::optional<Shape>& shape = a.tensor("self").shape();
  if (!shape) return std::optional<Shape>();
  if (shape->empty()) return Unsupported("a scalar cannot be unflattened");
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape->size())));
  const Shape inner = OCTAVO_TRY(Solve(a.dims("sizes"), (*shape)[static_cast<std::size_t>(axis)], "sizes"));
  Shape result(shape->begin(), shape->begin() + axis);
  result.insert(result.end(), inner.begin(), inner.end());
  result.insert(result.end(), shape->begin() + axis + 1, shape->end());
  return std::optional<Shape>(std::move(result));
}

// ---- squeeze, unsqueeze

// The axes that go.  PyTorch decides by the size that the tensor then has; one that is not known stays.
Result<std::vector<std::int64_t>> SqueezedAxes(const Arguments& a, const Shape& shape) {
  std::vector<std::int64_t> axes;
  if (a.specs().size() == 1) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == Dim(1)) axes.push_back(static_cast<std::int64_t>(i));
    }
    return axes;
  }
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape.size())));
  if (!shape.empty() && shape[static_cast<std::size_t>(axis)] == Dim(1)) axes.push_back(axis);
  return axes;
}

Result<std::optional<Shape>> SqueezedShape(const Arguments& a) {
  const std::optional<Shape>& shape = a.tensor("self").shape();
  if (!shape) return std::optional<Shape>();
  const std::vector<std::int64_t> axes = OCTAVO_TRY(SqueezedAxes(a, *shape));
  Shape result;
  for (std::size_t i = 0; i < shape->size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end()) {
      result.push_back((*shape)[i]);
    }
  }
  return std::optional<Shape>(std::move(result));
}

Status WarnOfUnknownSizes(Builder& g, const Arguments& a, const Shape& shape) {
  const bool all = a.specs().size() == 1;
  const int only = all ? 0 : OCTAVO_TRY(NormalizedAxis(a.integer("dim"), static_cast<int>(shape.size())));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i].known() || (!all && static_cast<int>(i) != only)) continue;
    g.Warn(fmt::format("squeeze keeps the dimension of open size {}; PyTorch drops it when the size is 1",
                       shape[i].ToString()));
  }
  return {};
}

Result<std::vector<Value>> SqueezeReals(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  if (!x.shape()) return NeedsShape("self");
  OCTAVO_TRY(WarnOfUnknownSizes(g, a, *x.shape()));
  const std::vector<std::int64_t> axes = OCTAVO_TRY(SqueezedAxes(a, *x.shape()));
  return One(axes.empty() ? x : Squeeze(g, x, axes));
}

Result<std::vector<Value>> SqueezeInt8(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  if (!x.shape()) return NeedsShape("self");
  OCTAVO_TRY(WarnOfUnknownSizes(g, a, *x.shape()));
  if (x.shape() == a.result().shape) return One(x);
  return ToShapeInt8(NotStated)(g, a);
}

Result<std::optional<Shape>> UnsqueezedShape(const Arguments& a) {
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  const std::optional<Shape>& shape = a.tensor("self").shape();
  if (!shape) return std::optional<Shape>();
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape->size()) + 1));
  Shape result = *shape;
  result.insert(result.begin() + axis, Dim(1));
  return std::optional<Shape>(std::move(result));
}

Result<std::vector<Value>> UnsqueezeReals(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  std::int64_t axis = a.integer("dim");
  if (x.rank()) axis = OCTAVO_TRY(NormalizedAxis(axis, *x.rank() + 1));
  return One(Unsqueeze(g, x, {axis}));
}

void RegisterSqueeze(Registry& registry) {
  for (const bool all : {true, false}) {
    std::vector<ArgumentSpec> arguments = {arg::Tensor("self")};
    if (!all) arguments.push_back(arg::Int("dim"));
    registry.Add({.name = all ? "aten::squeeze" : "aten::squeeze.dim",
                  .arguments = std::move(arguments),
                  .result = Moved("self", SqueezedShape),
                  .qdq = Moves("self", SqueezeReals),
                  .caffe2 = Int8Or(SqueezeInt8, SqueezeReals)});
  }
  registry.Add({.name = "aten::unsqueeze",
                .arguments = {arg::Tensor("self"), arg::Int("dim")},
                .result = Moved("self", UnsqueezedShape),
                .qdq = Moves("self", UnsqueezeReals),
                .caffe2 = Int8Or(ToShapeInt8(NotStated), UnsqueezeReals)});
}

// view(dtype): another reading of the same bytes, or nothing.
Result<std::vector<TensorType>> SameDType(const Arguments& a) {
  const TensorType& type = a.tensor("self").type();
  const std::int64_t number = OCTAVO_TRY(KnownInt(a, "dtype"));
  if (DTypeFromScalarType(number) != type.dtype) {
    return Unsupported(fmt::format("view of {} as {} would reinterpret bytes, which is not supported",
                                   Name(type.dtype), ScalarTypeName(number)),
                       "Use .to(dtype), which converts the values.");
  }
  return std::vector<TensorType>{type};
}

}  // namespace

void RegisterReshaping(Registry& registry) {
  RegisterFlatten(registry);
  const Emitter same = [](Builder&, const Arguments& a) { return One(a.tensor("self")); };
  // First, since PyTorch takes a number alone for the only size.
  AddReshape(registry, "aten::view", {arg::Tensor("self"), arg::Ints("size")}, SizesOf("size"),
             StatedIn("size"));
  registry.Add({.name = "aten::view.dtype",
                .arguments = {arg::Tensor("self"), arg::Int("dtype")},
                .result = SameDType,
                .qdq = same,
                .caffe2 = same});
  AddReshape(registry, "aten::view_copy", {arg::Tensor("self"), arg::Ints("size")}, SizesOf("size"),
             StatedIn("size"));
  AddReshape(registry, "aten::reshape", {arg::Tensor("self"), arg::Ints("shape")}, SizesOf("shape"),
             StatedIn("shape"));
  for (const char* name : {"aten::view_as", "aten::reshape_as"}) {
    AddReshape(registry, name, {arg::Tensor("self"), arg::Tensor("other")}, SizesOfTensor("other"),
               NotStated);
  }
  AddReshape(registry, "aten::unflatten.int", {arg::Tensor("self"), arg::Int("dim"), arg::Ints("sizes")},
             UnflattenedShape, NotStated);
  RegisterSqueeze(registry);
}

}  // namespace octavo
