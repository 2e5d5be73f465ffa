#include "octavo/npy/npy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "octavo/archive/archive.h"
#include "octavo/base/byte_reader.h"
#include "octavo/base/mapped_file.h"
#include "octavo/npy/header.h"

namespace octavo::npy {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr const char* kSave = "Save the array with numpy.save.";

// NumPy's kind and size of an element, and what it becomes.
struct ElementType {
  std::string_view code;
  DType dtype;
  std::size_t stored_bytes;
  std::size_t swapped_bytes;  // of each number, which for complex ones is half the element
};
constexpr std::array<ElementType, 18> kTypes = {{
    {"b1", DType::kBool, 1, 1},
    {"u1", DType::kUint8, 1, 1},
    {"i1", DType::kInt8, 1, 1},
    {"i2", DType::kInt16, 2, 2},
    {"i4", DType::kInt32, 4, 4},
    {"i8", DType::kInt64, 8, 8},
    {"f2", DType::kFloat16, 2, 2},
    {"f4", DType::kFloat32, 4, 4},
    {"f8", DType::kFloat64, 8, 8},
    {"c8", DType::kComplex64, 8, 4},
    {"c16", DType::kComplex128, 16, 8},
    {"u2", DType::kInt32, 2, 2},
    {"u4", DType::kInt64, 4, 4},
    {"u8", DType::kInt64, 8, 8},
    {"?", DType::kBool, 1, 1},
    // Only written.
    {"u2", DType::kUint16, 2, 2},
    {"u4", DType::kUint32, 4, 4},
    {"u8", DType::kUint64, 8, 8},
}};

Result<const ElementType*> TypeOf(std::string_view descr) {
  std::string_view code = descr;
  if (!code.empty() && std::string_view("<>=|").find(code.front()) != std::string_view::npos) {
    code.remove_prefix(1);
  }
  if (code.starts_with("O")) {
    return InvalidFile("arrays of pickled Python objects are never loaded", "Save a numeric array.");
  }
  const auto* at =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const ElementType& type) { return type.code == code; });
  if (at == kTypes.end()) {
    return InvalidFile(fmt::format("the array has the dtype {}, which is not supported", descr),
                       "Convert the array to bool, an integer, float16, float32, float64 or complex dtype.");
  }
  return at;
}

// The bytes of all elements, or nullopt for sizes whose product no memory holds.
std::optional<std::uint64_t> BytesOf(const std::vector<std::int64_t>& shape, std::size_t element) {
  std::uint64_t elements = 1, nonzero = element;
  for (const std::int64_t size : shape) {
    const auto count = static_cast<std::uint64_t>(size);
    elements *= count;
    if (count == 0) continue;
    if (nonzero > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / count)
      return std::nullopt;
    nonzero *= count;
  }
  return elements * element;
}

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

Storage Swapped(std::span<const std::byte> data, std::size_t size) {
  std::vector<std::byte> bytes(data.begin(), data.end());
  for (std::size_t i = 0; i + size <= bytes.size(); i += size) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + size));
  }
  return *Storage::Of(std::move(bytes));
}

// Unsigned numbers of which there are no tensors, as the next larger signed ones.
template <typename From, typename To>
Result<Storage> Widened(std::span<const std::byte> data) {
  std::vector<std::byte> bytes(data.size() / sizeof(From) * sizeof(To));
  for (std::size_t i = 0; i * sizeof(From) < data.size(); ++i) {
    From from;
    std::memcpy(&from, data.data() + i * sizeof(From), sizeof from);
    if (from > static_cast<std::make_unsigned_t<To>>(std::numeric_limits<To>::max())) {
      return InvalidFile(fmt::format("the array contains {}, which is out of range for int64", from),
                         "Convert the array to int64: tensors of uint64 are not supported.");
    }
    const To to = static_cast<To>(from);
    std::memcpy(bytes.data() + i * sizeof(To), &to, sizeof to);
  }
  return *Storage::Of(std::move(bytes));
}

Result<Storage> Elements(const Storage& file, std::span<const std::byte> data, const ElementType& type,
                         bool swap) {
  Storage storage{.bytes = data, .owner = file.owner};
  if (swap) storage = Swapped(data, type.swapped_bytes);
  if (type.code == "u2") return Widened<std::uint16_t, std::int32_t>(storage.bytes);
  if (type.code == "u4") return Widened<std::uint32_t, std::int64_t>(storage.bytes);
  if (type.code == "u8") return Widened<std::uint64_t, std::int64_t>(storage.bytes);
  return storage;
}

