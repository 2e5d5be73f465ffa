#include "octavo/ops/quantized_convolution.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/float_layer.h"
#include "octavo/ops/layer_requantization.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/row.h"

namespace octavo {
namespace {

constexpr std::string_view kConvolutionInput = "quint8[1,3,224,224](0.02,128)";

template <typename List>
void DropDummy(List& list) {
  if (list.size() == 2) list.erase(list.begin());
}

Status DropDummyDimension(QuantizedConv& conv) {
  Shape& shape = *conv.weights.type.shape;
  if (shape.size() == 4) {
    if (shape[2] != Dim(1)) {
      return InvalidFile(fmt::format("the weights of conv1d have shape {}, but dimension 2 must have size 1",
                                     ToString(shape)));
    }
    if (!conv.weights.weight) {
      return Unsupported("conv1d with weights that are computed at run time is not supported",
                         "Make the weights a constant of the model.");
    }
    shape.erase(shape.begin() + 2);
    Tensor& weight = *conv.weights.weight;
    weight.sizes.erase(weight.sizes.begin() + 2);
    weight.strides.erase(weight.strides.begin() + 2);
  }
  ConvGeometry& g = conv.geometry;
  for (auto* list : {&g.stride, &g.dilation, &g.padding_begin, &g.padding_end, &g.output_padding}) {
    DropDummy(*list);
  }
  return {};
}

TypeRule ConvType(int dims, bool transposed, std::string packed) {
  ShapeRule shape = [=](const Arguments& a) -> Result<std::optional<Shape>> {
    const Value x = a.tensor("qx");
    if (x.quantized()) {
      if (!x.quantization().per_tensor() || (x.dtype() != DType::kQUint8 && x.dtype() != DType::kQInt8)) {
        return Unsupported(
            fmt::format("the input must be per-tensor quint8 or qint8, not {}", x.type().ToString()));
      }
    }
    const QuantizedConv conv = OCTAVO_TRY(QuantizedConvOf(a, a.packed(packed), dims, transposed));
    if (x.rank() && *x.rank() != dims + 2) {
      return Unsupported(fmt::format("conv{}d needs an input of rank {}, but the input has rank {}", dims,
                                     dims + 2, *x.rank()));
    }
    if (x.shape()) {
      const Shape& w = *conv.weights.type.shape;
      const Dim expected = transposed ? w[0] : w[1] * Dim(conv.geometry.groups);
      if (Dim::Equal((*x.shape())[1], expected) == false) {
        return Unsupported(fmt::format("the input has {} channels, but the convolution expects {}",
                                       (*x.shape())[1].ToString(), expected.ToString()));
      }
    }
    return conv.geometry.OutputShape(x.shape(), Dim(conv.weights.channels));
  };
  return GivenQuantization("qx", std::move(shape));
}

// ONNX's ConvTranspose has one scale for each index of the weight's dimension 1, which is a channel of the
// output only where there is one group.
Status CheckGroupsPerChannel(const QuantizedConv& conv) {
  if (conv.geometry.transposed && conv.geometry.groups > 1 && !conv.weights.quantization().per_tensor()) {
    return Unsupported("a transposed convolution with groups and per-channel weights is not supported",
                       "Quantize its weights per-tensor.");
  }
  return {};
}

struct QuantizedConvolution {
  int dims;
  bool transposed, relu;
  std::string packed;  // the name of the argument
};

LayerCall CallOf(const QuantizedConvolution& form, const QuantizedConv& conv) {
  const auto padded = [](std::int64_t n) { return n != 0; };
  return {.relu = form.relu,
          .traits = {.groups = conv.geometry.groups,
                     .output_padding = std::ranges::any_of(conv.geometry.output_padding, padded)}};
}

// The largest sum of a transposed convolution's products, counted in steps, that an input can make.
double LargestSum(const QuantizedConv& conv, const TensorType& x) {
  const QuantizedWeights& w = conv.weights;
  const auto groups = static_cast<std::size_t>(conv.geometry.groups);
  const auto inputs = static_cast<std::size_t>((*w.type.shape)[0].value()) / groups;
  const auto outputs = static_cast<std::size_t>((*w.type.shape)[1].value());
  const std::vector<std::int64_t> integers = w.weight->Integers().ToInts();
  const std::size_t inner = integers.size() / std::max<std::size_t>(groups * inputs * outputs, 1);
  std::vector<double> sums(groups * outputs, 0.0);
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const std::size_t channel = i / (inputs * outputs * inner) * outputs + i / inner % outputs;
    const std::vector<std::int64_t>& zeros = w.quantization().zero_points;
    const std::int64_t zero = zeros[zeros.size() == 1 ? 0 : channel];
    sums[channel] += std::abs(static_cast<double>(integers[i] - zero));
  }
  const auto [low, high] = RangeOf(x.dtype);
  const std::int64_t zero_point = x.quantization->zero_point();
  const auto farthest = static_cast<double>(std::max(high - zero_point, zero_point - low));
  for (double& sum : sums) sum *= farthest;
  if (w.bias) {
    const Tensor bias = QuantizedBias(*w.bias, w.quantization(), x.quantization->scale());
    const std::vector<std::int64_t> steps = bias.ToInts();
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += std::abs(static_cast<double>(steps[c]));
  }
  return sums.empty() ? 0.0 : *std::max_element(sums.begin(), sums.end());
}

// PyTorch's layers of quint8 (qnnpack) and of qint8 (XNNPACK).
float LayerMultiplier(const TensorType& x, double w_scale, const TensorType& y) {
  const auto x_scale = static_cast<float>(x.quantization->scale());
  const auto y_scale = static_cast<float>(y.quantization->scale());
  const float product = static_cast<float>(w_scale) * x_scale;
  return x.dtype == DType::kQInt8 ? product / y_scale : product * (1.0F / y_scale);
}

// Sums of whole numbers are exact in float32 up to 2^24.
void StateTransposed(Builder& g, const QuantizedConv& conv, const TensorType& x) {
  if (LargestSum(conv, x) > 0x1p24) {
    g.State(Exactness::kNotExact,
            "may be off by one step at rounding ties: sums can exceed 2^24, where float32 is not exact");
  } else {
    g.State(Exactness::kConstruction);
  }
}

// ConvInSteps with the float bias of other engines, which is added in steps of the result.
Result<std::vector<Value>> ConvWithFloatBias(const QuantizedConvolution& form, const QuantizedConv& conv,
                                             arithmetic::pytorch::LayerKernel kernel, Builder& g,
                                             const Arguments& a) {
  const Value x = a.tensor("qx");
  const NearestFloats nearest = NearestFloatBias(kernel, conv.weights, x.type(), a.result(), form.relu);
  if (LargestSum(conv, x.type()) > 0x1p24) {
    StateTransposed(g, conv, x.type());
  } else {
    StateDistance(g, nearest.distance, nearest.sums, "sums of floats are rounded otherwise");
  }
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(conv.geometry.dims) + 1, 1);
  sizes[0] = conv.weights.channels;
  const Value steps =
      Convolve(g, conv.geometry, {DequantizeToSteps(g, x), WeightInSteps(g, conv.weights), Value()});
  const Value scaled = nearest.order == FloatOrder::kBiasFirst
                           ? steps
                           : g.Op("Mul", {steps, g.Constant(Tensor::Floats(sizes, nearest.multipliers))});
  return One(QuantizeWithBias(g, scaled, nearest, sizes, a.result(), form.relu));
}

