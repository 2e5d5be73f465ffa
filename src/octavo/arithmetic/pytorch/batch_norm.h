#pragma once

#include <cmath>

// Batch normalization of floats with running statistics, on a CPU with FMA; float32.  Source, in PyTorch's
// repository: aten/src/ATen/native/cpu/batch_norm_kernel.cpp, whose sums of products the compiler fuses.

namespace octavo::arithmetic::pytorch {

// What a channel is multiplied by, and what is added.
struct ChannelAffine {
  float factor, summand;
};

inline ChannelAffine BatchNormAffine(float mean, float variance, float weight, float bias, float epsilon) {
  const float factor = 1.0F / std::sqrt(variance + epsilon) * weight;
  return {factor, std::fma(-mean, factor, bias)};
}

inline float BatchNormalized(float x, const ChannelAffine& channel) {
  return std::fma(x, channel.factor, channel.summand);
}

}  // namespace octavo::arithmetic::pytorch
