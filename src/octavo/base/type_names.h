#pragma once

#include <cstdint>
#include <string>

namespace octavo {

// For messages about types that Octavo lacks: "uint16"; "unknown (number 99)" for a number that no type has.

// By PyTorch's number, c10::ScalarType.
std::string ScalarTypeName(std::int64_t number);
// By ONNX's number, TensorProto.DataType.
std::string OnnxTypeName(std::int64_t number);

}  // namespace octavo
