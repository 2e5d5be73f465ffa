#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/base/mapped_file.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::archive {

// The records of a zip file as PyTorch writes them: all in one root folder of any name, stored or deflated.
// docs/torchscript_archive.md describes the format.  One thread at a time.
class Archive {
 public:
  // Reads the directory.  Errors (kInvalidFile): the directory is missing or broken, a record occurs twice,
  // is encrypted, compressed in another way than deflate, or lies outside the file; more than Limits allow.
  static Result<std::unique_ptr<const Archive>> Open(std::shared_ptr<const MappedFile> file,
                                                     const Limits& limits);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // The root folder's name with the slash behind it; empty if the records have none in common.
  const std::string& root() const { return root_; }
  // Names are those without the root folder: "data.pkl", "code/__torch__/net.py".
  bool Has(std::string_view name) const { return index_.contains(name); }
  // Is there a record whose name begins with `prefix`?
  bool HasUnder(std::string_view prefix) const;
  // Every record of the file with its root folder, in the order of the directory.
  std::vector<std::string_view> names() const;

  // The record's bytes, with size and checksum verified.  A stored record is a view of the mapped file, a
  // deflated one a new buffer.  An error names the record.  A checksum of 0 stands for none: PyTorch writes
  // it where it was told not to compute one, or where it had no bytes to write.
  Result<Storage> Read(std::string_view name) const;
  // A record that the model can be read without; nullopt: it is not there, damaged, or larger than
  // `max_bytes`.  Its bytes do not count among those that deflated records may become.
  std::optional<Storage> ReadOptional(std::string_view name, std::size_t max_bytes) const;
  // The same as text.
  Result<std::string> ReadText(std::string_view name) const;

  // Records that have bytes and no checksum, as they are called in the directory.
  std::vector<std::string_view> WithoutChecksum() const;
  bool LacksChecksum(std::string_view name) const;

  std::size_t file_bytes() const { return file_->bytes().size(); }

 private:
  struct Record {
    std::string name;  // with the root folder
    std::uint64_t directory_position = 0, directory_index = 0;
    std::uint64_t compressed_size = 0, size = 0;
    std::uint32_t crc = 0;
    bool deflated = false;
    bool lacks_checksum() const { return crc == 0 && size != 0; }
  };
  class Directory;

  Archive(std::shared_ptr<const MappedFile> file, const Limits& limits);
  Status ReadDirectory();
  void FindRoot();
  // The record's bytes, unpacked; the checksum is not compared.
  Result<Storage> Unpack(const Record& record) const;
  Result<std::span<const std::byte>> Locate(const Record& record) const;
  Result<Storage> Inflate(const Record& record, std::span<const std::byte> compressed) const;
  // Takes the record's bytes from what deflated records may become.
  Status ChargeInflated(const Record& record) const;

  std::shared_ptr<const MappedFile> file_;
  Limits limits_;
  std::unique_ptr<Directory> directory_;
  std::vector<Record> records_;
  std::string root_;
  std::unordered_map<std::string_view, std::size_t> index_;  // names without root, views of records_
  mutable std::size_t inflated_bytes_ = 0;
};

// Does the file begin or end as a zip does?  True for a truncated one, too.
bool LooksLikeZip(std::span<const std::byte> bytes);

}  // namespace octavo::archive
