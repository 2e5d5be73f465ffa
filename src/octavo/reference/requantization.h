#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "octavo/reference/levels.h"

// From the int32 sums of products of a convolution or linear layer to the levels of its result.

namespace octavo::reference {

// Of levels less their zero points.  The sum keeps its low 32 bits.
std::int32_t SumOfProducts(const std::int16_t* a, const std::int16_t* b, std::int64_t length);

// Whose kernels compute a layer.
enum class LayerKernel : std::uint8_t { kQnnpack, kXnnpack, kFbgemm, kOnednn, kOnednnLinear };

// What the engine of the call takes.  Error: kUnsupported, where PyTorch refuses the layer with that engine.
Result<LayerKernel> ConvolutionKernel(const Call& call, const Tensor& x, const ir::PackedWeights& packed,
                                      const Tensor& weight);
Result<LayerKernel> LinearKernel(const Call& call, const Tensor& x, const Tensor& weight);

// The level of a sum.  All is float32 and rounded after each step; S = x_scale w_scale, b is the bias.
//   kQnnpack  z + round((sum + B) m): B = round(b (1 / S')), S' the product in float64; m = S (1 / y_scale)
//   kXnnpack  the same with m = S / y_scale
//   kFbgemm   z + round(fma(b, 1 / S, sum) m) of weights with one scale, else z + round((sum + b / S) m);
//             m = S / y_scale
//   kOnednn   round(((sum X) w_scale + b) Y + z): X = 1 / float(1 / x_scale), Y = 1 / (1 / float(1 /
//   y_scale)),
//             the inner divisions in float64; kOnednnLinear: w_scale goes through reciprocals likewise
// Sources: quant_utils::QuantizeBias and generate_requantization_scales (qnnpack_utils.h), XNNPACK's
// convolution-nhwc.c, fbgemm/src/QuantUtilsAvx2.cc, onednn_utils.h and qlinear.cpp of PyTorch.
class Requantization {
 public:
  // `weight` is qint8; per channel along `axis`, or with one scale for all `channels`.
  template <typename T, bool kRelu>
  static Result<Requantization> Of(const Call& call, LayerKernel kernel, const Tensor& x,
                                   const Tensor& weight, int axis, std::int64_t channels,
                                   const std::optional<Tensor>& bias, const TensorType& type) {
    const std::int64_t zero_point = type.quantization->zero_point();
    Requantization result;
    result.kernel_ = kernel;
    result.faults_ = kernel == LayerKernel::kXnnpack ? Faults::kMeant : call.faults();
    result.low_ = kRelu ? std::max(LowestOf<T>(), zero_point) : LowestOf<T>();
    result.high_ = HighestOf<T>();
    OCTAVO_TRY(result.Fill(x, weight, axis, channels, bias, type));
    return result;
  }

  std::int32_t WeightZero(std::int64_t channel) const { return channels_[Index(channel)].weight_zero; }
  std::int64_t Level(std::int32_t sum, std::int64_t channel) const;

 private:
  struct Channel {
    std::int32_t weight_zero = 0;
    std::int32_t steps = 0;  // the bias, rounded to steps of S
    float bias = 0, scale = 0, multiplier = 0;
  };

  Requantization() = default;
  Status Fill(const Tensor& x, const Tensor& weight, int axis, std::int64_t channels,
              const std::optional<Tensor>& bias, const TensorType& type);
  static std::size_t Index(std::int64_t channel) { return static_cast<std::size_t>(channel); }

  LayerKernel kernel_ = LayerKernel::kQnnpack;
  std::vector<Channel> channels_;
  bool per_channel_ = false;
  float x_scale_ = 0, y_inverse_ = 0;  // of oneDNN
  std::int64_t zero_point_ = 0, low_ = 0, high_ = 0;
  Faults faults_ = Faults::kMeant;
};

}  // namespace octavo::reference
