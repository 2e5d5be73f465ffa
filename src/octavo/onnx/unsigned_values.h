#pragma once

#include <string>
#include <vector>

#include "octavo/onnx/model_edit.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Makes the int8 values between QOperator nodes uint8, with zero points 128 higher: between
// QuantizeLinear and DequantizeLinear, ONNX Runtime on x86 has integer kernels for uint8 only.  Weights stay
// int8.  Nothing changes where no QOperator node takes int8, or where a value is read as something else than
// a quantized one (another operator, an output of the graph): such nodes are refused later.
// Errors: those of reading constants.
// Answers the nodes that ONNX Runtime may round otherwise for it, one line each: it adds the zero point of a
// sum, product or average before it rounds, in float32.
Result<std::vector<std::string>> MakeValuesUnsigned(GraphEdit& graph);

}  // namespace octavo::onnx
