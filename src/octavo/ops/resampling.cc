#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/float_layer.h"
#include "octavo/ops/interpolation.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/register.h"
#include "octavo/ops/separable.h"
#include "octavo/ops/shuffling.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using ResampledSizes = std::vector<std::int64_t>;

constexpr const char* kGiveSize = "Give the input's size, as in --input 'float32[1,3,224,224]'.";
// The largest table or matrix that is written for one dimension, in elements.
constexpr std::int64_t kLargestTable = 1 << 22;

enum class Mode { kNearest, kNearestExact, kLinear, kCubic };

// What a call asks for, whichever overload it came through.
struct Request {
  Mode mode = Mode::kNearest;
  bool align_corners = false;
  std::vector<Dim> output;                    // the spatial sizes that come out
  std::vector<std::optional<double>> scales;  // the factors to compute with, where the model gives them
};

// in scale, rounded down.  A size that is not known is multiplied only by factors for which float64 is exact.
Result<Dim> ScaledSize(const Dim& in, double scale) {
  if (!std::isfinite(scale) || scale <= 0 || scale > static_cast<double>(kLargestTable)) {
    return Unsupported(
        fmt::format("the scale factor must be positive and at most {}, not {}", kLargestTable, scale));
  }
  if (in.known()) return Dim(static_cast<std::int64_t>(static_cast<double>(in.value()) * scale));
  constexpr std::int64_t kDenominator = 1024;
  const double numerator = scale * kDenominator;
  if (numerator != std::floor(numerator)) {
    return NeedsInput(
        fmt::format("the output size, {} times {}, depends on an open size", in.ToString(), scale),
        kGiveSize);
  }
  return Dim::FloorDivide(in * Dim(static_cast<std::int64_t>(numerator)), kDenominator);
}

Result<Shape> SpatialSizes(const Value& x, std::size_t n) {
  if (!x.shape()) return NeedsInput("the input's shape is unknown", kGiveSize);
  if (x.shape()->size() != n + 2) {
    return Unsupported(
        fmt::format("the input has rank {}, but this operator needs rank {}", x.shape()->size(), n + 2));
  }
  return Shape(x.shape()->begin() + 2, x.shape()->end());
}

// From a size or from factors, of which exactly one must be there.
Result<Request> RequestOf(const Value& x, Mode mode, bool align_corners, std::size_t n,
                          const std::vector<Dim>& sizes, const std::vector<double>& factors,
                          bool recompute = false) {
  Request request;
  request.mode = mode;
  request.align_corners = align_corners;
  request.scales.resize(n);
  if (!sizes.empty()) {
    if (sizes.size() != n || !factors.empty()) {
      return Unsupported("pass either one output size per spatial dimension or scale factors, not both");
    }
    request.output = sizes;
  } else {
    if (factors.size() != n)
      return Unsupported("argument scale_factors needs one number per spatial dimension");
    const Shape in = OCTAVO_TRY(SpatialSizes(x, n));
    for (std::size_t i = 0; i < n; ++i) {
      request.output.push_back(OCTAVO_TRY(ScaledSize(in[i], factors[i])));
      if (!recompute) request.scales[i] = factors[i];
    }
  }
  for (const Dim& size : request.output) {
    if (size.known() && (size.value() < 1 || size.value() > kLargestTable)) {
      return Unsupported(fmt::format("an output size of {} is not supported", size.value()));
    }
  }
  return request;
}

using RequestRule = std::function<Result<Request>(const Arguments&)>;

Result<std::vector<TensorType>> ResampledType(const RequestRule& rule, const std::string& name,
                                              const Arguments& a) {
  TensorType type = a.tensor(name).type();
  const Request request = OCTAVO_TRY(rule(a));
  if (!type.shape) return std::vector<TensorType>{type};
  OCTAVO_TRY(CheckImages(*type.shape, request.output.size(), false));
  type.shape->resize(2);
  type.shape->insert(type.shape->end(), request.output.begin(), request.output.end());
  return std::vector<TensorType>{std::move(type)};
}

