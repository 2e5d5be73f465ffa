#include <cmath>

#include <fmt/format.h>

#include "octavo/base/checked.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/batch_norm_form.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/register.h"
#include "octavo/ops/trials.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using NormalizedSizes = std::vector<std::int64_t>;

// No layer has more channels or elements in a row; beyond, numbers of a file would ask for much memory.
constexpr std::int64_t kMostParameters = std::int64_t{1} << 26;

constexpr const char* kEvaluate = "Call model.eval() before torch.jit.trace or torch.jit.script.";
constexpr const char* kGiveNormalizedShape =
    "Give the input's shape with --input, as in --input 'float32[1,3,224,224]'.";

// The channel count: dimension 1, or where that is not known, the first parameter's length.
Result<std::int64_t> Channels(Value x, const std::vector<Value>& parameters) {
  for (const Value& parameter : parameters) {
    if (parameter.defined() && parameter.shape() && parameter.rank() == 1 &&
        (*parameter.shape())[0].known()) {
      return (*parameter.shape())[0].value();
    }
  }
  if (x.rank().value_or(0) >= 2 && (*x.shape())[1].known()) return (*x.shape())[1].value();
  return NeedsInput("the number of channels is unknown", kGiveNormalizedShape);
}

// Of the dtype of `like`, a float32 or float64 tensor.
Result<Value> Filled(Builder& g, const NormalizedSizes& sizes, float value, std::string_view name,
                     Value like) {
  const std::optional<std::int64_t> count = CountElements(sizes);
  if (!count || *count > kMostParameters) {
    return Unsupported(fmt::format("a normalization over [{}] elements is not supported; the limit is {}",
                                   fmt::join(sizes, ","), kMostParameters));
  }
  const auto elements = static_cast<std::size_t>(*count);
  if (like.dtype() == DType::kFloat64) {
    return g.Constant(Tensor::From(DType::kFloat64, sizes, std::vector<double>(elements, value)), name);
  }
  return g.Constant(Tensor::Floats(sizes, std::vector<float>(elements, value)), name);
}

// Error: the argument is there, its rank is known and below 2, so that it has no channels.
Status CheckHasChannels(const Arguments& a, std::string_view argument) {
  const Value x = a.tensor(argument);
  if (x.rank().value_or(2) >= 2) return {};
  return Unsupported(fmt::format("argument {} must have a channel dimension, but its shape is {}", argument,
                                 ToString(*x.shape())));
}

// Parameters have the input's dtype, or are float32 for an input of 16 bits.
Status CheckParameterDTypes(const Arguments& a, std::string_view x,
                            std::initializer_list<std::string_view> parameters) {
  const DType dtype = a.tensor(x).dtype();
  const bool half = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  for (const std::string_view parameter : parameters) {
    if (!a.has(parameter) || dtype == DType::kUnknown) continue;
    const DType given = a.tensor(parameter).dtype();
    const DType wanted = IsQuantized(dtype) ? DType::kFloat32 : dtype;
    if (given == DType::kUnknown || given == wanted || (half && given == DType::kFloat32)) continue;
    return Unsupported(fmt::format("argument {} is {}, but must be {} for an input of {}", parameter,
                                   Name(given), Name(wanted), Name(dtype)));
  }
  return {};
}

// One number for each channel of `x`, in parameters of any shape or, `vectors`, of rank 1.
Status CheckPerChannel(const Arguments& a, std::string_view x,
                       std::initializer_list<std::string_view> parameters, bool vectors) {
  OCTAVO_TRY(CheckHasChannels(a, x));
  OCTAVO_TRY(CheckParameterDTypes(a, x, parameters));
  const std::optional<Shape>& shape = a.tensor(x).shape();
  const Dim channels = shape ? (*shape)[1] : Dim::Unknown();
  for (const std::string_view parameter : parameters) {
    OCTAVO_TRY(vectors ? CheckVector(a, parameter, channels, "channels")
                       : CheckElements(a, parameter, channels, "channels"));
  }
  return {};
}

