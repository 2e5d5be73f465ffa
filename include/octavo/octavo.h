#pragma once

// The whole way in one call: a saved quantized PyTorch model becomes an ONNX model.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/operators.h"
#include "octavo/result.h"

namespace octavo {

struct InputSpec {
  std::string name;  // of forward's argument; empty: by position
  TensorType type;
  // "x:float32[1,3,224,224]", "float32[N,3,224,224]", "quint8[1,4,2,3](0.26,128)".  Error: kUsage.
  static Result<InputSpec> Parse(std::string_view text);
};

enum class ExternalData { kAuto, kAlways, kNever };

struct ExportOptions {
  Dialect dialect = Dialect::kQdq;
  Target target = Target::kOnnxRuntime;
  Numbers numbers = Numbers::kExact;
  bool require_exact = false;  // a node that is not exact in ONNX Runtime is an error, and nothing is written
  int opset = 0;               // 0: the dialect's own (qdq 17, caffe2 9)
  std::vector<InputSpec> inputs;
  std::vector<std::string> output_names;
  ExternalData external_data = ExternalData::kAuto;
  bool optimize = false;  // Caffe2: leave out what the former exporter wrote though it does nothing
  bool requantize_per_channel = false;  // Caffe2: --per-channel-weights requantize
  std::vector<std::filesystem::path> plugins;
  // Called with what is being done now ("reading", "converting", "writing"); may be empty.
  std::function<void(std::string_view)> progress;
};

struct ValueReport {
  std::string name;
  TensorType type;
};

// Whether the node's results in ONNX Runtime are PyTorch's in every bit.
bool IsExact(const NodeExactness& node);
// Those that are not, "aten::gelu  block1.act: one step, where ...", ten at most, and how many more
// with `see` behind it.
std::vector<std::string> WhyNotExact(const std::vector<NodeExactness>& nodes, std::string_view see = {});

struct ExportReport {
  std::uint64_t bytes = 0, external_bytes = 0;
  std::size_t operators = 0, nodes = 0;
  std::size_t nodes_saved = 0;  // by optimize
  int opset = 0;
  std::vector<ValueReport> inputs, outputs;
  std::vector<std::string> warnings;
  std::vector<NodeExactness> exactness;  // of each node with a quantized result, for Numbers::kExact
  // The graphs that were made on the way, freed with the report.  A program that ends then may spare itself
  // that.
  std::shared_ptr<const void> made;
};

// Reads `model`, converts it and writes `output`, which appears whole or not at all.
Result<ExportReport> Export(const std::filesystem::path& model, const std::filesystem::path& output,
                            const ExportOptions& options);

struct ConvertOptions {
  Dialect dialect = Dialect::kQdq;
  Target target = Target::kOnnxRuntime;
  Numbers numbers = Numbers::kExact;
  int opset = 0;  // 0: the dialect's own (qdq 17, caffe2 9)
  ExternalData external_data = ExternalData::kAuto;
  bool optimize = false;
  bool requantize_per_channel = false;
  std::function<void(std::string_view)> progress;
};

// Reads an int8 ONNX model, of the Caffe2 dialect or with QuantizeLinear and DequantizeLinear, and writes it
// in another dialect or for another opset or target, with the same numbers.
Result<ExportReport> Convert(const std::filesystem::path& model, const std::filesystem::path& output,
                             const ConvertOptions& options);

}  // namespace octavo

// A plugin is a shared library that defines this function; `registry` has all built-in rows.
//   OCTAVO_PLUGIN(registry) { return registry.AddCustom({.name = "mylib::twice", ...}); }
#define OCTAVO_PLUGIN_ABI 1
#define OCTAVO_PLUGIN(registry)                                                                             \
  extern "C" int octavo_plugin_abi() { return OCTAVO_PLUGIN_ABI; }                                          \
  static octavo::Status OctavoRegister(octavo::Registry& registry);                                         \
  extern "C" void octavo_plugin_register(octavo::Registry& r, octavo::Status& s) { s = OctavoRegister(r); } \
  static octavo::Status OctavoRegister(octavo::Registry& registry)
