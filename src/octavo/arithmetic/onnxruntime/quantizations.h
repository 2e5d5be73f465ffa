#pragma once

#include <cstdint>
#include <optional>

// Quantizations that ONNX Runtime changes when it loads a model.

namespace octavo::arithmetic::onnxruntime {

struct EightBits {
  float scale = 1;
  std::int64_t zero_point = 0;
  std::int64_t lowest = 0;  // 0, or -128

  float real(std::int64_t level) const { return static_cast<float>(level - zero_point) * scale; }
};

// core/optimizer/double_qdq_pairs_remover.cc: the quantization that takes the place of two that follow one
// another.  nullopt if they stay: their integers are of two types; or have no real number but 0 in common.
std::optional<EightBits> MergedQuantization(const EightBits& first, const EightBits& second);

// core/optimizer/qdq_transformer/clip_quantizelinear.cc: whether a Clip before the QuantizeLinear is removed.
bool RemovesClip(float low, float high, const EightBits& quantization);

}  // namespace octavo::arithmetic::onnxruntime
