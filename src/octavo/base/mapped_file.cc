#include "octavo/base/mapped_file.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <new>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace octavo {
namespace {

// Reading fewer bytes costs no more than mapping them.
constexpr std::size_t kSmall = std::size_t{256} << 10;
constexpr std::size_t kLargePage = std::size_t{2} << 20;
// Reading no more than this is not worth a look at the free memory.
constexpr std::size_t kModest = std::size_t{256} << 20;

// No other program can shorten the file from now on: it waits until the lease is given back, at most 45
// seconds (/proc/sys/fs/lease-break-time).  False where the file is open for writing, is another user's, or
// its file system has no leases.
bool TakeLease(int file) {
  // The system tells of a program that waits by a signal, which would be SIGIO; this one is ignored.
  if (fcntl(file, F_SETSIG, SIGURG) != 0 || fcntl(file, F_SETLEASE, F_RDLCK) != 0) return false;
  static_cast<void>(fcntl(file, F_SETOWN, 0));
  return true;
}

std::size_t FreeBytes() {
  const Result<InputFile> file = InputFile::Open("/proc/meminfo");
  std::string text(4096, '\0');
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t unused = static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES)) * page;
  if (!file) return unused;
  const Result<std::size_t> size =
      file->ReadAt(0, reinterpret_cast<std::byte*>(text.data()), text.size() - 1);
  const std::size_t at = size ? text.find("MemAvailable:") : std::string::npos;
  if (at == std::string::npos) return unused;
  return std::size_t{1024} * std::strtoull(text.c_str() + at + 13, nullptr, 10);
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::filesystem::path& path, Needed needed) {
  return Open(OCTAVO_TRY(InputFile::Open(path)), needed);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(InputFile file, Needed needed) {
  std::shared_ptr<MappedFile> mapped(new MappedFile());
  mapped->id_ = file.id;
  mapped->size_ = static_cast<std::size_t>(file.size);
  if (file.size == 0) return std::shared_ptr<const MappedFile>(std::move(mapped));
  const bool brief = needed == Needed::kBriefly && file.size > kSmall && TakeLease(file.descriptor.get());
  // A program that held the file open may have written to it before the lease.
  if (brief) OCTAVO_TRY(file.CheckUnchanged());
  const bool too_large = file.size > kModest && file.size > FreeBytes() / 2;
  if ((brief || too_large) && mapped->Map(file)) {
    if (brief) mapped->lease_ = std::move(file.descriptor);
    return std::shared_ptr<const MappedFile>(std::move(mapped));
  }
  OCTAVO_TRY(mapped->Read(file));
  return std::shared_ptr<const MappedFile>(std::move(mapped));
}

bool MappedFile::Map(InputFile& file) {
  void* data = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor.get(), 0);
  if (data == MAP_FAILED) return false;
  mapping_ = data;
  mapping_size_ = size_;
  data_ = static_cast<const std::byte*>(data);
  return true;
}

Status MappedFile::Read(const InputFile& file) {
  std::byte* to = nullptr;
  if (size_ <= kSmall) {
    small_.reset(new (std::nothrow) std::byte[size_]);
    to = small_.get();
  } else {
    void* data =
        mmap(nullptr, size_ + kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data != MAP_FAILED) {
      mapping_ = data;
      mapping_size_ = size_ + kLargePage;
      const auto address = reinterpret_cast<std::uintptr_t>(data);
      to = static_cast<std::byte*>(data) + (kLargePage - address % kLargePage) % kLargePage;
      madvise(to, size_, MADV_HUGEPAGE);  // advice alone
    }
  }
  if (to == nullptr) {
    return Unsupported(
        fmt::format("there is not enough memory to read {}, which has {} bytes", file.path.string(), size_));
  }
  data_ = to;
  const std::size_t read = OCTAVO_TRY(file.ReadAt(0, to, size_));
  if (read != size_) {
    return IoError(fmt::format("{} changed while it was read: it has {} bytes and had {}", file.path.string(),
                               read, size_),
                   "Try again when no other program writes to it.");
  }
  return file.CheckUnchanged();
}

MappedFile::~MappedFile() {
  if (mapping_ != nullptr) munmap(mapping_, mapping_size_);
}

}  // namespace octavo