// ---- Batch normalization ----

Result<Value> BatchNormReal(Builder& g, const Arguments& a, Value x, Value mean, Value variance) {
  Value weight = a.tensor("weight"), bias = a.tensor("bias");
  for (const Value& parameter : {weight, bias, mean, variance}) {  // PyTorch looks at the number of elements
    if (parameter.defined() && parameter.rank().value_or(1) != 1) {
      return Unsupported(fmt::format("a parameter of batch normalization is {}, but it must have rank 1 with "
                                     "one element per channel",
                                     parameter.type().ToString()),
                         "Flatten the parameter to one dimension.");
    }
  }
  const BatchNormStatistics statistics{weight, bias, mean, variance, a.number("eps")};
  if (const std::optional<Value> exact = ExactBatchNorm(g, x, statistics)) return *exact;
  if (!weight.defined() || !bias.defined()) {
    const std::int64_t channels = OCTAVO_TRY(Channels(x, {mean, variance, weight, bias}));
    if (!weight.defined()) weight = OCTAVO_TRY(Filled(g, {channels}, 1.0F, "weight", x));
    if (!bias.defined()) bias = OCTAVO_TRY(Filled(g, {channels}, 0.0F, "bias", x));
  }
  return g.Op("BatchNormalization", {x, weight, bias, mean, variance}, {{"epsilon", a.number("eps")}});
}

Result<std::vector<Value>> BatchNorm(Builder& g, const Arguments& a) {
  if (a.flag("training"))
    return Unsupported("batch normalization in training mode cannot be converted", kEvaluate);
  const Value mean = a.tensor("running_mean"), variance = a.tensor("running_var");
  if (!mean.defined() || !variance.defined()) {
    return Unsupported(
        "batch normalization without running statistics depends on the batch and cannot be converted",
        "Build the layer with track_running_stats=True.");
  }
  return One(OCTAVO_TRY(BatchNormReal(g, a, a.tensor("input"), mean, variance)));
}

// (result, save_mean, save_invstd): the last two are empty in evaluation mode.
Result<std::vector<Value>> NativeBatchNorm(Builder& g, const Arguments& a) {
  std::vector<Value> results = OCTAVO_TRY(BatchNorm(g, a));
  results.resize(3);
  return results;
}

// `rule` after `check`.
using ArgumentCheck = Status (*)(const Arguments&);
TypeRule AfterCheck(ArgumentCheck check, TypeRule rule) {
  return [check, rule = std::move(rule)](const Arguments& a) -> Result<std::vector<TensorType>> {
    OCTAVO_TRY(check(a));
    return rule(a);
  };
}

Status CheckBatchNorm(const Arguments& a) {
  return CheckPerChannel(a, "input", {"weight", "bias", "running_mean", "running_var"}, false);
}

TypeRule ThreeResults(std::string x) {
  return [x = std::move(x)](const Arguments& a) -> Result<std::vector<TensorType>> {
    const TensorType type = a.tensor(x).type();
    return std::vector<TensorType>{type, WithDType({}, DType::kFloat32), WithDType({}, DType::kFloat32)};
  };
}

// The factor and the summand of each channel, in steps of the input and of the result, in the arithmetic
// (float32 but for the scales) of PyTorch's quantized batch normalization.
struct Affine {
  std::vector<float> factor, summand;
};

