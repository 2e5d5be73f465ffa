#pragma once

#include <cstdint>
#include <span>

// MatMulNBits with accuracy level 4: activations become int8 in blocks.

namespace octavo::arithmetic::onnxruntime {

// The level that ONNX Runtime sets when it turns DequantizeLinear and MatMul into MatMulNBits, and the number
// of rows per block where the weights have one scale, or one per column
// (core/optimizer/qdq_transformer/selectors_actions).
inline constexpr int kRewrittenAccuracyLevel = 4;
inline constexpr std::int64_t kRewrittenBlock = 32;

// core/mlas/lib/sqnbitgemm_kernel_avx_common_int8.h, QuantizeARow_CompInt8: replaces a block by its integers,
// which lie in [-127, 127], and answers their scale.
float QuantizeBlock(std::span<float> block);

}  // namespace octavo::arithmetic::onnxruntime
