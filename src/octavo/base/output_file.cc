#include "octavo/base/output_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace octavo {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{128} << 10;

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::filesystem::path TemporaryName(const std::filesystem::path& folder) {
  static std::atomic<unsigned> counter = 0;
  return folder / fmt::format(".octavo-{}-{}.tmp", getpid(), counter++);
}

}  // namespace

Error OutputFile::Failure(int error_number) const {
  const std::string folder = FolderOf(path_).string();
  const std::string cannot = fmt::format("cannot write {}", path_.string());
  switch (error_number) {
    case ENOENT:
      if (std::error_code ignored; std::filesystem::is_directory(folder, ignored)) {
        return IoError(fmt::format("{}: the folder {} does not take new files", cannot, folder),
                       "Write to another folder.");
      }
      return IoError(fmt::format("{}: the folder {} does not exist", cannot, folder),
                     fmt::format("Create it first: mkdir -p {}", folder));
    case ENOTDIR:
      return IoError(fmt::format("{}: {} is not a folder", cannot, folder), "Give a path inside a folder.");
    case EISDIR:
      return IoError(fmt::format("{}: it is a folder", cannot), "Give the name of a file.");
    case EACCES:
    case EPERM:
    case EROFS:
      return IoError(fmt::format("{}: no permission to write to the folder {}", cannot, folder),
                     "Choose another folder, or change its permissions.");
    case ENOSPC:
    case EDQUOT:
      return IoError(fmt::format("{}: the disk is full", cannot), "Free some space, or choose another disk.");
    case EFBIG:
      return IoError(fmt::format("{}: the file exceeds the size limit of the system", cannot),
                     "Raise the limit (ulimit -f), or choose another file system.");
    case ENAMETOOLONG:
      return IoError(fmt::format("{}: the name is too long", cannot), "Choose a shorter name.");
    default:
      return IoError(fmt::format("{}: {}", cannot, std::generic_category().message(error_number)));
  }
}

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::filesystem::path& path) {
  std::unique_ptr<OutputFile> file(new OutputFile());
  file->path_ = path;
  file->target_ = path;
  std::error_code ignored;
  if (std::filesystem::is_symlink(path, ignored)) {
    std::error_code failed;
    const std::filesystem::path target = std::filesystem::weakly_canonical(path, failed);
    if (!failed) file->target_ = target;
  }
  struct stat status {};
  if (stat(file->target_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return file->Failure(EISDIR);
    file->regular_ = S_ISREG(status.st_mode);
    file->mode_ = status.st_mode & 07777;
  } else if (errno == ENAMETOOLONG) {
    return file->Failure(ENAMETOOLONG);
  }
  if (file->regular_) {
    OCTAVO_TRY(file->OpenTemporary());
  } else {
    file->file_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file->file_ < 0) return file->Failure(errno);
  }
  file->buffer_.reserve(kBufferBytes);
  return file;
}

Status OutputFile::OpenTemporary() {
  const std::filesystem::path folder = FolderOf(target_);
  // A file without a name disappears by itself if the program is killed.
  if (access("/proc/self/fd", X_OK) == 0) {
    file_ = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  }
  if (file_ < 0) {
    do {
      temporary_ = TemporaryName(folder);
      file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file_ < 0 && errno == EEXIST);
    if (file_ < 0) {
      temporary_.clear();
      return Failure(errno);
    }
  }
  if (mode_ != 0) static_cast<void>(fchmod(file_, mode_));  // not ours to change: then the default stays
  return {};
}

OutputFile::~OutputFile() {
  if (file_ >= 0) close(file_);
  if (!temporary_.empty() && !committed_) unlink(temporary_.c_str());
}

Status OutputFile::Write(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) return Flush(bytes);
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return {};
}

Status OutputFile::PadTo(std::uint64_t alignment) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (size_ % alignment != 0) {
    const std::uint64_t missing = alignment - size_ % alignment;
    OCTAVO_TRY(Write(std::span(kZeros).first(std::min<std::uint64_t>(missing, kZeros.size()))));
  }
  return {};
}

Status OutputFile::Flush(std::span<const std::byte> more) {
  // writev takes its bytes as non-const, but only reads them.
  std::array<iovec, 2> parts{
      {{buffer_.data(), buffer_.size()}, {const_cast<std::byte*>(more.data()), more.size()}}};
  std::size_t first = 0;
  while (first < parts.size()) {
    if (parts[first].iov_len == 0) {
      ++first;
      continue;
    }
    const ssize_t written = writev(file_, parts.data() + first, static_cast<int>(parts.size() - first));
    if (written < 0) {
      if (errno == EINTR) continue;
      return Failure(errno);
    }
    auto left = static_cast<std::size_t>(written);
    for (std::size_t i = first; i < parts.size() && left > 0; ++i) {
      const std::size_t taken = std::min(left, parts[i].iov_len);
      parts[i].iov_base = static_cast<char*>(parts[i].iov_base) + taken;
      parts[i].iov_len -= taken;
      left -= taken;
    }
  }
  buffer_.clear();
  return {};
}

Status OutputFile::Finish() {
  if (finished_) return {};
  OCTAVO_TRY(Flush({}));
  if (regular_ && temporary_.empty()) {
    const std::string nameless = fmt::format("/proc/self/fd/{}", file_);
    do {
      temporary_ = TemporaryName(FolderOf(target_));
    } while (linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) != 0 &&
             errno == EEXIST);
    struct stat status {};
    if (lstat(temporary_.c_str(), &status) != 0) {
      temporary_.clear();
      return Failure(errno);
    }
  }
  const int file = file_;
  file_ = -1;
  if (close(file) != 0 && errno != EINTR) return Failure(errno);
  finished_ = true;
  return {};
}

Status OutputFile::Commit() {
  OCTAVO_TRY(Finish());
  if (!regular_) return {};
  if (rename(temporary_.c_str(), target_.c_str()) != 0) return Failure(errno);
  committed_ = true;
  return {};
}

void OutputFile::Revoke() {
  if (committed_) unlink(target_.c_str());
}

}  // namespace octavo
