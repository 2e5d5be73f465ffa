#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/result.h"

namespace octavo::archive {

// A record as the zip directory states it.
struct Entry {
  std::string name;  // with its folders
  std::uint64_t header_offset = 0;
  std::uint64_t compressed_size = 0, size = 0;
  std::uint32_t crc = 0;
  std::uint16_t flags = 0, method = 0;
  bool folder = false;  // an entry for a folder: PyTorch reads no bytes of it, whatever it states

  bool deflated() const { return method == 8; }
  bool lacks_checksum() const { return crc == 0 && size != 0; }
  // Encrypted, a patch, or strongly encrypted: no reader of PyTorch's takes it.
  bool encrypted() const { return (flags & 0x0041u) != 0; }
  bool patch() const { return (flags & 0x0020u) != 0; }
};

struct Directory {
  std::vector<Entry> entries;        // in the directory's order
  std::uint64_t begin = 0, end = 0;  // the directory's own bytes
  std::uint64_t end_record = 0;      // where the record behind it begins
};

// Reads the zip directory as PyTorch's reader (miniz) does: the last end record of the file counts, and every
// offset counts from the file's first byte.  Readers that look elsewhere see another archive in a file with
// two directories.  Errors (kInvalidFile): the directory is missing or broken.
Result<Directory> ReadDirectory(std::span<const std::byte> file, const Limits& limits);

// The bytes of a record, as they are in the file.  An error where the record's own header contradicts the
// directory.
Result<std::span<const std::byte>> LocateRecord(std::span<const std::byte> file, const Entry& entry);

// "the record's ..." at a record.
Error RecordError(std::string_view name, std::string what, std::string_view hint = {});

}  // namespace octavo::archive
