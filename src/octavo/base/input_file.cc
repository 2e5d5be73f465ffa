#include "octavo/base/input_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace octavo {
namespace {

namespace fs = std::filesystem;

// O_NONBLOCK: should a pipe take the file's place, it is opened at once.
constexpr int kToRead = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

Error CannotRead(const fs::path& path, int error_number) {
  return IoError(
      fmt::format("cannot read {}: {}", path.string(), std::generic_category().message(error_number)));
}

Status CheckRegular(const fs::path& path, const struct stat& status) {
  if (S_ISREG(status.st_mode)) return {};
  if (S_ISDIR(status.st_mode)) {
    return IoError(fmt::format("{} is a directory", path.string()),
                   "Give the file itself; a model that was unpacked into a directory must be saved again.");
  }
  const char* what = S_ISFIFO(status.st_mode) ? "a pipe" : S_ISSOCK(status.st_mode) ? "a socket" : "a device";
  return IoError(fmt::format("{} is {}, and Octavo reads regular files only", path.string(), what),
                 S_ISFIFO(status.st_mode) ? "Write the data to a file first, and give that file." : "");
}

std::string NameOf(const Descriptor& descriptor) { return fmt::format("/proc/self/fd/{}", descriptor.get()); }

// Where the file lies that is open; nullopt where the system does not tell.
std::optional<fs::path> PathOf(const Descriptor& descriptor) {
  std::array<char, PATH_MAX> text{};
  const ssize_t length = readlink(NameOf(descriptor).c_str(), text.data(), text.size());
  if (length <= 0 || static_cast<std::size_t>(length) == text.size() || text[0] != '/') return std::nullopt;
  return fs::path(std::string(text.data(), static_cast<std::size_t>(length)));
}

// A name without access to what it names: opening one has no effect on pipes and devices.
Descriptor Locate(const fs::path& path, int flags = 0) {
  return Descriptor(open(path.c_str(), O_PATH | O_CLOEXEC | flags));
}

// The located file, open for reading.
Result<InputFile> Opened(const Descriptor& located, const fs::path& path) {
  struct stat before {
  }, status{};
  if (fstat(located.get(), &before) != 0) return CannotRead(path, errno);
  OCTAVO_TRY(CheckRegular(path, before));
  InputFile file;
  file.path = path;
  file.descriptor = Descriptor(open(NameOf(located).c_str(), kToRead));
  // Without /proc.
  if (!file.descriptor.valid() && (errno == ENOENT || errno == ENOTDIR))
    file.descriptor = Descriptor(open(path.c_str(), kToRead));
  if (!file.descriptor.valid()) return CannotRead(path, errno);
  if (fstat(file.descriptor.get(), &status) != 0) return CannotRead(path, errno);
  OCTAVO_TRY(CheckRegular(path, status));
  if (!(IdOf(status) == IdOf(before)))
    return IoError(fmt::format("{} was replaced while it was opened", path.string()), "Try again.");
  file.id = IdOf(status);
  file.size = static_cast<std::uint64_t>(status.st_size);
  file.changed_seconds = status.st_mtim.tv_sec;
  file.changed_nanoseconds = status.st_mtim.tv_nsec;
  return file;
}

bool IsBelow(const fs::path& file, const fs::path& folder) {
  const auto [in_folder, in_file] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  // "/" has no last part that could be missing.
  return (in_folder == folder.end() || in_folder->empty()) && in_file != file.end();
}

Error Outside(const fs::path& location) {
  return InvalidFile(fmt::format("the file \"{}\" does not lie in the folder", location.string()));
}

// Without /proc: the system itself follows no link out of the folder.
Result<InputFile> OpenBeneath(const Descriptor& folder, const fs::path& location) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(kToRead);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  Descriptor found(static_cast<int>(syscall(SYS_openat2, folder.get(), location.c_str(), &how, sizeof how)));
  if (!found.valid()) return errno == ENOENT ? CannotRead(location, errno) : Outside(location);
  InputFile file;
  struct stat status {};
  if (fstat(found.get(), &status) != 0) return CannotRead(location, errno);
  OCTAVO_TRY(CheckRegular(location, status));
  file.descriptor = std::move(found);
  file.path = location;
  file.id = IdOf(status);
  file.size = static_cast<std::uint64_t>(status.st_size);
  file.changed_seconds = status.st_mtim.tv_sec;
  file.changed_nanoseconds = status.st_mtim.tv_nsec;
  return file;
}

}  // namespace

Result<InputFile> InputFile::Open(const fs::path& path) {
  const Descriptor located = Locate(path);
  if (!located.valid()) return CannotRead(path, errno);
  return Opened(located, path);
}

Result<InputFile> InputFile::OpenBelow(const std::vector<fs::path>& folders, const fs::path& location) {
  std::vector<Descriptor> opened;
  std::vector<fs::path> paths;
  for (const fs::path& folder : folders) {
    Descriptor descriptor = Locate(folder, O_DIRECTORY);
    if (!descriptor.valid()) return CannotRead(folder, errno);
    if (std::optional<fs::path> path = PathOf(descriptor)) paths.push_back(std::move(*path));
    opened.push_back(std::move(descriptor));
  }
  int error = ENOENT;
  for (const Descriptor& folder : opened) {
    const Descriptor located(openat(folder.get(), location.c_str(), O_PATH | O_CLOEXEC));
    if (!located.valid()) {
      if (error == ENOENT) error = errno;
      continue;
    }
    const std::optional<fs::path> path = PathOf(located);
    if (!path || paths.size() != folders.size()) return OpenBeneath(folder, location);
    if (std::ranges::none_of(paths, [&](const fs::path& outer) { return IsBelow(*path, outer); }))
      return Outside(location);
    return Opened(located, location);
  }
  return CannotRead(location, error);
}

Result<std::size_t> InputFile::ReadAt(std::uint64_t offset, std::byte* to, std::size_t count) const {
  std::size_t done = 0;
  while (done < count) {
    // The system reads at most about 2 GiB at once.
    const ssize_t got = pread(descriptor.get(), to + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Status InputFile::CheckUnchanged() const {
  struct stat status {};
  if (fstat(descriptor.get(), &status) != 0) return CannotRead(path, errno);
  if (static_cast<std::uint64_t>(status.st_size) == size && status.st_mtim.tv_sec == changed_seconds &&
      status.st_mtim.tv_nsec == changed_nanoseconds) {
    return {};
  }
  return IoError(fmt::format("{} changed while it was read", path.string()),
                 "Try again when no other program writes to it.");
}

}  // namespace octavo
