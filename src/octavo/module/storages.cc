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

std::vector<std::byte> Swapped(std::span<const std::byte> bytes, std::size_t unit) {
  std::vector<std::byte> swapped(bytes.begin(), bytes.end());
  for (std::size_t i = 0; i + unit <= swapped.size(); i += unit) {
    const auto begin = swapped.begin() + static_cast<std::ptrdiff_t>(i);
    std::reverse(begin, begin + static_cast<std::ptrdiff_t>(unit));
  }
  return swapped;
}

}  // namespace

std::size_t SwapUnit(DType dtype) {
  const bool complex =
      dtype == DType::kComplex32 || dtype == DType::kComplex64 || dtype == DType::kComplex128;
  return ElementSize(dtype) / (complex ? 2 : 1);
}

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
    if (big_endian_ && SwapUnit(dtype) > 1) {
      auto swapped = std::make_shared<const std::vector<std::byte>>(Swapped(storage.bytes, SwapUnit(dtype)));
      storage = {.bytes = *swapped, .owner = swapped};
    }
    found =
        entries_
            .emplace(std::string(key), Entry{.storage = std::make_shared<const Storage>(std::move(storage)),
                                             .element_size = SwapUnit(dtype)})
            .first;
    const std::span<const std::byte> bytes = found->second.storage->bytes;
    // A file all of whose checksums are left out says nothing of the sort.
    if (archive_.LacksChecksum(folder_ + std::string(key)) && !archive_.LacksChecksum("data.pkl") &&
        std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) {
      lost_.insert(found->second.storage.get());
    }
  }
  const Entry& entry = found->second;
  if (big_endian_ && entry.element_size != SwapUnit(dtype)) {
    return InvalidFile("a big-endian storage with elements of two sizes is not supported",
                       "Save the model on a little-endian machine.")
        .SetWhere(fmt::format("record {}{}{}", archive_.root(), folder_, key));
  }
  const std::size_t available = entry.storage->bytes.size();
  if (available == 0 && num_elements > 0) {
    return InvalidFile(fmt::format("the model was saved without the {} elements of a tensor", num_elements),
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
  return entry.storage;
}

Status CheckBounds(const Tensor& tensor, int max_rank) {
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
  const std::uint64_t bytes = tensor.storage->bytes.size();
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
