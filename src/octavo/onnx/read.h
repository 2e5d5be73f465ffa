#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "octavo/base/file_id.h"
#include "octavo/base/mapped_file.h"
#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::onnx {

struct ReadModel {
  ir::Graph graph;          // operators with their domain before "::"; quantized edges are plain integers
  std::string producer;     // "pytorch 1.13.1", "octavo 0.1.0"
  std::uint64_t bytes = 0;  // of the file
  // How many of the graph's inputs, the first ones, are tensors in other files that were not read.
  std::size_t external_tensors = 0;
  // The element types of inputs and outputs whose dtype is unknown to Octavo, by name: "uint16".
  std::map<std::string, std::string> other_types;
  FileIds files;  // the model, and those that hold its tensors
};

struct ReadOptions {
  // False: tensors in other files are not read; they are inputs then.
  bool external_data = true;
  // True: inputs may be of types that no value of a graph can have; their dtype is unknown then.
  bool any_type = false;
  // True: attributes that are graphs, and of other kinds that no operand can be, are None.  For those who
  // only look at the nodes, or let another program run them.
  bool hides_bodies = false;
  // True: QOperator nodes (QLinearConv ...) are read as float operators between DequantizeLinear and
  // QuantizeLinear.
  bool qoperators_as_qdq = false;
  // How long the tensors in other files are needed.
  MappedFile::Needed needed = MappedFile::Needed::kLong;
};

// Reads a model file's graph.  Tensors may lie in other files, below the model's folder (TensorReader).
// Errors: kIo; kInvalidFile for a file that is no ONNX model,
// or one whose graph is not well formed; kUnsupported for tensors of types that Octavo does not know.
Result<ReadModel> Read(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace octavo::onnx