// ONNX Runtime has no integer kernel for ConvTranspose, Caffe2 none for it and for volumes.  Counted in
// steps, the float one's sums are whole numbers and exact, and what is left is PyTorch's own requantization:
// round(sum ((x_scale w_scale) (1 / y_scale))).
Result<std::vector<Value>> ConvInSteps(const QuantizedConvolution& form, const QuantizedConv& conv,
                                       Builder& g, const Arguments& a) {
  const Value x = a.tensor("qx");
  const Quantization& w = conv.weights.quantization();
  std::vector<float> multipliers;
  for (const double scale : w.scales) multipliers.push_back(LayerMultiplier(x.type(), scale, a.result()));
  if (form.transposed) StateTransposed(g, conv, x.type());
  std::vector<std::int64_t> sizes;
  if (!w.per_tensor()) {
    sizes.assign(static_cast<std::size_t>(conv.geometry.dims) + 1, 1);
    sizes[0] = conv.weights.channels;
  }
  const Value steps =
      Convolve(g, conv.geometry,
               {DequantizeToSteps(g, x), WeightInSteps(g, conv.weights), BiasInSteps(g, conv.weights, x)});
  Value scaled = g.Op("Mul", {steps, g.Constant(Tensor::Floats(sizes, multipliers))});
  if (form.relu) scaled = g.Op("Relu", {scaled});
  return One(QuantizeFromSteps(g, scaled, a.result()));
}

