#include <cmath>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/ir/inputs.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/batch_norm_form.h"
#include "octavo/ops/float_layer.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/ops/register.h"
#include "octavo/ops/silu_form.h"
#include "octavo/row.h"

namespace octavo {
namespace {

Result<DType> QuantizedDType(const Arguments& a) {
  const Dim number = a.dim("dtype");
  const std::optional<DType> dtype = number.known() ? DTypeFromScalarType(number.value()) : std::nullopt;
  if (!dtype || !IsQuantized(*dtype)) {
    return Unsupported(fmt::format("argument dtype must be a quantized dtype, not {}",
                                   number.known() ? ScalarTypeName(number.value()) : number.ToString()));
  }
  return *dtype;
}

// 8-bit types alone: ONNX's QuantizeLinear makes no int32, and 4 or 2 bits are for weights.
Status CheckEightBits(const TensorType& type) {
  if (type.dtype == DType::kQUint8 || type.dtype == DType::kQInt8) return {};
  return Unsupported(fmt::format("quantizing to {} at run time is not supported", Name(type.dtype)),
                     "Quantize activations as quint8 or qint8.");
}

Status CheckReal(const Value& x) {
  if (x.dtype() == DType::kFloat32 || x.dtype() == DType::kUnknown) return {};
  return Unsupported(
      fmt::format("a tensor of type {} cannot be quantized, only float32 can", x.type().ToString()));
}

Result<Tensor> ConstantOf(const Arguments& a, const char* name) {
  const Value v = a.tensor(name);
  if (v.constant()) return *v.constant();
  return Unsupported(fmt::format("argument {} is computed at run time", name),
                     "Use static quantization, which stores scales and zero points in the model.");
}

// ---- aten::quantize_per_tensor ----

Result<std::vector<TensorType>> QuantizedType(const Arguments& a, double scale, std::int64_t zero_point) {
  OCTAVO_TRY(CheckReal(a.tensor("self")));
  const DType dtype = OCTAVO_TRY(QuantizedDType(a));
  Quantization quantization = OCTAVO_TRY(CheckedQuantization(scale, zero_point, dtype));
  return std::vector<TensorType>{
      {.dtype = dtype, .shape = a.tensor("self").shape(), .quantization = std::move(quantization)}};
}

Result<std::vector<TensorType>> PerTensorType(const Arguments& a) {
  if (!a.dim("zero_point").known()) return NeedsInput("the zero point depends on an open size");
  return QuantizedType(a, a.number("scale"), a.integer("zero_point"));
}

Result<std::vector<TensorType>> PerTensorOfTensorsType(const Arguments& a) {
  const Tensor scale = OCTAVO_TRY(ConstantOf(a, "scale"));
  const Tensor zero_point = OCTAVO_TRY(ConstantOf(a, "zero_point"));
  if (scale.num_elements() != 1 || zero_point.num_elements() != 1) {
    return Unsupported("arguments scale and zero_point must have one element each");
  }
  return QuantizedType(a, scale.ToDoubles()[0], zero_point.ToInts()[0]);
}

bool IsPowerOfTwo(float v) {
  int exponent = 0;
  return std::frexp(v, &exponent) == 0.5F;
}

// What a value comes from past what moves elements or clamps them, which ONNX Runtime moves a QuantizeLinear
// over.
Value Producing(Builder& g, Value x) {
  static const std::set<std::string_view> kPassed = {"Clip",  "Flatten", "MaxPool",   "Relu",     "Reshape",
                                                     "Slice", "Squeeze", "Transpose", "Unsqueeze"};
  const ir::Graph& graph = g.graph();
  ir::ValueId id = x.id();
  while (graph.value(id).producer != ir::kNoNode && !g.proven(Value(&graph, id))) {
    const ir::Node& node = graph.node(graph.value(id).producer);
    const auto input = ir::InputOf(node);
    if (!kPassed.contains(node.op) || !input) break;
    id = *input;
  }
  return {&graph, id};
}

// PyTorch multiplies by the reciprocal of the scale in float32, QuantizeLinear divides by the scale.  They
// are the same where the scale is a power of two; else the multiplication is written, and a scale of 1.
Value QuantizeByReciprocal(Builder& g, Value x, const TensorType& type) {
  const Quantization& q = *type.quantization;
  if (const std::optional<Value> normalized = QuantizedBatchNorm(g, x, type)) return *normalized;
  if (const std::optional<Value> activated = QuantizedSilu(g, x, type)) return *activated;
  std::vector<float> reciprocals;
  bool same = true;
  for (const double scale : q.scales) {
    const auto narrow = static_cast<float>(scale);
    reciprocals.push_back(1.0F / narrow);
    if (!std::isnormal(narrow) || !std::isnormal(reciprocals.back())) {
      g.State(Exactness::kNotExact, "may be off: the scale or its reciprocal is not a normal float32");
      return Quantize(g, x, type);
    }
    same = same && IsPowerOfTwo(narrow);
  }
  const bool unknown_rank = q.axis && !x.rank();
  if (same || !unknown_rank) {
    g.State(Exactness::kConstruction);
  } else {
    g.State(Exactness::kNotExact,
            "may be off by one step where x / scale and x * (1 / scale) round differently");
  }
  std::vector<std::int64_t> sizes;
  if (q.axis && !unknown_rank) {
    sizes.assign(static_cast<std::size_t>(*x.rank() - *q.axis), 1);
    sizes[0] = static_cast<std::int64_t>(q.scales.size());
  }
  if (OfFbgemmBuild(g) && !unknown_rank && g.exact_for(Target::kOnnxRuntime)) {
    return q.axis ? QuantizeBefore(g, x, type, sizes) : QuantizeFused(g, x, type);
  }
  if (g.exact_for(Target::kOnnxRuntime) && IsOfFloatLayer(g.graph(), x.id(), false)) {
    x = KeptApart(g, x);
  }
  // A QuantizeLinear of a proven sum or product would be fused with it.
  if (!unknown_rank && g.proven(Producing(g, x))) same = false;
  if (same || unknown_rank || !g.exact_for(Target::kOnnxRuntime)) return Quantize(g, x, type);
  return QuantizeFromSteps(g, g.Op("Mul", {x, g.Constant(Tensor::Floats(sizes, reciprocals))}), type);
}

// With float zero points PyTorch rounds x (1/scale) + zero_point, whose ties may go the other way.
Value QuantizeByFloatZeroPoints(Builder& g, Value x, const TensorType& type) {
  const Quantization& q = *type.quantization;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(*x.rank() - *q.axis), 1);
  sizes[0] = static_cast<std::int64_t>(q.scales.size());
  std::vector<float> reciprocals, zeros(q.zero_points.begin(), q.zero_points.end());
  for (const double scale : q.scales) reciprocals.push_back(1.0F / static_cast<float>(scale));
  const Value steps = g.Op("Mul", {x, g.Constant(Tensor::Floats(sizes, reciprocals))});
  const Value levels = g.Op("Add", {steps, g.Constant(Tensor::Floats(sizes, zeros))});
  TensorType plain = type;
  plain.quantization = Quantization::PerTensor(1, 0);
  g.State(Exactness::kConstruction);
  return g.As(Quantize(g, levels, plain), type);
}

Result<std::vector<Value>> QuantizePerChannelQdq(Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckEightBits(a.result()));
  const Tensor zero_points = OCTAVO_TRY(ConstantOf(a, "zero_points"));
  if (!IsFloat(zero_points.dtype)) return One(QuantizeByReciprocal(g, a.tensor("self"), a.result()));
  return One(QuantizeByFloatZeroPoints(g, a.tensor("self"), a.result()));
}

