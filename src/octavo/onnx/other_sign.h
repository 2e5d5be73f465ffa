#pragma once

#include <onnx.pb.h>

#include "octavo/tensor.h"

namespace octavo::onnx {

// int8 → uint8 with 128 added to each element, and uint8 → int8 with 128 subtracted.  With such a zero point
// the integers mean the same reals.
::onnx::TensorProto WithOtherSign(const Tensor& integers);

}  // namespace octavo::onnx
