#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/raise/joiner.h"

namespace octavo::raise {
namespace {

using ir::Argument;
using Kind = ir::PackedWeights::Kind;

// Scales that are off by roundings only.
bool Near(double a, double b) {
  constexpr double kRounding = 1e-6;
  return std::abs(a - b) <= kRounding * std::abs(b);
}

// int8 weights as PyTorch packs them; uint8 ones are the same less 128.  `channel` is the dimension that they
// may have a scale each in.
std::optional<Tensor> Weight(const std::optional<Tensor>& constant, int channel) {
  if (!constant) return std::nullopt;
  Tensor weight = *constant;
  if (weight.quantization->axis && *weight.quantization->axis != channel) return std::nullopt;
  if (weight.dtype == DType::kQInt8) return weight;
  if (weight.dtype != DType::kQUint8) return std::nullopt;
  weight.dtype = DType::kQInt8;
  weight.flip_sign_bit = !weight.flip_sign_bit;
  for (std::int64_t& z : weight.quantization->zero_points) z -= 128;
  return weight;
}

// Whether the bias's scales are the products of those of the input and the weights.
bool ProductScales(const Quantization& bias, double x_scale, const Quantization& weight) {
  if (bias.scales.size() != weight.scales.size()) return false;
  for (std::size_t i = 0; i < bias.scales.size(); ++i) {
    if (!Near(bias.scales[i], x_scale * weight.scales[i]) || bias.zero_points[i] != 0) return false;
  }
  return true;
}

// float32, or the integers where their scales are those of the layer; nullopt: no constant.
std::optional<Tensor> Bias(Joiner& j, Value real, double x_scale, const Quantization& weight) {
  if (real.constant()) {
    const Tensor& constant = *real.constant();
    return constant.dtype == DType::kFloat32 && constant.rank() == 1 ? std::optional<Tensor>(constant)
                                                                     : std::nullopt;
  }
  std::optional<Tensor> integers = j.QuantizedConstant(real);
  if (!integers || integers->rank() != 1) return std::nullopt;
  if (integers->dtype == DType::kQInt32 && ProductScales(*integers->quantization, x_scale, weight)) {
    return integers;
  }
  const std::vector<std::int64_t> values = integers->ToInts();
  const Quantization& q = *integers->quantization;
  std::vector<float> reals;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = q.per_tensor() ? 0 : i;
    reals.push_back(static_cast<float>(static_cast<double>(values[i] - q.zero_points[at]) * q.scales[at]));
  }
  return Tensor::Floats(integers->sizes, reals);
}

// The weight's scale with which PyTorch multiplies sums by this number, or nearly: (x w) (1 / y) in float32.
double WeightScaleOf(float x, float multiplier, float y) {
  constexpr int kFewUlps = 8;
  const float near = multiplier * y / x;
  float lower = near, upper = near;
  for (int i = 0; i <= kFewUlps; ++i) {
    for (const float w : {lower, upper}) {
      if ((x * w) * (1.0F / y) == multiplier) return static_cast<double>(w);
    }
    lower = std::nextafter(lower, 0.0F);
    upper = std::nextafter(upper, std::numeric_limits<float>::max());
  }
  return static_cast<double>(near);
}

std::vector<std::int64_t> Numbers(const ir::Node& node, std::string_view name) {
  std::vector<std::int64_t> numbers;
  const ir::Operand* operand = node.Find(name);
  if (const auto* list = operand ? std::get_if<std::vector<Dim>>(operand) : nullptr) {
    for (const Dim& dim : *list) numbers.push_back(dim.value());
  }
  return numbers;
}

std::vector<Argument> LayerArguments(Value x, ir::PackedWeights packed, const TensorType& type) {
  return {{.name = {}, .value = x.id()},
          {.name = {}, .value = std::make_shared<const ir::PackedWeights>(std::move(packed))},
          {.name = {}, .value = type.quantization->scale()},
          {.name = {}, .value = Dim(type.quantization->zero_point())}};
}

ir::PackedWeights Geometry(const ir::Node& node, int dims, bool transposed) {
  ir::PackedWeights packed;
  packed.kind = transposed ? Kind::kConvTranspose : Kind::kConv;
  packed.spatial_dims = dims;
  packed.stride = Numbers(node, "stride");
  packed.padding = Numbers(node, "padding");
  packed.dilation = Numbers(node, "dilation");
  packed.output_padding = transposed ? Numbers(node, "output_padding")
                                     : std::vector<std::int64_t>(static_cast<std::size_t>(dims), 0);
  packed.groups = std::get<Dim>(*node.Find("groups")).value();
  return packed;
}

Value Convolution(Joiner& j, const ir::Node& node, int dims, bool transposed, bool relu,
                  const TensorType& type) {
  if (transposed && relu) return {};
  const std::optional<Tensor> weight =
      Weight(j.QuantizedConstant(j.Operand(node, "weight")), transposed ? 1 : 0);
  if (!weight || weight->rank() != dims + 2) return {};
  const Value x = j.QuantizedForm(j.Operand(node, "input"));
  if (!x.defined()) return {};
  ir::PackedWeights packed = Geometry(node, dims, transposed);
  packed.weight = *weight;
  if (const Value bias = j.Operand(node, "bias"); bias.defined()) {
    packed.bias = Bias(j, bias, x.type().quantization->scale(), *weight->quantization);
    if (!packed.bias) return {};
  }
  const std::string op =
      fmt::format("quantized::conv{}{}d{}", transposed ? "_transpose" : "", dims, relu ? "_relu" : "");
  return j.Call(op, LayerArguments(x, std::move(packed), type), type);
}

}  // namespace