Result<std::vector<Value>> QuantizeQdq(Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckEightBits(a.result()));
  return One(QuantizeByReciprocal(g, a.tensor("self"), a.result()));
}

Result<std::vector<Value>> QuantizeCaffe2(Builder& g, const Arguments& a) {
  return One(OCTAVO_TRY(Caffe2Quantize(g, a.tensor("self"), a.result())));
}

// ---- aten::quantize_per_channel ----

Result<std::vector<TensorType>> PerChannelType(const Arguments& a) {
  const Value x = a.tensor("self");
  OCTAVO_TRY(CheckReal(x));
  const DType dtype = OCTAVO_TRY(QuantizedDType(a));
  const Tensor scales = OCTAVO_TRY(ConstantOf(a, "scales"));
  const Tensor zero_points = OCTAVO_TRY(ConstantOf(a, "zero_points"));
  if (!x.rank()) {
    return NeedsInput("per-channel quantization needs a tensor of known rank",
                      "Give the inputs' shapes with --input, as in --input 'float32[1,3,224,224]'.");
  }
  if (!a.dim("axis").known()) return NeedsInput("argument axis depends on an open size");
  if (a.integer("axis") < 0 || a.integer("axis") >= *x.rank()) {  // a scalar has none
    return Unsupported(
        fmt::format("argument axis is {}, but the tensor has rank {}", a.integer("axis"), *x.rank()));
  }
  const auto axis = static_cast<int>(a.integer("axis"));
  const Dim channels = (*x.shape())[static_cast<std::size_t>(axis)];
  if (scales.rank() != 1 || zero_points.rank() != 1 || scales.num_elements() != zero_points.num_elements() ||
      Dim::Equal(channels, Dim(scales.num_elements())) == false) {
    return Unsupported(fmt::format("there are {} scales and {} zero points for {} channels",
                                   scales.num_elements(), zero_points.num_elements(), channels.ToString()));
  }
  Quantization q{.scales = scales.ToDoubles(), .axis = axis};
  if (IsFloat(zero_points.dtype)) {
    q.float_zero_points = true;
    q.float_zeros = zero_points.ToDoubles();
  } else {
    q.zero_points = zero_points.ToInts();
  }
  for (std::size_t i = 0; i < q.scales.size(); ++i) {
    OCTAVO_TRY(CheckedQuantization(q.scales[i], q.float_zero_points ? 0 : q.zero_points[i], dtype));
    if (q.float_zero_points && !std::isfinite(q.float_zeros[i])) {
      return Unsupported(fmt::format("the zero point {} is not a finite number", q.float_zeros[i]));
    }
  }
  return std::vector<TensorType>{{.dtype = dtype, .shape = x.shape(), .quantization = std::move(q)}};
}

