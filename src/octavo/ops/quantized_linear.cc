#include "octavo/ops/quantized_linear.h"

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/layer_requantization.h"
#include "octavo/ops/matmul_shape.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/ops/quantized_weights.h"
#include "octavo/row.h"

namespace octavo {
namespace {

constexpr std::string_view kLinearInput = "quint8[1,512](0.02,128)";

Result<QuantizedWeights> LinearWeights(const Arguments& a) {
  const ir::PackedWeights& packed = a.packed("W_prepack");
  if (packed.kind != ir::PackedWeights::Kind::kLinear) {
    return Unsupported(
        fmt::format("the packed weights {} are not int8 weights of a linear layer", packed.name));
  }
  QuantizedWeights w = OCTAVO_TRY(WeightsOf(a, packed));
  if (w.type.shape->size() != 2) {
    return Unsupported(fmt::format("the weights {} of a linear layer must have rank 2, but their shape is {}",
                                   packed.name, ToString(*w.type.shape)));
  }
  return w;
}

Result<std::optional<Shape>> ShapeRuleOfLinear(const Arguments& a) {
  const Value x = a.tensor("X");
  if (x.quantized() &&
      (!x.quantization().per_tensor() || (x.dtype() != DType::kQUint8 && x.dtype() != DType::kQInt8))) {
    return Unsupported(
        fmt::format("the input must be per-tensor quint8 or qint8, not {}", x.type().ToString()));
  }
  if (x.rank() && *x.rank() < 2) {
    return Unsupported("the input must have rank 2 or more");
  }
  const QuantizedWeights w = OCTAVO_TRY(LinearWeights(a));
  return LinearShape(x.shape(), (*w.type.shape)[1], (*w.type.shape)[0]);
}

// How many sizes of a shape are known only when the model runs.
int UnknownSizes(const Shape& shape) {
  int unknown = 0;
  for (const Dim& d : shape) unknown += d.known() ? 0 : 1;
  return unknown;
}

// The shape that a layer's matrix is given: every size that is not known is -1.
std::vector<std::int64_t> TargetOf(const Shape& shape) {
  std::vector<std::int64_t> target;
  for (const Dim& d : shape) target.push_back(d.known() ? d.value() : -1);
  return target;
}

// The result's rank for which Gemm can be written.  Every runtime fuses Gemm; other ranks are brought to two
// dimensions around it, unless more than one size is unknown.
bool TakesGemm(const std::optional<Shape>& shape) {
  return shape && (shape->size() == 2 || UnknownSizes(*shape) <= 1);
}

// The engines that add a float bias: ONNX Runtime's integer matrix product gives floats, too, to which that
// bias is added (QGemm, Add, QuantizeLinear).  nullopt: the constants of QGemm alone are as good.
std::optional<Value> LinearWithFloatBias(const LayerCall& call, Builder& g, const QuantizedWeights& w,
                                         const Value& x, const TensorType& y) {
  using arithmetic::pytorch::LayerKernel;
  const LayerKernel kernel = KernelOf(g, w, call);
  if (kernel == LayerKernel::kQnnpack || !g.moves_scales_for(Target::kOnnxRuntime) || !w.weight ||
      w.bias_value.defined()) {
    return std::nullopt;
  }
  const NearestFloats nearest = NearestFloatBias(kernel, w, x.type(), y, call.relu);
  if (NearestRequantization(kernel, w, x.type(), y, call.relu).distance.expected <=
      nearest.distance.expected) {
    return std::nullopt;
  }
  StateDistance(g, nearest.distance, nearest.sums, "sums of floats are rounded otherwise");
  RequantizationTypes types = {x.type(), y, w.quantization()};
  types.x.quantization->scales[0] = 1;
  types.weight.axis = 0;
  const std::vector<float> scales = ScalesOfSums(nearest);
  types.weight.scales.assign(scales.begin(), scales.end());
  types.weight.zero_points.assign(nearest.multipliers.size(), w.quantization().zero_points[0]);
  if (!w.quantization().per_tensor()) types.weight.zero_points = w.quantization().zero_points;
  HoldUnsigned(g, x);
  Value real = Dequantize(g, x, types.x);
  const bool reshaped = y.shape->size() > 2;
  if (reshaped) real = Reshape(g, real, {-1, (*w.type.shape)[1].value()});
  real = g.Op("Gemm", {real, RealWeight(g, w, {}, &types)}, {{"transB", 1}});
  if (reshaped) real = Reshape(g, real, TargetOf(*y.shape));
  return QuantizeWithBias(g, real, nearest, {w.channels}, y, call.relu);
}

Result<std::vector<Value>> LinearQdq(bool relu, Builder& g, const Arguments& a) {
  const Value x = a.tensor("X");
  OCTAVO_TRY(NeedsQuantization(x, kLinearInput));
  const QuantizedWeights w = OCTAVO_TRY(LinearWeights(a));
  const std::optional<Shape> shape = a.result().shape;
  const LayerCall call = {.relu = relu, .traits = {.linear = true}};
  if (!TakesGemm(shape)) {
    g.State(Exactness::kNotExact, "may be off by one step at rounding ties: two or more sizes are open");
    Value real = g.Op("MatMul", {Dequantize(g, x), RealWeight(g, w, {1, 0})});
    if (w.has_bias()) real = g.Op("Add", {real, RealBias(g, w, x)});
    return One(g.As(QuantizeReal(g, real, a.result(), relu), a.result()));
  }
  if (const auto value = LinearWithFloatBias(call, g, w, x, a.result())) return One(*value);
  const RequantizationTypes types = TypesOfLayer(g, w, x, a.result(), call);
  Value real = Dequantize(g, x, types.x);
  const bool reshaped = shape->size() > 2;
  if (reshaped) real = Reshape(g, real, {-1, (*w.type.shape)[1].value()});
  real = g.Op("Gemm", {real, RealWeight(g, w, {}, &types), RealBias(g, w, x, &types)}, {{"transB", 1}});
  if (reshaped) real = Reshape(g, real, TargetOf(*shape));
  return One(g.As(QuantizeReal(g, real, types.y, relu), a.result()));
}

Result<std::vector<Value>> LinearThroughFloat(bool relu, const QuantizedWeights& w, Builder& g,
                                              const Arguments& a) {
  const Value x = a.tensor("X");
  if (CountsInSteps(g)) {
    // Sums of whole numbers, and PyTorch's own requantization.
    Value steps = g.Op("MatMul", {DequantizeToSteps(g, x), Transpose(g, WeightInSteps(g, w), {1, 0})});
    if (w.has_bias()) steps = g.Op("Add", {steps, BiasInSteps(g, w, x)});
    const float multiplier = static_cast<float>(w.quantization().scale()) *
                             static_cast<float>(x.quantization().scale()) *
                             (1.0F / static_cast<float>(a.result().quantization->scale()));
    Value scaled = g.Op("Mul", {steps, g.Scalar(multiplier)});
    if (relu) scaled = g.Op("Relu", {scaled});
    return One(QuantizeFromSteps(g, scaled, a.result()));
  }
  const Value weight = Transpose(g, Caffe2Dequantize(g, Caffe2Weight(g, w)), {1, 0});
  Value real = g.Op("MatMul", {Caffe2Dequantize(g, x), weight});
  if (w.has_bias()) real = g.Op("Add", {real, Caffe2RealBias(g, w, x)});
  if (relu) real = g.Op("Relu", {real});
  return One(OCTAVO_TRY(Caffe2Quantize(g, real, a.result())));
}

Result<std::vector<Value>> LinearCaffe2(bool relu, Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckCaffe2Types(a));
  Value x = a.tensor("X");
  OCTAVO_TRY(NeedsQuantization(x, kLinearInput));
  QuantizedWeights packed = OCTAVO_TRY(LinearWeights(a));
  const QuantizedWeights w = OCTAVO_TRY(Caffe2Weights(g, std::move(packed)));
  const std::optional<Shape> shape = a.result().shape;
  const bool two_dimensions = shape && shape->size() == 2;
  const bool reshaped = shape && shape->size() > 2 && UnknownSizes(*shape) <= 1;
  if (!Caffe2CanRequantize(x, w, a.result()) || (!two_dimensions && !reshaped)) {
    return LinearThroughFloat(relu, w, g, a);
  }
  // Int8FC's result has two dimensions always.
  const Dim features = (*w.type.shape)[1];
  const Value weight = Caffe2Weight(g, w);
  const Value bias = Caffe2Bias(g, w, x);
  TensorType flat = a.result();
  if (reshaped) {
    TensorType rows = x.type();
    const Dim count = NumElements(Shape(shape->begin(), shape->end() - 1));
    rows.shape = Shape{count, features};
    flat.shape = Shape{count, Dim(w.channels)};
    x = Int8(g, "Int8Reshape", {x, g.Ints({-1, features.value()})}, rows);
  }
  Value y = Int8(g, "Int8FC", {x, weight, bias}, flat);
  if (relu) y = Int8(g, "Int8Relu", {y}, flat);
  if (reshaped) {
    std::vector<std::int64_t> target;
    for (const Dim& d : *shape) target.push_back(d.known() ? d.value() : -1);
    y = Int8(g, "Int8Reshape", {y, g.Ints(target)}, a.result());
  }
  return One(y);
}

}  // namespace

void RegisterQuantizedLinear(Registry& registry) {
  for (const bool relu : {false, true}) {
    registry.Add({.name = relu ? "quantized::linear_relu" : "quantized::linear",
                  .arguments = {arg::Tensor("X"), arg::Packed("W_prepack"), arg::Float("Y_scale_i"),
                                arg::Int("Y_zero_point_i")},
                  .result = GivenQuantization("X", ShapeRuleOfLinear, "Y_scale_i", "Y_zero_point_i"),
                  .qdq = [relu](Builder& g, const Arguments& a) { return LinearQdq(relu, g, a); },
                  .caffe2 = [relu](Builder& g, const Arguments& a) { return LinearCaffe2(relu, g, a); }});
  }
}

}  // namespace octavo
