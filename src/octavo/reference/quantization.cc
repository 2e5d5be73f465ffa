#include <cmath>

#include <fmt/format.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"

// quantize, dequantize and their like.  Sources: AffineQuantizer.cpp, FakeQuantPerTensorAffine.cpp,
// QuantizedOpKernels.cpp (PyTorch 1.13).

namespace octavo::reference {
namespace {

Results Quantize(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.dtype != DType::kFloat32)
    return Unsupported(
        fmt::format("a tensor of type {} cannot be quantized, only float32 can", x.type().ToString()));
  const TensorType& type = call.result();
  if (!type.quantization)
    return Unsupported("a scale or zero point that is computed at run time is not supported");
  if (type.quantization->axis) {
    const auto axis = static_cast<std::size_t>(*type.quantization->axis);
    const auto scales = static_cast<std::int64_t>(type.quantization->scales.size());
    if (axis >= x.sizes.size() || x.sizes[axis] != scales) {
      return Unsupported(
          fmt::format("{} scales do not fit a tensor of type {}", scales, x.type().ToString()));
    }
  }
  return One(Quantized(Elements<float>(x), type, call.options()));
}

// float32, also of tensors that are not quantized.
Result<Tensor> Reals(const Tensor& x) {
  if (!x.quantization) return Converted(x, DType::kFloat32);
  return ToTensor(Dequantized(x), TensorType{.dtype = DType::kFloat32});
}

Results Dequantize(const Call& call) {
  std::vector<Tensor> results;
  if (!call.has("tensors")) {
    results.push_back(OCTAVO_TRY(Reals(call.tensor("self"))));
  } else {
    for (const Tensor& x : call.tensors("tensors")) results.push_back(OCTAVO_TRY(Reals(x)));
  }
  return results;
}

// The levels as plain integers.
Results IntRepr(const Call& call) { return One(call.tensor("self").Integers()); }

// All levels 0.
Results EmptyQuantized(const Call& call) {
  const TensorType& type = call.result();
  if (!type.quantization)
    return Unsupported("a scale or zero point that is computed at run time is not supported");
  Results results = std::vector<Tensor>();
  if (!WithElementType(type.dtype, [&](auto zero) {
        Result<Sizes> sizes = Checked(call.ints("size"));
        if (sizes) {
          results = One(ToTensor(Array<decltype(zero)>(std::move(*sizes)), type));
        } else {
          results = std::move(sizes).error();
        }
      })) {
    return Unsupported("this quantized dtype is not supported");
  }
  return results;
}

// The scales and zero points of a fake quantization, which are numbers or tensors.
struct FakeLevels {
  struct Channel {
    Affine affine;
    // Per channel the zero point may be a float, which is added before the rounding.
    std::optional<float> float_zero;
  };
  std::vector<Channel> channels;
  std::int64_t low, high;

  // `learned`: the zero point is rounded and kept within the range .
  static Result<FakeLevels> Of(const Call& call, bool learned) {
    const bool tensors = call.is_tensor("scale");
    const std::vector<double> scales =
        tensors ? call.tensor("scale").ToDoubles() : std::vector{call.number("scale")};
    const std::vector<double> zeros = call.is_tensor("zero_point") ? call.tensor("zero_point").ToDoubles()
                                                                   : std::vector{call.number("zero_point")};
    FakeLevels levels{{}, call.integer("quant_min"), call.integer("quant_max")};
    constexpr std::int64_t kMost = INT32_MAX;
    if (levels.low < -kMost || levels.high > kMost || levels.low > levels.high ||
        scales.size() != zeros.size()) {
      return Unsupported(
          "arguments quant_min and quant_max must be 32-bit integers, with one zero point per scale");
    }
    const bool floats = !learned && call.has("axis") && call.is_tensor("zero_point") &&
                        IsFloat(call.tensor("zero_point").dtype);
    for (std::size_t c = 0; c < scales.size(); ++c) {
      double zero = zeros[c];
      if (learned) {
        zero = std::clamp(std::nearbyint(zero), static_cast<double>(levels.low),
                          static_cast<double>(levels.high));
      }
      if (!(std::abs(zero) <= static_cast<double>(kMost)) || (!floats && zero != std::nearbyint(zero))) {
        return Unsupported(fmt::format("the zero point {} is not a 32-bit integer", zero));
      }
      Channel channel{Affine(scales[c], floats ? 0 : static_cast<std::int64_t>(zero)), std::nullopt};
      if (floats) channel.float_zero = static_cast<float>(zero);
      levels.channels.push_back(channel);
    }
    return levels;
  }

