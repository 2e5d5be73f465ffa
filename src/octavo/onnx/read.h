#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::onnx {

struct ReadModel {
  ir::Graph graph;          // operators with their domain before "::"; quantized edges are plain integers
  std::string producer;     // "pytorch 1.13.1", "octavo 0.1.0"
  std::uint64_t bytes = 0;  // of the file
};

// Reads a model file's graph.  Tensors in external files keep their type and are no constants here, since
// only the model file itself is opened.  Subgraphs of If and Loop are not looked into.  Errors: kIo, or
// kInvalidFile for a file that is no ONNX model, or one whose graph is not well formed.
Result<ReadModel> Read(const std::filesystem::path& path);

}  // namespace octavo::onnx
