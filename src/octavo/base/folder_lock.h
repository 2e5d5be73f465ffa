#pragma once

#include <filesystem>

#include "octavo/base/descriptor.h"
#include "octavo/result.h"

namespace octavo {

// Keeps other Octavo processes from committing models to a folder.  Gone with the object or the process.
class FolderLock {
 public:
  // Waits for others, who need it for milliseconds.  Errors: kIo if one holds it for half a minute.  Where
  // the file system has no locks, there is none.
  static Result<FolderLock> Take(const std::filesystem::path& folder);

  // False where there are no locks.
  bool held() const { return held_; }

 private:
  FolderLock(Descriptor folder, bool held) : folder_(std::move(folder)), held_(held) {}
  Descriptor folder_;
  bool held_;
};

}  // namespace octavo
