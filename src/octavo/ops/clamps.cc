#include "octavo/ops/clamps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/quantized_number.h"
#include "octavo/row.h"

namespace octavo {

// PyTorch quantizes a bound as it quantizes elements; builds with FBGEMM add the zero point before they
// round.
std::int64_t QuantizedBound(const Builder& g, double bound, const TensorType& type) {
  return QuantizedNumber(type, bound, OfFbgemmBuild(g) ? NumberRounding::kBefore : NumberRounding::kAfter);
}

float RealOf(std::int64_t q, const TensorType& type) {
  return static_cast<float>(q - type.quantization->zero_point()) *
         static_cast<float>(type.quantization->scale());
}

namespace {

// min(max(x, low), high) of a quantized tensor whose quantization stays.  The bounds are values of the
// tensor's own grid, so clamping the integers is exact.  Runtimes other than ONNX Runtime expect a float
// operator between the pair.
Value ClampQuantized(Builder& g, Value x, std::int64_t low, std::int64_t high) {
  const TensorType type = x.type();
  const auto [lowest, highest] = RangeOf(type.dtype);
  const bool bounded_below = low > lowest, bounded_above = high < highest;
  if (!bounded_below && !bounded_above) return x;
  if (g.target() == Target::kOnnxRuntime) {
    return g.As(g.Op("Clip", {x, bounded_below ? IntegerConstant(g, type, low) : Value(),
                              bounded_above ? IntegerConstant(g, type, high) : Value()}),
                type);
  }
  const Value low_real = bounded_below ? g.Scalar(RealOf(low, type)) : Value();
  const Value high_real = bounded_above ? g.Scalar(RealOf(high, type)) : Value();
  return Quantize(g, g.Op("Clip", {Dequantize(g, x), low_real, high_real}), type);
}

struct ClampBounds {
  std::optional<double> low, high;
};
using BoundsOf = ClampBounds (*)(const Arguments&);

Value ClampReal(Builder& g, Value x, ClampBounds bounds) {
  const auto [low, high] = bounds;
  if (!low && !high) return g.Op("Identity", {x});
  // A bound that is NaN makes everything NaN, which Clip would not.
  for (const std::optional<double>& bound : {low, high}) {
    if (bound && std::isnan(*bound)) return g.Op("Add", {x, ScalarLike(g, x, *bound)});
  }
  if (low == 0.0 && !high) return g.Op("Relu", {x});
  // Where a bound is left out, ONNX Runtime clips infinity to the largest number.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return Clip(g, x, low.value_or(-kInfinity), high.value_or(kInfinity));
}

Emitter ClampFloat(std::string argument, BoundsOf bounds) {
  return
      [argument = std::move(argument), bounds](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        return One(ClampReal(g, a.tensor(argument), bounds(a)));
      };
}

Emitter ClampQdq(std::string argument, BoundsOf bounds) {
  return
      [argument = std::move(argument), bounds](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Value x = a.tensor(argument);
        const ClampBounds b = bounds(a);
        if (!x.quantized()) return One(ClampReal(g, x, b));
        const auto [lowest, highest] = RangeOf(x.dtype());
        const std::int64_t low = b.low ? QuantizedBound(g, *b.low, x.type()) : lowest;
        const std::int64_t high = b.high ? QuantizedBound(g, *b.high, x.type()) : highest;
        return One(ClampQuantized(g, x, low, high));
      };
}

// Bounds on the tensor's own grid, so that Int8Dequantize, Clip, Int8Quantize gives PyTorch's integers.
Emitter ClampCaffe2(std::string argument, BoundsOf bounds) {
  return Int8Or(
      [argument, bounds](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Value x = a.tensor(argument);
        const TensorType type = x.type();
        ClampBounds b = bounds(a);
        if (b.low) b.low = RealOf(QuantizedBound(g, *b.low, type), type);
        if (b.high) b.high = RealOf(QuantizedBound(g, *b.high, type), type);
        return One(OCTAVO_TRY(Caffe2Quantize(g, ClampReal(g, Caffe2Dequantize(g, x), b), type)));
      },
      ClampFloat(argument, bounds));
}

TypeRule ClampedType(const std::string& x) {
  return [x](const Arguments& a) -> Result<std::vector<TensorType>> {
    const auto is_optional = [](const ArgumentSpec& spec) {
      return spec.kind == ArgumentKind::kOptionalScalar;
    };
    const auto given = [&a](const ArgumentSpec& spec) { return a.has(spec.name); };
    // PyTorch's quantized operator has no default for one of them.
    if (x == "qx" && !std::ranges::all_of(a.specs(), given)) {
      return Unsupported("arguments min and max must both be given");
    }
    if (std::ranges::any_of(a.specs(), is_optional) &&
        std::ranges::none_of(a.specs(),
                             [&](const ArgumentSpec& spec) { return is_optional(spec) && given(spec); })) {
      return Unsupported("one of the arguments min and max must be given");
    }
    return std::vector<TensorType>{a.tensor(x).type()};
  };
}

void AddClamp(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments, BoundsOf bounds) {
  const std::string x = arguments[0].name;
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = x == "qx" ? EightBits(x, ClampedType(x)) : FloatOrEightBits(x, ClampedType(x)),
                .qdq = ClampQdq(x, bounds),
                .caffe2 = ClampCaffe2(x, bounds)});
}

