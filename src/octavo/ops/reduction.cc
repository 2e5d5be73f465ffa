#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/average.h"
#include "octavo/ops/register.h"
#include "octavo/ops/softmax.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using ReducedSizes = std::vector<std::int64_t>;

constexpr const char* kGiveReducedShape =
    "Give the input's shape with --input, as in --input 'float32[1,3,224,224]'.";

// ---- Which dimensions ----

// The dimensions that the arguments name: all of them where `dim` is missing, None, or an empty list.
struct Axes {
  bool all = false;
  ReducedSizes axes;  // counted from the front where the rank is known, else as the model gives them
  bool keep = false;
};

bool HasArgument(const Arguments& a, std::string_view name) {
  return std::any_of(a.specs().begin(), a.specs().end(),
                     [name](const ArgumentSpec& spec) { return spec.name == name; });
}

Result<ReducedSizes> Dimensions(const Arguments& a) {
  if (!HasArgument(a, "dim") || !a.has("dim")) return ReducedSizes{};
  if (std::holds_alternative<Dim>(a.operand("dim"))) return ReducedSizes{OCTAVO_TRY(KnownInt(a, "dim"))};
  return KnownInts(a, "dim");
}

Result<Axes> AxesOf(const Arguments& a, const Value& x) {
  Axes result;
  result.keep = HasArgument(a, "keepdim") && a.flag("keepdim");
  result.axes = OCTAVO_TRY(Dimensions(a));
  result.all = result.axes.empty();
  if (result.all || !x.rank()) return result;
  for (std::int64_t& axis : result.axes) axis = OCTAVO_TRY(NormalizedAxis(axis, *x.rank()));
  std::sort(result.axes.begin(), result.axes.end());
  if (std::adjacent_find(result.axes.begin(), result.axes.end()) != result.axes.end()) {
    return Unsupported("argument dim contains a dimension twice");
  }
  // A scalar has no dimensions that ONNX could name.
  if (*x.rank() == 0) result.all = true;
  if (result.all) result.axes.clear();
  return result;
}

std::optional<Shape> ReducedShape(const std::optional<Shape>& input, const Axes& axes) {
  if (axes.all && !axes.keep) return Shape{};
  if (!input) return std::nullopt;
  Shape shape;
  for (std::size_t i = 0; i < input->size(); ++i) {
    const bool reduced = axes.all || std::find(axes.axes.begin(), axes.axes.end(),
                                               static_cast<std::int64_t>(i)) != axes.axes.end();
    if (!reduced) {
      shape.push_back((*input)[i]);
    } else if (axes.keep) {
      shape.emplace_back(1);
    }
  }
  return shape;
}

// ONNX has negative axes from opset 11 on.
Status CheckAxes(Builder& g, const Axes& axes) {
  if (g.opset() >= 11) return {};
  if (std::any_of(axes.axes.begin(), axes.axes.end(), [](std::int64_t axis) { return axis < 0; })) {
    return NeedsInput("the input's rank is unknown", kGiveReducedShape);
  }
  return {};
}

Result<std::optional<Shape>> ReducedShapeOf(const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  return ReducedShape(x.shape(), axes);
}

// ---- Sums and their like ----

// What the argument dtype asks for, if it is there.
Result<std::optional<DType>> AskedDType(const Arguments& a) {
  if (!HasArgument(a, "dtype") || !a.has("dtype")) return std::optional<DType>();
  const std::int64_t number = OCTAVO_TRY(KnownInt(a, "dtype"));
  const std::optional<DType> dtype = DTypeFromScalarType(number);
  if (!dtype) return Unsupported(fmt::format("dtype {} is not supported", ScalarTypeName(number)));
  return dtype;
}

enum class Integers { kAsFloat, kAsInt64, kRefused };

// The dtype in which the operator computes and answers.
Result<DType> ResultDType(const Arguments& a, Integers integers) {
  if (const std::optional<DType> asked = OCTAVO_TRY(AskedDType(a))) return *asked;
  const DType dtype = a.tensor("self").dtype();
  if (IsFloat(dtype) || IsQuantized(dtype) || dtype == DType::kUnknown) return dtype;
  if (integers == Integers::kAsInt64) return DType::kInt64;
  return Unsupported(fmt::format("argument self must be floating-point, not {}", Name(dtype)));
}

