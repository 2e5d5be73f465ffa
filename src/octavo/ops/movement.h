#pragma once

// What the rows for operators that only move elements share.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "octavo/operators.h"
#include "octavo/row.h"

namespace octavo {

// One shape for each result of a list.
using ShapesRule = std::function<Result<std::vector<std::optional<Shape>>>(const Arguments&)>;

// The error of an operator that cannot be written before the sizes of its input are known.
Error NeedsShape(std::string_view argument);
// The argument's shape, or NeedsShape.
Result<Shape> ShapeFor(const Arguments& a, std::string_view argument);

// The shape that `shape` gives, dtype and quantization of the argument.  An error for tensors quantized per
// channel, whose axis would have to follow, and for more dimensions than Limits allow.
TypeRule Moved(std::string argument, ShapeRule shape);
TypeRule MovedList(std::string argument, ShapesRule shapes);

// `movement` of one tensor argument.  A quantized argument goes through DequantizeLinear, and what comes back
// through QuantizeLinear, a form from which runtimes take the pair away again; qint32, which has no
// QuantizeLinear, is moved as integers.  A movement that answers its argument adds nothing.
Emitter Moves(std::string argument, Emitter movement);
// For operators around which runtimes keep the pair (Pad, SpaceToDepth, Split with a result that is not
// used), and for those that take several nodes: on the integers themselves.
Emitter MovesIntegers(std::string argument, Emitter movement);

// The second input of ONNX's Reshape: numbers, 0 where the size at that place stays, -1 at most once; nullopt
// if that is not enough.
std::optional<std::vector<std::int64_t>> ReshapeTarget(const std::optional<Shape>& from, const Shape& to);
// A 1-D int64 tensor with these sizes; those that are not known are taken from the graph's inputs when the
// model runs.
Result<Value> RuntimeSizes(Builder& g, const std::vector<Dim>& sizes);
// Reshape of `x`, which has the shape `from`, to `to`.
Result<Value> ReshapeFrom(Builder& g, Value x, const std::optional<Shape>& from, const Shape& to);

// The Caffe2 dialect's own movements of a quantized value; `type` is the result's type.
Value Int8Reshape(Builder& g, Value x, const std::vector<std::int64_t>& target, const TensorType& type);
Value Int8Slice(Builder& g, Value x, int axis, std::int64_t start, std::int64_t end, const TensorType& type);

// ONNX's Slice of one axis with a step of any sign; opset 9, which knows the step 1 alone, gathers instead
// and needs the axis's size.
Result<Value> Strided(Builder& g, Value x, std::int64_t axis, std::int64_t start, std::int64_t end,
                      std::int64_t step, std::optional<std::int64_t> size);

// `x`, N x C x spatial sizes and real, with zeros before and behind its spatial dimensions.
Value PadWithZeros(Builder& g, Value x, const std::vector<std::int64_t>& begin,
                   const std::vector<std::int64_t>& end);

}  // namespace octavo