// ---- Writing it ----

// The dimensions as numbers; nullopt where one is not known.
Result<std::optional<std::vector<Axis>>> KnownAxes(const Value& x, const Request& request) {
  const Shape in = OCTAVO_TRY(SpatialSizes(x, request.output.size()));
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i].known() || !request.output[i].known()) return std::optional<std::vector<Axis>>();
    if (in[i].value() < 1 || in[i].value() > kLargestTable) {
      return Unsupported(fmt::format("an input size of {} is not supported", in[i].value()));
    }
    axes.push_back({in[i].value(), request.output[i].value(), request.scales[i]});
  }
  return std::optional<std::vector<Axis>>(std::move(axes));
}

bool SameSizes(const std::vector<Axis>& axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Axis& a) { return a.in == a.out; });
}

Attributes ResizeAttributes(const Request& request) {
  switch (request.mode) {
    case Mode::kNearest:
      return {
          {"coordinate_transformation_mode", "asymmetric"}, {"mode", "nearest"}, {"nearest_mode", "floor"}};
    case Mode::kNearestExact:
      return {{"coordinate_transformation_mode", "half_pixel"},
              {"mode", "nearest"},
              {"nearest_mode", "round_prefer_ceil"}};
    case Mode::kLinear:
      return {{"coordinate_transformation_mode", request.align_corners ? "align_corners" : "half_pixel"},
              {"mode", "linear"}};
    case Mode::kCubic:
      break;
  }
  return {{"coordinate_transformation_mode", request.align_corners ? "align_corners" : "half_pixel"},
          {"cubic_coeff_a", -0.75},
          {"mode", "cubic"}};
}

Value ResizeByScales(Builder& g, Value x, const Request& request, const std::vector<float>& spatial) {
  std::vector<float> scales = {1.0F, 1.0F};
  scales.insert(scales.end(), spatial.begin(), spatial.end());
  const Value factors = g.Constant(Tensor::Floats({static_cast<std::int64_t>(scales.size())}, scales));
  if (g.opset() >= 11) return g.Op("Resize", {x, Value(), factors}, ResizeAttributes(request));
  return g.Op("Upsample", {x, factors}, {{"mode", "nearest"}});
}

// The indices that each output element reads, dimension by dimension.
Value GatherEach(Builder& g, Value x, const std::vector<Axis>& axes, NearestRule rule,
                 const TensorType& type) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::vector<std::int64_t> indices = NearestIndices(axes[i], rule);
    const Attributes axis = {{"axis", static_cast<std::int64_t>(i) + 2}};
    const bool pair = type.quantized() && x.quantized();
    TensorType so_far = type;  // the axes behind this one still have their old sizes
    for (std::size_t k = i + 1; so_far.shape && k < axes.size(); ++k)
      (*so_far.shape)[k + 2] = Dim(axes[k].in);
    x = g.Op("Gather", {pair ? Dequantize(g, x) : x, g.Ints(indices)}, axis);
    if (pair) x = Quantize(g, x, so_far);
  }
  return x;
}

NearestRule RuleOf(Mode mode) {
  return mode == Mode::kNearestExact ? NearestRule::kExact : NearestRule::kFloor;
}

// A whole factor, for a size that is not known: what Resize reads is checked up to this many elements.
constexpr std::int64_t kSureUpTo = 1 << 14;

std::optional<float> WholeFactor(std::optional<double> scale, NearestRule rule) {
  const double factor = scale.value_or(0);
  if (factor < 1 || factor != std::floor(factor) || factor > static_cast<double>(kSureUpTo)) {
    return std::nullopt;
  }
  const std::int64_t longest = kSureUpTo / static_cast<std::int64_t>(factor);
  const std::optional<float> found =
      NearestScale({longest, longest * static_cast<std::int64_t>(factor), scale}, rule);
  if (!found || static_cast<double>(*found) != factor) return std::nullopt;
  return found;
}

