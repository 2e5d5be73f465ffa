#include "octavo/driver/model_kind.h"

#include <optional>
#include <span>
#include <vector>

#include "octavo/base/file_kind.h"
#include "octavo/base/input_file.h"
#include "octavo/base/mapped_file.h"

namespace octavo::driver {

bool LooksLikeOnnx(const std::filesystem::path& path) {
  // The beginning of an ONNX file tells, but for a zip archive, whose directory is its end.
  constexpr std::size_t kBeginning = std::size_t{64} << 10, kZipEnd = 22;
  const Result<InputFile> opened = InputFile::Open(path);
  if (!opened) return false;
  if (opened->size > kBeginning) {
    std::vector<std::byte> beginning(kBeginning), end(kZipEnd);
    const Result<std::size_t> first = opened->ReadAt(0, beginning.data(), kBeginning),
                              last = opened->ReadAt(opened->size - kZipEnd, end.data(), kZipEnd);
    if (!first || !last || *first != kBeginning || *last != kZipEnd) return false;
    const std::optional<FileKind> kind = RecognizeFile(beginning), of_end = RecognizeFile(end);
    const bool zip = of_end && of_end->id == FileKind::Id::kZip;
    if (kind && kind->id == FileKind::Id::kZip) return false;
    if (kind && kind->id == FileKind::Id::kOnnx && !zip) return true;
  }
  const auto file = MappedFile::Open(path);
  if (!file) return false;
  const std::span<const std::byte> bytes = (*file)->bytes();
  if (const std::optional<FileKind> kind = RecognizeFile(bytes)) return kind->id == FileKind::Id::kOnnx;
  // One that was cut short, or a damaged one: ir_version, a small number, comes first.
  return bytes.size() >= 2 && bytes[0] == std::byte{8} && bytes[1] > std::byte{0} && bytes[1] < std::byte{64};
}

}  // namespace octavo::driver
