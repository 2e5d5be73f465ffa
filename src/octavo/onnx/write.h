#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "octavo/base/file_id.h"
#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::onnx {

enum class ExternalData {
  kAuto,  // where the model would pass 2 GB, protobuf's limit
  kAlways,
  kNever,  // an error where it would pass 2 GB
};

struct WriteOptions {
  ExternalData external_data = ExternalData::kAuto;
  int ir_version = 0;  // 0: what the opset needs (9: 4, 13: 7, 17: 8, 19 and 20: 9, 21: 10)
  // The former Caffe2 exporter lists initializers as graph inputs, too, as ir_version 3 demanded.
  bool initializers_as_inputs = false;
  std::function<void(double)> progress;  // the share of the bytes that is written; may be empty
  FileIds inputs;                        // files that are read, and must not be replaced
};

struct WriteResult {
  std::uint64_t bytes = 0;           // of the model file
  std::uint64_t external_bytes = 0;  // of OUT.onnx.data beside it; 0: none was needed
};

// Writes a lowered graph.  The files appear whole or not at all; weights go there in pieces without being
// held in memory.  The same graph gives the same bytes.  Errors: kIo where the files cannot be written, and
// kUnsupported for what an ONNX file cannot hold (a size in an attribute that is not known, 2 GB without
// external data ...).
Result<WriteResult> Write(const ir::Graph& graph, const std::filesystem::path& path,
                          const WriteOptions& options);

}  // namespace octavo::onnx