// The factors with which Resize reads just what PyTorch reads.
std::optional<std::vector<float>> NearestFactors(const std::optional<std::vector<Axis>>& axes,
                                                 const Request& request) {
  std::vector<float> factors;
  for (std::size_t i = 0; i < request.output.size(); ++i) {
    const NearestRule rule = RuleOf(request.mode);
    const std::optional<float> factor =
        axes ? NearestScale((*axes)[i], rule) : WholeFactor(request.scales[i], rule);
    if (!factor.has_value()) return std::nullopt;
    factors.push_back(factor.value_or(1.0F));
  }
  return factors;
}

// `x` real or quantized; each node of a quantized one has a pair of its own.
Result<Value> Nearest(Builder& g, Value x, const Request& request, const TensorType& type) {
  const std::optional<std::vector<Axis>> axes = OCTAVO_TRY(KnownAxes(x, request));
  if (axes && SameSizes(*axes)) return x;
  const std::optional<std::vector<float>> factors = NearestFactors(axes, request);
  // Before opset 11 there is only Upsample, which reads as kFloor does and cannot shrink.
  const bool resizable =
      factors && (g.opset() >= 11 || (request.mode == Mode::kNearest &&
                                      std::all_of(factors->begin(), factors->end(),
                                                  [](float factor) { return factor >= 1.0F; })));
  if (resizable) {
    const Value y = ResizeByScales(g, x.quantized() ? Dequantize(g, x) : x, request, *factors);
    return x.quantized() ? Quantize(g, y, type) : y;
  }
  if (!axes) {
    return NeedsInput(
        "nearest interpolation of an open size by a factor that is not an integer is not supported",
        kGiveSize);
  }
  return GatherEach(g, x, *axes, RuleOf(request.mode), type);
}

Result<Value> ByMatrices(Builder& g, Value x, const std::vector<Axis>& axes, const Request& request) {
  std::vector<std::optional<Matrix>> matrices;
  ResampledSizes in;
  for (const Axis& axis : axes) {
    in.push_back(axis.in);
    if (axis.out > kLargestTable / axis.in)
      return Unsupported("the sizes are too large for an interpolation");
    matrices.emplace_back(request.mode == Mode::kLinear ? LinearMatrix(axis, request.align_corners)
                                                        : CubicMatrix(axis, request.align_corners));
  }
  return ApplySeparably(g, x, in, matrices);
}

// Sizes as Resize's last input: the batch and the channels from the input itself.
Value ResizeBySizes(Builder& g, Value x, const Request& request, const ResampledSizes& output) {
  Attributes attributes = ResizeAttributes(request);
  if (g.opset() >= 18) {
    ResampledSizes axes;
    for (std::size_t i = 0; i < output.size(); ++i) axes.push_back(static_cast<std::int64_t>(i) + 2);
    attributes.Set("axes", axes);
    return g.Op("Resize", {x, Value(), Value(), g.Ints(output)}, attributes);
  }
  const Value front = Slice(g, g.Op("Shape", {x}), 0, 0, 2);
  const Value sizes = g.Op("Concat", {front, g.Ints(output)}, {{"axis", 0}});
  return g.Op("Resize", {x, Value(), Value(), sizes}, attributes);
}

// Of a real tensor.
Result<Value> Smooth(Builder& g, Value x, const Request& request) {
  const std::optional<std::vector<Axis>> axes = OCTAVO_TRY(KnownAxes(x, request));
  if (axes && SameSizes(*axes)) return g.Op("Identity", {x});
  if (axes) {
    if (g.opset() < 11) return ByMatrices(g, x, *axes, request);
  } else if (g.opset() < 11) {
    return NeedsInput("interpolation of an open size is not supported in the caffe2 dialect", kGiveSize);
  }
  std::vector<float> factors;
  ResampledSizes output;
  for (std::size_t i = 0; i < request.output.size(); ++i) {
    if (axes) {
      if (const std::optional<float> factor = SizingScale((*axes)[i])) factors.push_back(*factor);
    } else if (request.scales[i]) {
      factors.push_back(static_cast<float>(*request.scales[i]));
    }
    if (request.output[i].known()) output.push_back(request.output[i].value());
  }
  if (factors.size() == request.output.size()) return ResizeByScales(g, x, request, factors);
  if (output.size() == request.output.size()) return ResizeBySizes(g, x, request, output);
  return NeedsInput("interpolation to an open size is not supported", kGiveSize);
}

