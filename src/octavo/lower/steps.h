#pragma once

// Reals counted in steps of a quantization: q - zero_point in place of (q - zero_point) scale.  What an
// operator that is linear (an average, an interpolation) makes of them is the same after scaling, but sums of
// whole numbers are exact in float32, where sums of multiples of a scale are not: ties then round as
// PyTorch's integer kernels round them.

#include <cstdint>
#include <optional>

#include "octavo/operators.h"

namespace octavo {

// Whether this export counts in steps where only that is exact: for ONNX Runtime and in the Caffe2 dialect,
// but not with plain numbers.
bool CountsInSteps(const Builder& g);
// Whether it says of each node how exact it is (Builder::State): else nothing need be tried.
bool StatesExactness(const Builder& g);

// DequantizeLinear with scale 1.  `zero_point`, if given, is used in place of the value's own.  For other
// runtimes than ONNX Runtime, which look for the same scale on both sides of a value, and with plain numbers,
// the value's own scale and zero point.
//
// The Caffe2 dialect has no scale there: Int8Dequantize, Mul with the scale's reciprocal, and the nearest
// whole number, which an Add and a Sub of 1.5 * 2^23 make in float32.
Value DequantizeToSteps(Builder& g, Value x, std::optional<std::int64_t> zero_point = std::nullopt);
// QuantizeLinear with scale 1 likewise; the result's type is `type`.
Value QuantizeFromSteps(Builder& g, Value y, const TensorType& type,
                        std::optional<std::int64_t> zero_point = std::nullopt);
// The nearest whole number, ties to even, of reals within 2^22: what ONNX's Round is from opset 11 on.
Value NearestWhole(Builder& g, Value x);

}  // namespace octavo