std::optional<Affine> FusedParameters(const Arguments& a, const Quantization& in, const Quantization& out) {
  const Tensor *mean = a.tensor("mean").constant(), *variance = a.tensor("var").constant();
  const Tensor *weight = nullptr, *bias = nullptr;
  if (a.has("weight")) weight = a.tensor("weight").constant();
  if (a.has("bias")) bias = a.tensor("bias").constant();
  if (!mean || !variance || (a.has("weight") && !weight) || (a.has("bias") && !bias)) return std::nullopt;
  const std::vector<float> means = mean->ToFloats(), variances = variance->ToFloats();
  const std::size_t n = means.size();
  const std::vector<float> weights = weight ? weight->ToFloats() : std::vector<float>(n, 1.0F);
  const std::vector<float> biases = bias ? bias->ToFloats() : std::vector<float>(n, 0.0F);
  if (variances.size() != n || weights.size() != n || biases.size() != n) return std::nullopt;
  const auto eps = static_cast<float>(a.number("eps"));
  Affine affine;
  for (std::size_t c = 0; c < n; ++c) {
    const auto inverse = static_cast<float>(1.0 / static_cast<double>(std::sqrt(variances[c] + eps)));
    affine.factor.push_back(
        static_cast<float>(static_cast<double>(inverse * weights[c]) * (in.scale() / out.scale())));
    affine.summand.push_back(
        static_cast<float>(static_cast<double>(biases[c] - means[c] * inverse * weights[c]) / out.scale()));
  }
  return affine;
}

// PyTorch's fused multiplication and addition against the two operations that ONNX Runtime may make of it, in
// float32 or float64: all integers in each channel.
template <typename T>
TrialResult TryBatchNorm(const Affine& affine, const TensorType& in, const TensorType& out) {
  const Bounds from(in), to(out);
  TrialResult result;
  for (std::size_t c = 0; c < affine.factor.size(); ++c) {
    const float factor = affine.factor[c], summand = affine.summand[c];
    for (float q = from.low; q <= from.high; ++q) {
      const float steps = q - from.zero;
      const T product = static_cast<T>(factor) * static_cast<T>(steps);
      const auto sum = static_cast<float>(product + static_cast<T>(summand));
      result.Add(to.Clamped(std::nearbyintf(std::fma(factor, steps, summand)) + to.zero),
                 to.Clamped(std::nearbyintf(sum) + to.zero));
    }
  }
  return result;
}

// What float32 would round twice is computed in float64 where that changes an integer.
bool NeedsFloat64(Builder& g, const Affine& affine, const TensorType& in, const TensorType& out) {
  if (!StatesExactness(g)) return false;
  const TrialResult in_float32 = TryBatchNorm<float>(affine, in, out);
  const bool needs = in_float32.differing > 0 && TryBatchNorm<double>(affine, in, out).differing == 0;
  if (needs) {
    g.State(Exactness::kConstruction);
  } else {
    StateTried(g, in_float32, "pairs of input and channel");
  }
  return needs;
}

template <bool kRelu>
Result<std::vector<Value>> QuantizedBatchNorm(Builder& g, const Arguments& a) {
  const Value x = a.tensor("qx");
  const TensorType& type = a.result();
  const std::optional<Affine> affine = FusedParameters(a, x.quantization(), *type.quantization);
  Value y;
  if (affine && g.exact_for(Target::kOnnxRuntime)) {
    const auto n = static_cast<std::int64_t>(affine->factor.size());
    const TensorType in = x.type();
    const bool wide = NeedsFloat64(g, *affine, in, type);
    const auto parameter = [&](const std::vector<float>& numbers, const char* name) {
      if (!wide) return g.Constant(Tensor::Floats({n}, numbers), name);
      const std::vector<double> doubles(numbers.begin(), numbers.end());
      return g.Constant(Tensor::From(DType::kFloat64, {n}, doubles), name);
    };
    const auto filled = [&](float number, const char* name) {
      return parameter(std::vector<float>(static_cast<std::size_t>(n), number), name);
    };
    const Value steps = DequantizeToSteps(g, x);
    y = g.Op(
        "BatchNormalization",
        {wide ? OCTAVO_TRY(CastTo(g, steps, DType::kFloat64)) : steps, parameter(affine->factor, "weight"),
         parameter(affine->summand, "bias"), filled(0, "running_mean"), filled(1, "running_var")},
        {{"epsilon", 0.0}});
    if (wide) y = OCTAVO_TRY(CastTo(g, y, DType::kFloat32));
    if (kRelu) y = g.Op("Relu", {y});
    return One(QuantizeFromSteps(g, y, type));
  }
  g.State(Exactness::kNotExact,
          "may be off by one step at rounding ties: the parameters are computed at run time");
  y = OCTAVO_TRY(BatchNormReal(g, a, Dequantize(g, x), a.tensor("mean"), a.tensor("var")));
  if (kRelu) y = g.Op("Relu", {y});
  return One(Quantize(g, y, type));
}

