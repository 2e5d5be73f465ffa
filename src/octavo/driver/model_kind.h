#pragma once

#include <filesystem>

namespace octavo::driver {

// A TorchScript archive is a zip and an ONNX file a protobuf message that begins with ir_version (field 1, a
// small number): told apart by content, as everywhere.  Anything else counts as TorchScript, whose reader
// says what it is.
bool LooksLikeOnnx(const std::filesystem::path& path);

}  // namespace octavo::driver
