#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/activation_trials.h"
#include "octavo/ops/clamps.h"
#include "octavo/ops/leaky_relu.h"
#include "octavo/ops/prelu.h"
#include "octavo/ops/proven_reals.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/register.h"
#include "octavo/ops/trials.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// ---- One operator, one tensor ----

struct Unary {
  const char* name;
  const char* onnx;
};

// Of floating-point tensors only, in PyTorch and in ONNX.
constexpr Unary kFloatUnary[] = {
    {"aten::exp", "Exp"},     {"aten::log", "Log"},   {"aten::sqrt", "Sqrt"},
    {"aten::erf", "Erf"},     {"aten::sin", "Sin"},   {"aten::cos", "Cos"},
    {"aten::floor", "Floor"}, {"aten::ceil", "Ceil"}, {"aten::reciprocal", "Reciprocal"},
    {"aten::tan", "Tan"},     {"aten::atan", "Atan"}, {"aten::sinh", "Sinh"},
    {"aten::cosh", "Cosh"},   {"aten::asin", "Asin"}, {"aten::acos", "Acos"},
};

// Of integers, too.
constexpr Unary kRealUnary[] = {{"aten::abs", "Abs"}, {"aten::neg", "Neg"}};

using FloatFunction = Result<Value> (*)(Builder&, const Arguments&, Value x);

Emitter OfX(FloatFunction function, std::string argument = "self") {
  return OnFloat32([function, argument = std::move(argument)](
                       Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    return One(OCTAVO_TRY(function(g, a, a.tensor(argument))));
  });
}

// `like`: a value of the same dtype, as that of a value between the operator's steps is not known.
Value Times(Builder& g, Value x, double factor, Value like) {
  return factor == 1.0 ? x : g.Op("Mul", {x, ScalarLike(g, like, factor)});
}

Result<Value> Rsqrt(Builder& g, const Arguments&, Value x) { return g.Op("Reciprocal", {g.Op("Sqrt", {x})}); }

Result<Value> Round(Builder& g, const Arguments&, Value x) {
  if (g.opset() < 11)
    return Unsupported("the caffe2 dialect (opset 9) has no Round operator", "Use --dialect qdq.");
  return g.Op("Round", {x});
}

// PyTorch's sign of NaN is 0, ONNX's is NaN.
Result<Value> Sign(Builder& g, const Arguments&, Value x) {
  const Value sign = g.Op("Sign", {x});
  if (!IsFloat(x.dtype()) || !g.exact_for(Target::kOnnxRuntime)) return sign;
  return g.Op("Where", {g.Op("IsNaN", {x}), ScalarLike(g, x, 0), sign});
}

Result<Value> Silu(Builder& g, const Arguments&, Value x) { return g.Op("Mul", {x, g.Op("Sigmoid", {x})}); }

// log(1 + exp(x)) without overflow is what ONNX's Softplus means.
Value Softplus(Builder& g, Value x) { return g.Op("Softplus", {x}); }

Result<Value> Mish(Builder& g, const Arguments&, Value x) {
  if (g.opset() >= 18) return g.Op("Mish", {x});
  return g.Op("Mul", {x, g.Op("Tanh", {Softplus(g, x)})});
}

Result<Value> LogSigmoid(Builder& g, const Arguments&, Value x) {
  return g.Op("Neg", {Softplus(g, g.Op("Neg", {x}))});
}

// PyTorch goes over to x itself where beta x > threshold.  From 20 on both are the same float32.
Result<Value> SoftplusWithThreshold(Builder& g, const Arguments& a, Value x) {
  const double beta = a.number("beta"), threshold = a.number("threshold");
  if (beta == 0 || !std::isfinite(beta)) {
    return Unsupported(fmt::format("argument beta must be a finite number other than 0, not {}", beta));
  }
  const Value scaled = Times(g, x, beta, x);
  const Value soft = Times(g, Softplus(g, scaled), 1 / beta, x);
  constexpr double kSameFromHere = 20;
  if (threshold >= kSameFromHere) return soft;
  return g.Op("Where", {g.Op("Greater", {scaled, ScalarLike(g, x, threshold)}), x, soft});
}

