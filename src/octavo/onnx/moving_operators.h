#pragma once

#include <onnx.pb.h>

namespace octavo::onnx {

// Operators that move or compare elements, so that their results are quantized as their first input is:
// MaxPool, Reshape, Resize of mode nearest ...
bool MovesElements(const ::onnx::NodeProto& node);

}  // namespace octavo::onnx
