#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include <onnx.pb.h>

#include "octavo/base/output_file.h"
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
// Both files appear, or none; `data` may be null.
Status CommitBoth(OutputFile& model, OutputFile* data);

}  // namespace octavo::onnx