// OpenVINO's CPU plugin (2026.4) computes a transposed convolution wrongly whose weights have another zero
// point than 0, if the input's is 0: its weights are float32.
bool NeedsFloatWeights(const Builder& g, const QuantizedConvolution& form, const QuantizedWeights& weights) {
  if (!form.transposed || g.target() != Target::kOpenVino || !weights.weight) return false;
  return std::ranges::any_of(weights.quantization().zero_points, [](std::int64_t zero) { return zero != 0; });
}

Tensor WeightAsReals(const Tensor& weight) {
  const Quantization& q = *weight.quantization;
  const std::vector<std::int64_t> integers = weight.ToInts();
  std::size_t inner = 1;
  for (int d = q.axis.value_or(0) + 1; d < weight.rank(); ++d) {
    inner *= static_cast<std::size_t>(weight.sizes[static_cast<std::size_t>(d)]);
  }
  std::vector<float> reals;
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const std::size_t channel = q.per_tensor() ? 0 : i / inner % q.scales.size();
    reals.push_back(static_cast<float>(integers[i] - q.zero_points[channel]) *
                    static_cast<float>(q.scales[channel]));
  }
  return Tensor::Floats(weight.sizes, reals);
}

Result<std::vector<Value>> ConvQdq(const QuantizedConvolution& form, Builder& g, const Arguments& a) {
  const Value x = a.tensor("qx");
  OCTAVO_TRY(NeedsQuantization(x, kConvolutionInput));
  const QuantizedConv conv =
      OCTAVO_TRY(QuantizedConvOf(a, a.packed(form.packed), form.dims, form.transposed));
  OCTAVO_TRY(CheckGroupsPerChannel(conv));
  if (form.transposed && g.exact_for(Target::kOnnxRuntime) && conv.weights.weight &&
      !conv.weights.bias_value.defined()) {
    const auto kernel = KernelOf(g, conv.weights, CallOf(form, conv));
    if (kernel != arithmetic::pytorch::LayerKernel::kQnnpack && StatesExactness(g)) {
      return ConvWithFloatBias(form, conv, kernel, g, a);
    }
    return ConvInSteps(form, conv, g, a);
  }
  if (form.transposed)
    g.State(Exactness::kNotExact,
            "may be off by one step at rounding ties: the runtime adds float32 numbers");
  const RequantizationTypes types =
      form.transposed ? RequantizationTypes{x.type(), a.result(), conv.weights.quantization()}
                      : TypesOfLayer(g, conv.weights, x, a.result(), CallOf(form, conv));
  const Value input = Dequantize(g, x, types.x);
  const Value weight = NeedsFloatWeights(g, form, conv.weights)
                           ? g.Constant(WeightAsReals(*conv.weights.weight), "weight")
                           : RealWeight(g, conv.weights, {}, &types);
  Value real = Convolve(g, conv.geometry, {input, weight, RealBias(g, conv.weights, x, &types)});
  // OpenVINO does not round what a convolution adds to another value where the quantization is the first
  // operation that it fuses into the convolution ("drop rounding one special residual pattern",
  // intel_cpu/src/dnnl_postops_composer.cpp).  With an operation before it, it does.
  if (!form.transposed && !form.relu && g.exact_for(Target::kOpenVino)) {
    real = KeptApart(g, real);
  }
  return One(g.As(QuantizeReal(g, real, types.y, form.relu), a.result()));
}

