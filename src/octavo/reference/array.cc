#include "octavo/reference/array.h"

#include <fmt/format.h>

#include "octavo/reference/levels.h"

namespace octavo::reference {
namespace {

// The index of each element's scale: 0 per tensor, its index along the axis per channel.
std::size_t ChannelOf(std::size_t element, const Sizes& sizes, const Quantization& quantization) {
  if (!quantization.axis) return 0;
  const auto axis = static_cast<std::size_t>(*quantization.axis);
  std::int64_t inner = 1;
  for (std::size_t d = axis + 1; d < sizes.size(); ++d) inner *= sizes[d];
  return static_cast<std::size_t>(static_cast<std::int64_t>(element) / inner % sizes[axis]);
}

// A level of a tensor with float zero points: NaN is 0, and of what int32 does not hold, PyTorch keeps the
// low bits (Faults::kKeep).  Source: AffineQuantizerBase.cpp (quantize_val_float_qparams).
template <typename T>
T LevelOfRounded(float level, Faults faults) {
  if (std::isnan(level)) return Saturated<T>(0);
  if (faults == Faults::kMeant) return Saturated<T>(RoundedFar(level));
  constexpr float kInt64End = 9223372036854775808.0F;
  const float rounded = std::nearbyint(level);
  const std::int64_t whole = std::abs(rounded) < kInt64End ? static_cast<std::int64_t>(rounded)
                                                           : std::numeric_limits<std::int64_t>::min();
  return Saturated<T>(static_cast<std::int32_t>(whole));
}

}  // namespace

void OutsideArray(std::int64_t begin, std::int64_t count, std::size_t size) {
  Bug(fmt::format("reference: elements {} to {} of an array of {}", begin, begin + count, size));
}

Array<float> Dequantized(const Tensor& tensor) {
  const Quantization& q = *tensor.quantization;
  Array<float> reals(tensor.sizes);
  const std::vector<std::int64_t> levels = tensor.Integers().ToInts();
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::size_t c = ChannelOf(i, tensor.sizes, q);
    reals.data[i] = q.float_zero_points
                        ? (static_cast<float>(levels[i]) - static_cast<float>(q.float_zeros[c])) *
                              static_cast<float>(q.scales[c])
                        : Affine(q.scales[c], q.zero_points[c]).Real(levels[i]);
  }
  return reals;
}

Tensor Quantized(const Array<float>& reals, const TensorType& type, const Options& options) {
  const Quantization& q = *type.quantization;
  Tensor result;
  WithElementType(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      Array<T> levels(reals.sizes);
      for (std::size_t i = 0; i < reals.data.size(); ++i) {
        const std::size_t c = ChannelOf(i, reals.sizes, q);
        if (q.float_zero_points) {
          const float level =
              reals.data[i] * (1.0F / static_cast<float>(q.scales[c])) + static_cast<float>(q.float_zeros[c]);
          levels.data[i] = LevelOfRounded<T>(level, options.faults);
        } else {
          const Affine to(q.scales[c], q.zero_points[c]);
          levels.data[i] = q.axis ? ScalarLevelOf<T>(reals.data[i], to, options)
                                  : TensorLevelOf<T>(reals.data[i], to, options);
        }
      }
      result = ToTensor(levels, type);
    }
  });
  return result;
}

Tensor QuantizedNumber(float real, const TensorType& type, const Options& options) {
  const Quantization& q = *type.quantization;
  Tensor result;
  WithElementType(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      Array<T> level({});
      level[0] = ScalarLevelOf<T>(real, Affine(q.scale(), q.zero_point()), options);
      result = ToTensor(level, type);
    }
  });
  return result;
}

}  // namespace octavo::reference
