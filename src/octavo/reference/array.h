#pragma once

#include <cstdint>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "octavo/base/bug.h"
#include "octavo/reference/reference.h"
#include "octavo/tensor.h"

namespace octavo::reference {

using Sizes = std::vector<std::int64_t>;

[[noreturn]] void OutsideArray(std::int64_t begin, std::int64_t count, std::size_t size);

inline std::int64_t Count(const Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
}

// Ends the program if [begin, begin + count) does not lie in `size` elements; nothing in release builds.
inline void CheckSpan(std::int64_t begin, std::int64_t count, std::size_t size) {
  if constexpr (kChecksIndices) {
    const auto end = static_cast<std::int64_t>(size);
    if (begin < 0 || count < 0 || begin > end || count > end - begin) OutsideArray(begin, count, size);
  }
}

// Elements in row-major order, with their shape.
template <typename T>
struct Array {
  Sizes sizes;
  std::vector<T> data;

  explicit Array(Sizes s) : sizes(std::move(s)), data(static_cast<std::size_t>(Count(sizes))) {}
  std::int64_t size(int axis) const { return sizes[static_cast<std::size_t>(axis)]; }
  int rank() const { return static_cast<int>(sizes.size()); }
  // In debug and sanitizer builds an index outside ends the program: a kernel has not checked the sizes.
  T& operator[](std::int64_t i) {
    CheckSpan(i, 1, data.size());
    return data[static_cast<std::size_t>(i)];
  }
  const T& operator[](std::int64_t i) const {
    CheckSpan(i, 1, data.size());
    return data[static_cast<std::size_t>(i)];
  }
  // The elements [begin, begin + count), checked likewise.
  T* row(std::int64_t begin, std::int64_t count) {
    CheckSpan(begin, count, data.size());
    return data.data() + begin;
  }
  const T* row(std::int64_t begin, std::int64_t count) const {
    CheckSpan(begin, count, data.size());
    return data.data() + begin;
  }
};

// The elements as they are stored; sizeof(T) is the dtype's.
template <typename T>
Array<T> Elements(const Tensor& tensor) {
  Array<T> array(tensor.sizes);
  const std::vector<std::byte> bytes = tensor.Bytes();
  if (!bytes.empty()) std::memcpy(array.data.data(), bytes.data(), bytes.size());
  return array;
}

// Calls `f` with a value of the C++ type that stores `dtype`; false for the types that no operator computes
// with (float16, bfloat16, complex and packed ones).
template <typename F>
bool WithElementType(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kUint8:
    case DType::kQUint8:
    case DType::kBool:
      return f(std::uint8_t{}), true;
    case DType::kInt8:
    case DType::kQInt8:
      return f(std::int8_t{}), true;
    case DType::kInt16:
      return f(std::int16_t{}), true;
    case DType::kInt32:
    case DType::kQInt32:
      return f(std::int32_t{}), true;
    case DType::kInt64:
      return f(std::int64_t{}), true;
    case DType::kFloat32:
      return f(float{}), true;
    case DType::kFloat64:
      return f(double{}), true;
    default:
      return false;
  }
}

// An array as a tensor of `type`'s dtype and quantization.
template <typename T>
Tensor ToTensor(const Array<T>& array, const TensorType& type) {
  Tensor tensor = Tensor::From(type.dtype, array.sizes, array.data);
  tensor.quantization = type.quantization;
  return tensor;
}

// The reals that a quantized tensor stands for, each computed in float32 as PyTorch does:
// (q - zero_point) * scale.
Array<float> Dequantized(const Tensor& tensor);

// The levels that quantize_per_tensor and quantize_per_channel give (levels.h), within the dtype's range.
Tensor Quantized(const Array<float>& reals, const TensorType& type, const Options& options);
// A tensor of no dimension with a real's level, as PyTorch's function for a single number gives it.
Tensor QuantizedNumber(float real, const TensorType& type, const Options& options);

}  // namespace octavo::reference
