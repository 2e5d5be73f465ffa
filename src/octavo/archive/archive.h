#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/archive/directory.h"
#include "octavo/base/limits.h"
#include "octavo/base/mapped_file.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::archive {

// The records of a zip file as PyTorch writes them: all in one root folder of any name, stored or deflated.
// Names are looked up as PyTorch's reader does, docs/security.md says where readers may differ.
// docs/torchscript_archive.md describes the format.  One thread at a time.
class Archive {
 public:
  // Reads the directory.  Errors (kInvalidFile): the directory is missing or broken, a record occurs twice,
  // or the records claim more than the file has or Limits allow.
  static Result<std::unique_ptr<const Archive>> Open(std::shared_ptr<const MappedFile> file,
                                                     const Limits& limits);
  // The same of an archive that is a record of another one.
  static Result<std::unique_ptr<const Archive>> Open(Storage bytes, const Limits& limits);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // The first record's folder with the slash behind it; PyTorch looks for nothing in other folders.  Where it
  // reads nothing, because there is no version in that folder: the only folder with a data.pkl.
  const std::string& root() const { return root_; }
  // Names are those without the root folder: "data.pkl", "code/__torch__/net.py".
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // Is there a record whose name begins with `prefix`?
  bool HasUnder(std::string_view prefix) const;
  // Every record of the file with its root folder, in the order of the directory.
  std::vector<std::string_view> names() const;

  // The record's bytes, with size and checksum verified.  An error if two records answer to the name.  A
  // stored record is a view of the mapped file, a deflated one a new buffer.  An error names the record.  A
  // checksum of 0 stands for none: PyTorch writes it where it was told not to compute one, or where it had no
  // bytes to write.
  Result<Storage> Read(std::string_view name) const;
  // A record that the model can be read without; nullopt: it is not there, damaged, or larger than
  // `max_bytes`.  Its bytes do not count among those that deflated records may become.
  std::optional<Storage> ReadOptional(std::string_view name, std::size_t max_bytes) const;
  // The same as text.
  Result<std::string> ReadText(std::string_view name) const;

  // Records that have bytes and no checksum, as they are called in the directory.
  std::vector<std::string_view> WithoutChecksum() const;
  bool LacksChecksum(std::string_view name) const;

  const Directory& directory() const { return directory_; }
  std::span<const std::byte> bytes() const { return file_.bytes; }
  std::size_t file_bytes() const { return file_.bytes.size(); }

 private:
  struct Found {
    std::size_t index = 0;  // in directory_
    bool twice = false;     // another record's name differs in case only
  };

  Archive(Storage file, const Limits& limits);
  Status ReadDirectory();
  void FindRoot();
  // The record under `name` and the root folder; null: there is none.
  const Found* Find(std::string_view name) const;
  // Why the record cannot be read, although it is there.
  Status CheckReadable(const Found& found) const;
  // The record's bytes, unpacked; the checksum is not compared.
  Result<Storage> Unpack(const Entry& record) const;
  Result<Storage> Inflate(const Entry& record, std::span<const std::byte> compressed) const;
  // Takes the record's bytes from what deflated records may become.
  Status ChargeInflated(const Entry& record) const;

  Storage file_;
  Limits limits_;
  Directory directory_;
  std::string root_;
  // By name in lower case: PyTorch's reader does not tell the case of ASCII letters apart.
  std::map<std::string, Found, std::less<>> index_;
  mutable std::size_t inflated_bytes_ = 0;
};

// As PyTorch's reader compares names: ASCII letters only.
std::string LowerCase(std::string_view name);

// Does the file begin or end as a zip does?  True for a truncated one, too.
bool LooksLikeZip(std::span<const std::byte> bytes);

}  // namespace octavo::archive
