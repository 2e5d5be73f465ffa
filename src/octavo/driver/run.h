#pragma once

// `octavo run`: a saved PyTorch model through the reference interpreter, an ONNX model through the engine.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/file_id.h"
#include "octavo/driver/input_values.h"
#include "octavo/engine/engine.h"
#include "octavo/reference/reference.h"

namespace octavo::driver {

struct RunOptions {
  reference::Options reference;     // for .pt files
  engine::Options engine;           // for ONNX files
  std::vector<InputSpec> literals;  // for .pt files: arguments of forward that are no tensors
  std::vector<std::filesystem::path> plugins;
  Limits limits;              // of which both runners' budgets are made
  ProgressFunction progress;  // "reading", "running"; may be empty
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct RunReport {
  std::string runner;  // "reference", "engine"
  // Of the reference: PyTorch's engine, "qnnpack-x86", and whether its known faults are kept.
  std::string pytorch_engine;
  bool faults_kept = false;
  std::string arithmetic;  // of the engine: "onnxruntime"
  std::vector<NamedTensor> outputs;
  std::vector<std::string> warnings;
  FileIds files;  // that were read: the model, its data, plugins
  double reading_seconds = 0, running_seconds = 0;
};

Result<RunReport> Run(const std::filesystem::path& model, std::vector<InputValue> inputs,
                      const RunOptions& options);

// Writes y0.npy, y1.npy, ... into `folder`, which is made if it is not there: all of them or none.  Errors:
// kIo; kUsage where one of `inputs` would be replaced.
Status WriteOutputs(const std::vector<NamedTensor>& outputs, const std::filesystem::path& folder,
                    const FileIds& inputs);

}  // namespace octavo::driver
