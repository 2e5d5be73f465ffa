#pragma once

#include "octavo/graph.h"
#include "octavo/operators.h"
#include "octavo/result.h"

namespace octavo::raise {

// Turns a graph of ONNX's operators, those of the Caffe2 dialect among them, back into one of PyTorch's: what
// lowering takes.  Int8Conv becomes quantized::conv2d with packed weights, Conv aten::conv2d, and a scale and
// zero point become part of the type of the value that has them.  An operator that PyTorch does not have in
// this form stays as it is, as "onnx::Gather"; its form must be the same in `opset`, which the raised graph
// is going to be written for.  Errors name all nodes that cannot be raised (kUnsupported, kInvalidFile).
Result<ir::Graph> Raise(const ir::Graph& graph, const Registry& registry, int opset);

// Joins aten::dequantize, a float operator and aten::quantize_per_tensor to the quantized operator that means
// all three.  Returns how many there were.
int JoinQuantized(ir::Graph& graph, const Registry& registry);

}  // namespace octavo::raise
