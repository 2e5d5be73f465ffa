#pragma once

#include "octavo/onnx/model_edit.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Writes a QOperator node (QLinearConv, com.microsoft's QLinearAdd, QGemm ...) as its float operator, with a
// DequantizeLinear before each quantized input and a QuantizeLinear behind it: the pattern that ONNX Runtime
// fuses into the same kernel.  False: the node is none, and stays.  Errors: kUnsupported for nodes that
// ONNX Runtime would not fuse into the same kernel, and for those of dynamic quantization.
Result<bool> WriteAsQdq(NodeEdit& edit);

}  // namespace octavo::onnx
