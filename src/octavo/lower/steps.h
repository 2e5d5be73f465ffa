#pragma once

// Reals counted in steps of a quantization: q - zero_point in place of (q - zero_point) scale.  What an
// operator that is linear (an average, an interpolation) makes of them is the same after scaling, but sums of
// whole numbers are exact in float32, where sums of multiples of a scale are not: ties then round as
// PyTorch's integer kernels round them.

#include <cstdint>
#include <optional>

#include "octavo/operators.h"

namespace octavo {

// DequantizeLinear with scale 1.  `zero_point`, if given, is used in place of the value's own.  For other
// runtimes than ONNX Runtime, which look for the same scale on both sides of a value, and with plain numbers,
// the value's own scale and zero point.
Value DequantizeToSteps(Builder& g, Value x, std::optional<std::int64_t> zero_point = std::nullopt);
// QuantizeLinear with scale 1 likewise; the result's type is `type`.
Value QuantizeFromSteps(Builder& g, Value y, const TensorType& type,
                        std::optional<std::int64_t> zero_point = std::nullopt);

}  // namespace octavo
