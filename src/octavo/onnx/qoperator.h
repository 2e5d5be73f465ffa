#pragma once

#include <string>

#include "octavo/onnx/model_edit.h"
#include "octavo/result.h"

namespace octavo::onnx {

// Makes the float operator of a QOperator node (QLinearConv, com.microsoft QLinearAdd, QGemm ...), with a
// DequantizeLinear before each input and a QuantizeLinear behind it, as ONNX Runtime's QDQ fusion reads them
// back.  Answers whether the node was one; others stay.  `dynamic`: a node that quantizes dynamically, which
// cannot be written so.  Errors: kUnsupported.
Result<bool> WriteAsQdq(NodeEdit& edit);

}  // namespace octavo::onnx
