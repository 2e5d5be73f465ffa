#include <algorithm>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/slicing.h"
#include "octavo/row.h"

namespace octavo {
namespace {

Status CheckIndexDType(const Value& index, std::string_view argument) {
  if (index.dtype() == DType::kInt64 || index.dtype() == DType::kInt32) return {};
  if (index.dtype() == DType::kBool || index.dtype() == DType::kUint8) {
    return Unsupported(
        fmt::format("argument {} is a mask, so the size of the result would depend on the data", argument),
        "Use torch.where, which keeps the size.");
  }
  return Unsupported(
      fmt::format("argument {} must be int32 or int64, not {}", argument, Name(index.dtype())));
}

// Opset 9 counts indices from the front alone, where constants of a known size can be brought to.
Result<Value> FromFront(Builder& g, Value index, const std::optional<Dim>& size, std::string_view argument) {
  if (g.opset() >= 11) return index;
  const Tensor* constant = index.constant();
  constexpr std::int64_t kLooked = 1 << 16;
  if (constant && constant->num_elements() <= kLooked) {
    std::vector<std::int64_t> numbers = constant->ToInts();
    const bool negative = std::any_of(numbers.begin(), numbers.end(), [](std::int64_t i) { return i < 0; });
    if (!negative) return index;
    if (size && size->known()) {
      for (std::int64_t& i : numbers) i += i < 0 ? size->value() : 0;
      return g.Constant(Tensor::From(DType::kInt64, constant->sizes, numbers));
    }
  }
  return Unsupported(
      fmt::format("argument {} may hold negative indices, which ONNX opset {} does not support", argument,
                  g.opset()),
      "Use --dialect qdq.");
}

// ---- index_select

Result<std::optional<Shape>> IndexSelectShape(const Arguments& a) {
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  const Value index = a.tensor("index");
  OCTAVO_TRY(CheckIndexDType(index, "index"));
  std::optional<Shape> shape = a.tensor("self").shape();
  if (index.rank() && *index.rank() > 1) return Unsupported("argument index must have rank 0 or 1");
  if (!shape) return shape;
  if (shape->empty()) {
    OCTAVO_TRY(NormalizedAxis(dim, 0));
    if (index.shape() && Dim::Equal(NumElements(*index.shape()), 1) == false) {
      return Unsupported("a scalar can be indexed with one element only");
    }
    return shape;
  }
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(shape->size())));
  Dim& size = (*shape)[static_cast<std::size_t>(axis)];
  size = !index.shape() ? Dim::Unknown() : index.shape()->empty() ? Dim(1) : (*index.shape())[0];
  return shape;
}

Result<std::vector<Value>> EmitIndexSelect(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  Value index = a.tensor("index");
  if (!index.rank()) return NeedsShape("index");
  std::int64_t axis = a.integer("dim");
  if (x.rank()) axis = OCTAVO_TRY(NormalizedAxis(axis, *x.rank()));
  if (x.rank() == 0) return One(x);
  if (*index.rank() == 0) index = Reshape(g, index, {1});
  return One(g.Op("Gather", {x, index}, {{"axis", axis}}));
}

// ---- gather

Result<std::optional<Shape>> GatherShape(const Arguments& a) {
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  const Value x = a.tensor("self"), index = a.tensor("index");
  OCTAVO_TRY(CheckIndexDType(index, "index"));
  if (x.rank()) OCTAVO_TRY(NormalizedAxis(dim, *x.rank()));
  if (!x.shape() || !index.shape() || Dim::Equal(NumElements(*index.shape()), 0) == true) {
    return index.shape();
  }
  // A scalar counts as one dimension of size 1.
  const Shape from = x.shape()->empty() ? Shape{1} : *x.shape();
  const Shape to = index.shape()->empty() ? Shape{1} : *index.shape();
  if (from.size() != to.size()) return Unsupported("arguments self and index must have the same rank");
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, static_cast<int>(from.size())));
  for (std::size_t d = 0; d < to.size(); ++d) {
    if (static_cast<int>(d) != axis && Dim::Less(from[d], to[d]) == true) {
      return Unsupported(fmt::format("argument index has shape {}, which is larger than self's {}",
                                     ToString(*index.shape()), ToString(*x.shape())));
    }
  }
  return index.shape();
}

Result<std::vector<Value>> EmitGather(Builder& g, const Arguments& a) {
  if (g.opset() < 11)
    return Unsupported("the caffe2 dialect (opset 9) has no GatherElements operator", "Use --dialect qdq.");
  const Value x = a.tensor("self");
  std::int64_t axis = a.integer("dim");
  if (x.rank()) axis = OCTAVO_TRY(NormalizedAxis(axis, *x.rank()));
  Value index = a.tensor("index");
  if (x.rank() == 0 && index.rank() == 0) return One(x);
  if (x.shape() && index.shape() && x.rank() != index.rank()) {
    // ONNX takes tensors of one rank.
    const Shape& sizes = *index.shape();
    Value row = x;
    if (x.rank().value_or(0) != 1) row = Reshape(g, x, {-1});
    Value indices = index;
    if (sizes.size() != 1) indices = Reshape(g, index, {-1});
    const Value found = g.Op("GatherElements", {row, indices}, {{"axis", 0}});
    return One(sizes.size() == 1 ? found
                                 : OCTAVO_TRY(ReshapeFrom(g, found, Shape{NumElements(sizes)}, sizes)));
  }
  return One(g.Op("GatherElements", {x, index}, {{"axis", axis}}));
}

