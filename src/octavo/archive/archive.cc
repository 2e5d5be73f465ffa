#include "octavo/archive/archive.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <libdeflate.h>
#include <minizip/unzip.h>

namespace octavo::archive {

// minizip reads the mapped file through this and the functions below.
struct MemoryFile {
  std::span<const std::byte> bytes;
  std::size_t position = 0;
};

namespace {

voidpf OpenMemory(voidpf opaque, const void* /*name*/, int /*mode*/) { return opaque; }

uLong ReadMemory(voidpf opaque, voidpf /*stream*/, void* buffer, uLong size) {
  auto& file = *static_cast<MemoryFile*>(opaque);
  const std::size_t count = std::min<std::size_t>(size, file.bytes.size() - file.position);
  if (count == 0) return 0;
  std::memcpy(buffer, file.bytes.data() + file.position, count);
  file.position += count;
  return count;
}

ZPOS64_T TellMemory(voidpf opaque, voidpf /*stream*/) { return static_cast<MemoryFile*>(opaque)->position; }

long SeekMemory(voidpf opaque, voidpf /*stream*/, ZPOS64_T offset, int origin) {
  auto& file = *static_cast<MemoryFile*>(opaque);
  std::uint64_t from = 0;
  if (origin == ZLIB_FILEFUNC_SEEK_CUR) from = file.position;
  if (origin == ZLIB_FILEFUNC_SEEK_END) from = file.bytes.size();
  const std::uint64_t target = from + offset;
  if (target < from || target > file.bytes.size()) return -1;
  file.position = static_cast<std::size_t>(target);
  return 0;
}

int CloseMemory(voidpf /*opaque*/, voidpf /*stream*/) { return 0; }
int ErrorMemory(voidpf /*opaque*/, voidpf /*stream*/) { return 0; }

constexpr std::string_view kDamaged = "Copy or save the file again: it is damaged.";

// What all deflated records of a file may become: source text shrinks to about a fifth.
constexpr std::size_t kInflatedBytes = std::size_t{64} << 20;
constexpr std::size_t kInflatedPerFileByte = 32;

Error RecordError(std::string_view name, std::string what, std::string_view hint = kDamaged) {
  return InvalidFile(std::move(what), std::string(hint)).SetWhere(fmt::format("record {}", name));
}

bool StartsWith(std::span<const std::byte> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// Is the record that ends every zip file there?  minizip is content with the copy of it that large files
// have.
bool HasEnd(std::span<const std::byte> bytes) {
  constexpr std::size_t kEndSize = 22, kMaxComment = 65535;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view tail = text.substr(text.size() - std::min(text.size(), kEndSize + kMaxComment));
  for (std::size_t at = tail.rfind("PK\5\6"); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : tail.rfind("PK\5\6", at - 1)) {
    if (tail.size() - at < kEndSize) continue;
    const std::size_t comment = static_cast<std::uint8_t>(tail[at + 20]) |
                                static_cast<std::size_t>(static_cast<std::uint8_t>(tail[at + 21])) << 8;
    if (tail.size() - at - kEndSize >= comment) return true;
  }
  return false;
}

}  // namespace

bool LooksLikeZip(std::span<const std::byte> bytes) {
  constexpr std::size_t kEndSize = 22;
  return StartsWith(bytes, "PK\3\4") || StartsWith(bytes, "PK\5\6") ||
         (bytes.size() >= kEndSize && StartsWith(bytes.last(kEndSize), "PK\5\6"));
}

// The zip file as minizip sees it.
class Archive::Directory {
 public:
  explicit Directory(std::span<const std::byte> bytes) : file_{.bytes = bytes} {
    zlib_filefunc64_def functions = {};
    functions.zopen64_file = OpenMemory;
    functions.zread_file = ReadMemory;
    functions.ztell64_file = TellMemory;
    functions.zseek64_file = SeekMemory;
    functions.zclose_file = CloseMemory;
    functions.zerror_file = ErrorMemory;
    functions.opaque = &file_;
    zip_ = unzOpen2_64("", &functions);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (zip_ != nullptr) unzClose(zip_);
  }
  unzFile zip() const { return zip_; }

