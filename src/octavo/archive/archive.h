#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
  // deflated one a new buffer.  An error names the record.
  Result<Storage> Read(std::string_view name) const;
  // The same as text.
  Result<std::string> ReadText(std::string_view name) const;

  std::size_t file_bytes() const { return file_->bytes().size(); }

 private:
  struct Record {
    std::string name;  // with the root folder
    std::uint64_t directory_position = 0, directory_index = 0;
    std::uint64_t compressed_size = 0, size = 0;
    std::uint32_t crc = 0;
    bool deflated = false;
  };
  class Directory;

  Archive(std::shared_ptr<const MappedFile> file, const Limits& limits);
  Status ReadDirectory();
  void FindRoot();
  Result<std::span<const std::byte>> Locate(const Record& record) const;
  Result<Storage> Inflate(const Record& record, std::span<const std::byte> compressed) const;

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
