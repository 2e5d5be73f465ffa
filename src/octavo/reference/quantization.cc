#include <cmath>

#include <fmt/format.h>

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

Tensor Reals(const Tensor& x) {
  return x.quantization ? ToTensor(Dequantized(x), TensorType{.dtype = DType::kFloat32}) : x;
}

Results Dequantize(const Call& call) {
  std::vector<Tensor> results;
  if (!call.has("tensors")) {
    results.push_back(Reals(call.tensor("self")));
  } else {
    for (const Tensor& x : call.tensors("tensors")) results.push_back(Reals(x));
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
  std::vector<Affine> channels;
  std::int64_t low, high;

  static Result<FakeLevels> Of(const Call& call) {
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
    for (std::size_t c = 0; c < scales.size(); ++c) {
      if (!(std::abs(zeros[c]) <= static_cast<double>(kMost)) || zeros[c] != std::nearbyint(zeros[c])) {
        return Unsupported(fmt::format("the zero point {} is not a 32-bit integer", zeros[c]));
      }
      levels.channels.emplace_back(scales[c], static_cast<std::int64_t>(zeros[c]));
    }
    return levels;
  }

  // min(max(zero_point + round_half_even(x (1/scale)), low), high) - zero_point, times the scale.  As in
  // quantization, NaN is the lowest level, and for kQnnpack infinity, too.
  float Nearest(float real, std::size_t channel, Faults faults) const {
    const std::int64_t level = LevelOf<std::int64_t>(real, channels[channel], faults);
    return channels[channel].Real(std::min(std::max(level, low), high));
  }
};

Results FakeQuantize(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.dtype != DType::kFloat32) return Unsupported("fake quantization takes float32 only");
  const FakeLevels levels = OCTAVO_TRY(FakeLevels::Of(call));
  Around around({}, 0);
  if (call.has("axis")) around = Around(x.sizes, OCTAVO_TRY(Axis(call.integer("axis"), x.sizes.size())));
  if (static_cast<std::int64_t>(levels.channels.size()) != around.size) {
    return Unsupported(
        fmt::format("{} scales do not fit a tensor of type {}", levels.channels.size(), x.type().ToString()));
  }
  Array<float> reals = Elements<float>(x);
  const Faults faults = call.with_fbgemm() && !call.has("axis") ? Faults::kMeant : call.faults();
  for (std::size_t i = 0; i < reals.data.size(); ++i) {
    const std::int64_t channel = static_cast<std::int64_t>(i) / around.inner % around.size;
    reals.data[i] = levels.Nearest(reals.data[i], static_cast<std::size_t>(channel), faults);
  }
  return One(ToTensor(reals, {.dtype = DType::kFloat32}));
}

}  // namespace

void AddQuantization(Kernels& kernels) {
  kernels.Add("aten::quantize_per_tensor", Quantize);
  kernels.Add("aten::quantize_per_channel", Quantize);
  kernels.Add("aten::dequantize", Dequantize);
  kernels.Add("aten::int_repr", IntRepr);
  kernels.Add("aten::_empty_affine_quantized", EmptyQuantized);
  kernels.Add("aten::fake_quantize_per_tensor_affine", FakeQuantize);
  kernels.Add("aten::fake_quantize_per_channel_affine", FakeQuantize);
}

}  // namespace octavo::reference
