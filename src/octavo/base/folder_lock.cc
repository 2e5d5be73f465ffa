#include "octavo/base/folder_lock.h"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

namespace octavo {

Result<FolderLock> FolderLock::Take(const std::filesystem::path& folder) {
  using namespace std::chrono_literals;
  constexpr auto kPatience = 30s;
  constexpr auto kPause = 2ms;
  Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) return FolderLock(std::move(opened), false);
  const auto start = std::chrono::steady_clock::now();
  while (flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return FolderLock(std::move(opened), false);
    if (std::chrono::steady_clock::now() - start > kPatience) {
      return IoError(
          fmt::format("cannot write to the folder {}: another program keeps it locked", folder.string()),
          "Write to another folder, or wait for that program.");
    }
    std::this_thread::sleep_for(kPause);
  }
  return FolderLock(std::move(opened), true);
}

}  // namespace octavo
