#include "octavo/arithmetic/onnxruntime/blocks.h"

#include <algorithm>
#include <cmath>

namespace octavo::arithmetic::onnxruntime {

float QuantizeBlock(std::span<float> block) {
  constexpr float kHighest = 127;
  float greatest = 0;
  for (const float value : block) greatest = std::max(greatest, std::fabs(value));
  const float steps = greatest != 0 ? kHighest / greatest : 0.0F;
  for (float& value : block) value = std::nearbyint(value * steps);
  return greatest / kHighest;
}

}  // namespace octavo::arithmetic::onnxruntime
