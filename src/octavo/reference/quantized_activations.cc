#include "octavo/reference/quantized_activations.h"

#include <cmath>
#include <limits>

#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"

// Sources: aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp; of quint8 with the qnnpack
// engine qnnpack/src/sigmoid.c, tanh.c, hardsigmoid.c, hardswish.c, which make a table of 256 levels.

namespace octavo::reference {
namespace {

// f(level) of each.
template <typename T, typename F>
Results MapLevels(const Call& call, const Tensor& x, F f) {
  const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
  Array<T> levels = Elements<T>(x);
  for (T& level : levels.data) level = f(level);
  return One(ToTensor(levels, type));
}

// PyTorch's vector loops multiply by the reciprocal of the result's scale, which is rounded to float32 before
// (most of them) or not.
enum class ReciprocalOf { kFloat32, kFloat64 };

// PyTorch's functions for a single element: dequantize, f, quantize.
template <typename F>
Results MapEachReal(const Call& call, const Tensor& x, F f) {
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Affine from(*x.quantization), to(*type.quantization);
    return MapLevels<T>(call, x,
                        [&](T level) { return ScalarLevelOf<T>(f(from.Real(level)), to, call.options()); });
  });
}

// PyTorch's vector loop: dequantize, f, quantize.
template <typename F>
Results MapReals(const Call& call, const Tensor& x, F f, ReciprocalOf reciprocal = ReciprocalOf::kFloat32) {
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Affine from(*x.quantization);
    Affine to(*type.quantization);
    if (reciprocal == ReciprocalOf::kFloat64)
      to.inverse = static_cast<float>(1.0 / type.quantization->scale());
    return MapLevels<T>(
        call, x, [&](T level) { return VectorLevelOf<T>(f(from.FusedReal(level)), to, call.faults()); });
  });
}

// A table of qnnpack: round_half_even(f(x)) in [0, 255], where f gives steps above level 0.
template <typename F>
Results MapTable(const Call& call, const Tensor& x, F f) {
  return WithLevels(x, [&](auto) {
    const Affine from(*x.quantization);
    return MapLevels<std::uint8_t>(call, x, [&](std::uint8_t level) {
      return static_cast<std::uint8_t>(std::nearbyint(std::clamp(f(from.Real(level)), 0.0F, 255.0F)));
    });
  });
}

float OfFloat(double number) { return static_cast<float>(number); }

// What a float32 function gives, from the float64 one.
template <typename F>
float Once(F function, float x) {
  return static_cast<float>(function(static_cast<double>(x)));
}

float Relu6Of3(float x) { return std::min(std::max(x + 3.0F, 0.0F), 6.0F); }

std::optional<double> OptionalNumber(const Call& call, const char* name) {
  return call.has(name) ? std::optional<double>(call.number(name)) : std::nullopt;
}

bool Is(const Tensor& x, DType dtype) { return x.dtype == dtype; }

}  // namespace

// max(q, zero_point)
Results QuantizedRelu(const Call& call, const Tensor& x) {
  return WithLevels(x, [&](auto zero) {
    using T = decltype(zero);
    const auto floor = static_cast<T>(x.quantization->zero_point());
    return MapLevels<T>(call, x, [&](T level) { return std::max(level, floor); });
  });
}

// min(max(q, level of low), level of high)
Results QuantizedClamp(const Call& call, const Tensor& x, std::optional<double> low,
                       std::optional<double> high) {
  return WithLevels(x, [&](auto zero) {
    using T = decltype(zero);
    const Affine affine(*x.quantization);
    const T lowest =
        low ? ScalarLevelOf<T>(OfFloat(*low), affine, call.options()) : std::numeric_limits<T>::min();
    const T highest =
        high ? ScalarLevelOf<T>(OfFloat(*high), affine, call.options()) : std::numeric_limits<T>::max();
    return MapLevels<T>(call, x, [&](T level) { return std::min(std::max(level, lowest), highest); });
  });
}

// 256 / (1 + e^-x) as a table; else 1 / (1 + e^-x), quantized.
Results QuantizedSigmoid(const Call& call, const Tensor& x) {
  const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
  const auto exponential = [](float v) { return 1.0F + Once([](double d) { return std::exp(d); }, -v); };
  if (call.with_qnnpack() && Is(x, DType::kQUint8) && type.quantization->scale() == 1.0 / 256 &&
      type.quantization->zero_point() == 0) {
    return MapTable(call, x, [&](float v) { return 256.0F / exponential(v); });
  }
  return MapReals(
      call, x, [&](float v) { return 1.0F / exponential(v); }, ReciprocalOf::kFloat64);
}

// 128 tanh(x) + 128 as a table, computed in float64; else tanh(x), quantized.
Results QuantizedTanh(const Call& call, const Tensor& x) {
  if (call.with_qnnpack() && Is(x, DType::kQUint8)) {
    return MapTable(call, x,
                    [](float v) { return OfFloat(128.0 * std::tanh(static_cast<double>(v)) + 128.0); });
  }
  return MapReals(call, x, [](float v) { return Once([](double d) { return std::tanh(d); }, v); });
}

// min(max(x + 3, 0), 6) / 6
Results QuantizedHardsigmoid(const Call& call, const Tensor& x) {
  if (call.with_qnnpack() && Is(x, DType::kQUint8)) {
    return MapTable(call, x, [](float v) { return 256.0F * (Relu6Of3(v) / 6.0F); });
  }
  return MapReals(call, x, [](float v) { return Relu6Of3(v) / 6.0F; });
}