TypeRule ReducedType(Integers integers) {
  return [integers](const Arguments& a) -> Result<std::vector<TensorType>> {
    TensorType type = a.tensor("self").type();
    const DType dtype = OCTAVO_TRY(ResultDType(a, integers));
    const bool narrow = IsInteger(dtype) && dtype != DType::kInt32 && dtype != DType::kInt64;
    if (narrow || dtype == DType::kBool) {
      return Unsupported(fmt::format("reduction in {} is not supported by ONNX runtimes", Name(dtype)),
                         "Pass dtype=torch.int32 or torch.int64, and convert the result.");
    }
    if (dtype != type.dtype) {
      if (type.quantized())
        return Unsupported(fmt::format("argument dtype={} is not supported for this input", Name(dtype)));
      if (IsQuantized(dtype))
        return Unsupported(fmt::format("argument dtype={} is not supported for this input", Name(dtype)));
      type.dtype = dtype;
    }
    type.shape = OCTAVO_TRY(ReducedShapeOf(a));
    return std::vector<TensorType>{std::move(type)};
  };
}

// Through `op`, in the dtype that PyTorch computes in.
Result<Value> Reduced(Builder& g, const Arguments& a, std::string_view op, Value x) {
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  OCTAVO_TRY(CheckAxes(g, axes));
  const DType dtype = a.result().dtype;
  const bool converts = dtype != DType::kUnknown && dtype != a.tensor("self").dtype();
  if (converts && !IsQuantized(dtype)) x = OCTAVO_TRY(CastTo(g, x, dtype));
  return Reduce(g, op, x, axes.axes, axes.keep);
}

template <typename Op>
Emitter ReduceBy(Op op) {
  return [op](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    return One(OCTAVO_TRY(Reduced(g, a, op, a.tensor("self"))));
  };
}

// ---- Mean ----

// Over all the spatial dimensions of [N, C, ...], and nothing else.
bool IsGlobalAverage(const Value& x, const Axes& axes) {
  if (axes.all || x.rank().value_or(0) < 3) return false;
  if (axes.axes.size() + 2 != static_cast<std::size_t>(*x.rank())) return false;
  for (std::size_t i = 0; i < axes.axes.size(); ++i) {
    if (axes.axes[i] != static_cast<std::int64_t>(i) + 2) return false;
  }
  return true;
}

// The last dimensions, all of them in a row.
bool AreLast(const Axes& axes, std::optional<int> rank) {
  if (axes.all) return true;
  ReducedSizes sorted = axes.axes;
  std::sort(sorted.begin(), sorted.end());
  const std::int64_t end = rank.value_or(0);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != end - static_cast<std::int64_t>(sorted.size() - i)) return false;
  }
  return true;
}

// qnnpack takes the mean of an image only where the model says [2, 3]; for other last dimensions PyTorch has
// a kernel of its own, which sums the integers as they are.
HalfwayRounding MeanRounding(const Builder& g, const Arguments& a, const Value& x) {
  const bool qnnpack =
      x.rank() == 4 && AveragedByQnnpack(g, x.dtype(), 2) && a.dims("dim") == std::vector<Dim>{2, 3};
  return qnnpack ? HalfwayRounding::kEvenDistance : HalfwayRounding::kEvenInteger;
}

// How many elements become one; 0 where that is not known.
std::int64_t ReducedCount(const Axes& axes, const Value& x) {
  if (!x.shape()) return 0;
  Dim count = 1;
  for (std::size_t i = 0; i < x.shape()->size(); ++i) {
    const bool reduced = axes.all || std::find(axes.axes.begin(), axes.axes.end(),
                                               static_cast<std::int64_t>(i)) != axes.axes.end();
    if (reduced) count = count * (*x.shape())[i];
  }
  return count.maybe().value_or(0);
}

// ONNX Runtime has qnnpack's arithmetic; Caffe2 has it in steps.
Result<Value> AverageOfImage(Builder& g, Value x, const TensorType& type, HalfwayRounding rounding) {
  if (x.quantized() && rounding == HalfwayRounding::kEvenDistance && g.dialect() == Dialect::kCaffe2) {
    if (const std::optional<Window> whole = WholeWindow(x)) return WindowAverage(g, x, *whole, {}, type);
  }
  return GlobalAverage(g, x, type, rounding);
}

