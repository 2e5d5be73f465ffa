#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "octavo/engine/call.h"

// Elements as numbers to compute with, and back.

namespace octavo::engine::literal {

// Calls `f` with a value of the C++ type that holds `dtype`'s elements: an integer type, float or double.
// Answers false for the others (float16, bfloat16, complex).
template <typename F>
bool WithType(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kUint8:
    case DType::kUint4:
    case DType::kBool:
      return f(std::uint8_t{}), true;
    case DType::kInt8:
    case DType::kInt4:
      return f(std::int8_t{}), true;
    case DType::kInt16:
      return f(std::int16_t{}), true;
    case DType::kInt32:
      return f(std::int32_t{}), true;
    case DType::kInt64:
      return f(std::int64_t{}), true;
    case DType::kUint16:
      return f(std::uint16_t{}), true;
    case DType::kUint32:
      return f(std::uint32_t{}), true;
    case DType::kUint64:
      return f(std::uint64_t{}), true;
    case DType::kFloat32:
      return f(float{}), true;
    case DType::kFloat64:
      return f(double{}), true;
    default:
      return false;
  }
}

bool IsNumber(DType dtype);  // integers, floats of any width; no bool

// Of any real type, bool too.
std::vector<double> Reals(const Tensor& tensor);
// Of an integer type or bool.
std::vector<std::int64_t> Integers(const Tensor& tensor);

// Each real rounded once to `dtype`, to nearest and ties to even; a float type.
Tensor FromReals(DType dtype, const Sizes& sizes, const std::vector<double>& reals);
// The low bits; an integer type or bool (not 0).
Tensor FromIntegers(DType dtype, const Sizes& sizes, const std::vector<std::int64_t>& integers);
Tensor FromBools(const Sizes& sizes, const std::vector<bool>& bools);

// Reals that are whole (or not) as integers of `dtype`, cut to its range; NaN is 0.
std::int64_t SaturatedInteger(double real, DType dtype);
std::pair<std::int64_t, std::int64_t> RangeOf(DType dtype);

std::uint16_t ToHalf(double real);
std::uint16_t ToBFloat16(double real);

// Row-major steps of a shape.
Sizes StridesOf(const Sizes& sizes);
std::int64_t Product(const Sizes& sizes, std::size_t begin, std::size_t end);
inline std::int64_t Product(const Sizes& sizes) { return Product(sizes, 0, sizes.size()); }

// The shape that two shapes broadcast to; nullopt where they do not fit.
std::optional<Sizes> Broadcast(const Sizes& a, const Sizes& b);
// Steps of `sizes` when it is read as `to`: 0 where it is repeated.
Sizes BroadcastStrides(const Sizes& sizes, const Sizes& to);

// Calls f(i, offset) for every element of `sizes` in row-major order: its index, and the sum of its indices
// times `strides`, plus `begin`.
template <typename F>
void ForEachOffset(const Sizes& sizes, const Sizes& strides, std::int64_t begin, F&& f) {
  const std::int64_t count = Product(sizes);
  if (count == 0) return;
  if (sizes.empty()) {
    f(std::int64_t{0}, begin);
    return;
  }
  const std::size_t last = sizes.size() - 1;
  Sizes index(sizes.size());
  std::int64_t offset = begin;
  for (std::int64_t i = 0; i < count;) {
    for (std::int64_t k = 0; k < sizes[last]; ++k, ++i) f(i, offset + k * strides[last]);
    for (std::size_t d = last; d-- > 0;) {
      offset += strides[d];
      if (++index[d] < sizes[d]) break;
      offset -= strides[d] * sizes[d];
      index[d] = 0;
    }
  }
}

// Elements of `from` at offsets: the tensor of `sizes` whose element is from[begin + sum index * stride].
Tensor Strided(const Tensor& from, const Sizes& sizes, const Sizes& strides, std::int64_t begin);
// Element i of the result is from[source[i]]; where that is negative, the only element of `otherwise`, or
// zero.
Tensor Picked(const Tensor& from, const Sizes& sizes, const std::vector<std::int64_t>& source,
              const Tensor* otherwise = nullptr);

// A node with one output.
Prepared One(DType dtype, Sizes sizes, std::function<Result<Tensor>(const Operands&)> compute);
// The input's own elements in another shape.
Prepared SameElements(DType dtype, Sizes sizes);

// Errors unless input i has one of the types.
Status CheckFloat(Call& call, std::size_t i);
Status CheckNumber(Call& call, std::size_t i);
Status CheckDType(Call& call, std::size_t i, std::initializer_list<DType> dtypes);
// Errors unless all inputs that are given have input 0's type.
Status CheckSameType(Call& call);

}  // namespace octavo::engine::literal