 private:
  MemoryFile file_;
  unzFile zip_ = nullptr;
};

Archive::Archive(std::shared_ptr<const MappedFile> file, const Limits& limits)
    : file_(std::move(file)), limits_(limits), directory_(std::make_unique<Directory>(file_->bytes())) {}

Archive::~Archive() = default;

Result<std::unique_ptr<const Archive>> Archive::Open(std::shared_ptr<const MappedFile> file,
                                                     const Limits& limits) {
  std::unique_ptr<Archive> archive(new Archive(std::move(file), limits));
  OCTAVO_TRY(archive->ReadDirectory());
  return std::unique_ptr<const Archive>(std::move(archive));
}

Status Archive::ReadDirectory() {
  const unzFile zip = directory_->zip();
  if (zip == nullptr || !HasEnd(file_->bytes())) {
    return InvalidFile("the zip directory at the end of the file is missing or broken",
                       "Copy or save the file again: it is not a zip archive, or it is truncated.");
  }
  unz_global_info64 global = {};
  unzGetGlobalInfo64(zip, &global);
  // A directory entry has at least 46 bytes, a record's own header at least 30.
  if (global.number_entry > limits_.max_records || global.number_entry > file_bytes() / 76) {
    return InvalidFile(
        fmt::format("the zip directory claims {} records, more than a file of {} bytes can have",
                    global.number_entry, file_bytes()),
        std::string(kDamaged));
  }
  const auto count = static_cast<std::size_t>(global.number_entry);
  if (count == 0) return InvalidFile("the archive is empty", std::string(kDamaged));
  records_.reserve(count);
  std::vector<char> name(65536 + 1);
  std::uint64_t total_compressed = 0;
  int status = unzGoToFirstFile(zip);
  for (std::size_t i = 0; i < count; ++i) {
    unz_file_info64 info = {};
    if (status == UNZ_OK) {
      status = unzGetCurrentFileInfo64(zip, &info, name.data(), static_cast<uLong>(name.size() - 1), nullptr,
                                       0, nullptr, 0);
    }
    unz64_file_pos place = {};
    if (status == UNZ_OK) status = unzGetFilePos64(zip, &place);
    if (status != UNZ_OK) {
      return InvalidFile(fmt::format("the zip directory is broken at its record {} of {}", i + 1, count),
                         std::string(kDamaged));
    }
    Record record;
    record.name.assign(name.data(), std::min<std::size_t>(info.size_filename, name.size() - 1));
    record.directory_position = place.pos_in_zip_directory;
    record.directory_index = place.num_of_file;
    record.compressed_size = info.compressed_size;
    record.size = info.uncompressed_size;
    record.crc = static_cast<std::uint32_t>(info.crc);
    record.deflated = info.compression_method == Z_DEFLATED;
    if (record.name.empty() || record.name.find('\0') != std::string::npos) {
      return InvalidFile(fmt::format("record {} of the zip directory has no valid name", i + 1),
                         std::string(kDamaged));
    }
    // Bits 0, 6 and 13: encrypted, strongly encrypted, local headers masked.
    if ((info.flag & 0x2041u) != 0) {
      return RecordError(record.name, "the record is encrypted", "Save the model without encryption.");
    }
    if (info.compression_method != 0 && !record.deflated) {
      return RecordError(record.name,
                         fmt::format("the record is compressed with method {}; only stored (0) and deflated "
                                     "(8) records can be read",
                                     info.compression_method),
                         "Save the model again with torch.jit.save.");
    }
    if (!record.deflated && record.size != record.compressed_size) {
      return RecordError(record.name, fmt::format("the record is stored, but the zip directory gives it two "
                                                  "sizes, {} and {} bytes",
                                                  record.compressed_size, record.size));
    }
    if (record.compressed_size > file_bytes() ||
        (total_compressed += record.compressed_size) > file_bytes()) {
      return RecordError(
          record.name,
          fmt::format("the records up to this one claim more bytes than the file has ({})", file_bytes()));
    }
    records_.push_back(std::move(record));
    if (i + 1 < count) status = unzGoToNextFile(zip);
  }
  FindRoot();
  index_.reserve(records_.size());
  for (std::size_t i = 0; i < records_.size(); ++i) {
    std::string_view relative = records_[i].name;
    if (!relative.starts_with(root_)) continue;
    relative.remove_prefix(root_.size());
    if (relative.empty()) continue;  // the root folder's own entry
    if (!index_.emplace(relative, i).second) {
      return RecordError(records_[i].name, "the record occurs twice in the archive");
    }
  }
  return {};
}

void Archive::FindRoot() {
  // The folder that has data.pkl tells; other tools may have added folders of their own.
  for (const Record& record : records_) {
    const std::size_t slash = record.name.find('/');
    if (slash != std::string::npos && std::string_view(record.name).substr(slash + 1) == "data.pkl") {
      root_ = record.name.substr(0, slash + 1);
      return;
    }
  }
  const std::size_t slash = records_.front().name.find('/');
  if (slash == std::string::npos) return;
  const std::string first = records_.front().name.substr(0, slash + 1);
  for (const Record& record : records_) {
    if (!record.name.starts_with(first)) return;
  }
  root_ = first;
}

bool Archive::HasUnder(std::string_view prefix) const {
  for (const auto& [name, index] : index_) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

std::vector<std::string_view> Archive::names() const {
  std::vector<std::string_view> names;
  names.reserve(records_.size());
  for (const Record& record : records_) names.emplace_back(record.name);
  return names;
}

Result<std::span<const std::byte>> Archive::Locate(const Record& record) const {
  const unzFile zip = directory_->zip();
  const unz64_file_pos place = {.pos_in_zip_directory = record.directory_position,
                                .num_of_file = record.directory_index};
  int method = 0;
  // Compares the record's own header with the directory.
  if (unzGoToFilePos64(zip, &place) != UNZ_OK ||
      unzOpenCurrentFile2(zip, &method, nullptr, /*raw=*/1) != UNZ_OK) {
    return RecordError(record.name, "the record's header is missing or differs from the zip directory");
  }
  const std::uint64_t begin = unzGetCurrentFileZStreamPos64(zip);
  unzCloseCurrentFile(zip);
  const std::span<const std::byte> bytes = file_->bytes();
  if (begin > bytes.size() || record.compressed_size > bytes.size() - begin) {
    return RecordError(record.name, fmt::format("the record claims bytes {} to {} of a file of {} bytes",
                                                begin, begin + record.compressed_size, bytes.size()));
  }
  return bytes.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(record.compressed_size));
}

Status Archive::ChargeInflated(const Record& record) const {
  const std::size_t limit =
      std::min(limits_.max_inflated_bytes, kInflatedBytes + kInflatedPerFileByte * file_bytes());
  if (record.size > limit - inflated_bytes_) {
    return RecordError(record.name,
                       fmt::format("the compressed records become more than {} bytes when unpacked", limit),
                       "Save the model again with torch.jit.save, which stores tensors uncompressed.");
  }
  inflated_bytes_ += static_cast<std::size_t>(record.size);
  return {};
}

Result<Storage> Archive::Inflate(const Record& record, std::span<const std::byte> compressed) const {
  if (record.size / limits_.max_inflate_ratio > record.compressed_size) {
    return RecordError(record.name,
                       fmt::format("the record claims {} bytes from {} compressed ones, more than "
                                   "deflate can make",
                                   record.size, record.compressed_size));
  }
  auto buffer = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(record.size));
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
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

Result<Storage> Archive::Unpack(const Record& record) const {
  const std::span<const std::byte> raw = OCTAVO_TRY(Locate(record));
  if (record.deflated) return Inflate(record, raw);
  return Storage{.bytes = raw, .owner = file_};
}

Result<Storage> Archive::Read(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) {
    return InvalidFile("the record is missing from the archive", std::string(kDamaged))
        .SetWhere(fmt::format("record {}{}", root_, name));
  }
  const Record& record = records_[found->second];
  if (record.deflated) OCTAVO_TRY(ChargeInflated(record));
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
  const auto found = index_.find(name);
  if (found == index_.end() || records_[found->second].size > max_bytes) return std::nullopt;
  const Record& record = records_[found->second];
  Result<Storage> storage = Unpack(record);
  if (!storage) return std::nullopt;
  const std::uint32_t crc = libdeflate_crc32(0, storage->bytes.data(), storage->bytes.size());
  if (crc != record.crc && !record.lacks_checksum()) return std::nullopt;
  return std::move(*storage);
}

std::vector<std::string_view> Archive::WithoutChecksum() const {
  std::vector<std::string_view> names;
  for (const Record& record : records_) {
    if (record.lacks_checksum()) names.emplace_back(record.name);
  }
  return names;
}

bool Archive::LacksChecksum(std::string_view name) const {
  const auto found = index_.find(name);
  return found != index_.end() && records_[found->second].lacks_checksum();
}

Result<std::string> Archive::ReadText(std::string_view name) const {
  const Storage storage = OCTAVO_TRY(Read(name));
  return std::string(reinterpret_cast<const char*>(storage.bytes.data()), storage.bytes.size());
}

}  // namespace octavo::archive