Result<Value> QuantizedMean(Builder& g, Value x, const Axes& axes, const TensorType& type) {
  OCTAVO_TRY(CheckAxes(g, axes));
  if (AreLast(axes, x.rank())) {
    StateOfMean(g, type, ReducedCount(axes, x));
    const Value mean = Reduce(g, "ReduceMean", DequantizeToSteps(g, x, 0), axes.axes, axes.keep);
    return QuantizeFromSteps(g, mean, type, 0);
  }
  // Here PyTorch averages reals, and multiplies them by the scale's reciprocal.
  g.State(Exactness::kNotExact,
          "may be off by one step at rounding ties: float32 numbers are added in another order");
  const Value mean = Reduce(g, "ReduceMean", Dequantize(g, x), axes.axes, axes.keep);
  if (!CountsInSteps(g)) return Quantize(g, mean, type);
  const float inverse = 1.0F / static_cast<float>(type.quantization->scale());
  return QuantizeFromSteps(g, g.Op("Mul", {mean, g.Scalar(inverse)}), type);
}

// PyTorch's kernels for integers take contiguous tensors.
void StateOfMeanInAnotherOrder(Builder& g, const Value& x) {
  if (x.quantized() && x.memory_format() != ir::MemoryFormat::kContiguous) {
    g.State(Exactness::kNotExact,
            "may be off by one step at rounding ties: float32 numbers are added in another order");
  }
}

Result<std::vector<Value>> Mean(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  const TensorType& type = a.result();
  if (IsGlobalAverage(x, axes) && x.dtype() == type.dtype) {
    TensorType kept = type;
    if (kept.shape && !axes.keep) kept.shape->insert(kept.shape->end(), axes.axes.size(), Dim(1));
    const HalfwayRounding rounding = MeanRounding(g, a, x);
    const Value average = g.As(OCTAVO_TRY(AverageOfImage(g, x, kept, rounding)), kept);
    if (rounding == HalfwayRounding::kEvenInteger) StateOfMeanInAnotherOrder(g, x);
    if (axes.keep) return One(average);
    if (!type.quantized()) {
      const Value squeezed = Squeeze(g, average, axes.axes);
      if (g.proven(average)) g.SetProven(squeezed);
      return One(squeezed);
    }
    return One(Quantize(g, Squeeze(g, Dequantize(g, average), axes.axes), type));
  }
  if (x.quantized()) {
    const Value mean = OCTAVO_TRY(QuantizedMean(g, x, axes, type));
    StateOfMeanInAnotherOrder(g, x);
    return One(mean);
  }
  return One(OCTAVO_TRY(Reduced(g, a, "ReduceMean", x)));
}

// Int8AveragePool over the whole of a square image, then Int8Reshape.
Result<std::vector<Value>> MeanInt8(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  const bool image = x.rank() == 4 && IsGlobalAverage(x, axes) && (*x.shape())[2].known() &&
                     (*x.shape())[2] == (*x.shape())[3] && (*x.shape())[2].value() > 1;
  if (!image) return Mean(g, a);
  const Shape s = *x.shape();
  TensorType nhwc = a.result();
  nhwc.shape = Shape{s[0], 1, 1, s[1]};
  const Value average = Nchw(g, Int8(g, "Int8AveragePool", {Nhwc(g, x)}, nhwc,
                                     {{"kernel", s[2].value()},
                                      {"order", "NHWC"},
                                      {"pads", ReducedSizes{0, 0, 0, 0}},
                                      {"strides", ReducedSizes{1, 1}}}));
  if (axes.keep) return One(average);
  return One(Int8(g, "Int8Reshape", {average, g.Ints({0, -1})}, a.result()));
}

// ---- Maximum, minimum ----

// ONNX has maxima and minima of numbers only.
Emitter OfNumbers(Emitter emitter) {
  return [emitter = std::move(emitter)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    if (a.tensor("self").dtype() == DType::kBool) {
      return Unsupported("the maximum or minimum of bools is not supported by ONNX",
                         "Convert the tensor to int32, int64 or float32 first.");
    }
    return emitter(g, a);
  };
}

Result<std::vector<TensorType>> ExtremeType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  type.shape = OCTAVO_TRY(ReducedShapeOf(a));
  return std::vector<TensorType>{std::move(type)};
}

