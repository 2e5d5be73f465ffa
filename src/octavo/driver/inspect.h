#pragma once

// What a model file holds, for `octavo inspect`.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octavo/octavo.h"

namespace octavo::driver {

struct Layer {
  std::string op;           // "quantized::conv2d_relu", "DequantizeLinear"
  std::string module_path;  // "layer1.0.conv1"
  std::string place;        // "code/__torch__/net.py:31:10"
  std::vector<TensorType> outputs;
  std::vector<TensorType> weights;  // types of the constants that it has of its own
  std::int64_t parameters = 0;      // their elements together
  std::uint64_t parameter_bytes = 0;
};

struct Convertibility {
  Dialect dialect;
  std::optional<Error> obstacle;  // unset: converts
};

struct Inspection {
  std::string format;    // "TorchScript", "ONNX"
  std::string producer;  // "traced, PyTorch 1.13"; "octavo 0.1.0, opset 17"
  std::uint64_t file_bytes = 0;
  std::vector<ValueReport> inputs, outputs;
  std::vector<Layer> layers;
  std::vector<Convertibility> converts;  // for TorchScript
  std::vector<std::string> warnings;
  std::string graph_text;  // only where it was asked for
};

struct InspectOptions {
  std::vector<InputSpec> inputs;
  std::vector<std::filesystem::path> plugins;
  bool graph_text = false;
};

// Operators that have no row are part of the answer, not an error.
Result<Inspection> Inspect(const std::filesystem::path& path, const InspectOptions& options);

}  // namespace octavo::driver
