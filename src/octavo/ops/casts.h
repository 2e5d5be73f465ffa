#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "octavo/operators.h"

// Numbers of different dtypes in one operator: ONNX takes tensors of one type, PyTorch converts.

namespace octavo {

// A tensor about whose dtype nothing is said is float32, as it is when the model is written.
inline DType KnownDType(DType dtype) { return dtype == DType::kUnknown ? DType::kFloat32 : dtype; }

// `x` as `dtype`: a converted constant where `x` is a small one, else a Cast.  Quantized values are refused.
Result<Value> Converted(Builder& g, Value x, DType dtype);

// A 0-dimensional constant of `dtype` with a number of the model (int, float or bool).
Result<Value> NumberOf(Builder& g, const ir::Operand& number, DType dtype);

// Whether PyTorch can store the number in a tensor of that dtype.
Status CheckStorable(const ir::Operand& number, DType dtype);

// PyTorch's common dtype of these arguments, each a tensor or a number: numbers and 0-dimensional tensors
// count only where they are of a higher kind (bool, integer, floating point).  An error for quantized ones.
Result<DType> CommonDType(const Arguments& a, const std::vector<std::string_view>& names);

// The argument, a tensor or a number, as a tensor of `dtype`.
Result<Value> Operand(Builder& g, const Arguments& a, std::string_view name, DType dtype);

}  // namespace octavo