// A dimension of no elements has neither a largest nor a smallest one.
Status CheckHasExtreme(const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  if (!x.shape()) return {};
  for (std::size_t i = 0; i < x.shape()->size(); ++i) {
    const bool reduced = axes.all || std::find(axes.axes.begin(), axes.axes.end(),
                                               static_cast<std::int64_t>(i)) != axes.axes.end();
    if (reduced && (*x.shape())[i] == Dim(0)) {
      return Unsupported(fmt::format("a tensor of shape {} has no maximum or minimum", ToString(*x.shape())));
    }
  }
  return {};
}

Result<std::vector<TensorType>> LargestType(const Arguments& a) {
  OCTAVO_TRY(CheckHasExtreme(a));
  return ExtremeType(a);
}

Result<std::vector<TensorType>> ExtremeWithIndexType(const Arguments& a) {
  std::vector<TensorType> types = OCTAVO_TRY(LargestType(a));
  types.push_back(WithDType(types[0], DType::kInt64));
  return types;
}

// The index of the first of equal extremes, as PyTorch on a CPU.
Result<Value> ExtremeIndex(Builder& g, const char* op, Value x, std::int64_t axis, bool keep) {
  if (g.opset() < 11 && axis < 0) return NeedsInput("the input's rank is unknown", kGiveReducedShape);
  // ONNX has it for numbers, and runtimes for some of these.
  if (x.dtype() == DType::kBool || x.dtype() == DType::kInt16) x = OCTAVO_TRY(CastTo(g, x, DType::kInt32));
  return g.Op(op, {x}, {{"axis", axis}, {"keepdims", keep}});
}

template <bool kMax>
Result<std::vector<Value>> ExtremeWithIndex(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  OCTAVO_TRY(CheckAxes(g, axes));
  if (axes.all) return Unsupported("the maximum or minimum of a scalar along a dimension is not supported");
  const Value extreme = Reduce(g, kMax ? "ReduceMax" : "ReduceMin", x, axes.axes, axes.keep);
  const Value index = OCTAVO_TRY(ExtremeIndex(g, kMax ? "ArgMax" : "ArgMin", x, axes.axes[0], axes.keep));
  return std::vector<Value>{extreme, index};
}

Result<std::vector<TensorType>> ArgType(const Arguments& a) {
  OCTAVO_TRY(CheckHasExtreme(a));
  TensorType type = WithDType(a.tensor("self").type(), DType::kInt64);
  type.shape = OCTAVO_TRY(ReducedShapeOf(a));
  return std::vector<TensorType>{std::move(type)};
}

template <bool kMax>
Result<std::vector<Value>> ArgExtreme(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  const char* op = kMax ? "ArgMax" : "ArgMin";
  if (!axes.all) return One(OCTAVO_TRY(ExtremeIndex(g, op, x, axes.axes[0], axes.keep)));
  if (!x.rank()) return NeedsInput("the input's rank is unknown", kGiveReducedShape);
  const Value index = OCTAVO_TRY(ExtremeIndex(g, op, Reshape(g, x, {-1}), 0, false));
  if (!axes.keep) return One(index);
  return One(Reshape(g, index, ReducedSizes(static_cast<std::size_t>(*x.rank()), 1)));
}

Result<std::vector<TensorType>> ElementwiseType(const Arguments& a) {
  const TensorType x = a.tensor("self").type(), y = a.tensor("other").type();
  if (x.dtype != y.dtype && x.dtype != DType::kUnknown && y.dtype != DType::kUnknown) {
    return Unsupported(
        fmt::format("the operands must have the same dtype, but are {} and {}", x.ToString(), y.ToString()),
        "Convert one of them, as in x.to(y.dtype).");
  }
  TensorType type = x;
  type.shape = OCTAVO_TRY(BroadcastOf("self", "other")(a));
  return std::vector<TensorType>{std::move(type)};
}

