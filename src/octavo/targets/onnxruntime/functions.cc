#include "octavo/targets/onnxruntime/functions.h"

#include <algorithm>
#include <array>
#include <limits>

namespace octavo::targets::onnxruntime {
namespace {

// MlasComputeSumExpF32Kernel's exp(x), x <= 0: one scale, and its own lower end.
float ExpOfNonPositive(float value) {
  const ReducedExp reduced(AtLeast(-88.3762626647949F, value));
  const float p = std::fma(reduced.Polynomial(), reduced.x, 1.0F);
  return p * PowerOf2(reduced.m);
}

}  // namespace

void Softmax(std::span<const float> values, std::span<float> results, Instructions instructions) {
  const bool avx512 = instructions == Instructions::kAvx512;
  float maximum = std::numeric_limits<float>::lowest();
  for (const float value : values) maximum = std::max(maximum, value);
  std::array<float, 16> sums{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float x = values[i] - maximum;
    results[i] = avx512 ? Exp(x) : ExpOfNonPositive(x);
    sums[i % (avx512 ? 16 : 8)] += results[i];
  }
  for (std::size_t i = 0; i < 8; ++i) sums[i] += sums[i + 8];
  const float sum = ((sums[4] + sums[5]) + (sums[6] + sums[7])) + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
  const float scale = 1.0F / sum;
  for (float& result : results) result *= scale;
}

}  // namespace octavo::targets::onnxruntime