// Dequantize, convolve, quantize: what Int8Conv cannot do.
Result<std::vector<Value>> ConvThroughFloat(const QuantizedConvolution& form, const QuantizedConv& conv,
                                            Builder& g, const Arguments& a) {
  if (CountsInSteps(g)) return ConvInSteps(form, conv, g, a);
  const Value x = a.tensor("qx");
  Value real = Convolve(g, conv.geometry,
                        {Caffe2Dequantize(g, x), Caffe2Dequantize(g, Caffe2Weight(g, conv.weights)),
                         conv.weights.has_bias() ? Caffe2RealBias(g, conv.weights, x) : Value()});
  if (form.relu) real = g.Op("Relu", {real});
  return One(OCTAVO_TRY(Caffe2Quantize(g, real, a.result())));
}

TensorType WithShape(TensorType type, std::optional<Shape> shape) {
  type.shape = std::move(shape);
  return type;
}

Value Int8Reshape(Builder& g, Value x, const std::vector<std::int64_t>& target, std::optional<Shape> shape) {
  return Int8(g, "Int8Reshape", {x, g.Ints(target)}, WithShape(x.type(), std::move(shape)));
}

Result<std::vector<Value>> ConvCaffe2(const QuantizedConvolution& form, Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckCaffe2Types(a));
  Value x = a.tensor("qx");
  OCTAVO_TRY(NeedsQuantization(x, kConvolutionInput));
  QuantizedConv conv = OCTAVO_TRY(QuantizedConvOf(a, a.packed(form.packed), form.dims, form.transposed));
  conv.weights = OCTAVO_TRY(Caffe2Weights(g, std::move(conv.weights)));
  if (form.transposed || form.dims == 3 || !Caffe2CanRequantize(x, conv.weights, a.result())) {
    return ConvThroughFloat(form, conv, g, a);
  }
  // Int8Conv works on N x H x W x C; one dimension is two with a height of 1.
  const bool one_dimension = form.dims == 1;
  if (one_dimension) {
    Tensor& weight = *conv.weights.weight;
    weight.sizes.insert(weight.sizes.begin() + 2, 1);
    weight.strides.insert(weight.strides.begin() + 2, 1);
  }
  const Value weight = Caffe2Weight(g, conv.weights, {0, 2, 3, 1});
  const Value bias = Caffe2Bias(g, conv.weights, x);
  TensorType type = a.result();
  std::vector<std::int64_t> kernel = conv.geometry.kernel, stride = conv.geometry.stride,
                            padding = conv.geometry.padding_begin, dilation = conv.geometry.dilation;
  if (one_dimension) {
    kernel.insert(kernel.begin(), 1);
    stride.insert(stride.begin(), 1);
    padding.insert(padding.begin(), 0);
    dilation.insert(dilation.begin(), 1);
    auto with_height = [](const std::optional<Shape>& s) -> std::optional<Shape> {
      if (!s || s->size() != 3) return std::nullopt;
      return Shape{(*s)[0], (*s)[1], Dim(1), (*s)[2]};
    };
    type.shape = with_height(type.shape);
    x = Int8Reshape(g, x, {0, 0, 1, -1}, with_height(x.shape()));
  }
  std::vector<std::int64_t> pads = padding;
  pads.insert(pads.end(), padding.begin(), padding.end());
  TensorType nhwc = type;
  if (type.shape && type.shape->size() == 4) {
    const Shape& s = *type.shape;
    nhwc.shape = Shape{s[0], s[2], s[3], s[1]};
  }
  x = Nhwc(g, x);
  Value y = Int8(g, form.relu ? "Int8ConvRelu" : "Int8Conv", {x, weight, bias}, nhwc,
                 {{"strides", stride},
                  {"pads", pads},
                  {"dilations", dilation},
                  {"kernels", kernel},
                  {"group", conv.geometry.groups},
                  {"order", "NHWC"}});
  y = Nchw(g, y);
  if (one_dimension) y = Int8Reshape(g, y, {0, 0, -1}, a.result().shape);
  return One(y);
}

