#include "octavo/onnx/external.h"

#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "octavo/base/output_target.h"
#include "octavo/onnx/every_tensor.h"

namespace octavo::onnx {

namespace pb = ::onnx;

std::uint64_t ExternalAlignment(std::uint64_t bytes) {
  constexpr std::uint64_t kAlignment = 64;
  // Large tensors start at a page, so that they can be mapped.
  constexpr std::uint64_t kPageAlignment = 4096;
  constexpr std::uint64_t kPageAlignedBytes = std::uint64_t{1} << 20;
  return bytes >= kPageAlignedBytes ? kPageAlignment : kAlignment;
}

void SetExternal(pb::TensorProto& tensor, const std::string& file, std::uint64_t offset,
                 std::uint64_t bytes) {
  tensor.clear_external_data();
  const auto entry = [&tensor](const char* key, std::string value) {
    pb::StringStringEntryProto& added = *tensor.add_external_data();
    added.set_key(key);
    added.set_value(std::move(value));
  };
  entry("location", file);
  entry("offset", std::to_string(offset));
  entry("length", std::to_string(bytes));
  tensor.set_data_location(pb::TensorProto::EXTERNAL);
}

Error NoPlaceForData(const std::filesystem::path& output) {
  return IoError(
      fmt::format("{} is not a regular file, so the weights cannot be stored beside it", output.string()),
      "Write to a regular file, or use --external-data never.");
}

std::vector<std::filesystem::path> DataFolders(const std::filesystem::path& model) {
  std::vector<std::filesystem::path> folders = {FolderOf(model)};
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(model, failed);
  if (!failed && real.has_parent_path()) folders.push_back(real.parent_path());
  return folders;
}

FileIds DataFiles(const pb::ModelProto& model, const std::filesystem::path& path) {
  std::set<std::string> locations;
  const auto add = [&locations](const pb::TensorProto& tensor) -> Status {
    for (const auto& entry : tensor.external_data()) {
      if (entry.key() == "location") locations.insert(entry.value());
    }
    return {};
  };
  static_cast<void>(ForEachTensor(model, add));
  FileIds files;
  for (const std::string& location : locations) {
    for (const std::filesystem::path& folder : DataFolders(path)) {
      if (const auto id = IdOf(folder / location)) files.push_back(*id);
    }
  }
  return files;
}

}  // namespace octavo::onnx