ClampBounds MinMax(const Arguments& a) {
  ClampBounds b;
  if (a.has("min")) b.low = a.number("min");
  if (a.has("max")) b.high = a.number("max");
  return b;
}

// Bounds that are tensors: PyTorch broadcasts all three.
Result<std::vector<Value>> ClampByTensors(Builder& g, const Arguments& a) {
  const DType dtype = a.result().dtype;
  Value x = OCTAVO_TRY(Converted(g, a.tensor("self"), dtype));
  for (const auto& [name, op] : {std::pair("min", "Max"), std::pair("max", "Min")}) {
    const Value bound = a.tensor(name);
    if (!bound.defined()) continue;
    x = g.Op(op, {x, OCTAVO_TRY(Converted(g, bound, dtype))});
  }
  return One(x);
}

Result<std::vector<TensorType>> ClampByTensorsType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  if (!a.has("min") && !a.has("max")) return Unsupported("one of the arguments min and max must be given");
  std::vector<std::string_view> names = {"self"};
  for (const char* name : {"min", "max"}) {
    if (a.has(name)) names.emplace_back(name);
  }
  type.dtype = OCTAVO_TRY(CommonDType(a, names));
  if (type.dtype == DType::kBool)
    return Unsupported("clamping bools is not supported: ONNX has no operator for it");
  for (const char* name : {"min", "max"}) {
    if (!a.has(name)) continue;
    const auto& shape = a.tensor(name).shape();
    if (!type.shape || !shape) {
      type.shape.reset();
    } else {
      type.shape = OCTAVO_TRY(Broadcast(*type.shape, *shape));
    }
  }
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> ReluQdq(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  if (!x.quantized()) return One(g.Op("Relu", {x}));
  const TensorType type = x.type();
  const std::int64_t zero_point = type.quantization->zero_point();
  if (zero_point > RangeOf(type.dtype).low && g.target() != Target::kOnnxRuntime) {
    return One(Quantize(g, g.Op("Relu", {Dequantize(g, x)}), type));
  }
  return One(ClampQuantized(g, x, zero_point, RangeOf(type.dtype).high));
}

Result<std::vector<Value>> ReluInt8(Builder& g, const Arguments& a) {
  return One(Int8(g, "Int8Relu", {a.tensor("self")}, a.result()));
}

}  // namespace

void RegisterClamps(Registry& registry) {
  for (const char* name : {"aten::clamp", "aten::clip"}) {
    AddClamp(registry, name, {arg::Tensor("self"), arg::OptionalScalar("min"), arg::OptionalScalar("max")},
             MinMax);
    registry.Add({.name = std::string(name) + ".Tensor",
                  .arguments = {arg::Tensor("self"), arg::OptionalTensor("min"), arg::OptionalTensor("max")},
                  .result = RealOnly("self", ClampByTensorsType),
                  .qdq = ClampByTensors,
                  .caffe2 = ClampByTensors});
  }
  AddClamp(registry, "aten::clamp_min", {arg::Tensor("self"), arg::Scalar("min")}, [](const Arguments& a) {
    return ClampBounds{a.number("min"), std::nullopt};
  });
  AddClamp(registry, "aten::clamp_max", {arg::Tensor("self"), arg::Scalar("max")}, [](const Arguments& a) {
    return ClampBounds{std::nullopt, a.number("max")};
  });
  AddClamp(registry, "aten::hardtanh",
           {arg::Tensor("self"), arg::Scalar("min_val", -1), arg::Scalar("max_val", 1)},
           [](const Arguments& a) {
             return ClampBounds{a.number("min_val"), a.number("max_val")};
           });
  AddClamp(registry, "aten::relu6", {arg::Tensor("self")}, [](const Arguments&) {
    return ClampBounds{0.0, 6.0};
  });
  AddClamp(registry, "quantized::relu6", {arg::Tensor("qx"), arg::Bool("inplace", false)},
           [](const Arguments&) {
             return ClampBounds{0.0, 6.0};
           });
  AddClamp(registry, "quantized::clamp",
           {arg::Tensor("qx"), arg::OptionalScalar("min"), arg::OptionalScalar("max")}, MinMax);
  registry.Add({.name = "aten::relu",
                .arguments = {arg::Tensor("self")},
                .result = RealOrEightBits("self", SameType("self")),
                .qdq = ReluQdq,
                .caffe2 = Int8Or(ReluInt8, FloatOp("Relu"))});
}

}  // namespace octavo
