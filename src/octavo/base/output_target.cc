#include "octavo/base/output_target.h"

#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace octavo {
namespace {

namespace fs = std::filesystem;

bool IsInProc(const fs::path& path) {
  struct statfs status {};
  return statfs(FolderOf(path).c_str(), &status) == 0 &&
         static_cast<std::uint64_t>(status.f_type) == PROC_SUPER_MAGIC;
}

}  // namespace

fs::path FolderOf(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Result<fs::path> OutputTarget(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as many as the system follows
  fs::path target = path;
  for (int i = 0; i <= kMostLinks; ++i) {
    std::array<char, PATH_MAX> text{};
    const ssize_t length = readlink(target.c_str(), text.data(), text.size());
    if (length < 0) return target;  // no link
    // A replaced file would not be the one that is open.
    if (IsInProc(target)) {
      return IoError(
          fmt::format("cannot write {}: it is an open file of a process, and a model is written to a file of "
                      "its own",
                      path.string()),
          "Give the name of a file.");
    }
    const fs::path link(std::string(text.data(), static_cast<std::size_t>(length)));
    target = link.is_absolute() ? link : FolderOf(target) / link;
  }
  return IoError(fmt::format("cannot write {}: {}", path.string(), std::generic_category().message(ELOOP)));
}

Status CheckOutputKind(const fs::path& path, const struct stat& status) {
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) return {};
  constexpr unsigned kMemoryDevices = 1, kNull = 3;
  if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(kMemoryDevices, kNull)) return {};
  const char* what = S_ISFIFO(status.st_mode) ? "a pipe" : S_ISSOCK(status.st_mode) ? "a socket" : "a device";
  return IoError(
      fmt::format("cannot write {}: it is {}, and Octavo writes regular files only", path.string(), what));
}

}  // namespace octavo