Result<std::string_view> HeaderText(ByteReader& reader) {
  std::string_view magic, text;
  std::uint8_t major = 0, minor = 0;
  if (!reader.ReadBytes(kMagic.size(), magic) || magic != kMagic) {
    return InvalidFile("the file is not a .npy file: it does not begin with \\x93NUMPY", kSave);
  }
  const Error truncated = InvalidFile("the file is truncated inside its header", kSave);
  if (!reader.Read(major) || !reader.Read(minor)) return truncated;
  if (major < 1 || major > 3) {
    return InvalidFile(fmt::format("NumPy format version {}.{} is not supported, only 1 to 3", major, minor),
                       kSave);
  }
  std::uint32_t length = 0;
  if (major == 1) {
    std::uint16_t small = 0;
    if (!reader.Read(small)) return truncated;
    length = small;
  } else if (!reader.Read(length)) {
    return truncated;
  }
  if (!reader.ReadBytes(length, text)) return truncated;
  return text;
}

std::string_view Descr(DType dtype) {
  for (const ElementType& type : kTypes) {
    if (type.dtype == StorageType(dtype)) return type.code;
  }
  return {};
}

Result<std::vector<Array>> ReadArchive(const std::shared_ptr<const MappedFile>& file) {
  const auto archive = archive::Archive::Open(file, {});
  if (!archive) return archive.error();
  std::vector<Array> arrays;
  const std::string_view root = (*archive)->root();
  for (const std::string_view record : (*archive)->names()) {
    constexpr std::string_view kExtension = ".npy";
    if (!record.starts_with(root) || !record.ends_with(kExtension)) {
      return InvalidFile("a record of the archive is not an array", "Save the arrays with numpy.savez.")
          .SetWhere(fmt::format("record {}", record));
    }
    const Storage bytes = OCTAVO_TRY((*archive)->Read(record.substr(root.size())));
    Result<Tensor> tensor = Parse(bytes);
    if (!tensor) return tensor.error().SetWhere(fmt::format("record {}", record));
    arrays.push_back({std::string(record.substr(0, record.size() - kExtension.size())), std::move(*tensor)});
  }
  return arrays;
}

}  // namespace

Result<Tensor> Parse(const Storage& bytes) {
  ByteReader reader(bytes.bytes);
  const Header header = OCTAVO_TRY(ParseHeader(OCTAVO_TRY(HeaderText(reader))));
  const ElementType& type = *OCTAVO_TRY(TypeOf(header.descr));
  const std::optional<std::uint64_t> expected = BytesOf(header.shape, type.stored_bytes);
  if (!expected || *expected != reader.remaining()) {
    return InvalidFile(
        fmt::format("the header says {} elements of {} bytes, but {} bytes follow", ShapeText(header.shape),
                    type.stored_bytes, reader.remaining()),
        "Save the array again with numpy.save: the file is truncated or holds more than one array.");
  }
  const Storage storage = OCTAVO_TRY(
      Elements(bytes, bytes.bytes.subspan(reader.position()), type, header.descr.starts_with('>')));
  if (type.dtype == DType::kBool &&
      std::ranges::any_of(storage.bytes, [](std::byte b) { return b > std::byte{1}; })) {
    return InvalidFile("the array has bytes other than 0 and 1 among its bools",
                       "Convert it in numpy: array.view(numpy.uint8) != 0.");
  }
  Tensor tensor;
  tensor.dtype = type.dtype;
  tensor.sizes = header.shape;
  tensor.storage = std::make_shared<const Storage>(storage);
  tensor.strides.resize(tensor.sizes.size());
  std::int64_t step = 1;
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    const std::size_t axis = header.fortran_order ? i : tensor.sizes.size() - 1 - i;
    tensor.strides[axis] = step;
    step *= std::max<std::int64_t>(tensor.sizes[axis], 1);
  }
  return tensor;
}

Result<std::vector<Array>> Read(const std::filesystem::path& path) {
  const auto file = MappedFile::Open(path);
  if (!file) return file.error();
  if (archive::LooksLikeZip((*file)->bytes())) return ReadArchive(*file);
  std::vector<Array> arrays(1);
  arrays[0].tensor = OCTAVO_TRY(Parse({.bytes = (*file)->bytes(), .owner = *file}));
  return arrays;
}

Status Write(const Tensor& tensor, OutputFile& file) {
  const std::string_view code = Descr(tensor.dtype);
  if (code.empty()) return Unsupported(fmt::format("NumPy has no dtype for {}", Name(tensor.dtype)));
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                   ElementSize(tensor.dtype) == 1 ? '|' : '<', code,
                                   fmt::join(tensor.sizes, ", "), tensor.sizes.size() == 1 ? "," : "");
  // The elements begin at a multiple of 64.
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  const std::size_t unpadded = kPrefix + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string prefix(kMagic);
  prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  OCTAVO_TRY(file.Write(prefix));
  OCTAVO_TRY(file.Write(header));
  return tensor.Read([&](std::span<const std::byte> piece) { return file.Write(piece); });
}

}  // namespace octavo::npy
