#include "octavo/base/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace octavo {
namespace {

namespace fs = std::filesystem;

Error FolderError(const std::string& cannot, int error_number) {
  std::string hint;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS)
    hint = "Choose another folder, or change its permissions.";
  if (error_number == ENOSPC || error_number == EDQUOT) hint = "Free some space, or choose another disk.";
  return IoError(fmt::format("{}: {}", cannot, std::generic_category().message(error_number)), hint);
}

}  // namespace

// `pattern` ends with "XXXXXX". path() is empty, and errno set, if the folder cannot be made.
TemporaryFolder::TemporaryFolder(const fs::path& pattern) {
  int error = 0;
  on_signal_ = std::make_unique<OnSignal>([&]() -> std::function<void()> {
    std::string name = pattern.string();
    const bool made = mkdtemp(name.data()) != nullptr;
    error = errno;
    try {
      if (made) path_ = name;
      return [folder = path_] {
        // The program goes on writing into it until it ends.
        constexpr int kTries = 100;
        std::error_code failed;
        for (int i = 0; i < kTries && !folder.empty() && (fs::exists(folder, failed) || failed); ++i)
          fs::remove_all(folder, failed);
      };
    } catch (...) {  // no memory
      if (made) rmdir(name.c_str());
      throw;
    }
  });
  errno = error;
}

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Create() {
  std::error_code failed;
  fs::path parent = fs::temp_directory_path(failed);
  if (!failed) parent = fs::absolute(parent, failed);
  if (failed) {
    return IoError(fmt::format("cannot find a folder for temporary files: {}", failed.message()),
                   "Set TMPDIR to a folder that can be written to.");
  }
  std::unique_ptr<TemporaryFolder> folder(new TemporaryFolder(parent / "octavo-XXXXXX"));
  if (folder->path().empty()) {
    Error error = FolderError(fmt::format("cannot create a temporary folder in {}", parent.string()), errno);
    error.SetHint("Set TMPDIR to a folder that can be written to.");
    return error;
  }
  return folder;
}

Result<std::unique_ptr<TemporaryFolder>> TemporaryFolder::CreateFor(const fs::path& path) {
  std::error_code failed;
  fs::path target = fs::absolute(path, failed).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  const std::string cannot = fmt::format("cannot create the folder {}", path.string());
  fs::path parent = target;
  const fs::file_status status = fs::status(target, failed);
  if (status.type() == fs::file_type::directory) {
    const bool empty = fs::is_empty(target, failed);
    if (failed) return FolderError(fmt::format("cannot read the folder {}", path.string()), failed.value());
    if (!empty)
      return IoError(fmt::format("the folder {} is not empty", path.string()), "Choose a new folder.");
  } else if (fs::exists(status)) {
    return IoError(fmt::format("{}: it is not a folder", path.string()), "Choose a new folder.");
  } else {
    parent = target.parent_path();
    if (!fs::is_directory(parent, failed)) {
      return IoError(fmt::format("{}: the folder {} does not exist", cannot, parent.string()),
                     fmt::format("Create it first: mkdir -p {}", parent.string()));
    }
  }
  std::unique_ptr<TemporaryFolder> folder(new TemporaryFolder(parent / ".octavo-XXXXXX"));
  if (folder->path().empty()) {
    return FolderError(
        parent == target ? fmt::format("cannot write to the folder {}", path.string()) : cannot, errno);
  }
  folder->target_ = std::move(target);
  folder->given_ = path;
  return folder;
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Error TemporaryFolder::Named(const Error& error) const {
  std::string what = error.what();
  const std::string temporary = path_.string(), given = given_.string();
  for (std::size_t at = 0; (at = what.find(temporary, at)) != std::string::npos; at += given.size())
    what.replace(at, temporary.size(), given);
  return Error(error.code(), std::move(what), error.hint());
}

Status TemporaryFolder::Commit() {
  const bool up = path_.parent_path() == target_;
  // What needs most memory comes before anything is moved.
  std::vector<fs::path> names;
  std::error_code failed;
  for (fs::directory_iterator entry(path_, failed), end; up && !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename());
  }
  if (failed) return FolderError(fmt::format("cannot read the folder {}", path_.string()), failed.value());
  Status status;
  OnSignal::Undivided([&] { status = up ? MoveUp(names) : Move(); });
  if (!status) return status;
  path_.clear();
  on_signal_.reset();
  return {};
}

Status TemporaryFolder::Move() {
  const mode_t mask = umask(0);
  umask(mask);
  static_cast<void>(chmod(path_.c_str(), 0777 & ~mask));
  std::error_code failed;
  // An empty folder that another program made meanwhile is replaced, one that is not empty is not.
  fs::rename(path_, target_, failed);
  if (failed)
    return FolderError(fmt::format("cannot create the folder {}", target_.string()), failed.value());
  return {};
}

Status TemporaryFolder::MoveUp(const std::vector<fs::path>& names) {
  std::error_code failed;
  std::vector<fs::path> moved;
  const auto move_back = [&] {
    std::error_code ignored;
    for (const fs::path& path : moved) fs::remove_all(path, ignored);
  };
  try {
    for (auto name = names.begin(); !failed && name != names.end(); ++name) {
      moved.push_back(target_ / *name);
      fs::rename(path_ / *name, moved.back(), failed);
      if (failed) moved.pop_back();
    }
    if (!failed) fs::remove(path_, failed);
  } catch (...) {  // no memory
    move_back();
    throw;
  }
  if (!failed) return {};
  move_back();
  return FolderError(fmt::format("cannot write to the folder {}", target_.string()), failed.value());
}

// Held apart, since what is done on a signal must stay where it is.
struct NewFolders::Made {
  std::vector<fs::path> folders;  // the outermost first
  std::unique_ptr<OnSignal> on_signal;

  static void Remove(const std::vector<fs::path>& folders) {
    // Only those that are empty: others are not ours alone.
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) rmdir(folder->c_str());
  }
  ~Made() {
    on_signal.reset();
    Remove(folders);
  }
};

NewFolders::NewFolders(std::unique_ptr<Made> made) : made_(std::move(made)) {}
NewFolders::NewFolders(NewFolders&&) noexcept = default;
NewFolders::~NewFolders() = default;

void NewFolders::Keep() {
  if (!made_) return;
  made_->on_signal.reset();
  made_->folders.clear();
  made_.reset();
}

Result<NewFolders> NewFolders::CreateFor(const fs::path& path) {
  auto made = std::make_unique<Made>();
  std::error_code failed;
  fs::path target = fs::absolute(path, failed).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  std::vector<fs::path> missing;
  for (fs::path folder = target.parent_path();
       !fs::exists(folder, failed) && !failed && folder.has_filename(); folder = folder.parent_path()) {
    missing.insert(missing.begin(), folder);
  }
  if (missing.empty()) return NewFolders(std::move(made));
  int error = 0;
  made->on_signal = std::make_unique<OnSignal>([&]() -> std::function<void()> {
    for (const fs::path& folder : missing) {
      made->folders.push_back(folder);
      if (mkdir(folder.c_str(), 0777) != 0) {
        error = errno;
        made->folders.pop_back();
        break;
      }
    }
    return [folders = made->folders] { Made::Remove(folders); };
  });
  if (error != 0) return FolderError(fmt::format("cannot create the folder {}", path.string()), error);
  return NewFolders(std::move(made));
}

}  // namespace octavo
