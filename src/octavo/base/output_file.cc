#include "octavo/base/output_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "octavo/base/output_target.h"

namespace octavo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{128} << 10;

fs::path TemporaryName(const fs::path& folder) {
  static std::atomic<unsigned> counter = 0;
  return folder / fmt::format(".octavo-{}-{}.tmp", getpid(), counter++);
}

enum class Present { kNothing, kFile, kFolder };

Present WhatIsAt(const fs::path& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return Present::kNothing;
  return S_ISDIR(status.st_mode) ? Present::kFolder : Present::kFile;
}

bool WriteAll(int file, const std::byte* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

// File systems report some errors only when a file is closed.
bool CloseReports(int file) {
  const int copy = fcntl(file, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return true;
  return close(copy) != 0 && errno != EINTR;
}

}  // namespace

Error OutputFile::Failure(int error_number) const {
  const std::string folder = FolderOf(path_).string();
  const std::string cannot = fmt::format("cannot write {}", path_.string());
  switch (error_number) {
    case ENOENT:
      if (std::error_code ignored; fs::is_directory(folder, ignored)) {
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

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const fs::path& path, OutputOptions options) {
  std::unique_ptr<OutputFile> file(new OutputFile());
  file->path_ = path;
  file->target_ = options.replaces_link ? path : OCTAVO_TRY(OutputTarget(path));
  if (IsAmong(path, options.inputs)) {
    return UsageError(fmt::format("the output file {} is a file that is read", path.string()),
                      "Give another file with -o: nothing that is read is overwritten.");
  }
  struct stat status {};
  if ((options.replaces_link ? lstat : stat)(file->target_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return file->Failure(EISDIR);
    // A link's own permissions mean nothing.
    if (!S_ISLNK(status.st_mode)) OCTAVO_TRY(CheckOutputKind(path, status));
    file->regular_ = !S_ISCHR(status.st_mode);
    if (S_ISREG(status.st_mode)) file->mode_ = status.st_mode & 07777;
  } else if (errno == ENAMETOOLONG) {
    return file->Failure(ENAMETOOLONG);
  }
  if (file->regular_) {
    OCTAVO_TRY(file->OpenTemporary(file->mode_ != 0 ? file->mode_ : options.mode));
  } else {
    file->file_ = Descriptor(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file->file_.valid()) return file->Failure(errno);
  }
  file->buffer_.reserve(kBufferBytes);
  return file;
}

Status OutputFile::OpenTemporary(unsigned mode) {
  const fs::path folder = FolderOf(target_);
  // A file without a name disappears by itself if the program is killed.
  if (access("/proc/self/fd", X_OK) == 0)
    file_ = Descriptor(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
  if (!file_.valid()) {
    int error = 0;
    on_signal_ = std::make_unique<OnSignal>([&]() -> std::function<void()> {
      do {
        temporary_ = TemporaryName(folder);
        file_ = Descriptor(open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      } while (!file_.valid() && errno == EEXIST);
      error = errno;
      if (!file_.valid()) temporary_.clear();
      return [name = temporary_] {
        if (!name.empty()) unlink(name.c_str());
      };
    });
    if (!file_.valid()) return Failure(error);
  }
  if (mode != 0) static_cast<void>(fchmod(file_.get(), mode));  // not ours to change: then the default stays
  return {};
}

OutputFile::~OutputFile() {
  Keep();
  if (!temporary_.empty()) unlink(temporary_.c_str());
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
    const ssize_t written = writev(file_.get(), parts.data() + first, static_cast<int>(parts.size() - first));
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
  if (CloseReports(file_.get())) return Failure(errno);
  finished_ = true;
  return {};
}

std::filesystem::path OutputFile::MomentaryName() const {
  if (moment_.empty()) return TemporaryName(FolderOf(target_));
  unlink(moment_.c_str());
  return moment_;
}

Status OutputFile::NameTemporarily() {
  if (!temporary_.empty()) return {};
  const std::string nameless = fmt::format("/proc/self/fd/{}", file_.get());
  fs::path name;
  do {
    name = MomentaryName();
    if (linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = std::move(name);
      return {};
    }
  } while (errno == EEXIST);
  return Failure(errno);
}

// Without a moment at which neither the old file nor the new one is there.
Status OutputFile::Replace(bool revocably) {
  const Present present = WhatIsAt(target_);
  if (present == Present::kFolder) return Failure(EISDIR);
  if (temporary_.empty() && present == Present::kNothing) {
    const std::string nameless = fmt::format("/proc/self/fd/{}", file_.get());
    created_ = linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, target_.c_str(), AT_SYMLINK_FOLLOW) == 0;
    if (created_) return {};
    if (errno != EEXIST) return Failure(errno);
  }
  OCTAVO_TRY(NameTemporarily());
  created_ = present == Present::kNothing;
  if (revocably && !created_) {
    if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) {
      replaced_ = std::exchange(temporary_, {});
      return {};
    }
    // Where the file system cannot exchange two files: a second name for the old one, or a copy.
    replaced_ = temporary_ == moment_ ? TemporaryName(FolderOf(target_)) : MomentaryName();
    if (link(target_.c_str(), replaced_.c_str()) != 0) {
      std::error_code failed;
      fs::copy(target_, replaced_, fs::copy_options::copy_symlinks, failed);
      if (failed) {
        Keep();
        return Failure(failed.value());
      }
    }
  }
  if (rename(temporary_.c_str(), target_.c_str()) != 0) {
    const Error error = Failure(errno);
    created_ = false;
    Keep();
    return error;
  }
  temporary_.clear();
  return {};
}

Status OutputFile::Commit() {
  OCTAVO_TRY(Finish());
  if (!regular_) return {};
  Status status;
  OnSignal::Undivided([&] { status = Replace(/*revocably=*/false); });
  committed_ = status.has_value();
  return status;
}

Status OutputFile::CommitRevocably() {
  OCTAVO_TRY(Finish());
  if (!regular_) return {};
  OCTAVO_TRY(Replace(/*revocably=*/true));
  committed_ = true;
  return {};
}

bool OutputFile::Revoke() {
  if (!committed_) return true;
  const bool revoked = replaced_.empty() ? created_ && unlink(target_.c_str()) == 0
                                         : rename(replaced_.c_str(), target_.c_str()) == 0;
  if (!revoked) return false;
  replaced_.clear();
  committed_ = created_ = false;
  return true;
}

void OutputFile::Keep() {
  if (replaced_.empty()) return;
  unlink(replaced_.c_str());
  replaced_.clear();
}

Status OutputFile::CommitAll(std::span<const std::unique_ptr<OutputFile>> files) {
  for (const auto& file : files) OCTAVO_TRY(file->Finish());
  Status status;
  OnSignal::Undivided([&] {
    std::size_t done = 0;
    const auto revoke = [&] {
      while (done > 0) files[--done]->Revoke();
    };
    try {
      while (done < files.size() && (status = files[done]->CommitRevocably())) ++done;
    } catch (...) {  // no memory
      revoke();
      throw;
    }
    if (!status) revoke();
    for (const auto& file : files) file->Keep();
  });
  return status;
}

Status OutputFile::AddName(const fs::path& name) {
  OCTAVO_TRY(Finish());
  const std::string nameless = fmt::format("/proc/self/fd/{}", file_.get());
  const int linked = temporary_.empty()
                         ? linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW)
                         : link(temporary_.c_str(), name.c_str());
  if (linked == 0) return {};
  if (errno == EEXIST || errno == ENOSPC || errno == EDQUOT || errno == EIO) return Failure(errno);
  return CopyTo(name);
}

Status OutputFile::CopyTo(const fs::path& name) {
  std::vector<std::byte> bytes(std::size_t{1} << 20);
  const Descriptor copy(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!copy.valid()) return Failure(errno);
  struct stat status {};
  if (fstat(file_.get(), &status) == 0) static_cast<void>(fchmod(copy.get(), status.st_mode & 07777));
  std::uint64_t done = 0;
  while (done < size_) {
    const ssize_t count = pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || !WriteAll(copy.get(), bytes.data(), static_cast<std::size_t>(count))) {
      const int error = count == 0 ? EIO : errno;
      unlink(name.c_str());
      return Failure(error);
    }
    done += static_cast<std::uint64_t>(count);
  }
  if (!CloseReports(copy.get())) return {};
  const int error = errno;
  unlink(name.c_str());
  return Failure(error);
}

}  // namespace octavo