template <bool kRelu>
Result<std::vector<Value>> BatchNormOfReals(Builder& g, const Arguments& a) {
  const Value y = OCTAVO_TRY(BatchNormReal(g, a, a.tensor("qx"), a.tensor("mean"), a.tensor("var")));
  return One(kRelu ? g.Op("Relu", {y}) : y);
}

Status CheckQuantizedBatchNorm(const Arguments& a) {
  for (const char* argument : {"weight", "bias"}) {
    if (!a.has(argument)) return Unsupported(fmt::format("argument {} must be a tensor, not None", argument));
  }
  return CheckPerChannel(a, "qx", {"weight", "bias", "mean", "var"}, false);
}

template <bool kRelu>
void AddQuantizedBatchNorm(Registry& registry, std::string name, int lowest_rank, int highest_rank) {
  const auto shape = [=](const Arguments& a) -> Result<std::optional<Shape>> {
    OCTAVO_TRY(CheckRank(a, "qx", lowest_rank, highest_rank));
    OCTAVO_TRY(CheckQuantizedBatchNorm(a));
    return a.tensor("qx").shape();
  };
  registry.Add({.name = std::move(name),
                .arguments = {arg::Tensor("qx"), arg::OptionalTensor("weight"), arg::OptionalTensor("bias"),
                              arg::Tensor("mean"), arg::Tensor("var"), arg::Float("eps"),
                              arg::Float("output_scale"), arg::Int("output_zero_point")},
                .result = EightBits("qx", GivenQuantization("qx", shape)),
                .qdq = QuantizedBatchNorm<kRelu>,
                .caffe2 = ThroughFloat(BatchNormOfReals<kRelu>)});
}

void RegisterBatchNorm(Registry& registry) {
  std::vector<ArgumentSpec> arguments = {arg::Tensor("input"),
                                         arg::OptionalTensor("weight"),
                                         arg::OptionalTensor("bias"),
                                         arg::OptionalTensor("running_mean"),
                                         arg::OptionalTensor("running_var"),
                                         arg::Bool("training"),
                                         arg::Float("momentum"),
                                         arg::Float("eps")};
  registry.Add({.name = "aten::native_batch_norm",
                .arguments = arguments,
                .result = FloatOnly("input", AfterCheck(CheckBatchNorm, ThreeResults("input"))),
                .qdq = OnFloat32(NativeBatchNorm),
                .caffe2 = NativeBatchNorm,
                .returns = Returns::kTuple});
  arguments.push_back(arg::Bool("cudnn_enabled", true));
  registry.Add({.name = "aten::batch_norm",
                .arguments = arguments,
                .result = FloatOnly("input", AfterCheck(CheckBatchNorm, SameType("input"))),
                .qdq = OnFloat32(BatchNorm),
                .caffe2 = BatchNorm});
  struct Ranks {
    const char* name;
    int lowest, highest;
  };
  for (const Ranks& r : {Ranks{"", 2, 5}, Ranks{"1d", 2, 3}, Ranks{"2d", 4, 4}, Ranks{"3d", 5, 5}}) {
    AddQuantizedBatchNorm<false>(registry, fmt::format("quantized::batch_norm{}", r.name), r.lowest,
                                 r.highest);
    AddQuantizedBatchNorm<true>(registry, fmt::format("quantized::batch_norm{}_relu", r.name), r.lowest,
                                r.highest);
  }
}

