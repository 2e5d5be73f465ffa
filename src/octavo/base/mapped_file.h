#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "octavo/base/descriptor.h"
#include "octavo/base/file_id.h"
#include "octavo/base/input_file.h"
#include "octavo/result.h"

namespace octavo {

// A file's bytes, as they were when it was opened, for as long as the object lives.
//
// Another program may shorten a file at any time, and a page of a mapped file that is gone ends the program
// (SIGBUS).  So the bytes are read into memory.  Only where that would cost, a file that is needed briefly is
// mapped: under a lease of the system's (F_SETLEASE), which makes others wait that want to write to it.  A
// file that does not fit into half of the free memory is mapped without one.
class MappedFile {
 public:
  enum class Needed {
    kBriefly,  // a second or so: others may have to wait
    kLong,
  };
  // Errors: kIo if it cannot be read, is no regular file, or changes while it is read; kUnsupported if there
  // is no memory for it.
  static Result<std::shared_ptr<const MappedFile>> Open(const std::filesystem::path& path,
                                                        Needed needed = Needed::kLong);
  static Result<std::shared_ptr<const MappedFile>> Open(InputFile file, Needed needed);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  FileId id() const { return id_; }

 private:
  MappedFile() = default;
  Status Read(const InputFile& file);
  bool Map(InputFile& file);

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  void* mapping_ = nullptr;  // of mapping_size_ bytes; nullptr: none
  std::size_t mapping_size_ = 0;
  std::unique_ptr<std::byte[]> small_;
  Descriptor lease_;
  FileId id_;
};

}  // namespace octavo