Result<Value> Gelu(Builder& g, const Arguments& a, Value x) {
  const std::string& approximate = a.text("approximate");
  if (g.opset() >= 20) return g.Op("Gelu", {x}, {{"approximate", approximate}});
  const Value one = ScalarLike(g, x, 1);
  const Value half = g.Op("Mul", {x, ScalarLike(g, x, 0.5)});
  if (approximate == "none") {
    const Value erf = g.Op("Erf", {g.Op("Mul", {x, ScalarLike(g, x, std::numbers::sqrt2 / 2)})});
    return g.Op("Mul", {half, g.Op("Add", {erf, one})});
  }
  const double beta = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const Value cube = g.Op("Mul", {g.Op("Mul", {x, x}), x});
  const Value inner = g.Op("Add", {x, g.Op("Mul", {cube, ScalarLike(g, x, 0.044715)})});
  const Value tanh = g.Op("Tanh", {g.Op("Mul", {inner, ScalarLike(g, x, beta)})});
  return g.Op("Mul", {half, g.Op("Add", {tanh, one})});
}

Result<Value> HardSigmoid(Builder& g, const Arguments&, Value x) {
  return g.Op("HardSigmoid", {x}, {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}});
}

// x min(max(x + 3, 0), 6) / 6.
Result<Value> HardSwish(Builder& g, const Arguments&, Value x) {
  // ONNX Runtime has no HardSwish for float64.
  if (g.opset() >= 14 && x.dtype() != DType::kFloat64) return g.Op("HardSwish", {x});
  const Value moved = g.As(g.Op("Add", {x, ScalarLike(g, x, 3)}), x.type());
  return g.Op("Div", {g.Op("Mul", {x, Clip(g, moved, 0, 6)}), ScalarLike(g, x, 6)});
}

// qnnpack's table, step by step: it adds the zero point before it rounds, which makes a difference where that
// is odd.
Result<std::vector<Value>> HardSwishCaffe2(Builder& g, const Arguments& a) {
  if (!CountsInSteps(g) || a.result().quantization->zero_point() % 2 == 0)
    return ThroughFloat(OfX(HardSwish, "input"))(g, a);
  OCTAVO_TRY(CheckCaffe2Types(a));
  const Value x = a.tensor("input");
  const float scale = ScaleOf(x.type()), inverse = 1.0F / ScaleOf(a.result());
  const Value to_steps = DequantizeToSteps(g, x);
  const Value real = Times(g, to_steps, scale, to_steps);
  const Value steps = Times(g, OCTAVO_TRY(HardSwish(g, a, real)), inverse, to_steps);
  const auto zero_point = static_cast<float>(a.result().quantization->zero_point());
  return One(QuantizeFromSteps(g, g.Op("Add", {steps, g.Scalar(zero_point)}), a.result(), 0));
}

Result<Value> LeakyRelu(Builder& g, const Arguments& a, Value x) {
  const double slope = a.number("negative_slope");
  // An attribute is a float32, and most opsets have no LeakyRelu for float64 in ONNX Runtime.
  const bool wide = x.dtype() == DType::kFloat64;
  if (wide || !std::isfinite(slope)) return SlopedBelowZero(g, x, ScalarLike(g, x, slope));
  return g.Op("LeakyRelu", {x}, {{"alpha", a.number("negative_slope")}});
}

// scale x where x > 0, else scale alpha (exp(input_scale x) - 1).
Value EluOf(Builder& g, Value x, double alpha, double scale, double input_scale) {
  if (input_scale == 1 && scale == 1) return g.Op("Elu", {x}, {{"alpha", alpha}});
  if (input_scale == 1 && scale > 0 && alpha >= 0)
    return g.Op("Selu", {x}, {{"alpha", alpha}, {"gamma", scale}});
  const Value negative = g.Op("Min", {x, ScalarLike(g, x, 0)});
  const Value curve = g.Op("Elu", {Times(g, negative, input_scale, x)}, {{"alpha", alpha}});
  return Times(g, g.Op("Add", {g.Op("Relu", {x}), curve}), scale, x);
}

Result<Value> Elu(Builder& g, const Arguments& a, Value x) {
  const double input_scale = a.number("input_scale");
  if (input_scale < 0) return Unsupported("argument input_scale must not be negative");
  return EluOf(g, x, a.number("alpha"), a.number("scale"), input_scale);
}