// Linear interpolation of integers, product by product and sum by sum as PyTorch does it: along the last
// dimension first.
Value InterpolateByTaps(Builder& g, Value x, const std::vector<Axis>& axes, bool align_corners, bool fused) {
  for (std::size_t i = axes.size(); i-- > 0;) {
    const LinearTaps taps = LinearTapsOf(axes[i], align_corners, fused);
    ResampledSizes shape(axes.size() - i, 1);
    shape[0] = axes[i].out;
    const auto side = [&](const ResampledSizes& indices, const std::vector<float>& weights) {
      const Value read = g.Op("Gather", {x, g.Ints(indices)}, {{"axis", static_cast<std::int64_t>(i) + 2}});
      return g.Op("Mul", {read, g.Constant(Tensor::Floats(shape, weights))});
    };
    const Value left = side(taps.left, taps.left_weight);
    x = g.Op("Add", {left, side(taps.right, taps.right_weight)});
  }
  return x;
}

// Which of the two products of a sum PyTorch's kernel for channels-last images leaves unrounded.
enum class Unrounded { kLeft, kRight };

// The same with one rounding for a product and the sum: float64 holds the product of two float32 numbers.
Value InterpolateByFusedTaps(Builder& g, Value x, const std::vector<Axis>& axes, bool align_corners,
                             Unrounded unrounded) {
  constexpr int kFloat32 = 1, kFloat64 = 11;  // TensorProto's
  const auto cast = [&g](const Value& value, int to) { return g.Op("Cast", {value}, {{"to", to}}); };
  for (std::size_t i = axes.size(); i-- > 0;) {
    const LinearTaps taps = LinearTapsOf(axes[i], align_corners, true);
    ResampledSizes shape(axes.size() - i, 1);
    shape[0] = axes[i].out;
    const auto read = [&](const ResampledSizes& indices) {
      return g.Op("Gather", {x, g.Ints(indices)}, {{"axis", static_cast<std::int64_t>(i) + 2}});
    };
    const bool left = unrounded == Unrounded::kLeft;
    const std::vector<float>& exact = left ? taps.left_weight : taps.right_weight;
    const std::vector<double> wide(exact.begin(), exact.end());
    const Value product = g.Op("Mul", {cast(read(left ? taps.left : taps.right), kFloat64),
                                       g.Constant(Tensor::From(DType::kFloat64, shape, wide))});
    const Value rounded =
        g.Op("Mul", {read(left ? taps.right : taps.left),
                     g.Constant(Tensor::Floats(shape, left ? taps.right_weight : taps.left_weight))});
    x = cast(g.Op("Add", {product, cast(rounded, kFloat64)}), kFloat32);
  }
  return x;
}

// Channels-last images: PyTorch's vector loop takes the first channels, in eights, and another loop the
// others.
Value InterpolateChannelsLast(Builder& g, const Value& x, const std::vector<Axis>& axes, bool align_corners,
                              std::int64_t channels) {
  constexpr std::int64_t kVector = 8;
  const std::int64_t vectors = channels / kVector * kVector, others = channels - vectors;
  if (vectors == 0) return InterpolateByFusedTaps(g, x, axes, align_corners, Unrounded::kLeft);
  if (others == 0) return InterpolateByFusedTaps(g, x, axes, align_corners, Unrounded::kRight);
  const std::vector<Value> parts = Split(g, x, 1, {vectors, others});
  const Value first = InterpolateByFusedTaps(g, parts[0], axes, align_corners, Unrounded::kRight);
  const Value last = InterpolateByFusedTaps(g, parts[1], axes, align_corners, Unrounded::kLeft);
  return g.Op("Concat", {first, last}, {{"axis", 1}});
}

