#pragma once

// The full conversion in one call: Export() reads a saved quantized PyTorch model and writes an ONNX model.
// Convert() reads an int8 ONNX model and writes it in another dialect, opset, or for another runtime.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "octavo/limits.h"
#include "octavo/operators.h"
#include "octavo/pytorch_engine.h"
#include "octavo/result.h"

namespace octavo {

// The value of an argument that is not a tensor: None, a bool, or a number.
using InputLiteral = std::variant<std::monostate, bool, std::int64_t, double>;

// The caller's description of one argument of forward(): the type of a tensor, or the value of any other
// argument.
struct InputSpec {
  std::string name;  // the argument of forward(); empty: the inputs go by position
  TensorType type;
  std::optional<InputLiteral> value;  // set: the argument has this value, and `type` is ignored
  // A tensor: "x:float32[1,3,224,224]", "float32[N,3,224,224]", "quint8[1,4,2,3](0.26,128)".
  // A value: "mask=None", "flag=false", "k=3", "alpha=0.5".  Error: kUsage.
  static Result<InputSpec> Parse(std::string_view text);
};

// Another name for an input or output of the written model.
struct Rename {
  std::string from, to;
  static Result<Rename> Parse(std::string_view text);  // "OLD=NEW".  Error: kUsage.
};

// Called often, with the current step and the share of it that is done: 0 to 1, or below 0 if unknown.  A
// caller that prints it should limit how often it does so.
using ProgressFunction = std::function<void(std::string_view stage, double share)>;

enum class ExternalData { kAuto, kAlways, kNever };

struct ExportOptions {
  Dialect dialect = Dialect::kQdq;
  Target target = Target::kOnnxRuntime;
  // The PyTorch engine whose results the model reproduces.  Not set: kDefaultEngine, and for the Caffe2
  // dialect, which has no other numbers, Engine::kQnnpack.
  std::optional<Engine> engine;
  Numbers numbers = Numbers::kExact;
  bool require_exact = false;  // true: a node that cannot be exact in ONNX Runtime is an error
  int opset = 0;               // 0: the dialect's default (qdq 17, caffe2 9)
  std::vector<InputSpec> inputs;
  std::vector<std::string> output_names;  // of the first outputs, in order
  std::vector<Rename> renames;            // after output_names
  ExternalData external_data = ExternalData::kAuto;
  bool optimize = false;                // remove transposes, slices and reshapes that have no effect
  bool requantize_per_channel = false;  // caffe2: requantize per-channel weights per tensor, with a warning
  std::vector<std::filesystem::path> plugins;
  Limits limits;  // what the model may ask for
  // The steps are "reading", "converting" and "writing".  May be empty.
  ProgressFunction progress;
};

struct ValueReport {
  std::string name;
  TensorType type;
};

// True if the node's results in ONNX Runtime are bit-identical to PyTorch's.
bool IsExact(const NodeExactness& node);
// One line per node that is not exact, at most ten: "aten::gelu  block1.act: one step, where ...".  If there
// are more, the last line counts them and ends with `see`.
std::vector<std::string> WhyNotExact(const std::vector<NodeExactness>& nodes, std::string_view see = {});

// An operator of the model that computes floats.  A runtime may round them differently than PyTorch.
struct FloatOperator {
  std::string place;  // the module path "layer1.0.conv1", or the source line that calls the operator
  std::string op;     // "aten::softmax"
  std::string why;    // "sums of floats in another order"
  // True: the result is quantized later, so another rounding can change an integer by one step.  False: only
  // float outputs depend on it.
  bool before_quantized = false;
};
// One line per operator, at most ten: "aten::softmax  head: a sum of floats, ...; an integer computed from it
// may be one step off".  If there are more, the last line counts them and ends with `see`.
std::vector<std::string> WhatFloatsMayChange(const std::vector<FloatOperator>& operators,
                                             std::string_view see = {});

struct ExportReport {
  std::uint64_t bytes = 0, external_bytes = 0;
  std::size_t operators = 0, nodes = 0;
  std::size_t nodes_saved = 0;  // the nodes that ExportOptions::optimize removed
  int opset = 0;
  std::vector<ValueReport> inputs, outputs;
  std::vector<std::string> warnings;
  // Convert() only.  Set if the given file's nodes were kept, so that ONNX Runtime's results are
  // bit-identical to those of the given file: what is different, one phrase each ("opset 13 → 17: 2
  // ReduceMean written anew").  An empty list: the new file is a copy of the given one.
  std::optional<std::vector<std::string>> changes;
  // Convert() of a file that Octavo did not write: nodes whose results may be others than those that ONNX
  // Runtime computes for the given file, one line each ("AveragePool at node pool: ...").
  std::vector<std::string> not_identical;
  Engine engine = kDefaultEngine;        // the engine whose results `exactness` is about
  std::vector<NodeExactness> exactness;  // per node with a quantized result; only for Numbers::kExact
  std::vector<FloatOperator> float_operators;
  // counted_operators: the operators that compute.  Operators that only move, copy, convert or create
  // elements, that quantize or dequantize, or for which nothing is written, are not counted.
  // int8_operators: the counted operators that run on 8-bit integers.  For ONNX Runtime, all computing nodes
  // of the operator are integer kernels after its default optimization (QLinearConv, QGemm, MaxPool of uint8,
  // ...).  In the Caffe2 dialect, the operator became an Int8 operator.  For other targets, the operator
  // reads or makes quantized tensors in PyTorch.
  std::size_t counted_operators = 0, int8_operators = 0;
  std::map<std::string, std::size_t> not_int8;  // the counted operators that do not run in int8, by name
  // The graphs of the conversion, freed with the report.  A program that is about to exit may skip freeing
  // them.
  std::shared_ptr<const void> made;
};

// True if every node is exact: the quantized ones, and no float operator precedes one of them.  Float
// operators behind the last quantized node may round otherwise.
bool IsExact(const ExportReport& report);

// Reads `model`, converts it, and writes `output`.  The file appears complete or not at all.
Result<ExportReport> Export(const std::filesystem::path& model, const std::filesystem::path& output,
                            const ExportOptions& options);

struct ConvertOptions {
  Dialect dialect = Dialect::kQdq;
  std::optional<Target> target;  // nullopt: the runtime that the given file was written for
  Numbers numbers = Numbers::kExact;
  int opset = 0;  // 0: that of the given file; from one dialect to another the dialect's default (qdq 17)
  std::vector<Rename> renames;
  ExternalData external_data = ExternalData::kAuto;
  bool require_exact = false;  // true: a node that cannot be exact in ONNX Runtime is an error
  bool optimize = false;
  bool requantize_per_channel = false;
  Limits limits;
  ProgressFunction progress;
};

// Reads an int8 ONNX model and writes it in another dialect, opset, or for another target.  The model may be
// of the Caffe2 dialect or use QuantizeLinear and DequantizeLinear, or QOperator nodes (QLinearConv ...).
//
// From qdq (or QOperator) to qdq, each node is kept unless the options ask for another form, and ONNX
// Runtime's results stay bit-identical (ExportReport::changes is set).  In other cases the model is read back
// into PyTorch's operators: files of the Caffe2 dialect and of Export() mean what PyTorch computes.
Result<ExportReport> Convert(const std::filesystem::path& model, const std::filesystem::path& output,
                             const ConvertOptions& options);

}  // namespace octavo

// A plugin is a shared library that defines this function (docs/custom_operators.md).  `registry` holds all
// built-in rows.
//   OCTAVO_PLUGIN(registry) { return registry.AddCustom({.name = "mylib::twice", ...}); }
#define OCTAVO_PLUGIN_ABI 6
#define OCTAVO_PLUGIN(registry)                                                                             \
  extern "C" int octavo_plugin_abi() { return OCTAVO_PLUGIN_ABI; }                                          \
  static octavo::Status OctavoRegister(octavo::Registry& registry);                                         \
  extern "C" void octavo_plugin_register(octavo::Registry& r, octavo::Status& s) { s = OctavoRegister(r); } \
  static octavo::Status OctavoRegister(octavo::Registry& registry)
