#include "octavo/ops/quantized_scalar.h"

#include <cmath>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/exact_binary.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/row.h"

namespace octavo {
namespace {

struct ScalarForm {
  bool multiply, relu;
  bool out = false;  // written into another tensor
};

Result<Value> Operand(const Arguments& a) {
  const Value x = a.tensor("qa");
  if (!x.quantized() || !x.quantization().per_tensor() ||
      (x.dtype() != DType::kQUint8 && x.dtype() != DType::kQInt8)) {
    return NeedsInput(
        fmt::format("argument qa must be per-tensor quint8 or qint8, not {}", x.type().ToString()),
        StateQuantization());
  }
  return x;
}

Result<double> Number(const Arguments& a) {
  // A traced number is a constant tensor of one element.
  double c = 0;
  if (a.is_tensor("b")) {
    const Tensor* constant = a.tensor("b").constant();
    if (!constant || constant->num_elements() != 1) {
      return Unsupported("argument b is computed at run time, but the scale of the result depends on it",
                         "Make b a constant of the model.");
    }
    c = constant->ToDoubles()[0];
  } else {
    if (const auto* dim = std::get_if<Dim>(&a.operand("b")); dim && !dim->known()) {
      return NeedsInput("argument b depends on an open size");
    }
    c = a.number("b");
  }
  if (!std::isfinite(c)) return Unsupported(fmt::format("argument b must be finite, not {}", c));
  return c;
}

TypeRule ScalarType(ScalarForm form) {
  return [form](const Arguments& a) -> Result<std::vector<TensorType>> {
    const Value x = OCTAVO_TRY(Operand(a));
    const double c = OCTAVO_TRY(Number(a));
    TensorType type = x.type();
    type.quantization = OCTAVO_TRY(form.multiply ? MultipliedByScalar(x.quantization(), x.dtype(), c)
                                                 : AddedScalar(x.quantization(), x.dtype(), c));
    if (form.out) {
      OCTAVO_TRY(CheckSameDType(a, {"qa", "out"}));
      // The integers are copied where they stay as they are; else PyTorch gives `out` the result's shape.
      const bool copies = form.multiply ? c > 0 : type.quantization->scale() == x.quantization().scale();
      if (copies) OCTAVO_TRY(CheckOut(a, "out", x.shape()));
    }
    return std::vector<TensorType>{std::move(type)};
  };
}

// The number as one 8-bit integer of the operand's dtype, so that runtimes fuse the operator into integers;
// its scale, `magnitude`, carries the value.
Value QuantizedNumber(Builder& g, double c, double magnitude, DType dtype) {
  TensorType type{.dtype = dtype, .shape = Shape{}, .quantization = Quantization::PerTensor(1, 0)};
  std::int64_t integer = 0, zero_point = 0;
  if (magnitude > 0) {
    // integer - zero_point is the sign.
    integer = c > 0 ? 1 : 0;
    zero_point = c > 0 ? 0 : 1;
    type.quantization = Quantization::PerTensor(magnitude, zero_point);
  }
  Tensor tensor = dtype == DType::kQUint8
                      ? Tensor::From(dtype, {}, std::vector<std::uint8_t>{static_cast<std::uint8_t>(integer)})
                      : Tensor::From(dtype, {}, std::vector<std::int8_t>{static_cast<std::int8_t>(integer)});
  tensor.quantization = type.quantization;
  return Dequantize(g, g.Constant(std::move(tensor)));
}

// What PyTorch adds: c rounded to a multiple of the scale.
double StepsOf(const Quantization& q, double c) { return std::nearbyint(c / q.scale()); }
double Addend(const Quantization& q, double c) { return StepsOf(q, c) * q.scale(); }

// A sum whose result has another scale than its operand, in PyTorch's own arithmetic, on whole numbers.
Value ScaledSum(bool relu, Builder& g, const Value& x, double c, const TensorType& result) {
  const double steps = StepsOf(x.quantization(), c);
  const float multiplier = static_cast<float>(x.quantization().scale()) *
                           (1.0F / static_cast<float>(result.quantization->scale()));
  const Value sum = g.Op("Add", {DequantizeToSteps(g, x), g.Scalar(static_cast<float>(steps))});
  Value scaled = g.Op("Mul", {sum, g.Scalar(multiplier)});
  if (relu && result.quantization->zero_point() != LowestInteger(result.dtype)) {
    scaled = g.Op("Relu", {scaled});
  }
  return QuantizeFromSteps(g, scaled, result);
}

// A sum whose result has another scale than its operand; such sums lie halfway between two integers often.
Value SumForOnnxRuntime(bool relu, Builder& g, const Value& x, double c, const TensorType& result) {
  const double steps = StepsOf(x.quantization(), c);
  // It does not fuse sums of qint8.
  const bool moves = x.dtype() == DType::kQUint8 && g.moves_scales_for(Target::kOnnxRuntime);
  const auto scales = moves ? ExactSumScales(x.type(), steps, result) : std::nullopt;
  g.State(scales ? Exactness::kExhaustion : Exactness::kConstruction);
  if (scales) {
    TensorType x_type = x.type(), type = result;
    x_type.quantization->scales[0] = scales->a;
    type.quantization->scales[0] = scales->result;
    const Value number = QuantizedNumber(g, c, scales->b, x.dtype());
    const Value real = g.Op("Add", {Dequantize(g, x, x_type), number});
    return g.As(QuantizeReal(g, real, type, relu), result);
  }
  // No scales do it.
  return ScaledSum(relu, g, x, c, result);
}

Result<std::vector<Value>> ScalarQdq(ScalarForm form, Builder& g, const Arguments& a) {
  const Value x = OCTAVO_TRY(Operand(a));
  const double c = OCTAVO_TRY(Number(a));
  const bool same_scale = x.quantization().scale() == a.result().quantization->scale();
  if (!form.multiply && !same_scale && g.exact_for(Target::kOnnxRuntime)) {
    return One(SumForOnnxRuntime(form.relu, g, x, c, a.result()));
  }
  // The integers stay, or are mirrored.
  g.State(Exactness::kConstruction);
  const double number = form.multiply ? c : Addend(x.quantization(), c);
  const Value real = g.Op(form.multiply ? "Mul" : "Add",
                          {Dequantize(g, x), QuantizedNumber(g, number, std::abs(number), x.dtype())});
  return One(QuantizeReal(g, real, a.result(), form.relu));
}

Result<std::vector<Value>> ScalarCaffe2(ScalarForm form, Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckCaffe2Types(a));
  const Value x = OCTAVO_TRY(Operand(a));
  const double c = OCTAVO_TRY(Number(a));
  const bool same_scale = x.quantization().scale() == a.result().quantization->scale();
  if (!form.multiply && !same_scale && CountsInSteps(g))
    return One(ScaledSum(form.relu, g, x, c, a.result()));
  const double number = form.multiply ? c : Addend(x.quantization(), c);
  Value real =
      g.Op(form.multiply ? "Mul" : "Add", {Caffe2Dequantize(g, x), g.Scalar(static_cast<float>(number))});
  if (form.relu) real = g.Op("Relu", {real});
  return One(OCTAVO_TRY(Caffe2Quantize(g, real, a.result())));
}

OperatorRow ScalarRow(std::string name, std::vector<ArgumentSpec> arguments, ScalarForm form) {
  return {.name = std::move(name),
          .arguments = std::move(arguments),
          .result = ScalarType(form),
          .qdq = [form](Builder& g, const Arguments& a) { return ScalarQdq(form, g, a); },
          .caffe2 = [form](Builder& g, const Arguments& a) { return ScalarCaffe2(form, g, a); }};
}

}  // namespace