template <bool kMax>
void RegisterExtreme(Registry& registry) {
  const std::string name = kMax ? "max" : "min";
  const char* reduce = kMax ? "ReduceMax" : "ReduceMin";
  const Emitter whole = OfNumbers(ReduceBy(reduce)), indexed = OfNumbers(ExtremeWithIndex<kMax>),
                elementwise = OfNumbers(FloatOp(kMax ? "Max" : "Min"));
  registry.Add({.name = "aten::" + name,
                .arguments = {arg::Tensor("self")},
                .result = RealOrEightBits("self", LargestType),
                .qdq = OnElements(whole),
                .caffe2 = ThroughFloat(whole)});
  registry.Add({.name = "aten::" + name + ".dim",
                .arguments = {arg::Tensor("self"), arg::Int("dim"), arg::Bool("keepdim", false)},
                .result = RealOrEightBits("self", ExtremeWithIndexType),
                .qdq = OnElements(indexed),
                .caffe2 = ThroughFloat(indexed),
                .returns = Returns::kTuple});
  registry.Add({.name = "aten::" + name + ".other",
                .arguments = {arg::Tensor("self"), arg::Tensor("other")},
                .result = RealOnly("self", ElementwiseType),
                .qdq = elementwise,
                .caffe2 = elementwise});
  registry.Add({.name = kMax ? "aten::amax" : "aten::amin",
                .arguments = {arg::Tensor("self"), arg::Ints("dim", 0, {}), arg::Bool("keepdim", false)},
                .result = RealOnly("self", LargestType),
                .qdq = whole,
                .caffe2 = whole});
  registry.Add({.name = kMax ? "aten::argmax" : "aten::argmin",
                .arguments = {arg::Tensor("self"), arg::OptionalInt("dim"), arg::Bool("keepdim", false)},
                .result = RealOnly("self", ArgType),
                .qdq = ArgExtreme<kMax>,
                .caffe2 = ArgExtreme<kMax>});
}

// ---- Variance ----

// How much less than the count the sum of squares is divided by.
Result<double> Correction(const Arguments& a) {
  if (HasArgument(a, "unbiased")) return a.flag("unbiased") ? 1.0 : 0.0;
  return a.has("correction") ? a.number("correction") : 1.0;
}

Result<Value> Variance(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Axes axes = OCTAVO_TRY(AxesOf(a, x));
  OCTAVO_TRY(CheckAxes(g, axes));
  const Value centered = g.Op("Sub", {x, Reduce(g, "ReduceMean", x, axes.axes, true)});
  const Value variance = Reduce(g, "ReduceMean", g.Op("Mul", {centered, centered}), axes.axes, axes.keep);
  const double correction = OCTAVO_TRY(Correction(a));
  if (correction == 0) return variance;
  if (!x.shape()) return NeedsInput("the input's shape is unknown", kGiveReducedShape);
  Dim count = 1;
  for (std::size_t i = 0; i < x.shape()->size(); ++i) {
    const bool counted = axes.all || std::find(axes.axes.begin(), axes.axes.end(),
                                               static_cast<std::int64_t>(i)) != axes.axes.end();
    if (counted) count = count * (*x.shape())[i];
  }
  if (!count.known()) {
    return NeedsInput("the number of elements to reduce must be known", kGiveReducedShape);
  }
  const auto n = static_cast<double>(count.value());
  if (n <= correction) return Unsupported("the input has too few elements for a variance");
  return g.Op("Mul", {variance, ScalarLike(g, x, n / (n - correction))});
}

template <bool kRoot>
Result<std::vector<Value>> VarianceOrDeviation(Builder& g, const Arguments& a) {
  const Value variance = OCTAVO_TRY(Variance(g, a));
  return One(kRoot ? g.Op("Sqrt", {variance}) : variance);
}

template <bool kRoot>
void RegisterVariance(Registry& registry) {
  const std::string name = kRoot ? "aten::std" : "aten::var";
  const auto typed = [](const TypeRule& rule) {
    return kRoot ? FloatOrEightBits("self", rule) : FloatOnly("self", rule);
  };
  const ArgumentSpec x = arg::Tensor("self"), keep = arg::Bool("keepdim", false);
  const std::vector<std::pair<std::string, std::vector<ArgumentSpec>>> overloads = {
      {"", {x, arg::Bool("unbiased", true)}},
      {".dim", {x, arg::OptionalInts("dim"), arg::Bool("unbiased", true), keep}},
      {".correction",
       {x, arg::OptionalInts("dim"), arg::KeywordOnly(arg::OptionalScalar("correction")),
        arg::KeywordOnly(keep)}}};
  for (const auto& [overload, arguments] : overloads) {
    registry.Add({.name = name + overload,
                  .arguments = arguments,
                  .result = typed(ExtremeType),
                  .qdq = OnReals(VarianceOrDeviation<kRoot>),
                  .caffe2 = ThroughFloat(VarianceOrDeviation<kRoot>)});
  }
}