  // zero_point + round_half_even(x (1/scale)), not yet within the range.  As in quantization, NaN is the
  // lowest level, and with the engine's faults infinity, too.
  std::int64_t LevelFor(float real, std::size_t c, Faults faults) const {
    const auto& [affine, float_zero] = channels[c];
    if (!float_zero) return LevelOf<std::int64_t>(real, affine, faults);
    const float level = *float_zero + real * affine.inverse;
    constexpr float kBeyond = 9223372036854775808.0F;
    if (faults == Faults::kKeep && level >= kBeyond) return std::numeric_limits<std::int64_t>::min();
    return RoundedFar(level);
  }

  // The level within the range less the zero point, times the scale.
  float RealOf(std::int64_t level, std::size_t c) const {
    const auto& [affine, float_zero] = channels[c];
    const std::int64_t inside = std::min(std::max(level, low), high);
    return float_zero ? (static_cast<float>(inside) - *float_zero) * affine.scale : affine.Real(inside);
  }
  bool Inside(std::int64_t level) const { return level >= low && level <= high; }
};

// The result, and with `kMask` which elements were inside the range.
template <bool kLearned, bool kMask>
Results FakeQuantize(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.dtype != DType::kFloat32) return Unsupported("fake quantization takes float32 only");
  const FakeLevels levels = OCTAVO_TRY(FakeLevels::Of(call, kLearned));
  Around around({}, 0);
  if (call.has("axis")) around = Around(x.sizes, OCTAVO_TRY(Axis(call.integer("axis"), x.sizes.size())));
  if (static_cast<std::int64_t>(levels.channels.size()) != around.size) {
    return Unsupported(
        fmt::format("{} scales do not fit a tensor of type {}", levels.channels.size(), x.type().ToString()));
  }
  bool enabled = true;
  if (call.has("fake_quant_enabled")) {
    const std::vector<double> numbers = call.tensor("fake_quant_enabled").ToDoubles();
    if (numbers.size() != 1) return Unsupported("argument fake_quant_enabled must have one element");
    enabled = numbers[0] != 0;
  }
  Array<float> reals = Elements<float>(x);
  const Faults faults = call.with_fbgemm() && !call.has("axis") ? Faults::kMeant : call.faults();
  Array<std::uint8_t> mask(x.sizes);
  for (std::size_t i = 0; i < reals.data.size(); ++i) {
    const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / around.inner % around.size);
    const std::int64_t level = levels.LevelFor(reals.data[i], c, faults);
    mask.data[i] = static_cast<std::uint8_t>(!enabled || levels.Inside(level));
    if (enabled) reals.data[i] = levels.RealOf(level, c);
  }
  std::vector<Tensor> results = {ToTensor(reals, {.dtype = DType::kFloat32})};
  if constexpr (kMask) results.push_back(ToTensor(mask, {.dtype = DType::kBool}));
  return results;
}

}  // namespace

void AddQuantization(Kernels& kernels) {
  kernels.Add("aten::quantize_per_tensor", Quantize);
  kernels.Add("aten::quantize_per_channel", Quantize);
  kernels.Add("aten::dequantize", Dequantize);
  kernels.Add("aten::int_repr", IntRepr);
  kernels.Add("aten::_empty_affine_quantized", EmptyQuantized);
  kernels.Add("aten::fake_quantize_per_tensor_affine", FakeQuantize<false, false>);
  kernels.Add("aten::fake_quantize_per_channel_affine", FakeQuantize<false, false>);
  kernels.Add("aten::_fake_quantize_learnable_per_tensor_affine", FakeQuantize<true, false>);
  kernels.Add("aten::_fake_quantize_learnable_per_channel_affine", FakeQuantize<true, false>);
  kernels.Add("aten::fake_quantize_per_tensor_affine_cachemask", FakeQuantize<false, true>);
  kernels.Add("aten::fake_quantize_per_channel_affine_cachemask", FakeQuantize<false, true>);
  kernels.Add("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", FakeQuantize<false, true>);
}

}  // namespace octavo::reference
