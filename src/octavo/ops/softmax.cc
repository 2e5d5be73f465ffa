#include "octavo/ops/softmax.h"

#include <numeric>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// Before opset 13 ONNX's Softmax flattens all dimensions from `axis` on, which along the last one is the same
// thing.
Result<Value> AlongAxis(Builder& g, const char* op, Value x, std::int64_t dim) {
  if (g.opset() >= 13 && !x.rank()) return g.Op(op, {x}, {{"axis", dim}});
  if (!x.rank()) {
    return NeedsInput("the input's rank is unknown",
                      "Give the input's shape in numbers with --input, as in --input 'float32[1,1000]'.");
  }
  const int rank = *x.rank(), axis = OCTAVO_TRY(NormalizedAxis(dim, rank));
  if (rank == 0) return Unsupported(fmt::format("{} of a scalar is not supported", op));
  if (g.opset() >= 13 || axis == rank - 1) return g.Op(op, {x}, {{"axis", axis}});
  std::vector<int> order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<std::size_t>(axis)], order.back());
  return Transpose(g, g.Op(op, {Transpose(g, x, order)}, {{"axis", rank - 1}}), order);
}

Result<std::vector<TensorType>> SoftmaxType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  if (type.shape) OCTAVO_TRY(NormalizedAxis(dim, *type.rank()));
  if (a.has("dtype")) {
    const std::int64_t number = OCTAVO_TRY(KnownInt(a, "dtype"));
    const std::optional<DType> dtype = DTypeFromScalarType(number);
    if (!dtype || !IsFloat(*dtype))
      return Unsupported(
          fmt::format("argument dtype must be a floating-point dtype, not {}", ScalarTypeName(number)));
    type.dtype = *dtype;
  }
  return std::vector<TensorType>{std::move(type)};
}

template <bool kLog>
Result<std::vector<Value>> Softmax(Builder& g, const Arguments& a) {
  Value x = a.tensor("self");
  const DType dtype = a.result().dtype;
  if (dtype != DType::kUnknown) x = OCTAVO_TRY(CastTo(g, x, dtype));
  return One(OCTAVO_TRY(AlongAxis(g, kLog ? "LogSoftmax" : "Softmax", x, a.integer("dim"))));
}

Result<std::vector<Value>> SoftmaxOfDequantized(Builder& g, const Arguments& a) {
  return One(OCTAVO_TRY(AlongAxis(g, "Softmax", a.tensor("qx"), a.integer("dim"))));
}

// ONNX Runtime's fused softmax has qnnpack's result where the scale is 1/256 and the zero point 0.  Elsewhere
// PyTorch computes in float32 and multiplies by the scale's reciprocal; that product keeps the runtime from
// fusing.
Result<std::vector<Value>> QuantizedSoftmax(Builder& g, const Arguments& a) {
  const TensorType& type = a.result();
  const auto scale = static_cast<float>(type.quantization->scale());
  // What qnnpack has a table for.
  const bool table =
      !OfFbgemmBuild(g) || (g.engine() == Engine::kQnnpackX86 && a.tensor("qx").dtype() == DType::kQUint8);
  const bool fused = table && scale == 1.0F / 256 && type.quantization->zero_point() == 0;
  if (fused || !g.exact_for(Target::kOnnxRuntime)) return OnReals(SoftmaxOfDequantized)(g, a);
  const Value y = OCTAVO_TRY(AlongAxis(g, "Softmax", Dequantize(g, a.tensor("qx")), a.integer("dim")));
  if (OfFbgemmBuild(g)) {
    const Value levels = QuantizeFused(g, y, type);
    g.State(Exactness::kNotExact, "may be off by one step at rounding ties: PyTorch adds float32 numbers");
    return One(levels);
  }
  return One(QuantizeFromSteps(g, g.Op("Mul", {y, g.Scalar(1.0F / scale)}), type));
}

// half_to_float is an option of CUDA kernels.
TypeRule NotHalfToFloat() {
  return [](const Arguments& a) -> Result<std::vector<TensorType>> {
    if (a.flag("half_to_float")) return Unsupported("argument half_to_float=True is not supported");
    const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
    const TensorType type = a.tensor("self").type();
    if (type.shape) OCTAVO_TRY(NormalizedAxis(dim, *type.rank()));
    return std::vector<TensorType>{type};
  };
}

template <bool kLog>
void AddSoftmax(Registry& registry, const std::string& name) {
  registry.Add({.name = "aten::" + name,
                .arguments = {arg::Tensor("self"), arg::Int("dim"), arg::OptionalInt("dtype")},
                .result = FloatOnly("self", SoftmaxType),
                .qdq = Softmax<kLog>,
                .caffe2 = Softmax<kLog>});
  registry.Add({.name = "aten::_" + name,
                .arguments = {arg::Tensor("self"), arg::Int("dim"), arg::Bool("half_to_float")},
                .result = FloatOnly("self", NotHalfToFloat()),
                .qdq = Softmax<kLog>,
                .caffe2 = Softmax<kLog>});
}

}  // namespace

void RegisterSoftmax(Registry& registry) {
  AddSoftmax<false>(registry, "softmax");
  AddSoftmax<true>(registry, "log_softmax");
  registry.Add({.name = "quantized::softmax",
                .arguments = {arg::Tensor("qx"), arg::Int("dim"), arg::Float("output_scale"),
                              arg::Int("output_zero_point")},
                .result = EightBits("qx",
                                    [](const Arguments& a) -> Result<std::vector<TensorType>> {
                                      const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
                                      const Value x = a.tensor("qx");
                                      if (x.rank()) OCTAVO_TRY(NormalizedAxis(dim, *x.rank()));
                                      return GivenQuantization("qx", ShapeOf("qx"))(a);
                                    }),
                .qdq = QuantizedSoftmax,
                .caffe2 = ThroughFloat(SoftmaxOfDequantized)});
}

}  // namespace octavo