Value JoinScaledLayer(Joiner& j, const ir::Node& node, const ScaledLayer& scaled, const TensorType& type) {
  std::optional<Tensor> weight =
      Weight(j.QuantizedConstant(j.Operand(node, "weight")), scaled.transposed ? 1 : 0);
  const bool linear = scaled.dims == 0;
  if (!weight || weight->rank() != (linear ? 2 : scaled.dims + 2)) return {};
  const double x_scale = scaled.x.quantization().scale(), y_scale = type.quantization->scale();
  for (double& scale : weight->quantization->scales) {
    const double multiplier = scale * scaled.factor * x_scale / y_scale;
    scale = WeightScaleOf(static_cast<float>(x_scale), static_cast<float>(multiplier),
                          static_cast<float>(y_scale));
  }
  const Quantization& after = *weight->quantization;
  ir::PackedWeights packed;
  packed.kind = Kind::kLinear;
  if (!linear) packed = Geometry(node, scaled.dims, scaled.transposed);
  if (const Value real = j.Operand(node, "bias"); real.defined()) {
    const std::optional<Tensor> integers = j.QuantizedConstant(real);
    if (!integers || integers->rank() != 1 || integers->dtype != DType::kQInt32) return {};
    packed.bias = *integers;
    for (double& scale : packed.bias->quantization->scales) scale *= scaled.outer;
    if (!ProductScales(*packed.bias->quantization, x_scale, after)) return {};
  }
  packed.weight = *weight;
  const std::string op =
      linear ? "quantized::linear"
             : fmt::format("quantized::conv{}{}d", scaled.transposed ? "_transpose" : "", scaled.dims);
  return j.Call(op, LayerArguments(scaled.x, std::move(packed), type), type);
}

