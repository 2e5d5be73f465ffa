#include "octavo/archive/directory.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "octavo/base/byte_reader.h"

namespace octavo::archive {
namespace {

constexpr std::string_view kDamaged = "Copy or save the file again: it is damaged.";
constexpr std::size_t kEndSize = 22, kMaxComment = 65535;
constexpr std::size_t kEntrySize = 46, kHeaderSize = 30;
constexpr std::uint32_t kInZip64 = 0xffffffffu;  // the number stands in the zip64 field

using Bytes = std::span<const std::byte>;

std::string_view Text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// `offset + size` must be inside.
template <typename T>
T Number(Bytes bytes, std::size_t offset) {
  T value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

bool HasSignature(Bytes bytes, std::uint64_t offset, std::string_view signature) {
  return offset <= bytes.size() &&
         Text(bytes.subspan(static_cast<std::size_t>(offset))).starts_with(signature);
}

Error Broken(std::string what) { return InvalidFile(std::move(what), std::string(kDamaged)); }

Error NoDirectory() {
  return InvalidFile("the zip directory at the end of the file is missing or broken",
                     "Copy or save the file again: it is not a zip archive, or it is truncated.");
}

// What the records at the end of the file say of the directory.
struct End {
  std::uint64_t position = 0;
  std::uint64_t count = 0, size = 0, offset = 0;
};

std::optional<std::size_t> FindEnd(Bytes file) {
  const std::string_view text = Text(file);
  if (text.size() < kEndSize) return std::nullopt;
  const std::size_t at = text.rfind("PK\5\6", text.size() - kEndSize);
  if (at == std::string_view::npos || text.size() - at > kEndSize + kMaxComment) return std::nullopt;
  return at;
}

// A large archive has its numbers in another record, which a locator before the end record points at.
Status ReadZip64End(Bytes file, End& end) {
  constexpr std::size_t kLocatorSize = 20, kRecordSize = 56;
  if (end.position < kLocatorSize + kRecordSize) return {};
  const auto locator = static_cast<std::size_t>(end.position) - kLocatorSize;
  if (!HasSignature(file, locator, "PK\6\7")) return {};
  const auto record = Number<std::uint64_t>(file, locator + 8);
  if (record > locator || locator - record < kRecordSize) return NoDirectory();
  if (!HasSignature(file, record, "PK\6\6")) return {};
  const Bytes bytes = file.subspan(static_cast<std::size_t>(record), kRecordSize);
  const End large = {.position = end.position,
                     .count = Number<std::uint64_t>(bytes, 32),
                     .size = Number<std::uint64_t>(bytes, 40),
                     .offset = Number<std::uint64_t>(bytes, 48)};
  const auto agrees = [](std::uint64_t small, std::uint64_t sentinel, std::uint64_t number) {
    return small == sentinel || small == number;
  };
  if (Number<std::uint64_t>(bytes, 24) != large.count || !agrees(end.count, 0xffff, large.count) ||
      !agrees(end.size, kInZip64, large.size) || !agrees(end.offset, kInZip64, large.offset)) {
    return Broken("the two records at the end of the zip archive contradict each other");
  }
  end = large;
  return {};
}

Result<End> ReadEnd(Bytes file) {
  const std::optional<std::size_t> at = FindEnd(file);
  if (!at) return NoDirectory();
  const Bytes bytes = file.subspan(*at, kEndSize);
  End end = {.position = *at,
             .count = Number<std::uint16_t>(bytes, 10),
             .size = Number<std::uint32_t>(bytes, 12),
             .offset = Number<std::uint32_t>(bytes, 16)};
  const auto disk = Number<std::uint16_t>(bytes, 4), first_disk = Number<std::uint16_t>(bytes, 6);
  if (Number<std::uint16_t>(bytes, 8) != end.count || disk != 0 || first_disk != 0) {
    return InvalidFile("this is one part of a zip archive in several files", "Join its parts first.");
  }
  OCTAVO_TRY(ReadZip64End(file, end));
  if (end.offset > file.size() || end.size > file.size() - end.offset) return NoDirectory();
  return end;
}

// Sizes and offset of an archive with records of more than 4 GB: in the extra field 1, those that the entry
// leaves out, in this order.
bool ReadZip64Field(std::string_view extra, Entry& entry) {
  std::uint64_t* const numbers[] = {&entry.size, &entry.compressed_size, &entry.header_offset};
  if (std::none_of(std::begin(numbers), std::end(numbers), [](const auto* n) { return *n == kInZip64; })) {
    return true;
  }
  ByteReader fields(std::as_bytes(std::span(extra)));
  std::uint16_t id = 0, length = 0;
  while (fields.Read(id) && fields.Read(length)) {
    std::string_view content;
    if (!fields.ReadBytes(length, content)) return false;
    if (id != 1) continue;
    ByteReader field(std::as_bytes(std::span(content)));
    return std::all_of(std::begin(numbers), std::end(numbers),
                       [&field](std::uint64_t* n) { return *n != kInZip64 || field.Read(*n); });
  }
  return false;
}

// The entry that `rest` begins with, which is taken from it.
std::optional<Entry> ReadEntry(Bytes& rest) {
  if (rest.size() < kEntrySize || !HasSignature(rest, 0, "PK\1\2")) return std::nullopt;
  const auto name = Number<std::uint16_t>(rest, 28), extra = Number<std::uint16_t>(rest, 30),
             comment = Number<std::uint16_t>(rest, 32);
  const std::size_t length = kEntrySize + name + extra + comment;
  const auto disk = Number<std::uint16_t>(rest, 34);
  if (rest.size() < length || disk != 0) return std::nullopt;
  Entry entry;
  entry.flags = Number<std::uint16_t>(rest, 8);
  entry.method = Number<std::uint16_t>(rest, 10);
  entry.crc = Number<std::uint32_t>(rest, 16);
  entry.compressed_size = Number<std::uint32_t>(rest, 20);
  entry.size = Number<std::uint32_t>(rest, 24);
  entry.header_offset = Number<std::uint32_t>(rest, 42);
  entry.name = Text(rest.subspan(kEntrySize, name));
  // MS-DOS's bit for a folder, whatever system the file is said to be from.
  entry.folder = entry.name.ends_with('/') || (Number<std::uint32_t>(rest, 38) & 0x10u) != 0;
  if (!ReadZip64Field(Text(rest.subspan(kEntrySize + name, extra)), entry)) return std::nullopt;
  rest = rest.subspan(length);
  return entry;
}

Status CheckEntry(const Entry& entry, std::size_t number, std::uint64_t file_bytes, std::uint64_t& total) {
  if (entry.name.empty() || entry.name.find('\0') != std::string::npos) {
    return Broken(fmt::format("record {} of the zip directory has no valid name", number));
  }
  if ((entry.flags & 0x2000u) != 0) {
    return RecordError(entry.name, "the record is encrypted", "Save the model without encryption.");
  }
  if (entry.method == 0 && entry.size != entry.compressed_size) {
    return RecordError(entry.name,
                       fmt::format("the record is stored, but the zip directory gives it two sizes, "
                                   "{} and {} bytes",
                                   entry.compressed_size, entry.size));
  }
  if (entry.compressed_size > file_bytes || (total += entry.compressed_size) > file_bytes) {
    return RecordError(
        entry.name,
        fmt::format("the records up to this one claim more bytes than the file has ({})", file_bytes));
  }
  return {};
}

}  // namespace

Error RecordError(std::string_view name, std::string what, std::string_view hint) {
  return InvalidFile(std::move(what), std::string(hint.empty() ? kDamaged : hint))
      .SetWhere(fmt::format("record {}", name));
}

Result<Directory> ReadDirectory(Bytes file, const Limits& limits) {
  const End end = OCTAVO_TRY(ReadEnd(file));
  if (end.count > limits.max_records) {
    return InvalidFile(
        fmt::format("the archive has {} records, more than the limit of {}", end.count, limits.max_records),
        LimitHint("records"));
  }
  if (end.count > file.size() / (kEntrySize + kHeaderSize)) {
    return Broken(fmt::format("the zip directory claims {} records, more than a file of {} bytes can have",
                              end.count, file.size()));
  }
  if (end.count == 0) return Broken("the archive is empty");
  Directory directory = {
      .entries = {}, .begin = end.offset, .end = end.offset + end.size, .end_record = end.position};
  const auto count = static_cast<std::size_t>(end.count);
  directory.entries.reserve(count);
  Bytes rest = file.subspan(static_cast<std::size_t>(end.offset), static_cast<std::size_t>(end.size));
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<Entry> entry = ReadEntry(rest);
    if (!entry)
      return Broken(fmt::format("the zip directory is broken at its record {} of {}", i + 1, count));
    OCTAVO_TRY(CheckEntry(*entry, i + 1, file.size(), total));
    directory.entries.push_back(std::move(*entry));
  }
  return directory;
}

Result<Bytes> LocateRecord(Bytes file, const Entry& entry) {
  const auto differs = [&entry] {
    return RecordError(entry.name, "the record's header is missing or differs from the zip directory");
  };
  if (entry.header_offset > file.size() || file.size() - entry.header_offset < kHeaderSize ||
      !HasSignature(file, entry.header_offset, "PK\3\4")) {
    return differs();
  }
  const Bytes header = file.subspan(static_cast<std::size_t>(entry.header_offset));
  const auto flags = Number<std::uint16_t>(header, 6);
  const auto name = Number<std::uint16_t>(header, 26), extra = Number<std::uint16_t>(header, 28);
  const std::uint64_t begin = std::uint64_t{kHeaderSize} + name + extra;
  if (begin > header.size() || Text(header.subspan(kHeaderSize, name)) != entry.name ||
      Number<std::uint16_t>(header, 8) != entry.method) {
    return differs();
  }
  // With bit 3, a data descriptor behind the bytes has the numbers, and zeros may stand for them here.
  const bool described = (flags & 8u) != 0;
  const auto agrees = [described](std::uint32_t stated, std::uint64_t number) {
    return stated == number || stated == kInZip64 || (described && stated == 0);
  };
  const auto crc = Number<std::uint32_t>(header, 14);
  if ((crc != entry.crc && !(described && crc == 0)) ||
      !agrees(Number<std::uint32_t>(header, 18), entry.compressed_size) ||
      !agrees(Number<std::uint32_t>(header, 22), entry.size)) {
    return differs();
  }
  if (entry.compressed_size > header.size() - begin) {
    const std::uint64_t at = entry.header_offset + begin;
    return RecordError(entry.name, fmt::format("the record claims bytes {} to {} of a file of {} bytes", at,
                                               at + entry.compressed_size, file.size()));
  }
  return header.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(entry.compressed_size));
}

}  // namespace octavo::archive
