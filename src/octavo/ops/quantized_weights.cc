#include "octavo/ops/quantized_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/layer_requantization.h"

namespace octavo {
namespace {

using Kind = ir::PackedWeights::Kind;

Status CheckWeightQuantization(const TensorType& type, std::int64_t channels, const std::string& name) {
  if (type.dtype != DType::kQInt8 || !type.quantization) {
    return Unsupported(fmt::format("the weights {} must be qint8, not {}", name, Name(type.dtype)));
  }
  const Quantization& q = *type.quantization;
  if (q.float_zero_points) {
    return Unsupported(fmt::format("the weights {} have float zero points, which are not supported", name));
  }
  const std::size_t expected = q.per_tensor() ? 1 : static_cast<std::size_t>(channels);
  if (q.scales.size() != expected || q.zero_points.size() != expected) {
    return InvalidFile(fmt::format("the weights {} have {} scales and {} zero points for {} channels", name,
                                   q.scales.size(), q.zero_points.size(), channels));
  }
  for (std::size_t i = 0; i < expected; ++i) {
    const auto scale = static_cast<float>(q.scales[i]);
    if (!std::isfinite(scale) || scale <= 0) {
      return Unsupported(
          fmt::format("the scale {} of channel {} of the weights {} is not a positive float32 number",
                      q.scales[i], i, name),
          "Check the float weights for NaN or infinity and quantize the model again.");
    }
    if (q.zero_points[i] < -128 || q.zero_points[i] > 127) {
      return Unsupported(fmt::format("the zero point {} of the weights {} is out of range for qint8",
                                     q.zero_points[i], name));
    }
  }
  return {};
}

std::int32_t RoundedBias(float b, float scale) {
  const float scaled = b * (1.0F / scale);
  const double rounded = std::nearbyint(static_cast<double>(scaled));
  constexpr double kLow = std::numeric_limits<std::int32_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
  // PyTorch makes the lowest number of a NaN.
  return static_cast<std::int32_t>(std::isnan(rounded) ? kLow : std::clamp(rounded, kLow, kHigh));
}

// The bias times its scale, float32.
Tensor BiasAsReals(const QuantizedWeights& w, const Value& x) {
  std::vector<float> reals(static_cast<std::size_t>(w.channels), 0.0F);
  if (w.bias) {
    const Tensor bias = QuantizedBias(*w.bias, w.quantization(), x.quantization().scale());
    const Quantization& q = *bias.quantization;
    const std::vector<std::int64_t> integers = bias.ToInts();
    for (std::size_t i = 0; i < reals.size(); ++i) {
      reals[i] = static_cast<float>(integers[i]) * static_cast<float>(q.scales[q.per_tensor() ? 0 : i]);
    }
  }
  return Tensor::Floats({w.channels}, reals);
}

bool AllZero(const std::vector<std::int32_t>& integers) {
  return std::ranges::all_of(integers, [](std::int32_t n) { return n == 0; });
}

// A bias that the model computes, rounded as PyTorch does: round(b / scale) * scale.
Value RoundedBiasValue(Builder& g, const QuantizedWeights& w, const Value& x) {
  const Quantization q = BiasQuantization(w.quantization(), x.quantization().scale());
  std::vector<float> scales(q.scales.begin(), q.scales.end());
  std::vector<float> reciprocals;
  for (const float s : scales) reciprocals.push_back(1.0F / s);
  std::vector<std::int64_t> sizes;
  if (!q.per_tensor()) sizes = {w.channels};
  const Value scaled = g.Op("Mul", {w.bias_value, g.Constant(Tensor::Floats(sizes, reciprocals))});
  return g.Op("Mul", {g.Op("Round", {scaled}), g.Constant(Tensor::Floats(sizes, scales))});
}

}  // namespace

Result<QuantizedWeights> WeightsOf(const Arguments& a, const ir::PackedWeights& packed) {
  QuantizedWeights w;
  const std::string name = packed.name.empty() ? "of this layer" : packed.name;
  if (packed.weight_value.valid()) {
    const Value value(&a.graph(), packed.weight_value);
    w.type = value.type();
    if (value.constant()) {
      w.weight = *value.constant();
    } else {
      w.weight_value = value;
    }
  } else {
    w.type = packed.weight.type();
    w.weight = packed.weight;
  }
  const std::size_t channel_dimension = packed.kind == Kind::kConvTranspose ? 1 : 0;
  const std::size_t rank = packed.kind == Kind::kLinear ? 2 : 3;
  if (!w.type.shape || !KnownSizes(*w.type.shape) || w.type.shape->size() < rank) {
    return Unsupported(fmt::format("the weights {} have the wrong shape: {}", name, w.type.ToString()));
  }
  w.channels = (*w.type.shape)[channel_dimension].value();
  if (packed.kind == Kind::kConvTranspose &&
      (packed.groups < 1 || __builtin_mul_overflow(w.channels, packed.groups, &w.channels))) {
    return InvalidFile(fmt::format("the weights {} cannot have {} groups", name, packed.groups));
  }
  OCTAVO_TRY(CheckWeightQuantization(w.type, w.channels, name));
  if (!w.quantization().per_tensor() && w.quantization().axis != static_cast<int>(channel_dimension)) {
    return Unsupported(
        fmt::format("the weights {} must be quantized per output channel, not along dimension {}", name,
                    *w.quantization().axis));
  }
  if (packed.bias_value.valid()) {
    const Value value(&a.graph(), packed.bias_value);
    if (value.constant()) {
      w.bias = *value.constant();
    } else {
      w.bias_value = value;
    }
  } else {
    w.bias = packed.bias;
  }
  if (w.bias_value.defined()) {
    const TensorType& type = w.bias_value.type();
    const Shape expected{Dim(w.channels)};
    if ((type.dtype != DType::kUnknown && type.dtype != DType::kFloat32) ||
        (type.shape && (type.shape->size() != 1 || Dim::Equal((*type.shape)[0], expected[0]) == false))) {
      return Unsupported(fmt::format("the bias of the weights {} is {}, but float32{} is expected", name,
                                     type.ToString(), ToString(expected)));
    }
  }
  if (w.bias && ((w.bias->dtype != DType::kFloat32 && w.bias->dtype != DType::kQInt32) ||
                 w.bias->rank() != 1 || w.bias->num_elements() != w.channels)) {
    return InvalidFile(fmt::format("the bias of the weights {} is {}, but float32[{}] is expected", name,
                                   w.bias->type().ToString(), w.channels));
  }
  return w;
}

Quantization BiasQuantization(const Quantization& weight, double x_scale) {
  Quantization q;
  for (const double scale : weight.scales) {
    q.scales.push_back(static_cast<double>(static_cast<float>(scale * x_scale)));
  }
  q.zero_points.assign(q.scales.size(), 0);
  if (!weight.per_tensor()) q.axis = 0;
  return q;
}

Tensor QuantizedBias(const Tensor& bias, const Quantization& weight, double x_scale) {
  if (bias.dtype == DType::kQInt32) return bias;
  Quantization q = BiasQuantization(weight, x_scale);
  const std::vector<float> reals = bias.ToFloats();
  std::vector<std::int32_t> integers(reals.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    integers[i] = RoundedBias(reals[i], static_cast<float>(q.scales[q.per_tensor() ? 0 : i]));
  }
  Tensor tensor = Tensor::From(DType::kQInt32, {static_cast<std::int64_t>(integers.size())}, integers);
  tensor.quantization = std::move(q);
  return tensor;
}

Status NeedsQuantization(const Value& x, std::string_view example) {
  if (x.quantized()) return {};
  return NeedsInput("the layer's input is not quantized", StateQuantization(example));
}

RequantizationTypes TypesOfLayer(Builder& g, const QuantizedWeights& w, const Value& x, const TensorType& y,
                                 const LayerCall& call) {
  RequantizationTypes own = {x.type(), y, w.quantization()};
  if (!g.moves_scales_for(Target::kOnnxRuntime)) return own;
  if (w.bias_value.defined()) {
    g.State(Exactness::kNotExact,
            "may be off by one step at rounding ties: the bias is computed at run time");
    return own;
  }
  if (x.dtype() == DType::kQInt8) HoldUnsigned(g, x);
  if (const auto kernel = KernelOf(g, w, call); kernel != arithmetic::pytorch::LayerKernel::kQnnpack) {
    NearestLayer nearest = NearestRequantization(kernel, w, x.type(), y, call.relu);
    StateDistance(g, nearest.distance, nearest.sums,
                  "PyTorch's bias is a float32 number, ONNX Runtime's an integer");
    return std::move(nearest.types);
  }
  if (x.dtype() == DType::kQInt8) {
    g.State(Exactness::kMultiplier);  // ONNX Runtime's is XNNPACK's: (x_scale w_scale) / y_scale
    return own;
  }
  RequantizationTypes types = ExactRequantization(x.type(), w.quantization(), y);
  const std::size_t others = ChannelsThatDiffer(x.type(), w.quantization(), y, types);
  if (others == 0) {
    g.State(Exactness::kMultiplier);
  } else {
    g.State(Exactness::kNotExact, fmt::format("may be off by one step at rounding ties: {} of {} channels "
                                              "have a multiplier that is not a normal float32",
                                              others, w.quantization().scales.size()));
  }
  return types;
}

Value RealWeight(Builder& g, const QuantizedWeights& w, const std::vector<int>& order,
                 const RequantizationTypes* moved) {
  if (!w.weight) {
    TensorType type = w.weight_value.type();
    if (moved) type.quantization = moved->weight;
    const Value real = Dequantize(g, w.weight_value, type);
    return order.empty() ? real : Transpose(g, real, order);
  }
  Tensor weight = *w.weight;
  if (moved) weight.quantization = moved->weight;
  return Dequantize(g, g.Constant(order.empty() ? std::move(weight) : weight.Permuted(order), "weight"));
}

Value RealBias(Builder& g, const QuantizedWeights& w, const Value& x, const RequantizationTypes* moved) {
  if (w.bias_value.defined()) return RoundedBiasValue(g, w, x);
  const bool given = moved && moved->bias && (w.bias || !AllZero(*moved->bias));
  if (!w.bias && !given) return {};
  if (g.target() == Target::kTensorRt) return g.Constant(BiasAsReals(w, x), "bias");
  // OpenVINO's layers, oneDNN's, add a float bias, as PyTorch's other engines do.
  const bool float_bias = g.engine() != Engine::kQnnpack && g.engine() != Engine::kQnnpackX86;
  if (g.exact_for(Target::kOpenVino) && float_bias && w.bias->dtype == DType::kFloat32) {
    return g.Constant(*w.bias, "bias");
  }
  Tensor bias = given ? Tensor::From(DType::kQInt32, {w.channels}, *moved->bias)
                      : QuantizedBias(*w.bias, w.quantization(), x.quantization().scale());
  if (moved) bias.quantization = BiasQuantization(moved->weight, moved->x.quantization->scale());
  return Dequantize(g, g.Constant(std::move(bias), "bias"));
}

Value WeightInSteps(Builder& g, const QuantizedWeights& w) {
  if (g.dialect() == Dialect::kCaffe2) return DequantizeToSteps(g, Caffe2Weight(g, w));
  Tensor weight = *w.weight;
  weight.quantization->scales.assign(weight.quantization->scales.size(), 1.0);
  return Dequantize(g, g.Constant(std::move(weight), "weight"));
}

Value BiasInSteps(Builder& g, const QuantizedWeights& w, const Value& x) {
  if (!w.bias) return {};
  Tensor bias = QuantizedBias(*w.bias, w.quantization(), x.quantization().scale());
  if (g.dialect() == Dialect::kCaffe2) {
    std::vector<float> steps;
    for (const std::int64_t n : bias.ToInts()) steps.push_back(static_cast<float>(n));
    return g.Constant(Tensor::Floats(bias.sizes, steps), "bias");
  }
  bias.quantization->scales.assign(bias.quantization->scales.size(), 1.0);
  return Dequantize(g, g.Constant(std::move(bias), "bias"));
}

Result<QuantizedWeights> Caffe2Weights(Builder& g, QuantizedWeights w) {
  const std::string layer =
      g.origin() && !g.origin()->module_path.empty() ? g.origin()->module_path : "this layer";
  if (!w.weight || w.bias_value.defined()) {
    return Unsupported(fmt::format("the weights or the bias of {} are computed at run time, but the caffe2 "
                                   "dialect supports constants only",
                                   layer),
                       "Make them constants of the model, or use --dialect qdq.");
  }
  if (w.quantization().per_tensor()) return w;
  if (!g.options().requantize_per_channel) {
    return Unsupported(
        fmt::format(
            "the weights of {} are per-channel, but the caffe2 dialect supports per-tensor scales only",
            layer),
        "Requantize them with --per-channel-weights requantize (the loss is reported), quantize the model "
        "with per-tensor weights, or use --dialect qdq.");
  }
  // One symmetric scale that reaches the largest weight: max|w| / 127.
  const Quantization& q = w.quantization();
  const std::vector<std::int64_t> integers = w.weight->ToInts();
  std::int64_t inner = 1;
  for (std::size_t d = static_cast<std::size_t>(*q.axis) + 1; d < w.weight->sizes.size(); ++d) {
    inner *= w.weight->sizes[d];
  }
  const auto channels = static_cast<std::int64_t>(q.scales.size());
  auto real = [&](std::size_t i) {
    const auto channel = static_cast<std::size_t>((static_cast<std::int64_t>(i) / inner) % channels);
    return static_cast<double>(integers[i] - q.zero_points[channel]) * q.scales[channel];
  };
  double largest = 0;
  for (std::size_t i = 0; i < integers.size(); ++i) largest = std::max(largest, std::abs(real(i)));
  const double scale = largest > 0 ? static_cast<double>(static_cast<float>(largest / 127)) : 1.0;
  std::vector<std::int8_t> requantized(integers.size());
  double worst = 0;
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const double rounded = std::clamp(std::nearbyint(real(i) / scale), -127.0, 127.0);
    requantized[i] = static_cast<std::int8_t>(rounded);
    worst = std::max(worst, std::abs(rounded * scale - real(i)));
  }
  g.Warn(
      fmt::format("per-channel weights were requantized per-tensor; the largest error is {:.3g}, {:.2g} % of "
                  "the largest weight",
                  worst, largest > 0 ? 100 * worst / largest : 0.0));
  Tensor tensor = Tensor::From(DType::kQInt8, w.weight->sizes, requantized);
  tensor.quantization = Quantization::PerTensor(scale, 0);
  w.type = tensor.type();
  w.weight = std::move(tensor);
  return w;
}