namespace {

Value Linear(Joiner& j, Value input, const std::optional<Tensor>& constant, Value bias, bool relu,
             const TensorType& type) {
  const std::optional<Tensor> weight = Weight(constant, 0);
  if (!weight || weight->rank() != 2) return {};
  const Value x = j.QuantizedForm(input);
  if (!x.defined()) return {};
  ir::PackedWeights packed;
  packed.kind = Kind::kLinear;
  packed.weight = *weight;
  if (bias.defined()) {
    packed.bias = Bias(j, bias, x.type().quantization->scale(), *weight->quantization);
    if (!packed.bias) return {};
  }
  return j.Call(relu ? "quantized::linear_relu" : "quantized::linear",
                LayerArguments(x, std::move(packed), type), type);
}

// The right factor of a matrix product, as linear's weight.
std::optional<Tensor> Transposed(const std::optional<Tensor>& constant) {
  if (!constant || constant->rank() != 2) return std::nullopt;
  return constant->Permuted(std::vector<int>{1, 0});
}

bool AlphaIsOne(const ir::Node& node) {
  const ir::Operand* alpha = node.Find("alpha");
  if (!alpha) return true;
  if (const auto* dim = std::get_if<Dim>(alpha)) return *dim == Dim(1);
  const auto* number = std::get_if<double>(alpha);
  return number && *number == 1;
}

Value Sum(Joiner& j, const ir::Node& node, bool relu, const TensorType& type) {
  if (!AlphaIsOne(node)) return {};
  // A matrix product and a bias.
  const Value left = j.Operand(node, "self"), right = j.Operand(node, "other");
  for (const auto& [product, bias] : {std::pair(left, right), std::pair(right, left)}) {
    const Joiner::Made made = j.MadeBy(product);
    if (!made.is("aten::matmul") || !bias.defined()) continue;
    const std::optional<Tensor> weight = Transposed(j.QuantizedConstant(j.Operand(*made.node, "other")));
    const Value x = j.Operand(*made.node, "self");
    return Linear(j, x, weight, bias, relu, type);
  }
  const Value a = j.QuantizedForm(left), b = j.QuantizedForm(right);
  if (!a.defined() || !b.defined()) return {};
  return j.Call(relu ? "quantized::add_relu" : "quantized::add",
                {{.name = {}, .value = a.id()},
                 {.name = {}, .value = b.id()},
                 {.name = {}, .value = type.quantization->scale()},
                 {.name = {}, .value = Dim(type.quantization->zero_point())}},
                type);
}

Value Product(Joiner& j, const ir::Node& node, bool relu, const TensorType& type) {
  const Value a = j.QuantizedForm(j.Operand(node, "self")), b = j.QuantizedForm(j.Operand(node, "other"));
  if (!a.defined() || !b.defined()) return {};
  return j.Call(relu ? "quantized::mul_relu" : "quantized::mul",
                {{.name = {}, .value = a.id()},
                 {.name = {}, .value = b.id()},
                 {.name = {}, .value = type.quantization->scale()},
                 {.name = {}, .value = Dim(type.quantization->zero_point())}},
                type);
}

Value JoinMatMul(Joiner& j, const ir::Node& node, bool relu, const TensorType& type) {
  const Value left = j.Operand(node, "self"), right = j.Operand(node, "other");
  if (const std::optional<Tensor> weight = Transposed(j.QuantizedConstant(right))) {
    return Linear(j, left, weight, {}, relu, type);
  }
  if (relu) return {};
  const Value a = j.QuantizedForm(left), b = j.QuantizedForm(right);
  if (!a.defined() || !b.defined()) return {};
  return j.Call("quantized::matmul",
                {{.name = {}, .value = a.id()},
                 {.name = {}, .value = b.id()},
                 {.name = {}, .value = type.quantization->scale()},
                 {.name = {}, .value = Dim(type.quantization->zero_point())}},
                type);
}

Value Concatenation(Joiner& j, const ir::Node& node, bool relu, const TensorType& type) {
  const auto* list = std::get_if<ir::ValueList>(node.Find("tensors"));
  if (!list) return {};
  ir::ValueList operands;
  for (const ir::ValueId id : *list) {
    const Value form = j.QuantizedForm(j.At(id));
    if (!form.defined()) return {};
    operands.push_back(form.id());
  }
  return j.Call(relu ? "quantized::cat_relu" : "quantized::cat",
                {{.name = {}, .value = operands},
                 {.name = {}, .value = *node.Find("dim")},
                 {.name = {}, .value = type.quantization->scale()},
                 {.name = {}, .value = Dim(type.quantization->zero_point())}},
                type);
}

}  // namespace

Value JoinLayer(Joiner& j, const ir::Node& node, bool relu, const TensorType& type) {
  for (int dims = 1; dims <= 3; ++dims) {
    for (const bool transposed : {false, true}) {
      if (node.op == fmt::format("aten::conv{}{}d", transposed ? "_transpose" : "", dims)) {
        return Convolution(j, node, dims, transposed, relu, type);
      }
    }
  }
  if (node.op == "aten::linear") {
    return Linear(j, j.Operand(node, "input"), j.QuantizedConstant(j.Operand(node, "weight")),
                  j.Operand(node, "bias"), relu, type);
  }
  if (node.op == "aten::matmul") return JoinMatMul(j, node, relu, type);
  if (node.op == "aten::add") return Sum(j, node, relu, type);
  if (node.op == "aten::mul") return Product(j, node, relu, type);
  if (node.op == "aten::cat") return Concatenation(j, node, relu, type);
  return {};
}

}  // namespace octavo::raise