bool ResizeIsExact(const std::vector<Axis>& axes, bool align_corners) {
  return std::all_of(axes.begin(), axes.end(), [align_corners](const Axis& axis) {
    const std::optional<float> scale = SizingScale(axis);
    return scale && ResizeIsExact(axis, align_corners, *scale);
  });
}

Result<Value> SmoothOfIntegers(Builder& g, Value x, const Request& request, const TensorType& type) {
  const std::optional<std::vector<Axis>> axes = OCTAVO_TRY(KnownAxes(x, request));
  if (axes && SameSizes(*axes)) return x;
  // PyTorch's kernel for channels-last tensors, and for images of one channel, does not round every product.
  const bool channels_last = x.memory_format() == ir::MemoryFormat::kChannelsLast;
  const Dim channels = x.rank() == 4 ? (*x.shape())[1] : Dim(1);
  const bool one_channel = channels == Dim(1), many = channels.known() && !one_channel;
  const bool fused = channels_last || one_channel;
  const bool caffe2 = g.dialect() == Dialect::kCaffe2;
  const bool bilinear = request.mode == Mode::kLinear && axes && axes->size() == 2;
  const bool short_weights = axes && ResizeIsExact(*axes, request.align_corners);
  const bool taps = CountsInSteps(g) && request.mode == Mode::kLinear && axes && (caffe2 || !short_weights);
  const bool wide = taps && !caffe2 && fused && bilinear && channels.known();
  if (bilinear && ((!channels_last && many) || short_weights)) {
    g.State(Exactness::kConstruction);
  } else if (wide) {
    g.State(Exactness::kNotExact,
            "may be off by one step where a sum is at a rounding tie of both float64 and float32");
  } else {
    g.State(Exactness::kNotExact, "may be off by one step at rounding ties");
  }
  // Builds with FBGEMM round the level, others its distance from the zero point.
  const bool level = OfFbgemmBuild(g) && g.exact_for(Target::kOnnxRuntime);
  if (!taps) {
    Value real = OCTAVO_TRY(Smooth(g, level ? DequantizeToSteps(g, x, 0) : DequantizeToSteps(g, x), request));
    // ONNX Runtime up to 1.26 would resize the integers, and cut off the fraction.
    if (g.exact_for(Target::kOnnxRuntime)) real = KeptApart(g, real);
    return level ? QuantizeFromSteps(g, real, type, 0) : QuantizeFromSteps(g, real, type);
  }
  const Value levels = DequantizeToSteps(g, x, 0);
  const Value y = wide ? InterpolateChannelsLast(g, levels, *axes, request.align_corners, channels.value())
                       : InterpolateByTaps(g, levels, *axes, request.align_corners, fused);
  const auto zero_point = static_cast<float>(type.quantization->zero_point());
  const Value distance = zero_point == 0 ? y : g.Op("Sub", {y, g.Scalar(zero_point)});
  if (!level) return QuantizeFromSteps(g, distance, type);
  return QuantizeFromSteps(g, zero_point == 0 ? y : g.Op("Add", {distance, g.Scalar(zero_point)}), type, 0);
}

bool IsNearest(Mode mode) { return mode == Mode::kNearest || mode == Mode::kNearestExact; }

Emitter Resample(RequestRule rule, std::string name) {
  return [rule = std::move(rule), name = std::move(name)](Builder& g,
                                                          const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor(name);
    const Request request = OCTAVO_TRY(rule(a));
    g.State(Exactness::kConstruction);
    if (IsNearest(request.mode)) return One(OCTAVO_TRY(Nearest(g, x, request, a.result())));
    if (!x.quantized()) return One(OCTAVO_TRY(Smooth(g, x, request)));
    return One(OCTAVO_TRY(SmoothOfIntegers(g, x, request, a.result())));
  };
}