Result<Quantization> AddedScalar(const Quantization& q, DType dtype, double c) {
  const auto [low, high] = RangeOf(dtype);
  const double steps = std::nearbyint(c / q.scale());
  if (std::abs(steps) > 0x1p31) {
    return Unsupported(fmt::format("argument b is {}, which is too large for the scale: {} steps of {}", c,
                                   steps, q.scale()));
  }
  const std::int64_t moved = q.zero_point() - static_cast<std::int64_t>(steps);
  const auto span = static_cast<double>(high - low);
  if (moved < low) {
    return CheckedQuantization(static_cast<double>(high - moved) / span * q.scale(), low, dtype);
  }
  if (moved > high) {
    return CheckedQuantization(static_cast<double>(moved - low) / span * q.scale(), high, dtype);
  }
  return CheckedQuantization(q.scale(), moved, dtype);
}

Result<Quantization> MultipliedByScalar(const Quantization& q, DType dtype, double c) {
  const auto [low, high] = RangeOf(dtype);
  if (c == 0) return CheckedQuantization(1.0, 0, dtype);
  return CheckedQuantization(std::abs(c) * q.scale(), c > 0 ? q.zero_point() : high - (q.zero_point() - low),
                             dtype);
}

void RegisterQuantizedScalar(Registry& registry) {
  const ArgumentSpec qa = arg::Tensor("qa"), b = arg::TensorOrScalar("b");
  // What `out` was made with does not matter: PyTorch gives it the new quantization.
  const ArgumentSpec out = arg::Tensor("out");
  for (const bool multiply : {false, true}) {
    for (const bool relu : {false, true}) {
      const ScalarForm form{multiply, relu}, with_out{multiply, relu, true};
      const std::string op = multiply ? "mul" : "add", suffix = relu ? "_relu" : "";
      registry.Add(ScalarRow(fmt::format("quantized::{}_scalar{}", op, suffix), {qa, b}, form));
      registry.Add(ScalarRow(fmt::format("quantized::{}_scalar{}_out", op, suffix), {qa, b, out}, with_out));
      registry.Add(
          ScalarRow(fmt::format("quantized::{}{}.Scalar", op, suffix), {qa, arg::Scalar("b")}, form));
      registry.Add(
          ScalarRow(fmt::format("quantized::{}{}.Scalar2", op, suffix), {arg::Scalar("b"), qa}, form));
      registry.Add(ScalarRow(fmt::format("quantized::{}{}.Scalar_out", op, suffix),
                             {qa, arg::Scalar("b"), out}, with_out));
    }
  }
}

}  // namespace octavo
