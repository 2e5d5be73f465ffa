#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "octavo/passes/lowered_node.h"

// The shapes of the results of ONNX's operators, by their definition, as far as the inputs' types tell.
namespace octavo::passes::shape_of {

using Ints = std::vector<std::int64_t>;
using MaybeShape = std::optional<Shape>;

// What the rules ask of a node.
struct Call {
  const ir::Graph& graph;
  const ir::Node& node;
  std::vector<ir::ValueId> values = InputsOf(node);

  std::optional<ir::ValueId> at(std::size_t input) const {
    return input < values.size() && values[input].valid() ? std::optional(values[input]) : std::nullopt;
  }
  bool has(std::size_t input) const { return at(input).has_value(); }
  MaybeShape shape(std::size_t input = 0) const {
    const std::optional<ir::ValueId> id = at(input);
    return id ? graph.type(*id).shape : std::nullopt;
  }
  // The elements of an input that is a constant.
  std::optional<Ints> constant(std::size_t input) const {
    const std::optional<ir::ValueId> id = at(input);
    return id ? ConstantInts(graph, *id) : std::nullopt;
  }
  // An attribute of older opsets, or the input that took its place.
  std::optional<Ints> ints(std::string_view attribute, std::size_t input) const {
    return has(input) ? constant(input) : IntsAttribute(node, attribute);
  }
  Ints ints(std::string_view attribute, Ints missing) const {
    return node.Find(attribute) ? IntsAttribute(node, attribute).value_or(std::move(missing)) : missing;
  }
  std::int64_t integer(std::string_view attribute, std::int64_t missing) const {
    return IntAttribute(node, attribute).value_or(missing);
  }
  std::size_t inputs() const { return values.size(); }
};

MaybeShape Conv(const Call& c);
MaybeShape ConvTranspose(const Call& c);
MaybeShape Pool(const Call& c);
MaybeShape GlobalPool(const Call& c);
MaybeShape Gemm(const Call& c);
MaybeShape MatMul(const Call& c);
MaybeShape Transpose(const Call& c);
MaybeShape Reshape(const Call& c);
MaybeShape Flatten(const Call& c);
MaybeShape Squeeze(const Call& c);
MaybeShape Unsqueeze(const Call& c);
MaybeShape Slice(const Call& c);
std::vector<MaybeShape> Split(const Call& c);
MaybeShape Concat(const Call& c);
MaybeShape Gather(const Call& c);
MaybeShape GatherElements(const Call& c);
MaybeShape Expand(const Call& c);
MaybeShape Tile(const Call& c);
MaybeShape Pad(const Call& c);
MaybeShape Upsample(const Call& c);
MaybeShape Resize(const Call& c);
MaybeShape DepthToSpace(const Call& c);
MaybeShape Reduce(const Call& c);
MaybeShape ArgReduce(const Call& c);
MaybeShape OneHot(const Call& c);
MaybeShape ShapeOf(const Call& c);
MaybeShape ConstantOfShape(const Call& c);
MaybeShape LikeFirst(const Call& c);
MaybeShape Broadcast(const Call& c);

}  // namespace octavo::passes::shape_of
