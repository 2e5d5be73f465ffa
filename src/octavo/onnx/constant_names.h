#pragma once

#include <string>
#include <vector>

#include "octavo/graph.h"

namespace octavo::onnx {

// Names for the constants that have none, by value index; empty for every other value.  Two constants may get
// the same name.  `nodes`: the names of the graph's nodes, by index.
//
// The scale with which a layer quantizes its result is "conv.scale", that of its weight "conv.weight_scale",
// and zero points accordingly.  A layer that counts in steps has the scale "unit_scale" instead.  A zero
// point that several layers share is named after its value: "uint8_zero_point_64".  Other constants are named
// after the first node that reads them: "quant/Mul_input_1".
std::vector<std::string> NamesOfConstants(const ir::Graph& graph, const std::vector<std::string>& nodes);

}  // namespace octavo::onnx
