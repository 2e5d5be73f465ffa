#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/reference/levels.h"

// From the int32 sums of products of a convolution or linear layer to the levels of its result.

namespace octavo::reference {

// Of levels less their zero points.  The sum keeps its low 32 bits.
std::int32_t SumOfProducts(const std::int16_t* a, const std::int16_t* b, std::int64_t length);

// level = clamp(round_half_even((sum + bias) multiplier) + zero_point), with, in float32,
//   bias = round_half_even(b (1 / (x_scale w_scale))), the product of the scales taken in float64;
//   multiplier = (w_scale x_scale) (1 / y_scale) of quint8, as qnnpack has it;
//   multiplier = (x_scale w_scale) / y_scale of qint8, as XNNPACK has it.
// Sources: quant_utils::QuantizeBias, generate_requantization_scales (qnnpack_utils.h), XNNPACK's
// convolution-nhwc.c.
class Requantization {
 public:
  // `weight` is qint8; per channel along `axis`, or with one scale for all `channels`.
  template <typename T, bool kRelu>
  static Result<Requantization> Of(const Call& call, const Tensor& x, const Tensor& weight, int axis,
                                   std::int64_t channels, const std::optional<Tensor>& bias,
                                   const TensorType& type) {
    const std::int64_t zero_point = type.quantization->zero_point();
    return Make(call, x, weight, axis, channels, bias, type,
                kRelu ? std::max(LowestOf<T>(), zero_point) : LowestOf<T>(), HighestOf<T>());
  }

  std::int32_t WeightZero(std::int64_t channel) const { return weight_zeros_[Index(channel)]; }
  std::int64_t Level(std::int32_t sum, std::int64_t channel) const {
    const auto whole = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) +
                                                 static_cast<std::uint32_t>(biases_[Index(channel)]));
    return Requantized(whole, multipliers_[Index(channel)], zero_point_, low_, high_, meaning_);
  }

 private:
  static Result<Requantization> Make(const Call& call, const Tensor& x, const Tensor& weight, int axis,
                                     std::int64_t channels, const std::optional<Tensor>& bias,
                                     const TensorType& type, std::int64_t low, std::int64_t high);
  static std::size_t Index(std::int64_t channel) { return static_cast<std::size_t>(channel); }

  std::vector<std::int32_t> biases_, weight_zeros_;
  std::vector<float> multipliers_;
  std::int64_t zero_point_ = 0, low_ = 0, high_ = 0;
  Meaning meaning_ = Meaning::kMeant;
};

}  // namespace octavo::reference