Result<Value> Celu(Builder& g, const Arguments& a, Value x) {
  const double alpha = a.number("alpha");
  if (!(alpha > 0) || !std::isfinite(alpha)) {
    return Unsupported(fmt::format("argument alpha must be positive and finite, not {}", alpha));
  }
  if (g.opset() >= 12) return g.Op("Celu", {x}, {{"alpha", alpha}});
  return EluOf(g, x, alpha, 1, 1 / alpha);
}

Result<Value> Selu(Builder& g, const Arguments&, Value x) { return g.Op("Selu", {x}); }

// x <= bound, which is false of a NaN.
Value AtMost(Builder& g, Value x, double bound, Value like) {
  const Value limit = ScalarLike(g, like, bound);
  if (g.opset() >= 12) return g.Op("LessOrEqual", {x, limit});
  // Opset 9 has Equal of integers only.
  return g.Op("Not", {g.Op("Or", {g.Op("Greater", {x, limit}), g.Op("IsNaN", {x})})});
}

// x - lambd, 0 or x + lambd.
Result<Value> Softshrink(Builder& g, const Arguments& a, Value x) {
  const double lambd = a.number("lambd");
  return g.Op("Shrink", {x}, {{"bias", lambd}, {"lambd", lambd}});
}

// x, or 0 from -lambd to lambd.  Unlike ONNX's Shrink, a NaN stays.
Result<Value> Hardshrink(Builder& g, const Arguments& a, Value x) {
  const Value inside = AtMost(g, g.Op("Abs", {x}), a.number("lambd"), x);
  return g.Op("Where", {inside, ScalarLike(g, x, 0), x});
}

Result<Value> Threshold(Builder& g, const Arguments& a, Value x) {
  const double threshold = a.number("threshold"), value = a.number("value");
  if (threshold == 0 && value == 0) return g.Op("Relu", {x});
  // PyTorch keeps x where it is not at most the threshold: a NaN, and everything where the threshold is one.
  return g.Op("Where", {AtMost(g, x, threshold, x), ScalarLike(g, x, value), x});
}

// PyTorch compares s q - s z, each product rounded on its own, with the threshold.  Halfway between the last
// integer that is not above it and the next, the comparison comes out alike however a runtime dequantizes.
float ThresholdBetweenSteps(float threshold, const TensorType& type) {
  const auto scale = static_cast<float>(type.quantization->scale());
  const float offset = -scale * static_cast<float>(type.quantization->zero_point());
  const auto [low, high] = RangeOf(type.dtype);
  int last = low - 1;
  while (last < high && !(std::fma(scale, static_cast<float>(last + 1), offset) > threshold)) ++last;
  return (RealOf(last, type) + RealOf(last + 1, type)) / 2;
}

Emitter ThresholdOf(std::string argument) {
  const Emitter real = OfX(Threshold, argument);
  return
      [argument = std::move(argument), real](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Value x = a.tensor(argument);
        if (!x.quantized()) return real(g, a);
        const auto threshold = static_cast<float>(a.number("threshold"));
        const float between = ThresholdBetweenSteps(threshold, x.type());
        if (StatesExactness(g)) {
          const TensorType in = x.type();
          const auto value = static_cast<float>(a.number("value"));
          Trial trial(in, a.result(), VectorLoopOf(g, x));
          trial.ThroughReals([=](float v) { return v > threshold ? v : value; });
          StateTried(g, trial.Against([=](float v) { return v > between ? v : value; }), "input values");
        }
        return OnReals(real)(g, a.With("threshold", double{between}));
      };
}

// A float operator: PyTorch has no quantized form.
void AddFloat(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
              FloatFunction function, TypeRule rule = SameType("self")) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = FloatOnly("self", std::move(rule)),
                .qdq = OfX(function),
                .caffe2 = OfX(function)});
}

// Through float where its argument is quantized; the result's type is what `rule` says.
void AddEither(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, TypeRule rule,
               FloatFunction function, TrialOfCall tried = nullptr) {
  const std::string x = arguments[0].name;
  const Emitter qdq = OnReals(OfX(function, x));
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = FloatOrEightBits(x, std::move(rule)),
                .qdq = tried != nullptr ? Tried(tried, x, qdq) : qdq,
                .caffe2 = ThroughFloat(OfX(function, x))});
}

