#include "octavo/archive/archive.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <libdeflate.h>

namespace octavo::archive {

namespace {

// What all deflated records of a file may become: source text shrinks to about a fifth.
constexpr std::size_t kInflatedBytes = std::size_t{64} << 20;
constexpr std::size_t kInflatedPerFileByte = 32;
constexpr std::size_t kMaxInflatedBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxInflateRatio = 1100;  // deflate itself cannot exceed 1032

bool StartsWith(std::span<const std::byte> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

}  // namespace

std::string LowerCase(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool LooksLikeZip(std::span<const std::byte> bytes) {
  constexpr std::size_t kEndSize = 22;
  return StartsWith(bytes, "PK\3\4") || StartsWith(bytes, "PK\5\6") ||
         (bytes.size() >= kEndSize && StartsWith(bytes.last(kEndSize), "PK\5\6"));
}

Archive::Archive(Storage file, const Limits& limits) : file_(std::move(file)), limits_(limits) {}

Archive::~Archive() = default;

Result<std::unique_ptr<const Archive>> Archive::Open(std::shared_ptr<const MappedFile> file,
                                                     const Limits& limits) {
  const std::span<const std::byte> bytes = file->bytes();
  return Open(Storage{.bytes = bytes, .owner = std::move(file)}, limits);
}

Result<std::unique_ptr<const Archive>> Archive::Open(Storage file, const Limits& limits) {
  std::unique_ptr<Archive> archive(new Archive(std::move(file), limits));
  OCTAVO_TRY(archive->ReadDirectory());
  return std::unique_ptr<const Archive>(std::move(archive));
}

Status Archive::ReadDirectory() {
  directory_ = OCTAVO_TRY(archive::ReadDirectory(file_.bytes, limits_));
  const std::vector<Entry>& records = directory_.entries;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto [found, added] = index_.try_emplace(LowerCase(records[i].name), Found{.index = i});
    if (added) continue;
    if (records[found->second.index].name == records[i].name) {
      return RecordError(records[i].name, "the record occurs twice in the archive");
    }
    found->second.twice = true;
  }
  FindRoot();
  return {};
}

void Archive::FindRoot() {
  const auto folder = [](const Entry& record) { return record.name.substr(0, record.name.find('/') + 1); };
  root_ = folder(directory_.entries.front());
  if (!root_.empty() && (Has("version") || Has(".data/version"))) return;
  // PyTorch reads no such file.  Other programs may have put folders of their own in front of the model's.
  std::string only;
  for (const Entry& record : directory_.entries) {
    const std::string root = folder(record);
    if (root.empty() || std::string_view(record.name).substr(root.size()) != "data.pkl") continue;
    if (!only.empty()) return;
    only = root;
  }
  if (!only.empty()) root_ = only;
}

const Archive::Found* Archive::Find(std::string_view name) const {
  const auto found = index_.find(LowerCase(root_) + LowerCase(name));
  return found == index_.end() ? nullptr : &found->second;
}

Status Archive::CheckReadable(const Found& found) const {
  const Entry& record = directory_.entries[found.index];
  if (found.twice) {
    return RecordError(
        record.name,
        "two records have this name, in other cases of letters, which PyTorch does not tell apart",
        "Save the model again with torch.jit.save, under class names that differ in more than case.");
  }
  if (record.encrypted()) {
    return RecordError(record.name, "the record is encrypted", "Save the model without encryption.");
  }
  if (record.patch()) {
    return RecordError(record.name, "the record is a patch of another file, which PyTorch does not read",
                       "Save the model again with torch.jit.save.");
  }
  if (record.folder && record.size != 0) {
    return RecordError(record.name, "the record is marked as a folder, so PyTorch reads nothing from it",
                       "Save the model again with torch.jit.save.");
  }
  if (record.method != 0 && !record.deflated()) {
    return RecordError(
        record.name,
        fmt::format("the record is compressed with method {}; only stored (0) and deflated (8) "
                    "records can be read",
                    record.method),
        "Save the model again with torch.jit.save.");
  }
  return {};
}

bool Archive::HasUnder(std::string_view prefix) const {
  const std::string lower = LowerCase(root_) + LowerCase(prefix);
  const auto found = index_.lower_bound(lower);
  return found != index_.end() && found->first.starts_with(lower);
}

std::vector<std::string_view> Archive::names() const {
  std::vector<std::string_view> names;
  names.reserve(directory_.entries.size());
  for (const Entry& record : directory_.entries) names.emplace_back(record.name);
  return names;
}

Status Archive::ChargeInflated(const Entry& record) const {
  const std::size_t limit =
      limits_.max_inflated_bytes != 0
          ? limits_.max_inflated_bytes
          : std::min(kMaxInflatedBytes, kInflatedBytes + kInflatedPerFileByte * file_bytes());
  if (record.size > limit - inflated_bytes_) {
    return RecordError(record.name,
                       fmt::format("the compressed records become more than {} bytes when unpacked", limit),
                       "Save the model again with torch.jit.save, which stores tensors uncompressed. " +
                           LimitHint("inflated"));
  }
  inflated_bytes_ += static_cast<std::size_t>(record.size);
  return {};
}

Result<Storage> Archive::Inflate(const Entry& record, std::span<const std::byte> compressed) const {
  if (record.size / kMaxInflateRatio > record.compressed_size) {
    return RecordError(record.name,
                       fmt::format("the record claims {} bytes from {} compressed ones, more than "
                                   "deflate can make",
                                   record.size, record.compressed_size));
  }
  auto buffer = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(record.size));
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  std::size_t used = 0, made = 0;
  const libdeflate_result result = libdeflate_deflate_decompress_ex(
      decompressor.get(), compressed.data(), compressed.size(), buffer->data(), buffer->size(), &used, &made);
  if (result != LIBDEFLATE_SUCCESS || made != buffer->size() || used != compressed.size()) {
    return RecordError(record.name, fmt::format("the record does not unpack to the {} bytes that the zip "
                                                "directory states",
                                                record.size));
  }
  return Storage{.bytes = *buffer, .owner = buffer};
}

Result<Storage> Archive::Unpack(const Entry& record) const {
  const std::span<const std::byte> raw = OCTAVO_TRY(LocateRecord(file_.bytes, record));
  if (record.deflated()) return Inflate(record, raw);
  return Storage{.bytes = raw, .owner = file_.owner};
}

Result<Storage> Archive::Read(std::string_view name) const {
  const Found* found = Find(name);
  if (found == nullptr) {
    return RecordError(fmt::format("{}{}", root_, name), "the record is missing from the archive");
  }
  OCTAVO_TRY(CheckReadable(*found));
  const Entry& record = directory_.entries[found->index];
  if (record.deflated()) OCTAVO_TRY(ChargeInflated(record));
  Storage storage = OCTAVO_TRY(Unpack(record));
  if (record.lacks_checksum()) return storage;
  const std::uint32_t crc = libdeflate_crc32(0, storage.bytes.data(), storage.bytes.size());
  if (crc != record.crc) {
    return RecordError(record.name,
                       fmt::format("the record has the checksum {:08x}, but the zip directory states {:08x}",
                                   crc, record.crc));
  }
  return storage;
}

std::optional<Storage> Archive::ReadOptional(std::string_view name, std::size_t max_bytes) const {
  const Found* found = Find(name);
  if (found == nullptr || directory_.entries[found->index].size > max_bytes || !CheckReadable(*found)) {
    return std::nullopt;
  }
  const Entry& record = directory_.entries[found->index];
  Result<Storage> storage = Unpack(record);
  if (!storage) return std::nullopt;
  const std::uint32_t crc = libdeflate_crc32(0, storage->bytes.data(), storage->bytes.size());
  if (crc != record.crc && !record.lacks_checksum()) return std::nullopt;
  return std::move(*storage);
}

std::vector<std::string_view> Archive::WithoutChecksum() const {
  std::vector<std::string_view> names;
  for (const Entry& record : directory_.entries) {
    if (record.lacks_checksum()) names.emplace_back(record.name);
  }
  return names;
}

bool Archive::LacksChecksum(std::string_view name) const {
  const Found* found = Find(name);
  return found != nullptr && directory_.entries[found->index].lacks_checksum();
}

Result<std::string> Archive::ReadText(std::string_view name) const {
  const Storage storage = OCTAVO_TRY(Read(name));
  return std::string(reinterpret_cast<const char*>(storage.bytes.data()), storage.bytes.size());
}

}  // namespace octavo::archive
