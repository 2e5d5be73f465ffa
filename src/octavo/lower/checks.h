#pragma once

// Conditions on arguments that rows of several families state.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/operators.h"

namespace octavo {

// A hint for operators whose input must be quantized.
std::string StateQuantization(std::string_view spec = "quint8[1,3,8,8](0.02,128)");

// The numbers of an argument that may not depend on sizes known only when the model runs.
Result<std::int64_t> KnownInt(const Arguments& a, std::string_view name);
Result<std::vector<std::int64_t>> KnownInts(const Arguments& a, std::string_view name);

// `rule`, but an error where that argument is quantized, as PyTorch has no such kernel, or where it is of an
// integer type, for which ONNX has none.
TypeRule FloatOnly(std::string argument, TypeRule rule);
// `rule`, but an error where that argument is quantized.
TypeRule RealOnly(std::string argument, TypeRule rule);
// `rule`, but an error where that argument is quantized in another way than per tensor to 8 bits, or is of an
// integer type.
TypeRule FloatOrEightBits(std::string argument, TypeRule rule);
// `rule`, but an error where that argument is quantized in another way than per tensor to 8 bits.
TypeRule RealOrEightBits(std::string argument, TypeRule rule);
// `rule`, but an error unless that argument is quantized per tensor to 8 bits (or not yet known).
TypeRule EightBits(std::string argument, TypeRule rule);

// Like `type`, with another dtype and not quantized.
TensorType WithDType(TensorType type, DType dtype);

// The integers of a tensor that is quantized per tensor to 8 bits: [lowest, highest].
struct IntegerRange {
  int low;
  int high;
};
IntegerRange RangeOf(DType dtype);

// A constant with the storage type (uint8 or int8) of `type`, which is quantized.
Value IntegerConstant(Builder& g, const TensorType& type, std::int64_t value);

// ONNX's Cast.  No node where the value already has that type.
Result<Value> CastTo(Builder& g, Value x, DType dtype);

}  // namespace octavo
