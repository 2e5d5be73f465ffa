#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <sys/stat.h>

namespace octavo {

// Which file it is, by whatever name: hard links and links to it have the same.
struct FileId {
  std::uint64_t device = 0, number = 0;
  bool operator==(const FileId&) const = default;
};
using FileIds = std::vector<FileId>;

inline FileId IdOf(const struct stat& status) {
  return {.device = static_cast<std::uint64_t>(status.st_dev),
          .number = static_cast<std::uint64_t>(status.st_ino)};
}

// Links are followed; nullopt where there is no such file.
inline std::optional<FileId> IdOf(const std::filesystem::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return IdOf(status);
}

inline bool IsAmong(const std::filesystem::path& path, const FileIds& ids) {
  const std::optional<FileId> id = IdOf(path);
  return id && std::ranges::find(ids, *id) != ids.end();
}

}  // namespace octavo
