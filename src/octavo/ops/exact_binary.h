#pragma once

// Scales with which ONNX Runtime's QLinearMul and QLinearAdd give PyTorch's integers for every input.

#include <optional>

#include "octavo/tensor.h"

namespace octavo {

// The scales to write for the operands and the result, each within a few units in the last place of its own.
struct BinaryScales {
  float a, b, result;
};

// quantized::mul.  With acc the product of the integers less their zero points, PyTorch's integer is
//   round(acc ((a b) (1 / c))) + z
// and QLinearMul's (onnxruntime/core/mlas/lib/qlmul.cpp, x86-64 and ARM64)
//   round(acc ((a b) / c) + z),
// float32 after each step, half to even.  All products of two integers are tried.  nullopt: no scales near
// these do, as where products lie halfway between two integers and the zero point is odd.
std::optional<BinaryScales> ExactProductScales(const TensorType& a, const TensorType& b,
                                               const TensorType& result);

// quantized::add_scalar of a constant that is `steps` steps of a's scale.  PyTorch's integer is
//   round((q - z_a + steps) (a (1 / c))) + z
// and QLinearAdd's, the constant being a scalar operand of scale b with the integer 1 and the zero point 0,
// or 0 and 1 where it is negative,
//   round(q (a / c) + ((z - (z_a (a / c) + z_b (b / c))) + q_b (b / c))),
// float32 with or without fused multiplication and addition (onnxruntime/core/mlas/lib/qladd.cpp,
// intrinsics/avx2/qladd_avx2.cpp): all of these must agree.
std::optional<BinaryScales> ExactSumScales(const TensorType& a, double steps, const TensorType& result);

}  // namespace octavo
