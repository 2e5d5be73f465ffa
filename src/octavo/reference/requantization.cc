#include "octavo/reference/requantization.h"

#include <fmt/format.h>

namespace octavo::reference {

std::int32_t SumOfProducts(const std::int16_t* a, const std::int16_t* b, std::int64_t length) {
  constexpr std::int64_t kPiece = 1 << 14;  // of products below 2^17, whose sum stays below 2^31
  std::uint32_t total = 0;
  for (std::int64_t start = 0; start < length; start += kPiece) {
    const std::int64_t end = std::min(start + kPiece, length);
    std::int32_t sum = 0;
    for (std::int64_t i = start; i < end; ++i) sum += a[i] * b[i];
    total += static_cast<std::uint32_t>(sum);
  }
  return static_cast<std::int32_t>(total);
}

Result<Requantization> Requantization::Make(const Call& call, const Tensor& x, const Tensor& weight, int axis,
                                            std::int64_t channels, const std::optional<Tensor>& bias,
                                            const TensorType& type, std::int64_t low, std::int64_t high) {
  if (weight.dtype != DType::kQInt8 || !weight.quantization || weight.quantization->float_zero_points) {
    return Unsupported(fmt::format("the weights must be qint8, not {}", weight.type().ToString()));
  }
  const Quantization& w = *weight.quantization;
  const auto scales = static_cast<std::int64_t>(w.scales.size());
  if (w.per_tensor() ? scales != 1 : (scales != channels || *w.axis != axis)) {
    return Unsupported(
        fmt::format("the scales of {1} do not fit {0} output channels", channels, weight.type().ToString()));
  }
  if (bias && (bias->dtype != DType::kFloat32 || bias->num_elements() != channels)) {
    return Unsupported(
        fmt::format("the bias must be float32[{}], not {}", channels, bias->type().ToString()));
  }
  const Affine from(*x.quantization), to(*type.quantization);
  const std::vector<float> reals = bias ? bias->ToFloats() : std::vector<float>();
  Requantization result;
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::size_t i = w.per_tensor() ? 0 : Index(c);
    if (w.zero_points[i] < INT8_MIN || w.zero_points[i] > INT8_MAX) {
      return Unsupported(
          fmt::format("the zero point {} is out of range for qint8 weights", w.zero_points[i]));
    }
    const auto w_scale = static_cast<float>(w.scales[i]);
    const Affine bias_steps(w.scales[i] * x.quantization->scale(), 0);
    result.biases_.push_back(bias ? LevelOf<std::int32_t>(reals[Index(c)], bias_steps, call.meaning()) : 0);
    result.weight_zeros_.push_back(static_cast<std::int32_t>(w.zero_points[i]));
    result.multipliers_.push_back(x.dtype == DType::kQUint8 ? w_scale * from.scale * to.inverse
                                                            : from.scale * w_scale / to.scale);
  }
  result.zero_point_ = to.zero_point;
  result.low_ = low;
  result.high_ = high;
  result.meaning_ = x.dtype == DType::kQUint8 ? call.meaning() : Meaning::kMeant;
  return result;
}

}  // namespace octavo::reference