// ---- Layer normalization ----

// The input's last sizes are `normalized_shape`, and so are those of the parameters.
Status CheckLayerNorm(const Arguments& a) {
  const Shape normalized = a.dims("normalized_shape");
  if (normalized.empty()) return Unsupported("argument normalized_shape must not be empty");
  for (const Dim& size : normalized) {
    if (size.known() && size.value() < 0) {
      return Unsupported(fmt::format("argument normalized_shape is {}", ToString(normalized)));
    }
  }
  OCTAVO_TRY(CheckParameterDTypes(a, "input", {"weight", "bias"}));
  for (const std::string_view argument : {"input", "weight", "bias"}) {
    if (!a.has(argument) || !a.tensor(argument).shape()) continue;
    const Shape& shape = *a.tensor(argument).shape();
    bool fits = argument == "input" ? shape.size() >= normalized.size() : shape.size() == normalized.size();
    for (std::size_t i = 1; fits && i <= normalized.size(); ++i) {
      fits = Dim::Equal(shape[shape.size() - i], normalized[normalized.size() - i]) != false;
    }
    if (!fits) {
      return Unsupported(fmt::format("normalized_shape {} does not fit argument {} of shape {}",
                                     ToString(normalized), argument, ToString(shape)));
    }
  }
  return {};
}

Result<Value> LayerNormOf(Builder& g, const Arguments& a) {
  const Value x = a.tensor("input");
  const auto normalized = static_cast<std::int64_t>(a.dims("normalized_shape").size());
  Value weight = a.tensor("weight");
  const Value bias = a.tensor("bias");
  if (g.opset() >= 17) {
    if (!weight.defined()) {
      weight = OCTAVO_TRY(Filled(g, OCTAVO_TRY(KnownInts(a, "normalized_shape")), 1.0F, "weight", x));
    }
    return g.Op("LayerNormalization", {x, weight, bias},
                {{"axis", -normalized}, {"epsilon", a.number("eps")}});
  }
  NormalizedSizes axes;
  for (std::int64_t axis = -normalized; axis < 0; ++axis) {
    // Negative axes came with opset 11.
    if (g.opset() < 11 && !x.rank()) return NeedsInput("the input's rank is unknown", kGiveNormalizedShape);
    axes.push_back(g.opset() < 11 ? axis + *x.rank() : axis);
  }
  const Value centered = g.Op("Sub", {x, Reduce(g, "ReduceMean", x, axes, true)});
  const Value variance = Reduce(g, "ReduceMean", g.Op("Mul", {centered, centered}), axes, true);
  const Value deviation = g.Op("Sqrt", {g.Op("Add", {variance, ScalarLike(g, x, a.number("eps"))})});
  Value y = g.Op("Div", {centered, deviation});
  if (weight.defined()) y = g.Op("Mul", {y, weight});
  if (bias.defined()) y = g.Op("Add", {y, bias});
  return y;
}

Result<std::vector<Value>> LayerNorm(Builder& g, const Arguments& a) {
  return One(OCTAVO_TRY(LayerNormOf(g, a)));
}

Result<std::vector<Value>> NativeLayerNorm(Builder& g, const Arguments& a) {
  return std::vector<Value>{OCTAVO_TRY(LayerNormOf(g, a)), Value(), Value()};
}

// ---- Group and instance normalization ----

Status CheckGroupNorm(const Arguments& a) {
  OCTAVO_TRY(CheckPerChannel(a, "input", {"weight", "bias"}, true));
  const Dim groups = a.dim("num_groups");
  const std::optional<Shape>& shape = a.tensor("input").shape();
  const std::optional<std::int64_t> channels = shape ? (*shape)[1].maybe() : std::nullopt;
  if (groups.known() && (groups.value() < 1 || channels.value_or(0) % groups.value() != 0)) {
    return Unsupported(fmt::format("{} channels cannot be divided into {} groups",
                                   shape ? (*shape)[1].ToString() : "the", groups.value()));
  }
  return {};
}

