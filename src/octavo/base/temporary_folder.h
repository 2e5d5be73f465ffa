#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "octavo/base/on_signal.h"
#include "octavo/result.h"

namespace octavo {

// A new folder that only this user may enter.  It disappears with the object, and if the program is ended by
// SIGINT, SIGTERM or SIGHUP.
class TemporaryFolder {
 public:
  // In TMPDIR, or /tmp.  Errors: kIo.
  static Result<std::unique_ptr<TemporaryFolder>> Create();
  // Where the folder `path` will be: inside it if it exists (it must be empty), else beside it.  Errors: kIo.
  static Result<std::unique_ptr<TemporaryFolder>> CreateFor(const std::filesystem::path& path);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  // Absolute.
  const std::filesystem::path& path() const { return path_; }
  // Of CreateFor: what is inside appears in the folder `path`, which has the permissions of a new folder if
  // it did not exist.  Errors: kIo; nothing has appeared.
  Status Commit();
  // Of CreateFor: the error with the folder's own name for the temporary one.
  Error Named(const Error& error) const;

 private:
  explicit TemporaryFolder(const std::filesystem::path& pattern);
  Status Move();
  Status MoveUp(const std::vector<std::filesystem::path>& names);

  std::filesystem::path path_;
  std::filesystem::path target_, given_;  // of CreateFor
  std::unique_ptr<OnSignal> on_signal_;
};

// The folders that a path needs above its last part: those that are not there are made, and go again with
// the object.
class NewFolders {
 public:
  // Errors: kIo.
  static Result<NewFolders> CreateFor(const std::filesystem::path& path);
  ~NewFolders();
  NewFolders(NewFolders&&) noexcept;
  NewFolders& operator=(NewFolders&&) = delete;

  void Keep();

 private:
  struct Made;
  explicit NewFolders(std::unique_ptr<Made> made);
  std::unique_ptr<Made> made_;
};

}  // namespace octavo
