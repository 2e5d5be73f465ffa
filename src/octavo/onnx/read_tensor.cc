#include "octavo/onnx/read_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <set>
#include <span>

#include <fmt/format.h>

#include "octavo/base/input_file.h"
#include "octavo/base/limits.h"
#include "octavo/base/type_names.h"
#include "octavo/onnx/external.h"

namespace octavo::onnx {

namespace pb = ::onnx;

DType ElementType(int type) {
  // Newer than the copy of onnx.proto here.
  constexpr int kOnnxUint4 = 21, kOnnxInt4 = 22;
  switch (type) {
    case pb::TensorProto::UINT8:
      return DType::kUint8;
    case pb::TensorProto::INT8:
      return DType::kInt8;
    case pb::TensorProto::INT16:
      return DType::kInt16;
    case pb::TensorProto::INT32:
      return DType::kInt32;
    case pb::TensorProto::INT64:
      return DType::kInt64;
    case pb::TensorProto::FLOAT16:
      return DType::kFloat16;
    case pb::TensorProto::BFLOAT16:
      return DType::kBFloat16;
    case pb::TensorProto::FLOAT:
      return DType::kFloat32;
    case pb::TensorProto::DOUBLE:
      return DType::kFloat64;
    case pb::TensorProto::BOOL:
      return DType::kBool;
    case pb::TensorProto::COMPLEX64:
      return DType::kComplex64;
    case pb::TensorProto::COMPLEX128:
      return DType::kComplex128;
    case pb::TensorProto::UINT16:
      return DType::kUint16;
    case pb::TensorProto::UINT32:
      return DType::kUint32;
    case pb::TensorProto::UINT64:
      return DType::kUint64;
    case kOnnxUint4:
      return DType::kUint4;
    case kOnnxInt4:
      return DType::kInt4;
    default:
      return DType::kUnknown;
  }
}

namespace {

// The product of the sizes, or nullopt if one is negative or the product, sizes of 0 left aside, passes what
// any file holds.
std::optional<std::uint64_t> Elements(const pb::TensorProto& proto) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  std::int64_t elements = 1;
  bool empty = false;
  for (const std::int64_t size : proto.dims()) {
    if (size < 0 || size > kMost) return std::nullopt;
    empty = empty || size == 0;
    if (size > 0 && elements > kMost / size) return std::nullopt;
    if (size > 0) elements *= size;
  }
  return empty ? 0 : static_cast<std::uint64_t>(elements);
}

template <typename T, typename Field>
std::vector<std::byte> Packed(const Field& field) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(field.size()) * sizeof(T));
  for (int i = 0; i < field.size(); ++i) {
    const T value = static_cast<T>(field.Get(i));
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof value);
  }
  return bytes;
}

// Calls `visit` with a zero of the type that elements have in memory, and the message's field for them.
template <typename Visit>
auto WithField(const pb::TensorProto& proto, DType dtype, const Visit& visit) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kComplex64:
      return visit(float{}, proto.float_data());
    case DType::kFloat64:
    case DType::kComplex128:
      return visit(double{}, proto.double_data());
    case DType::kInt64:
      return visit(std::int64_t{}, proto.int64_data());
    case DType::kInt32:
      return visit(std::int32_t{}, proto.int32_data());
    case DType::kInt16:
    case DType::kUint16:
    case DType::kFloat16:
    case DType::kBFloat16:
      return visit(std::uint16_t{}, proto.int32_data());
    case DType::kUint32:
      return visit(std::uint32_t{}, proto.uint64_data());
    case DType::kUint64:
      return visit(std::uint64_t{}, proto.uint64_data());
    default:  // of 8 and 4 bits
      return visit(std::uint8_t{}, proto.int32_data());
  }
}

// The elements as they lie in memory; the message has one field for each group of types, or raw bytes.
std::vector<std::byte> ElementBytes(const pb::TensorProto& proto, DType dtype) {
  if (proto.has_raw_data()) {
    const auto bytes = std::as_bytes(std::span(proto.raw_data()));
    return {bytes.begin(), bytes.end()};
  }
  return WithField(proto, dtype, [](auto zero, const auto& field) { return Packed<decltype(zero)>(field); });
}

// Two elements lie in a byte, the first in its low half; each gets a byte of its own.  Precondition: there
// are as many bytes as `elements` need.
std::vector<std::byte> Unpacked(std::span<const std::byte> packed, DType dtype, std::uint64_t elements) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(elements));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned value = std::to_integer<unsigned>(packed[i / 2]) >> (i % 2 * 4) & 15U;
    bytes[i] = static_cast<std::byte>(dtype == DType::kInt4 && value > 7 ? value | 0xF0U : value);
  }
  return bytes;
}