Status CheckInstanceNorm(const Arguments& a) {
  if (!a.flag("use_input_stats") && (!a.has("running_mean") || !a.has("running_var"))) {
    return Unsupported("instance normalization needs running statistics or use_input_stats=True");
  }
  return CheckPerChannel(a, "input", {"weight", "bias", "running_mean", "running_var"}, true);
}

Status CheckQuantizedInstanceNorm(const Arguments& a) {
  if (a.tensor("input").rank().value_or(3) < 3) {
    return Unsupported(fmt::format("argument input must have rank 3 or more, but its shape is {}",
                                   ToString(*a.tensor("input").shape())));
  }
  return CheckPerChannel(a, "input", {"weight", "bias"}, true);
}

// A parameter for each channel, so that it broadcasts over [N, C, ...].
Result<Value> PerChannel(Builder& g, Value parameter, int rank) {
  if (rank == 2) return parameter;
  NormalizedSizes sizes(static_cast<std::size_t>(rank) - 1, 1);
  sizes[0] = -1;
  if (const Tensor* constant = parameter.constant(); constant && constant->contiguous()) {
    sizes[0] = constant->num_elements();
    return g.Constant(constant->Reshaped(sizes), "per_channel");
  }
  return Reshape(g, parameter, sizes);
}

Result<std::vector<Value>> GroupNorm(Builder& g, const Arguments& a) {
  const Value x = a.tensor("input");
  const std::int64_t groups = OCTAVO_TRY(KnownInt(a, "num_groups"));
  if (!x.shape()) return NeedsInput("the input's shape is unknown", kGiveNormalizedShape);
  const int rank = *x.rank();
  const Value grouped = Reshape(g, x, {0, groups, -1});
  const Value ones = OCTAVO_TRY(Filled(g, {groups}, 1.0F, "ones", x)),
              zeros = OCTAVO_TRY(Filled(g, {groups}, 0.0F, "zeros", x));
  const Value normalized =
      g.Op("InstanceNormalization", {grouped, ones, zeros}, {{"epsilon", a.number("eps")}});
  // Only sizes of the input itself: where it has one that is not known, it is copied from the input's shape.
  NormalizedSizes back;
  int unknown = 0;
  for (std::size_t i = 0; i < x.shape()->size(); ++i) {
    const Dim& size = (*x.shape())[i];
    if (i == 0) {
      back.push_back(0);
    } else {
      unknown += size.known() ? 0 : 1;
      back.push_back(size.maybe().value_or(-1));
    }
  }
  Value y = unknown <= 1 ? Reshape(g, normalized, back) : g.Op("Reshape", {normalized, g.Op("Shape", {x})});
  if (a.has("weight")) y = g.Op("Mul", {y, OCTAVO_TRY(PerChannel(g, a.tensor("weight"), rank))});
  if (a.has("bias")) y = g.Op("Add", {y, OCTAVO_TRY(PerChannel(g, a.tensor("bias"), rank))});
  return One(y);
}

Result<Value> InstanceNormOf(Builder& g, const Arguments& a) {
  const Value x = a.tensor("input");
  if (x.rank() && *x.rank() < 3) {
    return Unsupported(
        fmt::format("instance normalization of a tensor of rank {} is not supported", *x.rank()));
  }
  Value weight = a.tensor("weight"), bias = a.tensor("bias");
  const std::int64_t channels = OCTAVO_TRY(Channels(x, {weight, bias}));
  if (!weight.defined()) weight = OCTAVO_TRY(Filled(g, {channels}, 1.0F, "weight", x));
  if (!bias.defined()) bias = OCTAVO_TRY(Filled(g, {channels}, 0.0F, "bias", x));
  return g.Op("InstanceNormalization", {x, weight, bias}, {{"epsilon", a.number("eps")}});
}

