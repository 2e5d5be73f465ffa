#include "octavo/driver/given_bytes.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <unordered_set>

namespace octavo::driver {

std::uint64_t FileBytes(const std::filesystem::path& path) {
  std::error_code failed;
  const std::uintmax_t bytes = std::filesystem::file_size(path, failed);
  return failed ? 0 : bytes;
}

std::uint64_t BytesOf(const std::vector<Tensor>& tensors) {
  std::uint64_t bytes = 0;
  for (const Tensor& tensor : tensors) bytes += tensor.num_bytes();
  return bytes;
}

std::uint64_t StoredBytes(const ir::Graph& graph) {
  std::uint64_t bytes = 0;
  std::unordered_set<const std::byte*> seen;
  for (std::size_t i = 0; i < graph.num_values(); ++i) {
    const std::optional<Tensor>& constant = graph.value({static_cast<std::int32_t>(i)}).constant;
    if (!constant || !constant->storage) continue;
    if (!seen.insert(constant->storage->bytes.data()).second) continue;
    bytes += std::min<std::uint64_t>(constant->num_bytes(), constant->storage->bytes.size());
  }
  return bytes;
}

}  // namespace octavo::driver
