#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "octavo/graph.h"
#include "octavo/result.h"

namespace octavo::onnx {

// An output that is not the first to be made by its value: a graph input, a constant, or a value that is an
// output already goes through an Identity of its own.
struct CopiedOutput {
  std::string node_name;
  ir::ValueId from;
  std::string to;
};

// Names in the model file: each value has one, and no two have the same.
struct Names {
  std::vector<std::string> values;  // by index; empty where nothing makes or uses the value
  std::vector<std::string> nodes;   // by index
  std::vector<CopiedOutput> copies;

  const std::string& of(ir::ValueId id) const { return values[static_cast<std::size_t>(id.index)]; }
};

// Graph inputs and outputs keep their names; any other value keeps its own unless it is taken, and one
// without is named after its node, "conv1/Conv_output_0", or its layer, "conv1.scale" (constant_names.h).
// Errors: kUnsupported where inputs and outputs clash.
Result<Names> NameValues(const ir::Graph& graph);

}  // namespace octavo::onnx