// How wide an element is of the types that are not read, newer than the copy of onnx.proto here: 8-bit
// floats, float4e2m1, uint2 and int2.  0 for others.
int BitsOfUnread(int type) {
  constexpr int kFirstFloat8 = 17, kLastFloat8 = 20, kFloat4 = 23, kFloat8Scale = 24, kUint2 = 25, kInt2 = 26;
  if ((type >= kFirstFloat8 && type <= kLastFloat8) || type == kFloat8Scale) return 8;
  if (type == kFloat4) return 4;
  return type == kUint2 || type == kInt2 ? 2 : 0;
}

bool IsPacked(DType dtype) { return dtype == DType::kInt4 || dtype == DType::kUint4; }

std::uint64_t StoredBytes(DType dtype, std::uint64_t elements) {
  return IsPacked(dtype) ? (elements + 1) / 2 : elements * ElementSize(dtype);
}

// C++ gives no other byte a meaning.
Status CheckBools(const pb::TensorProto& proto, std::span<const std::byte> bytes) {
  const auto wrong = std::ranges::find_if(bytes, [](std::byte b) { return b > std::byte{1}; });
  if (wrong == bytes.end()) return {};
  return InvalidFile(fmt::format("the tensor {} has the byte {} among its bools", proto.name(),
                                 std::to_integer<int>(*wrong)));
}

// How many bytes the elements need; nullopt for types that are not known.  Precondition: Elements() is known.
std::optional<std::uint64_t> NeededBytes(const pb::TensorProto& proto) {
  const std::uint64_t elements = Elements(proto).value_or(0);
  if (const int bits = BitsOfUnread(proto.data_type()); bits != 0)
    return (elements * static_cast<unsigned>(bits) + 7) / 8;
  const DType dtype = ElementType(proto.data_type());
  return dtype == DType::kUnknown ? std::nullopt : std::optional(StoredBytes(dtype, elements));
}

// How many ElementBytes has, without a copy of them.
std::uint64_t HeldBytes(const pb::TensorProto& proto) {
  if (proto.has_raw_data()) return proto.raw_data().size();
  return WithField(proto, ElementType(proto.data_type()), [](auto zero, const auto& field) {
    return static_cast<std::uint64_t>(field.size()) * sizeof(zero);
  });
}

