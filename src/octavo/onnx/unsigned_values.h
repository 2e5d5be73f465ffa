#pragma once

#include "octavo/onnx/model_edit.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Makes the int8 values between QOperator nodes uint8, with zero points 128 higher: between
// QuantizeLinear and DequantizeLinear, ONNX Runtime on x86 has integer kernels for uint8 only.  Weights stay
// int8.  Nothing changes where no QOperator node takes int8, or where a value is read as something else than
// a quantized one (another operator, an output of the graph): such nodes are refused later.
// Errors: those of reading constants.
Status MakeValuesUnsigned(GraphEdit& graph);

}  // namespace octavo::onnx
