#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "octavo/graph.h"
#include "octavo/pytorch_engine.h"

namespace octavo::passes {

// Removes nodes and constants whose values nothing uses; inputs stay.  Returns the number of nodes removed.
int RemoveDeadNodes(ir::Graph& graph);
// What quantize_per_tensor and quantize_per_channel give for constants in an imported graph, and operators
// that move such a result, by the value's index: weights that a model quantizes when it runs.  Values whose
// elements PyTorch's engine quantizes otherwise than it means to are not among them.
std::unordered_map<std::int32_t, Tensor> QuantizedConstants(const ir::Graph& graph, Engine engine);
// Makes one constant of those with the same type and bytes.  Returns the number removed.
int MergeConstants(ir::Graph& graph);
// Gives each DequantizeLinear of an int8 constant a constant and a zero point that no other one has.  With
// the session option session.x64quantprecision ONNX Runtime (1.32) makes both uint8 and names the new ones
// after the old ones; where two layers share one, it refuses the model.  Returns the number of constants
// made.
int SeparateWeightZeroPoints(ir::Graph& graph);
// Writes the weights of matrix products that are computed in float32 as Cast, Sub (of a zero point other than
// 0) and Mul of the integers, in place of a DequantizeLinear of an 8-bit constant; or, `as_constants`, as
// float32 constants.  The numbers are the same.  ONNX Runtime makes MatMulNBits of a DequantizeLinear there,
// which quantizes the other operand, too; Cast, Sub and Mul of constants it computes once, when it loads the
// model.  `products`: for each node, whether it is such a MatMul or Gemm.  Returns how many got other
// weights.
int ComputeWeights(ir::Graph& graph, const std::vector<bool>& products, bool as_constants);
// The other way round: Cast, Sub and Mul of an 8-bit constant become a DequantizeLinear.  Returns their
// number.
int RestoreDequantizeLinear(ir::Graph& graph);
// Puts a LeakyRelu of slope 1, which changes no number, before a QuantizeLinear: behind a DequantizeLinear of
// another scale or zero point, of which ONNX Runtime would make one pair of third ones; and behind a Clip
// that ONNX Runtime would remove although it does something, or that a release would not load.  Returns how
// many it put.
int KeepQuantizations(ir::Graph& graph);
// The same between a Pad and a MaxPool.  ONNX Runtime up to 1.31 would make the zeros the pool's own padding,
// which is never the maximum.  Returns how many it put.
int KeepPads(ir::Graph& graph);
// The former exporter's own pattern, always on in the Caffe2 dialect: an Int8Transpose [0,3,1,2] directly
// followed by [0,2,3,1] between two convolutions disappears.  `everywhere` (--optimize) takes every pair of
// transposes that undo each other, and what then is an identity.  Returns the number of nodes removed.
int CancelTransposes(ir::Graph& graph, bool everywhere);
// Fills in the types of values that no emitter stated, where ONNX's definitions of the operators tell them.
// What is stated stays.
void InferTypes(ir::Graph& graph);
// --optimize: slices over a whole dimension, reshapes to the same shape, identities.
int RemoveIdentities(ir::Graph& graph);

}  // namespace octavo::passes
