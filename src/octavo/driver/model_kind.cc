#include "octavo/driver/model_kind.h"

#include <optional>
#include <span>

#include "octavo/base/file_kind.h"
#include "octavo/base/mapped_file.h"

namespace octavo::driver {

bool LooksLikeOnnx(const std::filesystem::path& path) {
  // Not a stream, which would wait for a pipe's writer.
  const auto file = MappedFile::Open(path);
  if (!file) return false;
  const std::span<const std::byte> bytes = (*file)->bytes();
  if (const std::optional<FileKind> kind = RecognizeFile(bytes)) return kind->id == FileKind::Id::kOnnx;
  // One that was cut short, or a damaged one: ir_version, a small number, comes first.
  return bytes.size() >= 2 && bytes[0] == std::byte{8} && bytes[1] > std::byte{0} && bytes[1] < std::byte{64};
}

}  // namespace octavo::driver
