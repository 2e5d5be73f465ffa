#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "octavo/result.h"

namespace octavo {

// A file's bytes, mapped read-only for as long as the object lives.
class MappedFile {
 public:
  // Errors: kIo if it cannot be opened, is no regular file, or cannot be mapped.  An empty file is mapped as
  // no bytes.
  static Result<std::shared_ptr<const MappedFile>> Open(const std::filesystem::path& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace octavo
