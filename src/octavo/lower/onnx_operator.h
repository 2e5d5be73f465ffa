#pragma once

#include <string_view>
#include <vector>

#include "octavo/operators.h"

namespace octavo::lower {

// An operator of a graph that was raised from ONNX and stayed as it was: "onnx::Gather", its inputs without
// names first, then its attributes.  It means the same in every opset that the graph may be lowered to; the
// axes of Squeeze, Unsqueeze and reductions ("onnx::ReduceMax") are an attribute here.
inline constexpr std::string_view kOnnxPrefix = "onnx::";

// Writes it.  A quantized input is moved as integers in the qdq dialect, and through float in the Caffe2 one.
Result<std::vector<Value>> WriteOnnxOperator(Builder& g, std::string_view op,
                                             std::vector<ir::Argument> arguments,
                                             std::vector<TensorType> results);

}  // namespace octavo::lower
