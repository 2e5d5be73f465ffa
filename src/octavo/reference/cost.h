#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "octavo/graph.h"
#include "octavo/tensor.h"

namespace octavo::reference {

// What running a node takes, estimated from the sizes of its operands and results, before it runs.
struct Cost {
  double multiply_adds = 0;        // what a kernel does in that time, where it computes something else
  std::uint64_t result_bytes = 0;  // of the results whose sizes the importer knows
  std::uint64_t kernel_bytes = 0;  // of the arrays that the kernel computes with
};

// `values`: by the index of the graph's values.  Nullopt: the results have more elements than a tensor may
// have.
std::optional<Cost> CostOf(const ir::Graph& graph, const ir::Node& node, std::span<const Tensor> values);

// "the result float32[4,1000]", for messages about memory.
std::string ResultText(const ir::Graph& graph, const ir::Node& node);

}  // namespace octavo::reference
