#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "octavo/result.h"

namespace octavo {

// A file that appears under its name only when Commit() is called, whole; until then, and after a failure or
// a kill, nothing of it is to be seen.  An existing file is replaced then and keeps its permissions; a
// symbolic link stays and its target is replaced.  A device or a pipe is written to directly.
class OutputFile {
 public:
  // Errors: kIo, with a hint, where the folder is missing or cannot be written to.
  static Result<std::unique_ptr<OutputFile>> Create(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Small writes are gathered, large ones go to the system as they are.  Errors: kIo (disk full ...).
  Status Write(std::span<const std::byte> bytes);
  Status Write(std::string_view bytes) { return Write(std::as_bytes(std::span(bytes))); }
  // Zero bytes up to a multiple of `alignment`.
  Status PadTo(std::uint64_t alignment);
  // Bytes written so far.
  std::uint64_t size() const { return size_; }

  // All that was written reaches the system; the next Commit can hardly fail.
  Status Finish();
  // Finish, and the file appears.
  Status Commit();
  // Removes what Commit made.  For the first of two files that belong together, when the second fails.
  void Revoke();

  bool regular() const { return regular_; }

 private:
  OutputFile() = default;
  Status OpenTemporary();
  Status Flush(std::span<const std::byte> more);
  Error Failure(int error_number) const;

  std::filesystem::path path_;       // as given, for messages
  std::filesystem::path target_;     // symbolic links resolved
  std::filesystem::path temporary_;  // in the target's folder; empty while the file has no name at all
  int file_ = -1;
  unsigned mode_ = 0;  // permissions of the file that is replaced; 0: there is none
  bool regular_ = true;
  bool finished_ = false, committed_ = false;
  std::uint64_t size_ = 0;
  std::string buffer_;
};

}  // namespace octavo