// x min(max(x + 3, 0), 6) / 6; the table adds the zero point before it rounds.
Results QuantizedHardswish(const Call& call, const Tensor& x) {
  if (call.with_qnnpack() && Is(x, DType::kQUint8)) {
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Affine to(*type.quantization);
    return MapTable(call, x, [&](float v) {
      return to.inverse * (v * Relu6Of3(v) / 6.0F) + static_cast<float>(to.zero_point);
    });
  }
  return MapReals(
      call, x, [](float v) { return v * Relu6Of3(v) / 6.0F; }, ReciprocalOf::kFloat64);
}

Results QuantizedLeakyRelu(const Call& call, const Tensor& x, double slope) {
  return MapReals(call, x, [s = OfFloat(slope)](float v) { return v * (v > 0 ? 1.0F : s); });
}

// scale x where x > 0, else scale alpha (e^(input_scale x) - 1), where the exponential is rounded
Results QuantizedElu(const Call& call, const Tensor& x, double alpha, double scale, double input_scale) {
  const auto elu = [a = OfFloat(alpha), s = OfFloat(scale), i = OfFloat(input_scale)](float v) {
    return v > 0 ? v * s : (Once([](double d) { return std::exp(d); }, v * i) - 1.0F) * (a * s);
  };
  // The result is contiguous, and between two orders in memory no vector loop runs.
  if (call.memory_format("self") != ir::MemoryFormat::kContiguous) return MapEachReal(call, x, elu);
  return MapReals(call, x, elu);
}

Results QuantizedGelu(const Call& call, const Tensor& x, bool tanh) {
  if (!tanh) {
    return MapReals(call, x, [](float v) {
      const float half_width = v * OfFloat(std::sqrt(0.5));
      return v * 0.5F * (1.0F + Once([](double d) { return std::erf(d); }, half_width));
    });
  }
  return MapReals(call, x, [](float v) {
    constexpr double kTwoOverPi = 0.63661977236758134308;
    const float inner = OfFloat(std::sqrt(kTwoOverPi)) * std::fma(0.044715F, v * v * v, v);
    return 0.5F * v * (1.0F + Once([](double d) { return std::tanh(d); }, inner));
  });
}

// x where x > threshold, else the value
Results QuantizedThreshold(const Call& call, const Tensor& x, double threshold, double value) {
  return MapReals(call, x,
                  [t = OfFloat(threshold), other = OfFloat(value)](float v) { return v > t ? v : other; });
}

// Integers: (q - z) times 1, in the weight's quantization, or times the weight.  Source: qprelu_out_kernel.
Results QuantizedPrelu(const Call& call, const Tensor& x, const Tensor& weight) {
  if (weight.dtype != x.dtype) return Unsupported("input and weight must have the same dtype");
  return WithLevels(weight, [&](auto) {
    return WithLevels(x, [&](auto zero) -> Results {
      using T = decltype(zero);
      const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
      const Affine from(*x.quantization), w(*weight.quantization), to(*type.quantization);
      const Array<T> slopes = Elements<T>(weight);
      const std::size_t rank = x.sizes.size();
      const bool alike = weight.sizes.size() == rank && rank > 1;
      const std::int64_t channels = rank > 1 ? x.sizes[1] : 1;
      const auto count = static_cast<std::int64_t>(slopes.data.size());
      if (count != 1 && (count != channels || (alike && weight.sizes[1] != channels))) {
        return Unsupported("weight must have one slope, or one slope per channel");
      }
      std::int64_t inner = 1;
      for (std::size_t d = 2; d < rank; ++d) inner *= x.sizes[d];
      const float multiplier = from.scale * w.scale * to.inverse;
      const std::int64_t one = ScalarLevelOf<T>(1.0F, w, call.options()) - w.zero_point;
      Array<T> levels = Elements<T>(x);
      for (std::size_t i = 0; i < levels.data.size(); ++i) {
        const std::int64_t q = levels.data[i] - from.zero_point;
        const std::int64_t channel = count == 1 ? 0 : static_cast<std::int64_t>(i) / inner % channels;
        const std::int64_t product = q * (q > 0 ? one : slopes[channel] - w.zero_point);
        levels.data[i] = static_cast<T>(
            Requantized(product, multiplier, to.zero_point, LowestOf<T>(), HighestOf<T>(), call.faults()));
      }
      return One(ToTensor(levels, type));
    });
  });
}

void AddQuantizedActivations(Kernels& kernels) {
  kernels.Add("quantized::relu6", [](const Call& c) { return QuantizedClamp(c, c.tensor("qx"), 0, 6); });
  kernels.Add("quantized::clamp", [](const Call& c) {
    return QuantizedClamp(c, c.tensor("qx"), OptionalNumber(c, "min"), OptionalNumber(c, "max"));
  });
  kernels.Add("quantized::sigmoid", [](const Call& c) { return QuantizedSigmoid(c, c.tensor("qx")); });
  kernels.Add("quantized::hardswish", [](const Call& c) { return QuantizedHardswish(c, c.tensor("input")); });
  kernels.Add("quantized::leaky_relu", [](const Call& c) {
    return QuantizedLeakyRelu(c, c.tensor("qx"), c.number("negative_slope"));
  });
  kernels.Add("quantized::elu", [](const Call& c) {
    return QuantizedElu(c, c.tensor("self"), c.number("alpha"), c.number("scale"), c.number("input_scale"));
  });
  kernels.Add("quantized::celu", [](const Call& c) {
    return QuantizedElu(c, c.tensor("self"), c.number("alpha"), 1, 1 / c.number("alpha"));
  });
  kernels.Add("quantized::threshold", [](const Call& c) {
    return QuantizedThreshold(c, c.tensor("qx"), c.number("threshold"), c.number("value"));
  });
  kernels.Add("quantized::prelu",
              [](const Call& c) { return QuantizedPrelu(c, c.tensor("qx"), c.tensor("weight")); });
}

}  // namespace octavo::reference
