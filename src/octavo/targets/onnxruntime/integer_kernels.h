#pragma once

#include <cstdint>
#include <vector>

#include "octavo/graph.h"

namespace octavo::targets::onnxruntime {

// What a node does once ONNX Runtime has optimized the graph with its default options.
enum class Work : std::uint8_t {
  kNone,     // moves or converts elements, or works on shapes
  kInteger,  // computes on 8-bit integers: QLinearConv, QGemm, QLinearAdd, MaxPool of uint8, a table, ...
  kFloat,    // computes on reals
};

// Of each node of a graph that was written in the qdq dialect, or in the Caffe2 dialect, whose Int8 operators
// are integer kernels.  The rules are those of docs/numbers.md, "Which groups become
// one kernel"; tests/runtime/test_int8_operators.py compares them with ONNX Runtime's optimized graphs.
std::vector<Work> WorkOfNodes(const ir::Graph& graph);

// For each node, whether it is a MatMul or Gemm whose first operand comes from no DequantizeLinear: ONNX
// Runtime computes it in float32, whatever its second operand is.
std::vector<bool> ProductsOfReals(const ir::Graph& graph);

}  // namespace octavo::targets::onnxruntime