// Int8ResizeNearest multiplies an image's sizes by whole numbers.
Result<bool> FitsInt8Resize(const Value& x, const Request& request) {
  if (request.mode != Mode::kNearest || request.output.size() != 2 || x.rank() != 4) return false;
  const std::optional<std::vector<Axis>> axes = OCTAVO_TRY(KnownAxes(x, request));
  if (!axes) return false;
  for (const Axis& axis : *axes) {
    if (axis.out % axis.in != 0) return false;
    const std::vector<std::int64_t> indices = NearestIndices(axis, NearestRule::kFloor);
    for (std::int64_t o = 0; o < axis.out; ++o) {
      if (indices[static_cast<std::size_t>(o)] != o / (axis.out / axis.in)) return false;
    }
  }
  return true;
}

Emitter ResampleCaffe2(RequestRule rule, std::string name) {
  const Emitter real = Resample(rule, name);
  return Int8Or(
      [rule, name, real](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Value x = a.tensor(name);
        const Request request = OCTAVO_TRY(rule(a));
        if (!OCTAVO_TRY(FitsInt8Resize(x, request)))
          return IsNearest(request.mode) ? ThroughFloat(real)(g, a) : real(g, a);
        const ResampledSizes output = {request.output[0].value(), request.output[1].value()};
        TensorType nhwc = a.result();
        nhwc.shape = Shape{(*x.shape())[0], output[0], output[1], (*x.shape())[1]};
        return One(Nchw(g, Int8(g, "Int8ResizeNearest", {Nhwc(g, x)}, nhwc, {{"output_size", output}})));
      },
      real);
}

// ---- Rows ----

void AddResampling(Registry& registry, std::string op, std::string x, std::vector<ArgumentSpec> arguments,
                   RequestRule rule) {
  arguments.insert(arguments.begin(), arg::Tensor(x));
  registry.Add(
      {.name = std::move(op),
       .arguments = std::move(arguments),
       .result = FloatOrEightBits(x, [rule, x](const Arguments& a) { return ResampledType(rule, x, a); }),
       .qdq = Resample(rule, x),
       .caffe2 = ResampleCaffe2(rule, x)});
}

bool AlignCorners(const Arguments& a, Mode mode) { return !IsNearest(mode) && a.flag("align_corners"); }

// aten::upsample_...Nd and its overload .vec.
void AddUpsample(Registry& registry, const std::string& op, Mode mode, std::size_t n) {
  std::vector<ArgumentSpec> vec = {arg::OptionalInts("output_size", static_cast<int>(n))};
  std::vector<ArgumentSpec> plain = {arg::Ints("output_size", static_cast<int>(n))};
  if (!IsNearest(mode)) {
    vec.push_back(arg::Bool("align_corners"));
    plain.push_back(arg::Bool("align_corners"));
  }
  vec.push_back(arg::OptionalFloats("scale_factors"));
  AddResampling(registry, op + ".vec", "input", vec, [mode, n](const Arguments& a) {
    return RequestOf(a.tensor("input"), mode, AlignCorners(a, mode), n,
                     a.has("output_size") ? a.dims("output_size") : std::vector<Dim>(),
                     a.has("scale_factors") ? a.numbers("scale_factors") : std::vector<double>());
  });
  const std::vector<std::string> all = {"scales_d", "scales_h", "scales_w"};
  std::vector<std::string> names(all.end() - static_cast<std::ptrdiff_t>(n), all.end());
  if (n == 1) names = {"scales"};
  for (const std::string& name : names) plain.push_back(arg::OptionalFloat(name));
  AddResampling(registry, op, "self", plain, [mode, n, names](const Arguments& a) -> Result<Request> {
    Request request =
        OCTAVO_TRY(RequestOf(a.tensor("self"), mode, AlignCorners(a, mode), n, a.dims("output_size"), {}));
    for (std::size_t i = 0; i < n; ++i) {
      if (a.has(names[i])) request.scales[i] = a.number(names[i]);
    }
    return request;
  });
}