Value Caffe2Weight(Builder& g, const QuantizedWeights& w, const std::vector<int>& order) {
  const Tensor tensor = (order.empty() ? *w.weight : w.weight->Permuted(order)).ShiftedBy128();
  const TensorType type = tensor.type();
  return g.As(g.Op(fmt::format("{}::Int8GivenTensorFill", kCaffe2Domain), {},
                   {{"shape", tensor.sizes},
                    {"Y_zero_point", type.quantization->zero_point()},
                    {"Y_scale", static_cast<float>(type.quantization->scale())},
                    {"values", ir::Bytes{tensor}}}),
              type);
}

Value Caffe2Bias(Builder& g, const QuantizedWeights& w, const Value& x) {
  const double x_scale = x.quantization().scale();
  std::vector<std::int64_t> integers(static_cast<std::size_t>(w.channels), 0);
  Quantization q = BiasQuantization(w.quantization(), x_scale);
  if (w.bias) {
    const Tensor bias = QuantizedBias(*w.bias, w.quantization(), x_scale);
    integers = bias.ToInts();
    q = *bias.quantization;
  }
  return g.As(g.Op(fmt::format("{}::Int8GivenIntTensorFill", kCaffe2Domain), {},
                   {{"shape", std::vector<std::int64_t>{w.channels}},
                    {"Y_zero_point", 0},
                    {"Y_scale", q.scale()},
                    {"values", integers}}),
              {.dtype = DType::kQInt32, .shape = Shape{w.channels}, .quantization = q});
}

Value Caffe2RealBias(Builder& g, const QuantizedWeights& w, const Value& x) {
  return g.Constant(BiasAsReals(w, x), "bias");
}

bool Caffe2CanRequantize(const Value& x, const QuantizedWeights& w, const TensorType& y) {
  const auto product =
      static_cast<float>(x.quantization().scale()) * static_cast<float>(w.quantization().scale());
  const float multiplier = product / static_cast<float>(y.quantization->scale());
  return multiplier >= 0x1p-32F && multiplier < 1;
}

}  // namespace octavo
