#pragma once

#include <initializer_list>

#include "octavo/operators.h"

// Float32 numbers between quantized operators that ONNX Runtime has to the bit as PyTorch has them: what is
// dequantized, what only moves or chooses such numbers, and what is one operation of IEEE 754 on them.

namespace octavo {

enum class RealsFrom {
  kUnproven,
  kConstants,  // and inputs of the model
  kLevels,     // at least some were dequantized
};
// Looks back to where the numbers were dequantized, or to operators that marked them (Builder::SetProven).
RealsFrom WhereProven(Builder& g, Value x);

// Marks `result`, which is one operation on `operands` that PyTorch and ONNX Runtime round alike, if these
// are proven.
Value MarkProven(Builder& g, Value result, std::initializer_list<Value> operands);

}  // namespace octavo