Result<Mode> ModeNamed(const std::string& name, std::size_t n) {
  if (name == "nearest") return Mode::kNearest;
  if (name == "nearest-exact") return Mode::kNearestExact;
  if ((name == "linear" && n == 1) || (name == "bilinear" && n == 2) || (name == "trilinear" && n == 3)) {
    return Mode::kLinear;
  }
  if (name == "bicubic" && n == 2) return Mode::kCubic;
  return Unsupported(
      fmt::format("interpolation mode \"{}\" over {} spatial dimensions is not supported", name, n));
}

// torch.nn.functional.interpolate as older scripted models hold it: a number stands for one a dimension.
Result<Request> InterpolateRequest(const Arguments& a, bool list_of_factors) {
  const Value x = a.tensor("input");
  if (!x.rank() || *x.rank() < 3) return NeedsInput("the input's shape is unknown", kGiveSize);
  const auto n = static_cast<std::size_t>(*x.rank()) - 2;
  const Mode mode = OCTAVO_TRY(ModeNamed(a.text("mode"), n));
  const auto has_flag = [&a](const char* name) { return a.has(name) && a.flag(name); };
  if (a.flag("antialias"))
    return Unsupported("antialias=True is not supported",
                       "Use antialias=False; ONNX's Resize has another filter.");
  std::vector<Dim> sizes = a.has("size") ? a.dims("size") : std::vector<Dim>();
  if (IsNearest(mode) && a.has("align_corners")) {
    return Unsupported(fmt::format("argument align_corners must be None for mode \"{}\"", a.text("mode")));
  }
  if (sizes.size() == 1) sizes.assign(n, sizes[0]);
  std::vector<double> factors;
  if (a.has("scale_factor")) {
    factors = list_of_factors ? a.numbers("scale_factor") : std::vector<double>{a.number("scale_factor")};
  }
  if (factors.size() == 1) factors.assign(n, factors[0]);
  return RequestOf(x, mode, has_flag("align_corners"), n, sizes, factors, has_flag("recompute_scale_factor"));
}

void AddInterpolate(Registry& registry) {
  for (const bool list : {true, false}) {
    AddResampling(registry, list ? "aten::__interpolate" : "aten::__interpolate.scale", "input",
                  {arg::OptionalInts("size"),
                   list ? arg::OptionalFloats("scale_factor") : arg::OptionalFloat("scale_factor"),
                   arg::String("mode", "nearest"), arg::OptionalBool("align_corners"),
                   arg::OptionalBool("recompute_scale_factor"), arg::Bool("antialias", false)},
                  [list](const Arguments& a) { return InterpolateRequest(a, list); });
  }
}

// ---- grid_sampler ----

// What PyTorch interpolates and pads by; bicubic over two dimensions only.
Status CheckGridModes(const Arguments& a) {
  const std::int64_t mode = OCTAVO_TRY(KnownInt(a, "interpolation_mode"));
  const std::int64_t padding = OCTAVO_TRY(KnownInt(a, "padding_mode"));
  const bool known = mode >= 0 && mode <= 2 && padding >= 0 && padding <= 2;
  if (known && (mode < 2 || a.tensor("input").rank().value_or(4) == 4)) return {};
  return Unsupported(
      fmt::format("interpolation mode {} with padding mode {} is not supported", mode, padding));
}

