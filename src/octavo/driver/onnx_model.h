#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "octavo/engine/engine.h"
#include "octavo/graph.h"
#include "octavo/onnx/read.h"
#include "octavo/result.h"

namespace octavo::driver {

// Reads an ONNX model to run it.  The types of graph inputs of which the metadata (`octavo.quantization`)
// says how they are quantized carry that.
Result<onnx::ReadModel> ReadOnnx(const std::filesystem::path& path, const onnx::ReadOptions& options = {});

// --arithmetic with --no-fuse where it would have no effect: kUsage.
Status CheckEngineOptions(const ir::Graph& graph, const engine::Options& options);

// What the metadata says of inputs and outputs, by name.  Errors: kInvalidFile where it is no such text.
Result<std::map<std::string, TensorType>> MetadataTypes(const ir::Graph& graph);
Result<std::map<std::string, TensorType>> MetadataTypes(const std::map<std::string, std::string>& metadata);

}  // namespace octavo::driver
