#include "octavo/reference/array.h"

#include <algorithm>
#include <cmath>

namespace octavo::reference {
namespace {

// The index of each element's scale: 0 per tensor, its index along the axis per channel.
std::int64_t ChannelOf(std::int64_t element, const Sizes& sizes, const Quantization& quantization) {
  if (!quantization.axis) return 0;
  std::int64_t inner = 1;
  for (std::size_t d = static_cast<std::size_t>(*quantization.axis) + 1; d < sizes.size(); ++d)
    inner *= sizes[d];
  return element / inner % sizes[static_cast<std::size_t>(*quantization.axis)];
}

}  // namespace

Array<float> Dequantized(const Tensor& tensor) {
  const Quantization& q = *tensor.quantization;
  Array<float> reals(tensor.sizes);
  const std::vector<std::int64_t> integers = tensor.Integers().ToInts();
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const auto c = static_cast<std::size_t>(ChannelOf(static_cast<std::int64_t>(i), tensor.sizes, q));
    reals.data[i] = static_cast<float>(integers[i] - q.zero_points[c]) * static_cast<float>(q.scales[c]);
  }
  return reals;
}

Tensor Quantized(const Array<float>& reals, const TensorType& type) {
  const Quantization& q = *type.quantization;
  Tensor result;
  WithElementType(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    constexpr double kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
    Array<T> integers(reals.sizes);
    for (std::size_t i = 0; i < reals.data.size(); ++i) {
      const auto c = static_cast<std::size_t>(ChannelOf(static_cast<std::int64_t>(i), reals.sizes, q));
      const float inverse = 1.0F / static_cast<float>(q.scales[c]);
      const double level = static_cast<double>(std::nearbyint(reals.data[i] * inverse)) +
                           static_cast<double>(q.zero_points[c]);
      integers.data[i] = static_cast<T>(std::isnan(level) ? kLow : std::clamp(level, kLow, kHigh));
    }
    result = ToTensor(integers, type);
  });
  return result;
}

}  // namespace octavo::reference
