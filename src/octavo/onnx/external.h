#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <onnx.pb.h>

#include "octavo/base/file_id.h"
#include "octavo/result.h"

// Tensors in a second file beside the model.

namespace octavo::onnx {

// Tensors below this stay in the model file, so that shape inference sees them without the data file.
inline constexpr std::size_t kMinExternalBytes = 1024;
// Where a tensor of that many bytes may start.
std::uint64_t ExternalAlignment(std::uint64_t bytes);
// Says that the tensor's elements lie there.
void SetExternal(::onnx::TensorProto& tensor, const std::string& file, std::uint64_t offset,
                 std::uint64_t bytes);
// The error where the output is a device or pipe.
Error NoPlaceForData(const std::filesystem::path& output);
// The files that the model names for its tensors, and that are there.
FileIds DataFiles(const ::onnx::ModelProto& model, const std::filesystem::path& path);
// Where a model's data may lie: the model's folder, and the folder of the file that a link leads to.
std::vector<std::filesystem::path> DataFolders(const std::filesystem::path& model);

}  // namespace octavo::onnx
