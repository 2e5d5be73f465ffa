#include "octavo/onnx/external.h"

#include <utility>

#include <fmt/format.h>

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

Status CommitBoth(OutputFile& model, OutputFile* data) {
  OCTAVO_TRY(model.Finish());
  if (data) OCTAVO_TRY(data->Commit());
  if (Status status = model.Commit(); !status) {
    if (data) data->Revoke();
    return std::move(status).error();
  }
  return {};
}

}  // namespace octavo::onnx