OperatorRow QuantizedConvolutionRow(std::string name, std::vector<ArgumentSpec> arguments,
                                    QuantizedConvolution form) {
  return {.name = std::move(name),
          .arguments = std::move(arguments),
          .result = ConvType(form.dims, form.transposed, form.packed),
          .qdq = [form](Builder& g, const Arguments& a) { return ConvQdq(form, g, a); },
          .caffe2 = [form](Builder& g, const Arguments& a) { return ConvCaffe2(form, g, a); }};
}

}  // namespace

Result<QuantizedConv> QuantizedConvOf(const Arguments& a, const ir::PackedWeights& packed, int dims,
                                      bool transposed) {
  using Kind = ir::PackedWeights::Kind;
  const Kind expected = transposed ? Kind::kConvTranspose : Kind::kConv;
  if (packed.kind != expected) {
    return Unsupported(fmt::format("the packed weights {} do not belong to a {}convolution", packed.name,
                                   transposed ? "transposed " : ""));
  }
  QuantizedConv conv{.geometry = {.dims = dims,
                                  .transposed = transposed,
                                  .kernel = {},
                                  .stride = packed.stride,
                                  .dilation = packed.dilation,
                                  .padding_begin = packed.padding,
                                  .padding_end = packed.padding,
                                  .output_padding = packed.output_padding,
                                  .groups = packed.groups},
                     .weights = {}};
  if (packed.groups < 1)
    return InvalidFile(fmt::format("a convolution cannot have {} groups", packed.groups));
  conv.weights = OCTAVO_TRY(WeightsOf(a, packed));
  if (dims == 1) OCTAVO_TRY(DropDummyDimension(conv));
  const Shape& shape = *conv.weights.type.shape;
  if (static_cast<int>(shape.size()) != dims + 2) {
    return Unsupported(
        fmt::format("the weights {} have shape {}, but a {}-dimensional convolution needs weights of rank {}",
                    packed.name, ToString(shape), dims, dims + 2));
  }
  for (std::size_t i = 2; i < shape.size(); ++i) conv.geometry.kernel.push_back(shape[i].value());
  if (transposed && conv.geometry.output_padding.empty()) conv.geometry.output_padding = {0};
  OCTAVO_TRY(conv.geometry.Check(fmt::format("the convolution {}", packed.name)));
  if (shape[0].value() < 1 || shape[1].value() < 1 || shape[0].value() % conv.geometry.groups != 0) {
    return InvalidFile(fmt::format("the {} channels of the weights {} cannot be divided into {} groups",
                                   shape[0].value(), packed.name, conv.geometry.groups));
  }
  return conv;
}

void RegisterQuantizedConvolution(Registry& registry) {
  const ArgumentSpec scale = arg::Float("output_scale"), zero_point = arg::Int("output_zero_point");
  for (int dims = 1; dims <= 3; ++dims) {
    for (const bool relu : {false, true}) {
      const std::string name = fmt::format("quantized::conv{}d{}", dims, relu ? "_relu" : "");
      registry.Add(
          QuantizedConvolutionRow(name + (dims == 1 ? "" : ".new"),
                                  {arg::Tensor("qx"), arg::Packed("packed_weight"), scale, zero_point},
                                  {dims, false, relu, "packed_weight"}));
      if (dims == 1) continue;
      // The older form repeats what is packed; PyTorch, too, looks at the packed numbers only.
      registry.Add(QuantizedConvolutionRow(
          name,
          {arg::Tensor("qx"), arg::Packed("weight"), arg::Ignored("stride"), arg::Ignored("padding"),
           arg::Ignored("dilation"), arg::Ignored("groups"), scale, zero_point},
          {dims, false, relu, "weight"}));
    }
    registry.Add(QuantizedConvolutionRow(fmt::format("quantized::conv_transpose{}d", dims),
                                         {arg::Tensor("qx"), arg::Packed("packed_weight"), scale, zero_point},
                                         {dims, true, false, "packed_weight"}));
  }
}

}  // namespace octavo
