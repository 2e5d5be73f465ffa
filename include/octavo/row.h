#pragma once

// Helpers for rows: argument descriptors, and type rules that many operators share.

#include <string>
#include <utility>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// Argument descriptors.  The default follows the name; an argument without a default is required.
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
// A missing value or an empty list takes the value of the earlier argument `other`.
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

// ---- Type rules for operators with one result ----

// Computes the result's shape; nullopt if the rank is unknown.
using ShapeRule = std::function<Result<std::optional<Shape>>(const Arguments&)>;

// The type of the argument, including its quantization.
TypeRule SameType(std::string argument);
// The shape from `shape`, the dtype and quantization from the argument.
TypeRule SameQuantization(std::string argument, ShapeRule shape);
// The shape from `shape`, scale and zero point from the call's arguments `scale` and `zero_point`.  The dtype
// is that of the argument `like` if it is quantized, else quint8.
TypeRule GivenQuantization(std::string like, ShapeRule shape, std::string scale = "output_scale",
                           std::string zero_point = "output_zero_point");
// A quantized result has a scale and a zero point that PyTorch's kernel fixes per dtype (sigmoid: 1/256 and 0
// for quint8).  Quantized dtypes other than quint8 and qint8 are an error.
struct FixedQuantization {
  double scale_quint8;
  std::int64_t zero_quint8;
  double scale_qint8;
  std::int64_t zero_qint8;
};
TypeRule FixedQuantizationOf(std::string argument, FixedQuantization fixed);

// The shape of the argument.
ShapeRule ShapeOf(std::string argument);
// The shape of both arguments after NumPy's broadcasting; a scalar argument counts as a tensor of rank 0.
ShapeRule BroadcastOf(std::string a, std::string b);
Result<Shape> Broadcast(const Shape& a, const Shape& b);

// A per-tensor quantization.  Error: the scale is not finite or not above 0, or the zero point is outside the
// dtype's range.
Result<Quantization> CheckedQuantization(double scale, std::int64_t zero_point, DType dtype);

// The dtype to which PyTorch promotes tensors of these two dtypes (of rank > 0).
DType Promote(DType a, DType b);

// Counts a negative axis from the front: the result is in [0, rank).  Error, which names `argument`: the axis
// is not in [-rank, rank).
Result<int> NormalizedAxis(std::int64_t axis, int rank, std::string_view argument = "dim");

}  // namespace octavo