// ---- aten::dequantize ----

Result<TensorType> RealType(const Value& x) {
  if (!x.quantized() && !IsFloat(x.dtype())) {
    return NeedsInput(fmt::format("a tensor of type {} cannot be dequantized because its scale is unknown",
                                  x.type().ToString()),
                      StateQuantization());
  }
  if (x.quantized() && x.dtype() != DType::kQUint8 && x.dtype() != DType::kQInt8 &&
      x.dtype() != DType::kQInt32) {
    return Unsupported(fmt::format("dequantizing a tensor of type {} is not supported", x.type().ToString()));
  }
  if (x.dtype() == DType::kQInt32) {
    for (const std::int64_t z : x.quantization().zero_points) {
      if (z != 0)
        return Unsupported(
            "a qint32 tensor has a zero point, but ONNX DequantizeLinear supports none for int32");
    }
  }
  return TensorType{.dtype = DType::kFloat32, .shape = x.shape(), .quantization = std::nullopt};
}

Result<std::vector<TensorType>> DequantizedType(const Arguments& a) {
  return std::vector<TensorType>{OCTAVO_TRY(RealType(a.tensor("self")))};
}

Result<std::vector<TensorType>> DequantizedTypes(const Arguments& a) {
  std::vector<TensorType> types;
  for (const Value& v : a.tensors("tensors")) {
    if (!v.defined()) return Unsupported("the list of tensors contains None");
    types.push_back(OCTAVO_TRY(RealType(v)));
  }
  return types;
}

Result<Value> DequantizeOne(Builder& g, Value x) {
  if (x.quantized()) {
    if (g.dialect() == Dialect::kQdq) return Dequantize(g, x);
    if (x.dtype() != DType::kQUint8 || !x.quantization().per_tensor()) {
      return Unsupported(
          fmt::format("the caffe2 dialect supports per-tensor quint8 only, not {}", x.type().ToString()),
          "Use --dialect qdq.");
    }
    return Caffe2Dequantize(g, x);
  }
  if (x.dtype() == DType::kFloat32) return x;
  return g.Op("Cast", {x}, {{"to", 1}});
}

Result<std::vector<Value>> DequantizeTensor(Builder& g, const Arguments& a) {
  return One(OCTAVO_TRY(DequantizeOne(g, a.tensor("self"))));
}

Result<std::vector<Value>> DequantizeList(Builder& g, const Arguments& a) {
  std::vector<Value> reals;
  for (const Value& v : a.tensors("tensors")) reals.push_back(OCTAVO_TRY(DequantizeOne(g, v)));
  return reals;
}

// ---- aten::int_repr ----

Result<std::vector<TensorType>> IntegerType(const Arguments& a) {
  const Value x = a.tensor("self");
  if (!x.quantized()) return Unsupported("the tensor is not quantized");
  return std::vector<TensorType>{
      {.dtype = StorageType(x.dtype()), .shape = x.shape(), .quantization = std::nullopt}};
}

