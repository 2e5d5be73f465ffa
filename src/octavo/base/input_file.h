#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "octavo/base/descriptor.h"
#include "octavo/base/file_id.h"
#include "octavo/result.h"

namespace octavo {

// A regular file that is open for reading.
struct InputFile {
  Descriptor descriptor;
  std::filesystem::path path;  // for messages
  FileId id;
  std::uint64_t size = 0;
  std::int64_t changed_seconds = 0, changed_nanoseconds = 0;  // when its content last changed

  // Errors: kIo for what is no regular file (which is not opened, so that nothing waits for a pipe's writer
  // and no device notices) and for a file that cannot be read.
  static Result<InputFile> Open(const std::filesystem::path& path);
  // The file `location` of one of the folders, the first that has it; it may be a link, which may lead to a
  // file below any of the folders and nowhere else.  What is checked is the file that was opened, so that no
  // change to the links in between matters.  Errors: kInvalidFile for a file outside; kIo.
  static Result<InputFile> OpenBelow(const std::vector<std::filesystem::path>& folders,
                                     const std::filesystem::path& location);

  // The bytes from `offset` on; fewer at the end of the file.  Errors: kIo.
  Result<std::size_t> ReadAt(std::uint64_t offset, std::byte* to, std::size_t count) const;
  // Errors: kIo if the file is not what it was when it was opened.
  Status CheckUnchanged() const;
};

}  // namespace octavo