Result<std::vector<Value>> InstanceNorm(Builder& g, const Arguments& a) {
  if (a.flag("use_input_stats")) return One(OCTAVO_TRY(InstanceNormOf(g, a)));
  const Value mean = a.tensor("running_mean"), variance = a.tensor("running_var");
  return One(OCTAVO_TRY(BatchNormReal(g, a, a.tensor("input"), mean, variance)));
}

Result<std::vector<Value>> QuantizedInstanceNorm(Builder& g, const Arguments& a) {
  return One(OCTAVO_TRY(InstanceNormOf(g, a)));
}

struct NormRow {
  std::string name;
  std::vector<ArgumentSpec> arguments;
  ArgumentCheck check;
  Emitter emitter;
};

void AddFloatNorm(Registry& registry, NormRow row) {
  registry.Add({.name = std::move(row.name),
                .arguments = std::move(row.arguments),
                .result = FloatOnly("input", AfterCheck(row.check, SameType("input"))),
                .qdq = OnFloat32(row.emitter),
                .caffe2 = row.emitter});
}

void AddQuantizedNorm(Registry& registry, NormRow row) {
  row.arguments.push_back(arg::Float("output_scale"));
  row.arguments.push_back(arg::Int("output_zero_point"));
  registry.Add(
      {.name = std::move(row.name),
       .arguments = std::move(row.arguments),
       .result = EightBits("input", AfterCheck(row.check, GivenQuantization("input", ShapeOf("input")))),
       .qdq = OnReals(row.emitter),
       .caffe2 = ThroughFloat(row.emitter)});
}

}  // namespace

void RegisterNormalization(Registry& registry) {
  RegisterBatchNorm(registry);

  const ArgumentSpec x = arg::Tensor("input"), weight = arg::OptionalTensor("weight"),
                     bias = arg::OptionalTensor("bias"), shape = arg::Ints("normalized_shape"),
                     groups = arg::Int("num_groups"), eps = arg::Float("eps", 1e-5),
                     cudnn = arg::Bool("cudnn_enabled", true);
  AddFloatNorm(registry, {"aten::layer_norm",
                          {x, shape, weight, bias, eps, arg::Bool("cudnn_enable", true)},
                          CheckLayerNorm,
                          LayerNorm});
  registry.Add({.name = "aten::native_layer_norm",
                .arguments = {x, shape, weight, bias, arg::Float("eps")},
                .result = FloatOnly("input", AfterCheck(CheckLayerNorm, ThreeResults("input"))),
                .qdq = OnFloat32(NativeLayerNorm),
                .caffe2 = NativeLayerNorm,
                .returns = Returns::kTuple});
  AddFloatNorm(registry,
               {"aten::group_norm", {x, groups, weight, bias, eps, cudnn}, CheckGroupNorm, GroupNorm});
  AddFloatNorm(registry,
               {"aten::instance_norm",
                {x, weight, bias, arg::OptionalTensor("running_mean"), arg::OptionalTensor("running_var"),
                 arg::Bool("use_input_stats"), arg::Float("momentum"), arg::Float("eps"), cudnn},
                CheckInstanceNorm,
                InstanceNorm});
  AddQuantizedNorm(registry,
                   {"quantized::layer_norm", {x, shape, weight, bias, eps}, CheckLayerNorm, LayerNorm});
  AddQuantizedNorm(registry,
                   {"quantized::group_norm", {x, groups, weight, bias, eps}, CheckGroupNorm, GroupNorm});
  AddQuantizedNorm(registry, {"quantized::instance_norm",
                              {x, weight, bias, eps},
                              CheckQuantizedInstanceNorm,
                              QuantizedInstanceNorm});
}

}  // namespace octavo
