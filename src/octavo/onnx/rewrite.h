#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "octavo/base/file_id.h"
#include "octavo/base/limits.h"
#include "octavo/onnx/read_tensor.h"
#include "octavo/onnx/target_forms.h"
#include "octavo/onnx/write.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// An input or output of a model.
struct ModelValue {
  std::string name;
  TensorType type;
};

// What tells a model's dialect and maker, without its nodes' meaning.
struct ModelFacts {
  std::string producer;  // "octavo", "pytorch"
  std::map<std::string, int> opsets;
  std::map<std::string, std::string> metadata;
  std::vector<ModelValue> inputs, outputs;  // initializers are no inputs
  FileIds files;                            // the model, and those that hold its tensors
};

// Errors: those of Read.
Result<ModelFacts> ReadFacts(const std::filesystem::path& path);

struct RewriteOptions {
  bool only_identical = false;                               // Rewritten::other_numbers is an error
  Runtime runtime = Runtime::kOnnxRuntime;                   // whose forms to write
  int opset = 0;                                             // of ONNX's operators; 0: the file's
  std::vector<std::pair<std::string, std::string>> renames;  // of inputs and outputs: old name, new name
  std::map<std::string, std::string> metadata;               // entries to replace
  ExternalData external_data = ExternalData::kAuto;          // kAuto: as the file has it
  std::function<void(double)> progress;                      // the share of the bytes that is written
  FileIds inputs;                                            // files that must not be replaced
  Limits limits;
};

struct Rewritten {
  WriteResult written;
  int opset_before = 0, opset = 0;
  std::size_t nodes_before = 0, nodes = 0;  // bodies of If, Loop and Scan not counted
  std::vector<ModelValue> inputs, outputs;
  // What is different in the new file, one phrase each: "opset 11 → 17: 2 Squeeze, 1 Softmax rewritten".
  // Empty: the files are the same, byte for byte.
  std::vector<std::string> changes;
  // Nodes whose results may be others in ONNX Runtime, one line each: "AveragePool at node pool1: ...".
  std::vector<std::string> other_numbers;
};

// Writes QOperator nodes as Rewrite does, in a model that was read.
Status WriteQOperators(::onnx::ModelProto& model, TensorReader& tensors);

// Writes a model of standard ONNX operators again, node by node: all that `options` does not ask for stays as
// it is, so that a runtime computes the same.  QOperator nodes (QLinearConv, QGemm ...) become
// DequantizeLinear, the float operator and QuantizeLinear; RewriteOptions::runtime asks for more.  Errors:
// kIo; kInvalidFile; kUnsupported, which lists each node that cannot be written.
Result<Rewritten> Rewrite(const std::filesystem::path& model, const std::filesystem::path& output,
                          const RewriteOptions& options);

}  // namespace octavo::onnx