Result<std::vector<TensorType>> GridSampledType(const Arguments& a, int lowest_rank, int highest_rank) {
  OCTAVO_TRY(CheckGridModes(a));
  OCTAVO_TRY(CheckRank(a, "input", lowest_rank, highest_rank));
  if (!a.tensor("input").quantized()) OCTAVO_TRY(CheckSameDType(a, {"input", "grid"}));
  TensorType type = a.tensor("input").type();
  const auto& grid = a.tensor("grid").shape();
  if (!type.shape || !grid) {
    type.shape.reset();
    return std::vector<TensorType>{type};
  }
  const std::size_t rank = type.shape->size();
  if (rank != grid->size() || Dim::Equal((*type.shape)[0], (*grid)[0]) == false ||
      Dim::Equal(grid->back(), Dim(static_cast<std::int64_t>(rank) - 2)) == false) {
    return Unsupported(fmt::format("the input {} and the grid of shape {} do not fit together",
                                   type.ToString(), ToString(*grid)));
  }
  if (std::find(type.shape->begin() + 2, type.shape->end(), Dim(0)) != type.shape->end()) {
    return Unsupported(fmt::format("the input has no elements: its shape is {}", ToString(*type.shape)));
  }
  type.shape->resize(2);
  type.shape->insert(type.shape->end(), grid->begin() + 1, grid->end() - 1);
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> GridSample(Builder& g, const Arguments& a) {
  constexpr int kSince = 16, kRenamed = 20;
  if (g.opset() < kSince) {
    return Unsupported(fmt::format("GridSample needs ONNX opset {} or later", kSince),
                       "Use --dialect qdq --opset 16 or later.");
  }
  const auto mode = static_cast<std::size_t>(a.integer("interpolation_mode")),
             padding = static_cast<std::size_t>(a.integer("padding_mode"));
  if (a.tensor("input").rank().value_or(4) != 4 && g.opset() < kRenamed) {
    return Unsupported("GridSample over 3 spatial dimensions needs ONNX opset 20 or later",
                       "Use --dialect qdq --opset 20 or later.");
  }
  const bool renamed = g.opset() >= kRenamed;
  const char* modes[] = {renamed ? "linear" : "bilinear", "nearest", renamed ? "cubic" : "bicubic"};
  const char* paddings[] = {"zeros", "border", "reflection"};
  return One(g.Op("GridSample", {a.tensor("input"), a.tensor("grid")},
                  {{"align_corners", a.flag("align_corners")},
                   {"mode", modes[mode]},
                   {"padding_mode", paddings[padding]}}));
}

}  // namespace

void RegisterResampling(Registry& registry) {
  for (std::size_t n = 1; n <= 3; ++n) {
    AddUpsample(registry, fmt::format("aten::upsample_nearest{}d", n), Mode::kNearest, n);
    AddUpsample(registry, fmt::format("aten::_upsample_nearest_exact{}d", n), Mode::kNearestExact, n);
  }
  AddUpsample(registry, "aten::upsample_linear1d", Mode::kLinear, 1);
  AddUpsample(registry, "aten::upsample_bilinear2d", Mode::kLinear, 2);
  AddUpsample(registry, "aten::upsample_trilinear3d", Mode::kLinear, 3);
  AddUpsample(registry, "aten::upsample_bicubic2d", Mode::kCubic, 2);
  AddInterpolate(registry);
  for (const auto& [name, lowest, highest] :
       {std::tuple("aten::grid_sampler", 4, 5), std::tuple("aten::grid_sampler_2d", 4, 4),
        std::tuple("aten::grid_sampler_3d", 5, 5)}) {
    const TypeRule type = [low = lowest, high = highest](const Arguments& a) {
      return GridSampledType(a, low, high);
    };
    registry.Add({.name = name,
                  .arguments = {arg::Tensor("input"), arg::Tensor("grid"), arg::Int("interpolation_mode"),
                                arg::Int("padding_mode"), arg::Bool("align_corners")},
                  .result = FloatOrEightBits("input", type),
                  .qdq = OnReals(GridSample),
                  .caffe2 = ThroughFloat(GridSample)});
  }
  RegisterShuffling(registry);
}

}  // namespace octavo