// A decimal number of the entry; nullopt: it is none.
std::optional<std::uint64_t> Number(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Status CheckStored(const pb::TensorProto& proto) {
  const auto elements = Elements(proto);
  if (!elements || proto.dims_size() > kMaxRank)
    return InvalidFile(fmt::format("the tensor {} has an invalid size", proto.name()));
  if (proto.data_location() == pb::TensorProto::EXTERNAL) return {};
  if (proto.data_type() == pb::TensorProto::STRING) {
    if (static_cast<std::uint64_t>(proto.string_data_size()) == *elements) return {};
    return InvalidFile(fmt::format("the tensor {} has {} texts for {} elements", proto.name(),
                                   proto.string_data_size(), *elements));
  }
  const auto needed = NeededBytes(proto);
  if (const std::uint64_t held = HeldBytes(proto); needed && held != *needed) {
    return InvalidFile(fmt::format("the tensor {} has {} bytes of data, which does not fit {} elements of {}",
                                   proto.name(), held, *elements, OnnxTypeName(proto.data_type())));
  }
  if (proto.data_type() != pb::TensorProto::BOOL) return {};
  if (proto.has_raw_data()) return CheckBools(proto, std::as_bytes(std::span(proto.raw_data())));
  const auto wrong = std::ranges::find_if(proto.int32_data(), [](std::int32_t v) { return v < 0 || v > 1; });
  if (wrong == proto.int32_data().end()) return {};
  return InvalidFile(fmt::format("the tensor {} has the number {} among its bools", proto.name(), *wrong));
}

bool TensorReader::Skips(const pb::TensorProto& proto) const {
  return proto.data_location() == pb::TensorProto::EXTERNAL && !external_data_;
}

Result<Tensor> TensorReader::Read(const pb::TensorProto& proto) {
  const DType dtype = ElementType(proto.data_type());
  if (dtype == DType::kUnknown) {
    return Unsupported(fmt::format("the tensor {} has elements of type {}, which is not supported",
                                   proto.name(), OnnxTypeName(proto.data_type())));
  }
  OCTAVO_TRY(CheckStored(proto));
  if (proto.data_location() == pb::TensorProto::EXTERNAL) return ReadExternal(proto, dtype);
  std::vector<std::byte> bytes = ElementBytes(proto, dtype);
  if (IsPacked(dtype)) bytes = Unpacked(bytes, dtype, Elements(proto).value_or(0));
  return Tensor::FromBytes(dtype, {proto.dims().begin(), proto.dims().end()}, std::move(bytes));
}

Result<ExternalBytes> TensorReader::External(const pb::TensorProto& proto) {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  std::set<std::string_view> keys;
  for (const auto& entry : proto.external_data()) {
    // Readers differ in which one they take.
    if (!keys.insert(entry.key()).second) {
      return InvalidFile(
          fmt::format("the tensor {} states the {} of its data twice", proto.name(), entry.key()));
    }
    if (entry.key() == "location") location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    const auto number = Number(entry.value());
    if (!number) {
      return InvalidFile(
          fmt::format("the tensor {} has an invalid {}: \"{}\"", proto.name(), entry.key(), entry.value()));
    }
    if (entry.key() == "offset") {
      offset = *number;
    } else {
      length = *number;
    }
  }
  const std::optional<std::uint64_t> needed = NeededBytes(proto);
  // Readers take 0 for what is not stated.
  if (!length || *length == 0) length = needed;
  const std::shared_ptr<const MappedFile> file = OCTAVO_TRY(Open(proto.name(), location));
  const std::uint64_t size = file->bytes().size();
  if (offset > size || (length && *length > size - offset)) {
    return InvalidFile(
        fmt::format("the model places the tensor {} at bytes {} to {} of {}, which has {} bytes",
                    proto.name(), offset, offset + length.value_or(0), location, size));
  }
  const std::uint64_t count = length.value_or(size - offset);
  if (needed && count != *needed) {
    return InvalidFile(fmt::format("the tensor {} needs {} bytes, but the model places {} bytes in its file",
                                   proto.name(), *needed, count));
  }
  const auto bytes = file->bytes().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(count));
  if (proto.data_type() == pb::TensorProto::BOOL) OCTAVO_TRY(CheckBools(proto, bytes));
  return ExternalBytes{bytes, file};
}

Result<Tensor> TensorReader::ReadExternal(const pb::TensorProto& proto, DType dtype) {
  const ExternalBytes found = OCTAVO_TRY(External(proto));
  if (IsPacked(dtype)) {
    return Tensor::FromBytes(dtype, {proto.dims().begin(), proto.dims().end()},
                             Unpacked(found.bytes, dtype, Elements(proto).value_or(0)));
  }
  auto storage = std::make_shared<Storage>();
  storage->bytes = found.bytes;
  storage->owner = found.file;
  Tensor tensor = Tensor::FromBytes(dtype, {0}, {});
  tensor.sizes.assign(proto.dims().begin(), proto.dims().end());
  tensor.strides.assign(tensor.sizes.size(), 1);
  std::int64_t step = 1;
  for (std::size_t d = tensor.sizes.size(); d-- > 0;) {
    tensor.strides[d] = step;
    step *= std::max<std::int64_t>(tensor.sizes[d], 1);
  }
  tensor.storage = std::move(storage);
  return tensor;
}

Result<std::shared_ptr<const MappedFile>> TensorReader::Open(const std::string& tensor,
                                                             const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  const std::filesystem::path relative(location);
  const auto outside = [&] {
    return InvalidFile(
        fmt::format("the tensor {} refers to the file \"{}\", which is not in the model's folder", tensor,
                    location),
        "Move the file into the model's folder and save the model again with a relative path.");
  };
  bool climbs = location.empty() || relative.is_absolute() || location.find('\0') != std::string::npos;
  for (const auto& part : relative) climbs = climbs || part == "..";
  if (climbs) return outside();
  Result<InputFile> file = InputFile::OpenBelow(DataFolders(model_), relative);
  if (!file) {
    if (file.error().code() == ErrorCode::kInvalidFile) return outside();
    return IoError(
        fmt::format("cannot open {}, which holds the tensor {}: {}", location, tensor, file.error().what()),
        "Put the file with the model's weights beside the model.");
  }
  const auto mapped = OCTAVO_TRY(MappedFile::Open(std::move(*file), needed_));
  files_.emplace(location, mapped);
  return mapped;
}

}  // namespace octavo::onnx
