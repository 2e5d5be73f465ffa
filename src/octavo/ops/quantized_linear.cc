#include "octavo/ops/quantized_linear.h"

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/steps.h"
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

// Every runtime fuses Gemm; other ranks are brought to two dimensions around it.  Where more than one size is
// unknown, that cannot be written, and MatMul and Add stand in.
Result<std::vector<Value>> LinearQdq(bool relu, Builder& g, const Arguments& a) {
  const Value x = a.tensor("X");
  OCTAVO_TRY(NeedsQuantization(x, kLinearInput));
  const QuantizedWeights w = OCTAVO_TRY(LinearWeights(a));
  const std::optional<Shape> shape = a.result().shape;
  const bool reshaped = shape && shape->size() > 2 && UnknownSizes(*shape) <= 1;
  const bool gemm = reshaped || (shape && shape->size() == 2);
  const RequantizationTypes types =
      gemm ? TypesOfLayer(g, w, x, a.result()) : RequantizationTypes{x.type(), a.result(), w.quantization()};
  Value real = Dequantize(g, x, types.x);
  if (gemm) {
    if (reshaped) real = Reshape(g, real, {-1, (*w.type.shape)[1].value()});
    real = g.Op("Gemm", {real, RealWeight(g, w, {}, &types), RealBias(g, w, x, &types)}, {{"transB", 1}});
    if (reshaped) {
      std::vector<std::int64_t> target;
      for (const Dim& d : *shape) target.push_back(d.known() ? d.value() : -1);
      real = Reshape(g, real, target);
    }
  } else {
    g.State(Exactness::kNotExact, "may be off by one step at rounding ties: two or more sizes are open");
    real = g.Op("MatMul", {real, RealWeight(g, w, {1, 0})});
    if (w.has_bias()) real = g.Op("Add", {real, RealBias(g, w, x)});
  }
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
