#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "octavo/onnx/write.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// What tells a model's dialect and maker, without its nodes' meaning.
struct ModelFacts {
  std::string producer;  // "octavo", "pytorch"
  std::map<std::string, int> opsets;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> inputs, outputs;  // names; initializers are no inputs
};

// Errors: those of Read.
Result<ModelFacts> ReadFacts(const std::filesystem::path& path);

struct RewriteOptions {
  int opset = 0;                                            // of ONNX's operators; 0: the file's
  std::vector<std::pair<std::string, std::string>> renames;  // of inputs and outputs: old name, new name
  std::map<std::string, std::string> metadata;               // entries to replace
  ExternalData external_data = ExternalData::kAuto;          // kAuto: as the file has it
  std::function<void(double)> progress;                      // the share of the bytes that is written
};

struct Rewritten {
  struct Value {
    std::string name;
    TensorType type;
  };
  WriteResult written;
  int opset_before = 0, opset = 0;
  std::size_t nodes_before = 0, nodes = 0;  // bodies of If, Loop and Scan not counted
  std::vector<Value> inputs, outputs;
  // What is different in the new file, one phrase each: "opset 11 → 17: 2 Squeeze, 1 Softmax rewritten".
  // Empty: the files are the same, byte for byte.
  std::vector<std::string> changes;
};

// Writes a model of standard ONNX operators again, node by node: all that `options` does not ask for stays as
// it is, so that a runtime computes the same.  QOperator nodes (QLinearConv, QGemm ...) become
// DequantizeLinear, the float operator and QuantizeLinear.  Errors: kIo; kInvalidFile; kUnsupported, which
// lists each node that cannot be written.
Result<Rewritten> Rewrite(const std::filesystem::path& model, const std::filesystem::path& output,
                          const RewriteOptions& options);

}  // namespace octavo::onnx
