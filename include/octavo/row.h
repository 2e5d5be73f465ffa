#pragma once

// Short words for writing rows: argument descriptors and the rules for result types that many operators
// share.

#include <string>
#include <utility>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// Descriptors.  A default is given after the name; what has none must be given by the model.
namespace arg {

inline ArgumentSpec Tensor(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kTensor};
}
inline ArgumentSpec OptionalTensor(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalTensor, .default_value = ir::None{}};
}
inline ArgumentSpec Tensors(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kTensors};
}
inline ArgumentSpec Packed(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kPacked};
}
inline ArgumentSpec Constant(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kConstant};
}
inline ArgumentSpec Int(std::string name) { return {.name = std::move(name), .kind = ArgumentKind::kInt}; }
inline ArgumentSpec Int(std::string name, std::int64_t value) {
  return {.name = std::move(name), .kind = ArgumentKind::kInt, .default_value = Dim(value)};
}
inline ArgumentSpec OptionalInt(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalInt, .default_value = ir::None{}};
}
inline ArgumentSpec Ints(std::string name, int length = 0) {
  return {.name = std::move(name), .kind = ArgumentKind::kInts, .length = length};
}
inline ArgumentSpec Ints(std::string name, int length, std::vector<Dim> value) {
  return {.name = std::move(name),
          .kind = ArgumentKind::kInts,
          .default_value = std::move(value),
          .length = length};
}
// An empty list or a missing value means the argument `other`.
inline ArgumentSpec IntsLike(std::string name, int length, std::string other) {
  return {.name = std::move(name),
          .kind = ArgumentKind::kInts,
          .default_value = std::vector<Dim>{},
          .same_as = std::move(other),
          .length = length};
}
inline ArgumentSpec OptionalInts(std::string name, int length = 0) {
  return {.name = std::move(name),
          .kind = ArgumentKind::kOptionalInts,
          .default_value = ir::None{},
          .length = length};
}
inline ArgumentSpec Float(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kFloat};
}
inline ArgumentSpec Float(std::string name, double value) {
  return {.name = std::move(name), .kind = ArgumentKind::kFloat, .default_value = value};
}
inline ArgumentSpec OptionalFloat(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalFloat, .default_value = ir::None{}};
}
inline ArgumentSpec OptionalFloats(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalFloats, .default_value = ir::None{}};
}
inline ArgumentSpec Bool(std::string name) { return {.name = std::move(name), .kind = ArgumentKind::kBool}; }
inline ArgumentSpec Bool(std::string name, bool value) {
  return {.name = std::move(name), .kind = ArgumentKind::kBool, .default_value = value};
}
inline ArgumentSpec OptionalBool(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalBool, .default_value = ir::None{}};
}
inline ArgumentSpec String(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kString};
}
inline ArgumentSpec String(std::string name, std::string value) {
  return {.name = std::move(name), .kind = ArgumentKind::kString, .default_value = std::move(value)};
}
inline ArgumentSpec OptionalString(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalString, .default_value = ir::None{}};
}
inline ArgumentSpec Scalar(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kScalar};
}
inline ArgumentSpec Scalar(std::string name, double value) {
  return {.name = std::move(name), .kind = ArgumentKind::kScalar, .default_value = value};
}
inline ArgumentSpec OptionalScalar(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kOptionalScalar, .default_value = ir::None{}};
}
inline ArgumentSpec TensorOrScalar(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kTensorOrScalar};
}
inline ArgumentSpec Ignored(std::string name) {
  return {.name = std::move(name), .kind = ArgumentKind::kIgnored, .default_value = ir::None{}};
}
inline ArgumentSpec KeywordOnly(ArgumentSpec spec) {
  spec.keyword_only = true;
  return spec;
}

}  // namespace arg

// ---- Rules for the type of the (single) result ----

// A shape rule: nullopt where not even the rank is known.
using ShapeRule = std::function<Result<std::optional<Shape>>(const Arguments&)>;

// The type of that argument, quantization included.
TypeRule SameType(std::string argument);
// The shape that `shape` gives, with dtype and quantization of that argument.
TypeRule SameQuantization(std::string argument, ShapeRule shape);
// The shape that `shape` gives; a quint8 (or the dtype of `like`, if that is quantized) tensor with the
// call's own arguments `scale` and `zero_point`.
TypeRule GivenQuantization(std::string like, ShapeRule shape, std::string scale = "output_scale",
                           std::string zero_point = "output_zero_point");
// Where the argument is quantized, so is the result: with these fixed numbers (for quint8; PyTorch's other
// numbers for qint8 and qint32 are given likewise).
struct FixedQuantization {
  double scale_quint8;
  std::int64_t zero_quint8;
  double scale_qint8;
  std::int64_t zero_qint8;
};
TypeRule FixedQuantizationOf(std::string argument, FixedQuantization fixed);

// The shape of one argument.
ShapeRule ShapeOf(std::string argument);
// The two arguments' shapes after numpy broadcasting; a scalar argument counts as a rank-0 tensor.
ShapeRule BroadcastOf(std::string a, std::string b);
Result<Shape> Broadcast(const Shape& a, const Shape& b);

// A checked scale (finite, > 0) and a zero point inside the dtype's range.
Result<Quantization> CheckedQuantization(double scale, std::int64_t zero_point, DType dtype);

// PyTorch's promotion of two dtypes (tensors of rank > 0).
DType Promote(DType a, DType b);

// `axis` counted from the front; an error names the argument if it is not within [-rank, rank).
Result<int> NormalizedAxis(std::int64_t axis, int rank, std::string_view argument = "dim");

}  // namespace octavo
