#pragma once

#include <filesystem>

#include <sys/stat.h>

#include "octavo/result.h"

namespace octavo {

// The folder that a path names the last part of.
std::filesystem::path FolderOf(const std::filesystem::path& path);

// The file that is written where `path` is given: symbolic links are followed, the last one may lead to a
// file that does not exist yet.  Errors: kIo for a name of an open file (/dev/stdout, /dev/fd/1, and links to
// them), and for links in a circle.
Result<std::filesystem::path> OutputTarget(const std::filesystem::path& path);

// Errors: kIo for pipes, sockets and devices other than /dev/null.
Status CheckOutputKind(const std::filesystem::path& path, const struct stat& status);

}  // namespace octavo
