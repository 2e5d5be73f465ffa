#pragma once

#include <onnx.pb.h>

#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// ONNX's number of a dtype; of a quantized one that of its integers.  Errors: kUnsupported.
Result<::onnx::TensorProto::DataType> ElementType(DType dtype);

}  // namespace octavo::onnx
