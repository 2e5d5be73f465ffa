#include "octavo/driver/model_kind.h"

#include <span>

#include "octavo/base/mapped_file.h"

namespace octavo::driver {

bool LooksLikeOnnx(const std::filesystem::path& path) {
  // Not a stream, which would wait for a pipe's writer.
  const auto file = MappedFile::Open(path);
  if (!file) return false;
  const std::span<const std::byte> bytes = (*file)->bytes();
  return bytes.size() >= 2 && bytes[0] == std::byte{8} && bytes[1] > std::byte{0} && bytes[1] < std::byte{64};
}

}  // namespace octavo::driver
