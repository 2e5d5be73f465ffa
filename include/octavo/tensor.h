#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/dim.h"
#include "octavo/result.h"

namespace octavo {

enum class DType : std::uint8_t {
  kUnknown,
  kUint8,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kFloat32,
  kFloat64,
  kComplex32,
  kComplex64,
  kComplex128,
  kBool,
  kQInt8,
  kQUint8,
  kQInt32,
  kBFloat16,
  kQUint4x2,
  kQUint2x4,
  // ONNX's alone.  A tensor of 4-bit integers has one element per byte.
  kUint16,
  kUint32,
  kUint64,
  kInt4,
  kUint4,
};

// PyTorch's name without "torch.": "float32", "quint8".
std::string_view Name(DType dtype);
std::optional<DType> DTypeFromName(std::string_view name);
// PyTorch's number for a dtype, from c10::ScalarType: uint8 is 0, float32 6, qint8 12, quint8 13, qint32 14.
int ScalarTypeNumber(DType dtype);
std::optional<DType> DTypeFromScalarType(std::int64_t number);
bool IsQuantized(DType dtype);
bool IsFloat(DType dtype);
bool IsInteger(DType dtype);  // false for bool and for quantized dtypes
// Bytes per stored element.  It is 1 for quint4x2 and quint2x4, whose bytes hold two or four elements.
std::size_t ElementSize(DType dtype);
// The integer dtype that stores a quantized dtype's values: quint8 -> uint8, qint8 -> int8, qint32 -> int32.
// Any other dtype is returned unchanged.
DType StorageType(DType dtype);

// Scale and zero point: real = (integer - zero_point) * scale.  There is one pair for the whole tensor, or
// one pair per index of dimension `axis`.
struct Quantization {
  std::vector<double> scales;
  std::vector<std::int64_t> zero_points;
  std::optional<int> axis;  // the dimension of a per-channel quantization; nullopt: per tensor
  // True for PyTorch's per_channel_affine_float_qparams: the zero points are floats, in float_zeros.
  bool float_zero_points = false;
  std::vector<double> float_zeros;

  static Quantization PerTensor(double scale, std::int64_t zero_point) {
    return {.scales = {scale}, .zero_points = {zero_point}};
  }
  bool per_tensor() const { return !axis.has_value(); }
  double scale() const { return scales[0]; }                  // precondition: per_tensor()
  std::int64_t zero_point() const { return zero_points[0]; }  // precondition: per_tensor()
  bool operator==(const Quantization&) const = default;
};

// The properties of a tensor that are known before the model runs.  Quantization is one of them.
struct TensorType {
  DType dtype = DType::kUnknown;
  std::optional<Shape> shape;                // nullopt: the rank is unknown
  std::optional<Quantization> quantization;  // set if and only if IsQuantized(dtype)

  bool quantized() const { return IsQuantized(dtype); }
  std::optional<int> rank() const {
    return shape ? std::optional<int>(static_cast<int>(shape->size())) : std::nullopt;
  }
  bool operator==(const TensorType&) const = default;
  // "quint8[1,3,224,224](0.0186,114)", "float32[N,1000]", "float32" (unknown rank), "?" (unknown type), or
  // per channel "qint8[64,3,7,7](axis=0,64 scales)".
  std::string ToString() const;
};

// Bytes that tensors refer to.  `owner`, a mapped file or a buffer, keeps them alive.
struct Storage {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  static std::shared_ptr<const Storage> Of(std::vector<std::byte> bytes);
};

// A constant: a strided view of a storage, without a copy of the bytes.  Code that constructs a Tensor must
// first check that every element lies inside the storage.
struct Tensor {
  DType dtype = DType::kUnknown;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;  // unit: elements
  std::int64_t offset = 0;            // of the first element; unit: elements
  std::shared_ptr<const Storage> storage;
  std::optional<Quantization> quantization;
  // True: the view flips the highest bit of each byte, which reads int8 values as uint8 values 128 higher.
  bool flip_sign_bit = false;

  int rank() const { return static_cast<int>(sizes.size()); }
  std::int64_t num_elements() const;
  std::size_t num_bytes() const;  // of all elements in row-major order, without gaps
  bool contiguous() const;
  TensorType type() const;

  // Passes the elements' bytes to `sink` in row-major order, in pieces of at most 256 KiB.  Nothing is
  // copied if the storage has them in that order already.
  Status Read(const std::function<Status(std::span<const std::byte>)>& sink) const;
  // The bytes of all elements at once, for small tensors.
  std::vector<std::byte> Bytes() const;
  // All elements as C++ numbers; of quantized tensors the stored integers.  Precondition: dtype is not
  // complex.
  std::vector<double> ToDoubles() const;
  std::vector<std::int64_t> ToInts() const;
  std::vector<float> ToFloats() const;

  Tensor Permuted(std::span<const int> order) const;  // also moves the axis of a per-channel quantization
  // The same elements in another shape.  Precondition: contiguous(), and the number of elements is the same.
  Tensor Reshaped(std::vector<std::int64_t> new_sizes) const;
  // The stored integers without quantization: qint8 -> int8.
  Tensor Integers() const;
  // qint8 -> quint8 and int8 -> uint8: every value and zero point is 128 higher, the reals stay the same.
  Tensor ShiftedBy128() const;

  static Tensor FromBytes(DType dtype, std::vector<std::int64_t> sizes, std::vector<std::byte> row_major);
  template <typename T>
  static Tensor From(DType dtype, std::vector<std::int64_t> sizes, const std::vector<T>& row_major) {
    auto bytes = std::as_bytes(std::span<const T>(row_major));
    return FromBytes(dtype, std::move(sizes), std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
  static Tensor Floats(std::vector<std::int64_t> sizes, const std::vector<float>& values) {
    return From(DType::kFloat32, std::move(sizes), values);
  }
  static Tensor Int64s(const std::vector<std::int64_t>& values) {
    return From(DType::kInt64, {static_cast<std::int64_t>(values.size())}, values);
  }
  static Tensor Scalar(float value) { return Floats({}, {value}); }
};

}  // namespace octavo