// ---- index: one tensor of indices, full slices elsewhere

struct Indexed {
  std::size_t axis = 0;
  Value index;
};

Result<Indexed> OneIndex(const Arguments& a) {
  Indexed found;
  const std::vector<Value> indices = a.tensors("indices");
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i].defined()) continue;
    if (found.index.defined()) {
      return Unsupported("indexing with more than one tensor is not supported",
                         "Index one dimension at a time.");
    }
    found = {i, indices[i]};
  }
  if (!found.index.defined()) return Unsupported("argument indices holds no tensor");
  OCTAVO_TRY(CheckIndexDType(found.index, "indices"));
  return found;
}

Result<std::optional<Shape>> IndexShape(const Arguments& a) {
  const Indexed at = OCTAVO_TRY(OneIndex(a));
  const std::optional<Shape>& shape = a.tensor("self").shape();
  if (!shape || !at.index.shape()) return std::optional<Shape>();
  if (a.tensors("indices").size() > shape->size())
    return Unsupported("argument indices has more elements than self has dimensions");
  const auto axis = static_cast<std::ptrdiff_t>(at.axis);
  Shape result(shape->begin(), shape->begin() + axis);
  result.insert(result.end(), at.index.shape()->begin(), at.index.shape()->end());
  result.insert(result.end(), shape->begin() + axis + 1, shape->end());
  return std::optional<Shape>(std::move(result));
}

Result<std::vector<Value>> EmitIndex(Builder& g, const Arguments& a) {
  const Indexed at = OCTAVO_TRY(OneIndex(a));
  const Value x = a.tensor("self");
  std::optional<Dim> size;
  if (x.shape() && at.axis < x.shape()->size()) size = (*x.shape())[at.axis];
  const Value index = OCTAVO_TRY(FromFront(g, at.index, size, "indices"));
  return One(g.Op("Gather", {x, index}, {{"axis", static_cast<std::int64_t>(at.axis)}}));
}

ArgumentSpec OptionalTensors(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalTensors};
}

void AddIndexing(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, ShapeRule shape,
                 const Emitter& emitter) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = Moved("self", std::move(shape)),
                .qdq = Moves("self", emitter),
                .caffe2 = Moves("self", emitter)});
}

// ---- embedding

Result<std::vector<TensorType>> EmbeddingType(const Arguments& a) {
  const Value weight = a.tensor("weight"), indices = a.tensor("indices");
  if (weight.quantized())
    return Unsupported("quantized weights are not supported (PyTorch has no such operator)");
  OCTAVO_TRY(CheckIndexDType(indices, "indices"));
  TensorType type = weight.type();
  if (type.shape && type.shape->size() != 2) return Unsupported("argument weight must have rank 2");
  const std::optional<Dim> features = type.shape ? std::optional<Dim>((*type.shape)[1]) : std::nullopt;
  type.shape = indices.shape();
  if (type.shape) type.shape->push_back(features ? *features : Dim::Unknown());
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitEmbedding(Builder& g, const Arguments& a) {
  return One(g.Op("Gather", {a.tensor("weight"), a.tensor("indices")}, {{"axis", 0}}));
}

// ---- one_hot

Result<std::vector<TensorType>> OneHotType(const Arguments& a) {
  const Value x = a.tensor("self");
  OCTAVO_TRY(CheckIndexDType(x, "self"));
  if (x.dtype() == DType::kInt32) return Unsupported("argument self must be int64, not int32");
  const std::int64_t classes = OCTAVO_TRY(KnownInt(a, "num_classes"));
  if (classes < 1) {
    return Unsupported(
        fmt::format("argument num_classes is {}, so the size of the result would depend on the data",
                    classes),
        "Pass the number of classes, as in one_hot(x, num_classes=10).");
  }
  TensorType type = x.type();
  if (type.shape) type.shape->emplace_back(classes);
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitOneHot(Builder& g, const Arguments& a) {
  return One(g.Op("OneHot", {a.tensor("self"), g.Ints({a.integer("num_classes")}), g.Ints({0, 1})}));
}

}  // namespace

void RegisterIndexing(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self");
  AddIndexing(registry, "aten::index_select", {x, arg::Int("dim"), arg::Tensor("index")}, IndexSelectShape,
              EmitIndexSelect);
  AddIndexing(registry, "aten::gather",
              {x, arg::Int("dim"), arg::Tensor("index"), arg::KeywordOnly(arg::Bool("sparse_grad", false))},
              GatherShape, EmitGather);
  AddIndexing(registry, "aten::index.Tensor", {x, OptionalTensors("indices")}, IndexShape, EmitIndex);
  registry.Add({.name = "aten::embedding",
                .arguments = {arg::Tensor("weight"), arg::Tensor("indices"), arg::Int("padding_idx", -1),
                              arg::Bool("scale_grad_by_freq", false), arg::Bool("sparse", false)},
                .result = EmbeddingType,
                .qdq = EmitEmbedding,
                .caffe2 = EmitEmbedding});
  registry.Add({.name = "aten::one_hot",
                .arguments = {x, arg::Int("num_classes", -1)},
                .result = OneHotType,
                .qdq = EmitOneHot,
                .caffe2 = EmitOneHot});
}

}  // namespace octavo
