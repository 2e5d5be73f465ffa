#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

// What x86-64 without VNNI makes of uint8 activations times int8 weights: core/mlas/lib/x86_64/
// QgemmU8X8KernelAvx2.S and ConvSymKernelAvx2.S, vpmaddubsw.  Two neighbouring products are added in int16,
// which saturates.  docs/numbers.md says where this happens and how to keep it from happening.

namespace octavo::targets::onnxruntime {

// Sum of activations[i] * weights[i], before anything is done about zero points.  The order is that of the
// matrix product; a convolution's is [kernel position][input channel of the group].
inline std::int32_t AccumulateSaturatingPairs(std::span<const std::uint8_t> activations,
                                              std::span<const std::int8_t> weights) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < weights.size(); i += 2) {
    std::int32_t pair = activations[i] * weights[i];
    if (i + 1 < weights.size()) pair += activations[i + 1] * weights[i + 1];
    sum += std::clamp(pair, -32768, 32767);
  }
  return sum;
}

// Whether some activations make the pair saturate: 255 * 128 fits into int16, 255 * 129 does not.
inline bool PairCanSaturate(std::int8_t first, std::int8_t second) {
  return std::max<int>(first, 0) + std::max<int>(second, 0) > 128 ||
         std::min<int>(first, 0) + std::min<int>(second, 0) < -128;
}

}  // namespace octavo::targets::onnxruntime