// quantized:: with the result's scale and zero point among the arguments.
void AddGiven(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
              FloatFunction function, TrialOfCall tried = nullptr, const Emitter& caffe2 = nullptr,
              const ShapeRule& shape = nullptr) {
  const std::string x = arguments[0].name;
  const Emitter qdq = OnReals(OfX(function, x));
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = EightBits(x, GivenQuantization(x, shape ? shape : ShapeOf(x))),
                .qdq = tried != nullptr ? Tried(tried, x, qdq) : qdq,
                .caffe2 = caffe2 ? caffe2 : ThroughFloat(OfX(function, x))});
}

Emitter QuantizedLeakyRelu(std::string argument) {
  const Emitter real = OfX(LeakyRelu, argument);
  return
      [argument = std::move(argument), real](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Value x = a.tensor(argument);
        const bool caffe2 = g.dialect() == Dialect::kCaffe2;
        if (!x.quantized() || !(caffe2 ? CountsInSteps(g) : g.moves_scales_for(Target::kOnnxRuntime))) {
          std::vector<Value> results = OCTAVO_TRY(OnReals(real)(g, a));
          if (x.dtype() == DType::kFloat32) MarkProven(g, results[0], {x});
          return results;
        }
        if (caffe2) OCTAVO_TRY(CheckCaffe2Types(a));
        TensorType in = x.type(), out = a.result();
        const LeakyReluForm form = FindLeakyReluForm(in, out, static_cast<float>(a.number("negative_slope")));
        if (caffe2) {
          const Value input = g.Op("Mul", {DequantizeToSteps(g, x), g.Scalar(form.input_scale)});
          const Value y = g.Op("LeakyRelu", {input}, {{"alpha", form.slope}});
          return One(QuantizeFromSteps(g, g.Op("Div", {y, g.Scalar(form.output_scale)}), out));
        }
        in.quantization->scales[0] = form.input_scale;
        out.quantization->scales[0] = form.output_scale;
        const TensorType from = x.type();
        Trial trial(from, a.result(), VectorLoopOf(g, x));
        const auto slope = static_cast<float>(a.number("negative_slope"));
        trial.ThroughReals([slope](float v) { return v * (v > 0 ? 1.0F : slope); });
        StateTried(g, trial.Against([&form](float v) { return v >= 0 ? v : v * form.slope; }, in, out),
                   "input values");
        const Value y = g.Op("LeakyRelu", {Dequantize(g, x, in)}, {{"alpha", form.slope}});
        return One(g.As(Quantize(g, y, out), a.result()));
      };
}

Result<Value> Sigmoid(Builder& g, const Arguments&, Value x) { return g.Op("Sigmoid", {x}); }
Result<Value> Tanh(Builder& g, const Arguments&, Value x) { return g.Op("Tanh", {x}); }

// Int8Sigmoid's result is always quantized with 1/256 and 0.
Emitter SigmoidCaffe2(const std::string& argument) {
  const Emitter real = OfX(Sigmoid, argument);
  return Int8Or(
      [argument, real](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Quantization& q = *a.result().quantization;
        if (static_cast<float>(q.scale()) != 1.0F / 256 || q.zero_point() != 0)
          return ThroughFloat(real)(g, a);
        return One(Int8(g, "Int8Sigmoid", {a.tensor(argument)}, a.result()));
      },
      real);
}

