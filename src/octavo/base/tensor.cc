#include "octavo/tensor.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "octavo/base/strided_read.h"

namespace octavo {
namespace {

static_assert(std::endian::native == std::endian::little,
              "elements are read in the byte order of little-endian files");

float HalfToFloat(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {
    // Zero and subnormal numbers: mantissa * 2^-24.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t bits = exponent == 31 ? sign | 0x7f800000u | (mantissa << 13)
                                            : sign | ((exponent + 112) << 23) | (mantissa << 13);
  return std::bit_cast<float>(bits);
}

template <typename T>
T LoadAs(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename Number>
Number Element(DType dtype, const std::byte* at) {
  switch (StorageType(dtype)) {
    case DType::kUint8:
    case DType::kUint4:
    case DType::kBool:
      return static_cast<Number>(LoadAs<std::uint8_t>(at));
    case DType::kInt8:
    case DType::kInt4:
      return static_cast<Number>(LoadAs<std::int8_t>(at));
    case DType::kInt16:
      return static_cast<Number>(LoadAs<std::int16_t>(at));
    case DType::kInt32:
      return static_cast<Number>(LoadAs<std::int32_t>(at));
    case DType::kInt64:
      return static_cast<Number>(LoadAs<std::int64_t>(at));
    case DType::kUint16:
      return static_cast<Number>(LoadAs<std::uint16_t>(at));
    case DType::kUint32:
      return static_cast<Number>(LoadAs<std::uint32_t>(at));
    case DType::kUint64:
      return static_cast<Number>(LoadAs<std::uint64_t>(at));
    case DType::kFloat16:
      return static_cast<Number>(HalfToFloat(LoadAs<std::uint16_t>(at)));
    case DType::kBFloat16:
      return static_cast<Number>(
          std::bit_cast<float>(static_cast<std::uint32_t>(LoadAs<std::uint16_t>(at)) << 16));
    case DType::kFloat32:
      return static_cast<Number>(LoadAs<float>(at));
    case DType::kFloat64:
      return static_cast<Number>(LoadAs<double>(at));
    default:
      assert(false && "not a real number");
      return Number{};
  }
}

template <typename Number>
std::vector<Number> Convert(const Tensor& tensor) {
  const std::vector<std::byte> bytes = tensor.Bytes();
  const std::size_t size = ElementSize(tensor.dtype);
  std::vector<Number> numbers(bytes.size() / size);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = Element<Number>(tensor.dtype, bytes.data() + i * size);
  }
  return numbers;
}

std::vector<std::int64_t> RowMajorStrides(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size());
  std::int64_t step = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = step;
    step *= std::max<std::int64_t>(sizes[i], 1);
  }
  return strides;
}

}  // namespace

std::shared_ptr<const Storage> Storage::Of(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  auto storage = std::make_shared<Storage>();
  storage->bytes = *owner;
  storage->owner = std::move(owner);
  return storage;
}

std::int64_t Tensor::num_elements() const {
  std::int64_t n = 1;
  for (const std::int64_t s : sizes) n *= s;
  return n;
}

std::size_t Tensor::num_bytes() const {
  return static_cast<std::size_t>(num_elements()) * ElementSize(dtype);
}

bool Tensor::contiguous() const {
  std::int64_t step = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1 && strides[i] != step) return false;
    step *= sizes[i];
  }
  return true;
}

TensorType Tensor::type() const {
  return {.dtype = dtype, .shape = Shape(sizes.begin(), sizes.end()), .quantization = quantization};
}

Status Tensor::Read(const std::function<Status(std::span<const std::byte>)>& sink) const {
  if (num_elements() == 0) return {};
  if (contiguous() && !flip_sign_bit) {
    const std::size_t begin = static_cast<std::size_t>(offset) * ElementSize(dtype);
    return sink(storage->bytes.subspan(begin, num_bytes()));
  }
  return ReadStrided(*this, sink);
}

std::vector<std::byte> Tensor::Bytes() const {
  std::vector<std::byte> bytes;
  bytes.reserve(num_bytes());
  Status status = Read([&bytes](std::span<const std::byte> piece) -> Status {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return {};
  });
  assert(status);
  static_cast<void>(status);
  return bytes;
}

std::vector<double> Tensor::ToDoubles() const { return Convert<double>(*this); }
std::vector<std::int64_t> Tensor::ToInts() const { return Convert<std::int64_t>(*this); }
std::vector<float> Tensor::ToFloats() const { return Convert<float>(*this); }

Tensor Tensor::Permuted(std::span<const int> order) const {
  Tensor t = *this;
  for (std::size_t i = 0; i < order.size(); ++i) {
    t.sizes[i] = sizes[static_cast<std::size_t>(order[i])];
    t.strides[i] = strides[static_cast<std::size_t>(order[i])];
    if (quantization && quantization->axis == order[i]) t.quantization->axis = static_cast<int>(i);
  }
  return t;
}

Tensor Tensor::Reshaped(std::vector<std::int64_t> new_sizes) const {
  assert(contiguous());
  Tensor t = *this;
  t.strides = RowMajorStrides(new_sizes);
  t.sizes = std::move(new_sizes);
  assert(t.num_elements() == num_elements());
  return t;
}

Tensor Tensor::Integers() const {
  Tensor t = *this;
  t.dtype = StorageType(dtype);
  t.quantization.reset();
  return t;
}

Tensor Tensor::ShiftedBy128() const {
  assert(dtype == DType::kQInt8 || dtype == DType::kInt8);
  Tensor t = *this;
  t.dtype = dtype == DType::kQInt8 ? DType::kQUint8 : DType::kUint8;
  t.flip_sign_bit = !flip_sign_bit;
  if (t.quantization) {
    for (std::int64_t& z : t.quantization->zero_points) z += 128;
  }
  return t;
}

Tensor Tensor::FromBytes(DType dtype, std::vector<std::int64_t> sizes, std::vector<std::byte> row_major) {
  Tensor t;
  t.dtype = dtype;
  t.strides = RowMajorStrides(sizes);
  t.sizes = std::move(sizes);
  assert(row_major.size() == t.num_bytes());
  t.storage = Storage::Of(std::move(row_major));
  return t;
}

}  // namespace octavo
