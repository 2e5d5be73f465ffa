#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/descriptor.h"
#include "octavo/base/file_id.h"
#include "octavo/base/on_signal.h"
#include "octavo/result.h"

namespace octavo {

struct OutputOptions {
  FileIds inputs = {};         // files that are read, and must not be replaced
  bool replaces_link = false;  // a symbolic link of that name is replaced itself, not its target
  unsigned mode = 0;           // permissions if no file is replaced; 0: those of a new file
};

// A file that appears under its name only when Commit() is called, whole; until then, and after a failure or
// a kill, nothing of it is to be seen.  An existing file is replaced then and keeps its permissions; a
// symbolic link stays and its target is replaced.  What is written to /dev/null is dropped; other devices and
// pipes are refused.
class OutputFile {
 public:
  // Errors: kUsage where a file that is read would be replaced; kIo, with a hint, where the folder is missing
  // or cannot be written to, or the name is not one of a regular file.
  static Result<std::unique_ptr<OutputFile>> Create(const std::filesystem::path& path,
                                                    OutputOptions options = {});
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
  // Commit, which Revoke can undo until the object is destroyed or Keep is called: what was there before
  // comes back.  False: it could not be brought back.
  Status CommitRevocably();
  bool Revoke();
  void Keep();
  // Several files, all or none.  Errors: kIo; the files from before are kept.
  static Status CommitAll(std::span<const std::unique_ptr<OutputFile>> files);

  // The name beside the target that the file has for a moment when it replaces another.  For a folder that is
  // locked: a file of that name is what a killed program left, and is removed.
  void SetTemporaryName(const std::filesystem::path& name) { moment_ = name; }

  // Finish, and another name for the same file, which must be free: a hard link, or a copy where there are
  // none.
  Status AddName(const std::filesystem::path& name);

  bool regular() const { return regular_; }
  // The name with symbolic links resolved.
  const std::filesystem::path& target() const { return target_; }
  // The permissions of the file that is replaced; 0: none is.
  unsigned mode() const { return mode_; }

 private:
  OutputFile() = default;
  Status OpenTemporary(unsigned mode);
  Status Flush(std::span<const std::byte> more);
  Status CopyTo(const std::filesystem::path& name);
  // The file under a temporary name beside its target.
  Status NameTemporarily();
  std::filesystem::path MomentaryName() const;
  Status Replace(bool revocably);
  Error Failure(int error_number) const;

  std::filesystem::path path_;       // as given, for messages
  std::filesystem::path target_;     // symbolic links resolved
  std::filesystem::path temporary_;  // in the target's folder; empty while the file has no name at all
  std::filesystem::path replaced_;   // what was there before, after CommitRevocably
  std::filesystem::path moment_;     // see SetTemporaryName
  std::unique_ptr<OnSignal> on_signal_;
  Descriptor file_;
  unsigned mode_ = 0;
  bool regular_ = true;
  bool finished_ = false, committed_ = false, created_ = false;
  std::uint64_t size_ = 0;
  std::string buffer_;
};

}  // namespace octavo