// PyTorch's kernel hands the scale on as a float32.
Result<std::vector<TensorType>> GeluType(const Arguments& a) {
  const std::string& approximate = a.text("approximate");
  if (approximate != "none" && approximate != "tanh") {
    return Unsupported(
        fmt::format("argument approximate must be \"none\" or \"tanh\", not \"{}\"", approximate));
  }
  TensorType type = a.tensor("self").type();
  if (type.quantization) {
    for (double& scale : type.quantization->scales) scale = static_cast<float>(scale);
  }
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<TensorType>> SoftshrinkType(const Arguments& a) {
  if (!(a.number("lambd") >= 0)) {
    return Unsupported(fmt::format("argument lambd must not be negative, but is {}", a.number("lambd")));
  }
  return std::vector<TensorType>{a.tensor("self").type()};
}

Result<std::optional<Shape>> QuantizedCeluShape(const Arguments& a) {
  if (a.number("alpha") == 0) return Unsupported("argument alpha must not be 0");
  return a.tensor("self").shape();
}

Result<std::vector<TensorType>> CeluType(const Arguments& a) {
  if (a.number("alpha") == 0) return Unsupported("argument alpha must not be 0");
  return std::vector<TensorType>{a.tensor("self").type()};
}

constexpr FixedQuantization kUnitInterval = {1.0 / 256, 0, 1.0 / 256, -128};
constexpr FixedQuantization kSymmetricUnit = {2.0 / 256, 128, 2.0 / 256, 0};

Result<std::vector<TensorType>> NumberType(const Arguments& a) {
  const TensorType& type = a.tensor("self").type();
  if (type.dtype == DType::kBool) {
    return Unsupported("argument self is bool, but the ONNX operator takes numbers only",
                       "Call .float() on it first.");
  }
  return std::vector<TensorType>{type};
}

void RegisterUnary(Registry& registry) {
  for (const Unary& unary : kFloatUnary) {
    registry.Add({.name = unary.name,
                  .arguments = {arg::Tensor("self")},
                  .result = FloatOnly("self", SameType("self")),
                  .qdq = FloatOp(unary.onnx),
                  .caffe2 = FloatOp(unary.onnx)});
  }
  for (const Unary& unary : kRealUnary) {
    registry.Add({.name = unary.name,
                  .arguments = {arg::Tensor("self")},
                  .result = RealOnly("self", NumberType),
                  .qdq = FloatOp(unary.onnx),
                  .caffe2 = FloatOp(unary.onnx)});
  }
  registry.Add({.name = "aten::sign",
                .arguments = {arg::Tensor("self")},
                .result = RealOnly("self", NumberType),
                .qdq = OfX(Sign),
                .caffe2 = FloatOp("Sign")});
  const std::vector<ArgumentSpec> x = {arg::Tensor("self")};
  AddFloat(registry, "aten::rsqrt", x, Rsqrt);
  AddFloat(registry, "aten::round", x, Round);
  AddFloat(registry, "aten::silu", x, Silu);
  AddFloat(registry, "aten::mish", x, Mish);
  AddFloat(registry, "aten::log_sigmoid", x, LogSigmoid);
  AddFloat(registry, "aten::selu", x, Selu);
  AddFloat(registry, "aten::hardswish", x, HardSwish);
  AddFloat(registry, "aten::softplus",
           {arg::Tensor("self"), arg::Scalar("beta", 1), arg::Scalar("threshold", 20)},
           SoftplusWithThreshold);
  AddFloat(
      registry, "aten::elu",
      {arg::Tensor("self"), arg::Scalar("alpha", 1), arg::Scalar("scale", 1), arg::Scalar("input_scale", 1)},
      Elu);
  AddFloat(registry, "aten::hardshrink", {arg::Tensor("self"), arg::Scalar("lambd", 0.5)}, Hardshrink);
  AddFloat(registry, "aten::softshrink", {arg::Tensor("self"), arg::Scalar("lambd", 0.5)}, Softshrink,
           SoftshrinkType);
  AddFloat(registry, "aten::celu", {arg::Tensor("self"), arg::Scalar("alpha", 1)}, Celu, CeluType);

  AddEither(registry, "aten::tanh", x, FixedQuantizationOf("self", kSymmetricUnit), Tanh, TrialOfTanh);
  AddEither(registry, "aten::hardsigmoid", x, FixedQuantizationOf("self", kUnitInterval), HardSigmoid,
            TrialOfHardSigmoid);
  registry.Add({.name = "aten::leaky_relu",
                .arguments = {arg::Tensor("self"), arg::Scalar("negative_slope", 0.01)},
                .result = FloatOrEightBits("self", SameType("self")),
                .qdq = QuantizedLeakyRelu("self"),
                .caffe2 = QuantizedLeakyRelu("self")});
  AddEither(registry, "aten::gelu",
            {arg::Tensor("self"), arg::KeywordOnly(arg::String("approximate", "none"))}, GeluType, Gelu,
            TrialOfGelu);
  for (const auto& [name, argument] :
       {std::pair("aten::threshold", "self"), std::pair("quantized::threshold", "qx")}) {
    registry.Add({.name = name,
                  .arguments = {arg::Tensor(argument), arg::Scalar("threshold"), arg::Scalar("value")},
                  .result = FloatOrEightBits(argument, SameType(argument)),
                  .qdq = ThresholdOf(argument),
                  .caffe2 = ThresholdOf(argument)});
  }

  AddGiven(registry, "quantized::hardswish",
           {arg::Tensor("input"), arg::Float("output_scale"), arg::Int("output_zero_point")}, HardSwish,
           TrialOfHardSwish, HardSwishCaffe2);
  registry.Add({.name = "quantized::leaky_relu",
                .arguments = {arg::Tensor("qx"), arg::Scalar("negative_slope"), arg::Bool("inplace", false),
                              arg::Float("output_scale"), arg::Int("output_zero_point")},
                .result = EightBits("qx", GivenQuantization("qx", ShapeOf("qx"))),
                .qdq = QuantizedLeakyRelu("qx"),
                .caffe2 = QuantizedLeakyRelu("qx")});
  AddGiven(registry, "quantized::elu",
           {arg::Tensor("self"), arg::Float("output_scale"), arg::Int("output_zero_point"),
            arg::Scalar("alpha", 1), arg::Scalar("scale", 1), arg::Scalar("input_scale", 1)},
           Elu, TrialOfElu);
  AddGiven(registry, "quantized::celu",
           {arg::Tensor("self"), arg::Float("output_scale"), arg::Int("output_zero_point"),
            arg::Scalar("alpha", 1)},
           Celu, TrialOfCelu, nullptr, QuantizedCeluShape);

  registry.Add({.name = "aten::sigmoid",
                .arguments = x,
                .result = FloatOrEightBits("self", FixedQuantizationOf("self", kUnitInterval)),
                .qdq = Tried(TrialOfSigmoid, "self", OnReals(OfX(Sigmoid))),
                .caffe2 = SigmoidCaffe2("self")});
  registry.Add({.name = "quantized::sigmoid",
                .arguments = {arg::Tensor("qx"), arg::Float("output_scale"), arg::Int("output_zero_point")},
                .result = EightBits("qx", GivenQuantization("qx", ShapeOf("qx"))),
                .qdq = Tried(TrialOfSigmoid, "qx", OnReals(OfX(Sigmoid, "qx"))),
                .caffe2 = SigmoidCaffe2("qx")});
}

// ---- Gated linear unit ----

Result<std::vector<TensorType>> GluType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  if (!type.shape) return std::vector<TensorType>{type};
  const std::int64_t dim = OCTAVO_TRY(KnownInt(a, "dim"));
  if (type.shape->empty()) return Unsupported("argument self must have rank 1 or more");
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, *type.rank()));
  Dim& size = (*type.shape)[static_cast<std::size_t>(axis)];
  if (size.known() && size.value() % 2 != 0) {
    return Unsupported(
        fmt::format("dimension {} must have an even size to be halved, not {}", axis, size.value()));
  }
  size = Dim::FloorDivide(size, 2);
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> Glu(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const std::int64_t dim = a.integer("dim");
  if (!x.shape())
    return NeedsInput("the input's shape is unknown",
                      "Give the input's shape with --input, as in --input 'float32[1,3,224,224]'.");
  const int axis = OCTAVO_TRY(NormalizedAxis(dim, *x.rank()));
  const Dim size = (*x.shape())[static_cast<std::size_t>(axis)];
  if (!size.known()) {
    return NeedsInput(fmt::format("the size of dimension {} is unknown", axis),
                      "Give the input's shape with --input, as in --input 'float32[1,3,224,224]'.");
  }
  const std::vector<Value> halves = Split(g, x, axis, {size.value() / 2, size.value() / 2});
  return One(g.Op("Mul", {halves[0], g.Op("Sigmoid", {halves[1]})}));
}

}  // namespace

void RegisterActivations(Registry& registry) {
  registry.Add({.name = "aten::glu",
                .arguments = {arg::Tensor("self"), arg::Int("dim", -1)},
                .result = FloatOnly("self", GluType),
                .qdq = Glu,
                .caffe2 = Glu});
  RegisterClamps(registry);
  RegisterUnary(registry);
  RegisterPrelu(registry);
}

}  // namespace octavo
