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
  if (x.dtype != DType::kFloat32) return Unsupported(fmt::format("quantizing {}", x.type().ToString()));
  const TensorType& type = call.result();
  if (!type.quantization) return Unsupported("a quantization that is not known before the model runs");
  return One(Quantized(Elements<float>(x), type, call.meaning()));
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
  if (!type.quantization) return Unsupported("a quantization that is not known before the model runs");
  Results results = std::vector<Tensor>();
  if (!WithElementType(type.dtype, [&](auto zero) {
        Result<Sizes> sizes = Checked(call.ints("size"));
        if (sizes) {
          results = One(ToTensor(Array<decltype(zero)>(std::move(*sizes)), type));
        } else {
          results = std::move(sizes).error();
        }
      })) {
    return Unsupported("a quantized tensor of an unusual dtype");
  }
  return results;
}

// min(max(zero_point + round_half_even(x (1/scale)), low), high) - zero_point, times the scale.  As in
// quantization, NaN is the lowest level, and for kQnnpack infinity, too.
Results FakeQuantize(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.dtype != DType::kFloat32) return Unsupported("fake quantization of what is not float32");
  const Affine affine(call.number("scale"), static_cast<std::int64_t>(call.number("zero_point")));
  const std::int64_t low = call.integer("quant_min"), high = call.integer("quant_max");
  Array<float> reals = Elements<float>(x);
  for (float& real : reals.data) {
    const std::int64_t level = LevelOf<std::int64_t>(real, affine, call.meaning());
    real = affine.Real(std::min(std::max(level, low), high));
  }
  return One(ToTensor(reals, {.dtype = DType::kFloat32}));
}

// Per channel PyTorch rounds x (1/scale) + zero_point, in one step and halves away from zero.
Results FakeQuantizePerChannel(const Call& call) {
  const Tensor &x = call.tensor("self"), &scales = call.tensor("scale"), &zeros = call.tensor("zero_point");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("axis"), x.sizes.size()));
  const Around around(x.sizes, axis);
  if (x.dtype != DType::kFloat32 || scales.num_elements() != around.size ||
      zeros.num_elements() != around.size) {
    return Unsupported("scales or zero points that do not fit the tensor");
  }
  const std::vector<float> scale = scales.ToFloats(), zero_point = zeros.ToFloats();
  const auto low = static_cast<float>(call.integer("quant_min"));
  const auto high = static_cast<float>(call.integer("quant_max"));
  Array<float> reals = Elements<float>(x);
  for (std::size_t i = 0; i < reals.data.size(); ++i) {
    const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / around.inner % around.size);
    const float level = std::round(std::fma(reals.data[i], 1.0F / scale[c], zero_point[c]));
    reals.data[i] = (std::fmin(high, std::fmax(low, level)) - zero_point[c]) * scale[c];
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
  kernels.Add("aten::fake_quantize_per_channel_affine", FakeQuantizePerChannel);
}

}  // namespace octavo::reference
