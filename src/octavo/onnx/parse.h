#pragma once

#include <cstddef>
#include <span>

#include <onnx.pb.h>

#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::onnx {

// Errors: kInvalidFile with what the file is instead, where it is no ONNX model.
Result<::onnx::ModelProto> ParseModel(std::span<const std::byte> bytes);

// What the file says of a value; dtype kUnknown and no shape where it says nothing that Octavo knows.
TensorType DeclaredType(const ::onnx::TypeProto& proto);

// The opset of ONNX's own operators.
int OpsetOf(const ::onnx::ModelProto& model);
// The IR version that came with the opset.
int IrVersion(int opset);

}  // namespace octavo::onnx
