#include <cmath>
#include <limits>

#include "octavo/reference/elementwise.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/quantized_activations.h"

// Activations: of reals in float64, rounded once.  quantized_activations.cc has those of quantized tensors.

namespace octavo::reference {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename F>
Results OfReals(const Tensor& x, F f) {
  if (!IsFloat(x.dtype)) return Unsupported("the input must be floating-point or quantized");
  Array<double> result = OCTAVO_TRY(Numbers<double>(x));
  for (double& number : result.data) number = f(number);
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

const Tensor& Self(const Call& call) { return call.tensor("self"); }

// ---- functions

double SigmoidOf(double x) { return 1 / (1 + std::exp(-x)); }
double HardsigmoidOf(double x) { return std::isnan(x) ? x : std::clamp(x + 3, 0.0, 6.0) / 6; }
double LogOnePlusExp(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

double EluOf(double x, double alpha, double scale, double input_scale) {
  return (x <= 0 ? std::expm1(x * input_scale) * alpha : x) * scale;
}

double GeluOf(double x) { return x * 0.5 * (1 + std::erf(x * std::sqrt(0.5))); }
double TanhGeluOf(double x) {
  constexpr double kTwoOverPi = 0.63661977236758134308;
  return 0.5 * x * (1 + std::tanh(std::sqrt(kTwoOverPi) * (x + 0.044715 * x * x * x)));
}

// ---- clamps.  A NaN stays; where the bounds cross, the upper one counts

std::optional<double> Bound(const Call& call, const char* name) {
  return call.has(name) ? std::optional<double>(call.number(name)) : std::nullopt;
}

Results ClampedBetween(const Call& call, std::optional<double> low, std::optional<double> high) {
  const Tensor& x = Self(call);
  if (x.quantization) return QuantizedClamp(call, x, low, high);
  return Elementwise<1>(
      call, {"self"},
      [&](double v) {
        for (const std::optional<double>& bound : {low, high}) {
          if (bound && std::isnan(*bound)) return *bound;
        }
        return std::isnan(v) ? v : std::min(std::max(v, low.value_or(-kInfinity)), high.value_or(kInfinity));
      },
      [&](std::int64_t v) {
        if (low) v = std::max(v, static_cast<std::int64_t>(*low));
        return high ? std::min(v, static_cast<std::int64_t>(*high)) : v;
      });
}

// The bound where it is a NaN, or beyond.
template <bool kMax>
double Bounded(double x, double bound) {
  if (std::isnan(x)) return x;
  if (std::isnan(bound)) return bound;
  return kMax ? std::max(x, bound) : std::min(x, bound);
}

template <bool kMax>
Result<Tensor> BoundedBy(const Tensor& x, const Tensor& bound, DType dtype) {
  const Sizes sizes = OCTAVO_TRY(Broadcast(x.sizes, bound.sizes));
  const Tensor whole =
      OCTAVO_TRY(Picked(OCTAVO_TRY(Converted(x, dtype)), sizes, OCTAVO_TRY(RepeatedPlaces(x.sizes, sizes))));
  const Tensor bounds = OCTAVO_TRY(
      Picked(OCTAVO_TRY(Converted(bound, dtype)), sizes, OCTAVO_TRY(RepeatedPlaces(bound.sizes, sizes))));
  if (IsFloat(dtype)) {
    Array<double> numbers = OCTAVO_TRY(Numbers<double>(whole));
    const Array<double> limits = OCTAVO_TRY(Numbers<double>(bounds));
    for (std::size_t i = 0; i < numbers.data.size(); ++i) {
      numbers.data[i] = Bounded<kMax>(numbers.data[i], limits.data[i]);
    }
    return Stored(numbers, dtype);
  }
  Array<std::int64_t> numbers = OCTAVO_TRY(Numbers<std::int64_t>(whole));
  const Array<std::int64_t> limits = OCTAVO_TRY(Numbers<std::int64_t>(bounds));
  for (std::size_t i = 0; i < numbers.data.size(); ++i) {
    numbers.data[i] =
        kMax ? std::max(numbers.data[i], limits.data[i]) : std::min(numbers.data[i], limits.data[i]);
  }
  return Stored(numbers, dtype);
}

Results Clamp(const Call& call) {
  if (!call.is_tensor("min") && !call.is_tensor("max")) {
    return ClampedBetween(call, Bound(call, "min"), Bound(call, "max"));
  }
  Tensor x = Self(call);
  if (x.quantization) return Unsupported("tensor bounds are not supported for quantized tensors");
  const DType dtype = ResultDType(call);
  if (call.has("min")) x = OCTAVO_TRY(BoundedBy<true>(x, NumberTensor(call, "min"), dtype));
  if (call.has("max")) x = OCTAVO_TRY(BoundedBy<false>(x, NumberTensor(call, "max"), dtype));
  return One(std::move(x));
}

Results Hardtanh(const Call& call) {
  return ClampedBetween(call, call.number("min_val"), call.number("max_val"));
}
Results Relu6(const Call& call) { return ClampedBetween(call, 0.0, 6.0); }

Results Relu(const Call& call) {
  const Tensor& x = Self(call);
  if (x.quantization) return QuantizedRelu(call, x);
  return Elementwise<1>(
      call, {"self"}, [](double v) { return std::isnan(v) || v > 0 ? v : 0; },
      [](std::int64_t v) { return std::max<std::int64_t>(v, 0); });
}

// ---- of reals and quantized tensors

Results Sigmoid(const Call& call) {
  const Tensor& x = Self(call);
  return x.quantization ? QuantizedSigmoid(call, x) : OfReals(x, SigmoidOf);
}

Results Tanh(const Call& call) {
  const Tensor& x = Self(call);
  return x.quantization ? QuantizedTanh(call, x) : OfReals(x, [](double v) { return std::tanh(v); });
}

Results Hardsigmoid(const Call& call) {
  const Tensor& x = Self(call);
  return x.quantization ? QuantizedHardsigmoid(call, x) : OfReals(x, HardsigmoidOf);
}

Results Hardswish(const Call& call) {
  const Tensor& x = Self(call);
  if (x.quantization) return QuantizedHardswish(call, x);
  return OfReals(x, [](double v) { return v * HardsigmoidOf(v); });
}

Results LeakyRelu(const Call& call) {
  const Tensor& x = Self(call);
  const double slope = call.number("negative_slope");
  if (x.quantization) return QuantizedLeakyRelu(call, x, slope);
  return OfReals(x, [slope](double v) { return v > 0 ? v : v * slope; });
}

Results Elu(const Call& call) {
  const Tensor& x = Self(call);
  const double alpha = call.number("alpha"), scale = call.number("scale"),
               input_scale = call.number("input_scale");
  if (x.quantization) return QuantizedElu(call, x, alpha, scale, input_scale);
  return OfReals(x, [=](double v) { return EluOf(v, alpha, scale, input_scale); });
}

Results Celu(const Call& call) {
  const Tensor& x = Self(call);
  const double alpha = call.number("alpha");
  if (x.quantization) return QuantizedElu(call, x, alpha, 1, 1 / alpha);
  return OfReals(x, [alpha](double v) { return EluOf(v, alpha, 1, 1 / alpha); });
}

Results Selu(const Call& call) {
  constexpr double kAlpha = 1.6732632423543772848170429916717, kScale = 1.0507009873554804934193349852946;
  return OfReals(Self(call), [](double v) { return EluOf(v, kAlpha, kScale, 1); });
}

Results Gelu(const Call& call) {
  const Tensor& x = Self(call);
  const bool tanh = call.has("approximate") && call.text("approximate") == "tanh";
  if (x.quantization) return QuantizedGelu(call, x, tanh);
  return OfReals(x, tanh ? TanhGeluOf : GeluOf);
}

Results Threshold(const Call& call) {
  const Tensor& x = Self(call);
  const double threshold = call.number("threshold"), value = call.number("value");
  if (x.quantization) return QuantizedThreshold(call, x, threshold, value);
  return Elementwise<1>(
      call, {"self"}, [=](double v) { return v <= threshold ? value : v; },
      [=](std::int64_t v) {
        return static_cast<double>(v) <= threshold ? static_cast<std::int64_t>(value) : v;
      });
}

// One slope, or one for each channel.
Results Prelu(const Call& call) {
  const Tensor &x = Self(call), &weight = call.tensor("weight");
  if (x.quantization) return QuantizedPrelu(call, x, weight);
  if (!IsFloat(x.dtype) || weight.dtype != x.dtype)
    return Unsupported("input and weight must be floating-point tensors of the same dtype");
  const std::vector<double> slopes = weight.ToDoubles();
  const Around around = x.sizes.size() > 1 ? Around(x.sizes, 1) : Around({}, 0);
  const auto count = static_cast<std::int64_t>(slopes.size());
  if (count != 1 && count != around.size)
    return Unsupported("weight must have one slope, or one slope per channel");
  std::int64_t i = 0;
  return OfReals(x, [&](double v) {
    const std::int64_t channel = count == 1 ? 0 : i / around.inner % around.size;
    ++i;
    return v > 0 ? v : v * slopes[static_cast<std::size_t>(channel)];
  });
}

// ---- of reals alone

// exp of x in [-104, 104] as Sleef's expf within one unit in the last place, which PyTorch's SiLU uses: a
// polynomial of what is left of x beside whole powers of two.
float SiluExponential(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693145751953125F, kLn2Low = 1.428606765330187e-06F;
  const float power = std::nearbyintf(x * kLog2E);
  const float rest = std::fma(power, -kLn2Low, std::fma(power, -kLn2High, x));
  float sum = 0.00019852761761F;
  sum = std::fma(sum, rest, 0.00139304355252F);
  sum = std::fma(sum, rest, 0.00833336077630F);
  sum = std::fma(sum, rest, 0.04166648536921F);
  sum = std::fma(sum, rest, 0.16666667163372F);
  sum = std::fma(sum, rest, 0.5F);
  return std::ldexp(std::fma(rest * rest, sum, rest) + 1.0F, static_cast<int>(power));
}

Results Silu(const Call& call) {
  if (Self(call).dtype == DType::kFloat32) {
    return OfReals(Self(call), [](double v) {
      constexpr float kFar = 104;
      const auto x = static_cast<float>(v);
      if (std::isnan(x)) return v;
      return static_cast<double>(x / (1.0F + SiluExponential(std::clamp(-x, -kFar, kFar))));
    });
  }
  return OfReals(Self(call), [](double v) { return v / (1 + std::exp(-v)); });
}
Results Mish(const Call& call) {
  return OfReals(Self(call), [](double v) { return v * std::tanh(LogOnePlusExp(v)); });
}
Results LogSigmoid(const Call& call) {
  return OfReals(Self(call), [](double v) { return -LogOnePlusExp(-v); });
}
Results Softplus(const Call& call) {
  const double beta = call.number("beta"), threshold = call.number("threshold");
  return OfReals(Self(call),
                 [=](double v) { return v * beta > threshold ? v : std::log1p(std::exp(v * beta)) / beta; });
}
Results Hardshrink(const Call& call) {
  const double lambda = call.number("lambd");
  return OfReals(Self(call), [lambda](double v) { return v >= -lambda && v <= lambda ? 0 : v; });
}
Results Softshrink(const Call& call) {
  const double lambda = call.number("lambd");
  return OfReals(Self(call), [lambda](double v) {
    return v > lambda ? v - lambda : v < -lambda ? v + lambda : std::isnan(v) ? 0 : v * 0;
  });
}

// The first half of the dimension times sigmoid of the second.
Results Glu(const Call& call) {
  const Tensor& x = Self(call);
  if (!IsFloat(x.dtype) || x.rank() == 0)
    return Unsupported("the input must be a floating-point tensor of rank 1 or more");
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  const Around around(x.sizes, axis);
  if (around.size % 2 != 0) return Unsupported("the dimension to halve must have an even size");
  const Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  Sizes sizes = x.sizes;
  sizes[axis] = around.size / 2;
  Array<double> result(sizes);
  const std::int64_t block = around.size / 2 * around.inner;
  for (std::int64_t i = 0; i < Count(sizes); ++i) {
    const std::int64_t at = i / block * 2 * block + i % block;
    result[i] = numbers[at] * SigmoidOf(numbers[at + block]);
  }
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

}  // namespace

void AddActivations(Kernels& kernels) {
  for (const char* name : {"aten::clamp", "aten::clip", "aten::clamp_min", "aten::clamp_max"}) {
    kernels.Add(name, Clamp);
  }
  kernels.Add("aten::hardtanh", Hardtanh);
  kernels.Add("aten::relu6", Relu6);
  kernels.Add("aten::relu", Relu);
  kernels.Add("aten::sigmoid", Sigmoid);
  kernels.Add("aten::tanh", Tanh);
  kernels.Add("aten::hardsigmoid", Hardsigmoid);
  kernels.Add("aten::hardswish", Hardswish);
  kernels.Add("aten::leaky_relu", LeakyRelu);
  kernels.Add("aten::elu", Elu);
  kernels.Add("aten::celu", Celu);
  kernels.Add("aten::selu", Selu);
  kernels.Add("aten::gelu", Gelu);
  kernels.Add("aten::threshold", Threshold);
  kernels.Add("aten::prelu", Prelu);
  kernels.Add("aten::silu", Silu);
  kernels.Add("aten::mish", Mish);
  kernels.Add("aten::log_sigmoid", LogSigmoid);
  kernels.Add("aten::softplus", Softplus);
  kernels.Add("aten::hardshrink", Hardshrink);
  kernels.Add("aten::softshrink", Softshrink);
  kernels.Add("aten::glu", Glu);
}

}  // namespace octavo::reference
