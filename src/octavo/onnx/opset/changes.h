#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "octavo/onnx/model_edit.h"
#include "octavo/result.h"

// What changed in ONNX's operators from opset to opset (ONNX's Changelog.md), as edits of one node.

namespace octavo::onnx {

// The opsets between which nodes can be moved.
inline constexpr int kFirstMovableOpset = 10, kLastMovableOpset = 27;

using OpsetEdit = Status (*)(NodeEdit&);

// Sets of element types, as bits of their ONNX numbers.
using ElementTypes = std::uint32_t;

// What changed for operators of one opset.
struct OpsetChange {
  int opset;                   // the first with the operators' new form
  std::string_view operators;  // separated by spaces
  ElementTypes new_types = 0;  // of some input or result, which the opset before does not have
  // nullptr: the node stays as it is.
  OpsetEdit up = nullptr, down = nullptr;
};

// Every change of opsets kFirstMovableOpset + 1 to kLastMovableOpset, with operators that are new.
std::span<const OpsetChange> OpsetChanges();
// In which opset the operator appeared; 0: in kFirstMovableOpset or before, or it is not ONNX's.
int FirstOpset(std::string_view op);

// Rewrites the node for another opset.  Errors: kUnsupported where its meaning cannot be kept.
Status MoveNode(NodeEdit& edit, int from, int to);

// ---- The edits, by what changed

Status AxesToInput(NodeEdit& edit);          // Squeeze, Unsqueeze, Reduce...
Status AxesToAttribute(NodeEdit& edit);      // Reduce...
Status SplitToInput(NodeEdit& edit);         // Split
Status NumberOfOutputs(NodeEdit& edit);      // Split: num_outputs
Status NoNumberOfOutputs(NodeEdit& edit);    // Split
Status SoftmaxOfOneAxis(NodeEdit& edit);     // Softmax, LogSoftmax, Hardmax
Status ClipToInputs(NodeEdit& edit);         // Clip
Status PadToInputs(NodeEdit& edit);          // Pad
Status PadEveryAxis(NodeEdit& edit);         // Pad: axes
Status PadWithoutWrap(NodeEdit& edit);       // Pad: mode wrap
Status DropoutToInput(NodeEdit& edit);       // Dropout
Status ResizeWithModes(NodeEdit& edit);      // Resize: coordinate_transformation_mode
Status ResizeEveryAxis(NodeEdit& edit);      // Resize: axes, antialias
Status ResizeAsymmetric(NodeEdit& edit);     // Resize: half_pixel_symmetric
Status ScatterElements(NodeEdit& edit);      // Scatter
Status InferenceBatchNorm(NodeEdit& edit);   // BatchNormalization: no training
Status NoTrainingMode(NodeEdit& edit);       // BatchNormalization
Status RoiAlignMode(NodeEdit& edit);         // RoiAlign
Status NoRoiAlignMode(NodeEdit& edit);       // RoiAlign
Status ShapeOfAllAxes(NodeEdit& edit);       // Shape: start, end
Status WithoutZeroSizes(NodeEdit& edit);     // Reshape: allowzero
Status WithoutLayout(NodeEdit& edit);        // GRU, LSTM, RNN
Status WithoutReduction(NodeEdit& edit);     // ScatterElements, ScatterND: reduction
Status WithoutExtremes(NodeEdit& edit);      // ScatterElements, ScatterND: reduction max, min
Status WithoutDilations(NodeEdit& edit);     // AveragePool, LpPool
Status WithoutSaturate(NodeEdit& edit);      // Cast, CastLike, QuantizeLinear
Status WithoutBlocks(NodeEdit& edit);        // DequantizeLinear, QuantizeLinear: block_size, output_dtype
Status WithoutPrecision(NodeEdit& edit);     // DequantizeLinear, QuantizeLinear: output_dtype, precision
Status GridSampleLinear(NodeEdit& edit);     // GridSample: modes linear, cubic
Status GridSampleBilinear(NodeEdit& edit);   // GridSample: modes bilinear, bicubic
Status DftAxisToInput(NodeEdit& edit);       // DFT
Status DftAxisToAttribute(NodeEdit& edit);   // DFT
Status PerChannelGroupNorm(NodeEdit& edit);  // GroupNormalization: scale and bias per channel
Status PerGroupGroupNorm(NodeEdit& edit);    // GroupNormalization: scale and bias per group
Status HardSwishAsProduct(NodeEdit& edit);   // HardSwish
Status WithoutRoundMode(NodeEdit& edit);     // Cast, CastLike
Status WithoutStashType(NodeEdit& edit);     // Range
Status OtherMeaning(NodeEdit& edit);         // refuses

}  // namespace octavo::onnx
