#include "octavo/reference/requantization.h"

#include <algorithm>

#include <fmt/format.h>

namespace octavo::reference {
namespace {

// What the engine refuses is an error where its faults are kept; else it is computed as meant.
Status EngineRefuses(const Call& call, std::string_view what) {
  if (call.faults() == Faults::kMeant) return {};
  return Unsupported(fmt::format("PyTorch's engine {} refuses {}", Name(call.engine()), what),
                     "Choose another one with --engine, or leave --faults out.");
}

bool HasWeightZeros(const Tensor& weight) {
  return weight.quantization &&
         std::ranges::any_of(weight.quantization->zero_points, [](std::int64_t z) { return z != 0; });
}

bool IsPerChannel(const Tensor& weight) { return weight.quantization && !weight.quantization->per_tensor(); }

bool IsOnednn(LayerKernel kernel) {
  return kernel == LayerKernel::kOnednn || kernel == LayerKernel::kOnednnLinear;
}

// The reciprocal of a double, rounded to float32.
float InverseOf(double scale) { return static_cast<float>(1.0 / scale); }

}  // namespace

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

// Source of the choice that engine x86 makes on a CPU with AVX-512 VNNI: qconv_prepack.cpp.
Result<LayerKernel> ConvolutionKernel(const Call& call, const Tensor& x, const ir::PackedWeights& packed,
                                      const Tensor& weight) {
  if (call.with_fbgemm() && x.dtype != DType::kQUint8) {
    OCTAVO_TRY(EngineRefuses(call, "activations of qint8 in convolutions"));
  }
  if (call.with_qnnpack()) {
    return x.dtype == DType::kQUint8 ? LayerKernel::kQnnpack : LayerKernel::kXnnpack;
  }
  const bool transposed = packed.kind == ir::PackedWeights::Kind::kConvTranspose;
  if (transposed && IsPerChannel(weight)) {
    OCTAVO_TRY(EngineRefuses(call, "transposed convolutions with per-channel quantized weights"));
  }
  const bool zeros = HasWeightZeros(weight);
  const bool pads = std::ranges::any_of(packed.output_padding, [](std::int64_t p) { return p != 0; });
  if (call.engine() == Engine::kOnednn) {
    if (zeros) OCTAVO_TRY(EngineRefuses(call, "weights with a zero point other than 0"));
    if (pads) OCTAVO_TRY(EngineRefuses(call, "output_padding"));
    return LayerKernel::kOnednn;
  }
  constexpr std::int64_t kMostGroups = 100;
  const bool onednn = call.engine() == Engine::kX86 && !zeros && !pads && packed.groups <= kMostGroups;
  return onednn ? LayerKernel::kOnednn : LayerKernel::kFbgemm;
}

Result<LayerKernel> LinearKernel(const Call& call, const Tensor& x, const Tensor& weight) {
  if (call.engine() == Engine::kOnednn) {
    if (HasWeightZeros(weight)) OCTAVO_TRY(EngineRefuses(call, "weights with a zero point other than 0"));
    return LayerKernel::kOnednnLinear;
  }
  if (call.with_fbgemm() && x.dtype != DType::kQUint8) {
    OCTAVO_TRY(EngineRefuses(call, "activations of qint8 in linear layers"));
  }
  if (!call.with_qnnpack()) return LayerKernel::kFbgemm;
  return x.dtype == DType::kQUint8 ? LayerKernel::kQnnpack : LayerKernel::kXnnpack;
}

Status Requantization::Fill(const Tensor& x, const Tensor& weight, int axis, std::int64_t channels,
                            const std::optional<Tensor>& bias, const TensorType& type) {
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
  const double x_scale = x.quantization->scale();
  const Affine from(*x.quantization), to(*type.quantization);
  const std::vector<float> reals = bias ? bias->ToFloats() : std::vector<float>();
  per_channel_ = !w.per_tensor();
  x_scale_ = 1.0F / InverseOf(x_scale);
  y_inverse_ = 1.0F / (1.0F / InverseOf(type.quantization->scale()));
  zero_point_ = to.zero_point;
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::size_t i = w.per_tensor() ? 0 : Index(c);
    if (w.zero_points[i] < INT8_MIN || w.zero_points[i] > INT8_MAX) {
      return Unsupported(
          fmt::format("the zero point {} is out of range for qint8 weights", w.zero_points[i]));
    }
    const auto w_scale = static_cast<float>(w.scales[i]);
    Channel channel{.weight_zero = static_cast<std::int32_t>(w.zero_points[i])};
    if (bias) channel.bias = reals[Index(c)];
    switch (kernel_) {
      case LayerKernel::kQnnpack:
      case LayerKernel::kXnnpack:
        if (bias)
          channel.steps = LevelOf<std::int32_t>(channel.bias, Affine(w.scales[i] * x_scale, 0), faults_);
        channel.multiplier = kernel_ == LayerKernel::kQnnpack ? w_scale * from.scale * to.inverse
                                                              : from.scale * w_scale / to.scale;
        break;
      case LayerKernel::kFbgemm:
        channel.scale = from.scale * w_scale;
        channel.multiplier = channel.scale / to.scale;
        break;
      case LayerKernel::kOnednn:
        channel.scale = w_scale;
        break;
      case LayerKernel::kOnednnLinear:
        channel.scale = 1.0F / (per_channel_ ? 1.0F / w_scale : InverseOf(w.scales[i]));
        break;
    }
    channels_.push_back(channel);
  }
  return {};
}

std::int64_t Requantization::Level(std::int32_t sum, std::int64_t channel) const {
  const Channel& c = channels_[Index(channel)];
  const auto real = static_cast<float>(sum);
  if (IsOnednn(kernel_)) {
    const float level = (real * x_scale_ * c.scale + c.bias) * y_inverse_ + static_cast<float>(zero_point_);
    return std::clamp(RoundedFar(level), low_, high_);
  }
  if (kernel_ == LayerKernel::kFbgemm) {
    const float biased = per_channel_ ? real + c.bias / c.scale : std::fma(c.bias, 1.0F / c.scale, real);
    return RequantizedReal(biased, c.multiplier, zero_point_, low_, high_, faults_);
  }
  const auto whole =
      static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(c.steps));
  return Requantized(whole, c.multiplier, zero_point_, low_, high_, faults_);
}

}  // namespace octavo::reference
