#include "octavo/module/storages.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace octavo::module {
namespace {

// Views may repeat elements (a stride of 0), so a few bytes can claim to be a huge tensor.
constexpr std::uint64_t kMaxRepeatedBytes = std::uint64_t{256} << 20;

// What PyTorch computes with other bytes as bools is not defined.
bool AreBools(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return std::to_integer<unsigned>(b) <= 1; });
}

}  // namespace

std::optional<DType> DTypeOfStorage(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, DType>, 18> kNames = {{
      {"FloatStorage", DType::kFloat32},
      {"QInt8Storage", DType::kQInt8},
      {"QUInt8Storage", DType::kQUint8},
      {"QInt32Storage", DType::kQInt32},
      {"LongStorage", DType::kInt64},
      {"DoubleStorage", DType::kFloat64},
      {"HalfStorage", DType::kFloat16},
      {"BFloat16Storage", DType::kBFloat16},
      {"ByteStorage", DType::kUint8},
      {"CharStorage", DType::kInt8},
      {"ShortStorage", DType::kInt16},
      {"IntStorage", DType::kInt32},
      {"BoolStorage", DType::kBool},
      {"ComplexHalfStorage", DType::kComplex32},
      {"ComplexFloatStorage", DType::kComplex64},
      {"ComplexDoubleStorage", DType::kComplex128},
      {"QUInt4x2Storage", DType::kQUint4x2},
      {"QUInt2x4Storage", DType::kQUint2x4},
  }};
  const auto* const found =
      std::find_if(kNames.begin(), kNames.end(), [name](const auto& entry) { return entry.first == name; });
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

Result<std::shared_ptr<const Storage>> Storages::Get(std::string_view key, DType dtype,
                                                     std::int64_t num_elements) {
  const std::size_t size = ElementSize(dtype);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    Storage storage;
    // PyTorch writes no bytes for an empty storage, and some versions no record.
    if (num_elements != 0) storage = OCTAVO_TRY(archive_.Read(folder_ + std::string(key)));
    found = entries_.emplace(std::string(key), std::make_shared<const Storage>(std::move(storage))).first;
    const std::span<const std::byte> bytes = found->second->bytes;
    // A file all of whose checksums are left out says nothing of the sort.
    if (archive_.LacksChecksum(folder_ + std::string(key)) && !archive_.LacksChecksum("data.pkl") &&
        std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) {
      lost_.insert(found->second.get());
    }
  }
  const std::size_t available = found->second->bytes.size();
  if (available == 0 && num_elements > 0) {
    return Unsupported(fmt::format("the model was saved without the {} elements of a tensor", num_elements),
                       "PyTorch saves no data for modules on the device \"meta\".  Load the weights on the "
                       "CPU, and save the model again.")
        .SetWhere(fmt::format("record {}{}{}", archive_.root(), folder_, key));
  }
  if (num_elements < 0 || static_cast<std::uint64_t>(num_elements) > available / size) {
    return InvalidFile(
               fmt::format(
                   "data.pkl states {} elements of {} bytes for the storage, but the record has {} bytes",
                   num_elements, size, available),
               "Copy or save the file again: it is damaged.")
        .SetWhere(fmt::format("record {}{}{}", archive_.root(), folder_, key));
  }
  if (dtype == DType::kBool && !AreBools(found->second->bytes)) {
    return InvalidFile("a bool of the storage is neither 0 nor 1",
                       "Copy or save the file again: it is damaged.")
        .SetWhere(fmt::format("record {}{}{}", archive_.root(), folder_, key));
  }
  return found->second;
}

Status CheckBounds(const Tensor& tensor, int max_rank, std::uint64_t storage_bytes) {
  const auto fail = [&tensor](std::string_view what) {
    return InvalidFile(
        fmt::format("a tensor of sizes [{}], strides [{}] and offset {} {}", fmt::join(tensor.sizes, ","),
                    fmt::join(tensor.strides, ","), tensor.offset, what),
        "Copy or save the file again: it is damaged.");
  };
  if (tensor.sizes.size() != tensor.strides.size()) return fail("has different numbers of sizes and strides");
  if (tensor.sizes.size() > static_cast<std::size_t>(max_rank)) {
    return InvalidFile(
        fmt::format("a tensor has rank {}, which exceeds the limit of {}", tensor.sizes.size(), max_rank),
        "Copy or save the file again: PyTorch does not write such tensors.");
  }
  if (tensor.offset < 0) return fail("begins before its storage");
  const std::uint64_t element = ElementSize(tensor.dtype);
  const std::uint64_t bytes = std::min<std::uint64_t>(tensor.storage->bytes.size(), storage_bytes);
  bool empty = false, overflow = false;
  std::uint64_t last = static_cast<std::uint64_t>(tensor.offset);  // the farthest element
  std::uint64_t count = 1;
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    if (tensor.sizes[i] < 0 || tensor.strides[i] < 0) return fail("has a negative size or stride");
    const auto size = static_cast<std::uint64_t>(tensor.sizes[i]);
    if (size == 0) {
      empty = true;
      continue;
    }
    std::uint64_t reach = 0;
    overflow |= __builtin_mul_overflow(size - 1, static_cast<std::uint64_t>(tensor.strides[i]), &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
    overflow |= __builtin_mul_overflow(count, size, &count);
  }
  // The product of the sizes must be a number even where one of them is 0.
  if (overflow || count > std::uint64_t{std::numeric_limits<std::int64_t>::max()} / 16) {
    return fail("is too large");
  }
  if (empty) return {};
  if (last >= bytes / element) {
    return fail(fmt::format("reads element {} of a storage with {} elements", last, bytes / element));
  }
  if (count * element > std::max(bytes, kMaxRepeatedBytes)) {
    return fail(fmt::format("expands a storage of {} bytes to {} bytes", bytes, count * element));
  }
  return {};
}

}  // namespace octavo::module