// ---- Norms ----

Result<std::vector<Value>> Norm(Builder& g, const Arguments& a) {
  const char* order = HasArgument(a, "ord") ? "ord" : "p";
  const double p = HasArgument(a, order) && a.has(order) ? a.number(order) : 2.0;
  const Value x = a.tensor("self");
  if (p == 2) return One(OCTAVO_TRY(Reduced(g, a, "ReduceL2", x)));
  if (p == 1) return One(OCTAVO_TRY(Reduced(g, a, "ReduceL1", x)));
  if (std::isinf(p)) {
    return One(OCTAVO_TRY(Reduced(g, a, p > 0 ? "ReduceMax" : "ReduceMin", g.Op("Abs", {x}))));
  }
  return Unsupported(fmt::format("a norm of order {} is not supported", p), "Use order 1, 2 or infinity.");
}

void RegisterNorms(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self"), keep = arg::Bool("keepdim", false);
  const ArgumentSpec dtype = arg::OptionalInt("dtype");
  const std::vector<std::pair<std::string, std::vector<ArgumentSpec>>> overloads = {
      {"aten::norm.Scalar", {x, arg::Scalar("p", 2)}},
      {"aten::norm.ScalarOpt_dim", {x, arg::OptionalScalar("p"), arg::Ints("dim"), keep}},
      {"aten::norm.ScalarOpt_dtype", {x, arg::OptionalScalar("p"), arg::KeywordOnly(dtype)}},
      {"aten::norm.ScalarOpt_dim_dtype",
       {x, arg::OptionalScalar("p"), arg::Ints("dim"), keep, arg::KeywordOnly(dtype)}},
      {"aten::linalg_vector_norm",
       {x, arg::Scalar("ord", 2), arg::OptionalInts("dim"), keep, arg::KeywordOnly(dtype)}},
      {"aten::frobenius_norm.dim", {x, arg::Ints("dim"), keep}},
  };
  for (const auto& [name, arguments] : overloads) {
    registry.Add({.name = name,
                  .arguments = arguments,
                  .result = FloatOnly("self", ReducedType(Integers::kRefused)),
                  .qdq = Norm,
                  .caffe2 = Norm});
  }
}

void AddReduction(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
                  Integers integers, const char* op) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = RealOnly("self", ReducedType(integers)),
                .qdq = ReduceBy(op),
                .caffe2 = ReduceBy(op)});
}

}  // namespace

void RegisterReduction(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self"), keep = arg::Bool("keepdim", false);
  const ArgumentSpec dtype = arg::KeywordOnly(arg::OptionalInt("dtype"));
  const std::vector<ArgumentSpec> whole = {x, dtype};
  const std::vector<ArgumentSpec> along = {x, arg::OptionalInts("dim"), keep, dtype};

  for (const auto& [name, arguments] : {std::pair("aten::mean", whole), std::pair("aten::mean.dim", along)}) {
    registry.Add({.name = name,
                  .arguments = arguments,
                  .result = RealOrEightBits("self", ReducedType(Integers::kRefused)),
                  .qdq = Mean,
                  .caffe2 = Int8Or(MeanInt8, Mean)});
  }
  AddReduction(registry, "aten::sum", whole, Integers::kAsInt64, "ReduceSum");
  AddReduction(registry, "aten::sum.dim_IntList", along, Integers::kAsInt64, "ReduceSum");
  // Before aten::prod, which would take `dim` as a dtype.
  AddReduction(registry, "aten::prod.dim_int", {x, arg::Int("dim"), keep, dtype}, Integers::kAsInt64,
               "ReduceProd");
  AddReduction(registry, "aten::prod", whole, Integers::kAsInt64, "ReduceProd");
  AddReduction(registry, "aten::logsumexp", {x, arg::Ints("dim"), keep}, Integers::kRefused,
               "ReduceLogSumExp");
  RegisterExtreme<true>(registry);
  RegisterExtreme<false>(registry);
  RegisterVariance<true>(registry);
  RegisterVariance<false>(registry);
  RegisterNorms(registry);
  RegisterSoftmax(registry);
}

}  // namespace octavo