// In the qdq dialect a quantized tensor is its integers.
Result<std::vector<Value>> IntegersQdq(Builder& g, const Arguments& a) {
  if (a.tensor("self").type().dtype == DType::kQInt8 && a.result().dtype == DType::kUint8) {
    return Unsupported("--target tensorrt stores quint8 as int8, but the model reads the integer values",
                       "Use another --target.");
  }
  return One(g.As(g.Op("Identity", {a.tensor("self")}), a.result()));
}

Result<std::vector<Value>> IntegersCaffe2(Builder&, const Arguments&) {
  return Unsupported("the caffe2 dialect cannot read the integer values of a quantized tensor",
                     "Use --dialect qdq.");
}

// ---- aten::_empty_affine_quantized ----

Result<std::vector<TensorType>> EmptyType(const Arguments& a) {
  DType dtype = DType::kQUint8;
  if (a.has("dtype")) dtype = OCTAVO_TRY(QuantizedDType(a));
  if (!a.dim("zero_point").known()) return NeedsInput("the zero point depends on an open size");
  Quantization quantization =
      OCTAVO_TRY(CheckedQuantization(a.number("scale"), a.integer("zero_point"), dtype));
  return std::vector<TensorType>{
      {.dtype = dtype, .shape = a.dims("size"), .quantization = std::move(quantization)}};
}

// Memory that nothing has been written to: any integers will do, and most models overwrite it.
Result<std::vector<Value>> Empty(Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckEightBits(a.result()));
  const auto sizes = KnownSizes(*a.result().shape);
  if (!sizes) {
    return NeedsInput("a quantized tensor of open size cannot be created",
                      "Give the inputs' shapes with --input, as in --input 'float32[1,3,224,224]'.");
  }
  const Value real = g.Op("ConstantOfShape", {g.Ints(*sizes)});
  if (g.dialect() == Dialect::kCaffe2) return One(OCTAVO_TRY(Caffe2Quantize(g, real, a.result())));
  return One(Quantize(g, real, a.result()));
}

}  // namespace

void RegisterQuantization(Registry& registry) {
  const ArgumentSpec self = arg::Tensor("self"), dtype = arg::Int("dtype");
  registry.Add({.name = "aten::quantize_per_tensor",
                .arguments = {self, arg::Float("scale"), arg::Int("zero_point"), dtype},
                .result = PerTensorType,
                .qdq = QuantizeQdq,
                .caffe2 = QuantizeCaffe2});
  registry.Add({.name = "aten::quantize_per_tensor.tensor_qparams",
                .arguments = {self, arg::Tensor("scale"), arg::Tensor("zero_point"), dtype},
                .result = PerTensorOfTensorsType,
                .qdq = QuantizeQdq,
                .caffe2 = QuantizeCaffe2});
  registry.Add(
      {.name = "aten::quantize_per_channel",
       .arguments = {self, arg::Tensor("scales"), arg::Tensor("zero_points"), arg::Int("axis"), dtype},
       .result = PerChannelType,
       .qdq = QuantizePerChannelQdq,
       .caffe2 = QuantizeCaffe2});
  registry.Add({.name = "aten::dequantize",
                .arguments = {self},
                .result = DequantizedType,
                .qdq = DequantizeTensor,
                .caffe2 = DequantizeTensor});
  registry.Add({.name = "aten::dequantize.tensors",
                .arguments = {arg::Tensors("tensors")},
                .result = DequantizedTypes,
                .qdq = DequantizeList,
                .caffe2 = DequantizeList,
                .returns = Returns::kTensorList});
  registry.Add({.name = "aten::int_repr",
                .arguments = {self},
                .result = IntegerType,
                .qdq = IntegersQdq,
                .caffe2 = IntegersCaffe2});
  registry.Add(
      {.name = "aten::_empty_affine_quantized",
       .arguments = {arg::Ints("size"), arg::KeywordOnly(arg::OptionalInt("dtype")),
                     arg::KeywordOnly(arg::Ignored("layout")), arg::KeywordOnly(arg::Ignored("device")),
                     arg::KeywordOnly(arg::Ignored("pin_memory")), arg::KeywordOnly(arg::Float("scale", 1.0)),
                     arg::KeywordOnly(arg::Int("zero_point", 0)),
                     arg::KeywordOnly(arg::Ignored("memory_format"))},
       .result = EmptyType,
       .qdq = Empty,
       .caffe2 = Empty});
}

}  // namespace octavo
