#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/exact_addition.h"
#include "octavo/ops/exact_binary.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/quantize_form.h"
#include "octavo/ops/quantized_result.h"
#include "octavo/ops/quantized_scalar.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// ---- Two quantized tensors ----

Status CheckOperands(const Arguments& a) {
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  for (const Value& v : {x, y}) {
    if (!v.quantized()) {
      return NeedsInput(
          fmt::format("an operand is {}, but this operator needs quantized tensors", v.type().ToString()),
          StateQuantization());
    }
    if (!v.quantization().per_tensor())
      return Unsupported(
          "an operand is quantized per-channel, but this operator takes per-tensor quantization only");
  }
  if (x.dtype() != y.dtype() || (x.dtype() != DType::kQUint8 && x.dtype() != DType::kQInt8)) {
    return Unsupported(
        fmt::format("the operands are {} and {}, but they must both be quint8 or both be qint8",
                    Name(x.dtype()), Name(y.dtype())));
  }
  return {};
}

Result<std::optional<Shape>> BinaryShape(const Arguments& a) {
  OCTAVO_TRY(CheckOperands(a));
  return BroadcastOf("qa", "qb")(a);
}

// Into the scale and zero point of `out`.
Result<std::vector<TensorType>> OutType(const Arguments& a) {
  TensorType type = a.tensor("out").type();
  if (!type.quantized()) return Unsupported("argument out must be a quantized tensor");
  OCTAVO_TRY(CheckSameDType(a, {"qa", "out"}));
  type.shape = OCTAVO_TRY(BinaryShape(a));
  return std::vector<TensorType>{std::move(type)};
}

struct BinaryForm {
  const char* onnx;  // "Add", "Mul"
  bool relu;
};

// The forms with `out` for their result.
bool IntoAnother(const Arguments& a) {
  return std::any_of(a.specs().begin(), a.specs().end(),
                     [](const ArgumentSpec& spec) { return spec.name == "out"; });
}

// PyTorch multiplies the integers' product by (x y) (1 / z); XNNPACK, which it has products of qint8 done by
// but for the `out` forms and a zero point of 127, by (x y) / z.
float ProductMultiplier(const Builder& g, const Arguments& a, const Value& x, const Value& y,
                        const Quantization& z) {
  const auto x_scale = static_cast<float>(x.quantization().scale());
  const auto y_scale = static_cast<float>(y.quantization().scale());
  const float product = x_scale * y_scale;
  const auto scale = static_cast<float>(z.scale());
  const bool xnnpack =
      !OfFbgemmBuild(g) && x.dtype() == DType::kQInt8 && !IntoAnother(a) && z.zero_point() < 127;
  return xnnpack ? product / scale : product * (1.0F / scale);
}

// Where no scales make ONNX Runtime's fused product PyTorch's: the product of whole numbers, which is exact,
// by PyTorch's multiplier, rounded by a QuantizeLinear on its own.
Value ProductInSteps(bool relu, Builder& g, const Value& x, const Value& y, const TensorType& type,
                     float multiplier) {
  const Value product = g.Op("Mul", {DequantizeToSteps(g, x), DequantizeToSteps(g, y)});
  Value steps = g.Op("Mul", {product, g.Scalar(multiplier)});
  if (relu && type.quantization->zero_point() != LowestInteger(type.dtype)) steps = g.Op("Relu", {steps});
  return QuantizeFromSteps(g, steps, type);
}

Result<std::vector<Value>> ProductForOnnxRuntime(bool relu, Builder& g, const Arguments& a) {
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  // It does not fuse products of qint8.
  const auto scales =
      x.dtype() == DType::kQUint8 ? ExactProductScales(x.type(), y.type(), a.result()) : std::nullopt;
  if (!scales) {
    g.State(Exactness::kConstruction);
    const float multiplier = ProductMultiplier(g, a, x, y, *a.result().quantization);
    return One(ProductInSteps(relu, g, x, y, a.result(), multiplier));
  }
  g.State(Exactness::kExhaustion);
  TensorType x_type = x.type(), type = a.result();
  x_type.quantization->scales[0] = scales->a;
  type.quantization->scales[0] = scales->result;
  const Value real = g.Op("Mul", {Dequantize(g, x, x_type), Dequantize(g, y)});
  return One(g.As(QuantizeReal(g, real, type, relu), a.result()));
}

bool MayHaveOtherShapes(const Value& x, const Value& y) {
  if (!x.shape() || !y.shape()) return false;  // two branches of one network, nearly always
  if (x.shape()->size() != y.shape()->size()) return true;
  for (std::size_t i = 0; i < x.shape()->size(); ++i) {
    if (Dim::Equal((*x.shape())[i], (*y.shape())[i]) == false) return true;
  }
  return false;
}

Value Float64(Builder& g, double value) {
  return g.Constant(Tensor::From(DType::kFloat64, {}, std::vector<double>{value}));
}

constexpr int kFloat32Code = 1, kFloat64Code = 11;  // TensorProto's

Value Cast(Builder& g, Value x, int code) { return g.Op("Cast", {x}, {{"to", code}}); }

// PyTorch's own sum, written out in float64, which has room for it: slower than any scales that are found.
Value SumOfFixedPoint(Builder& g, const Value& x, const Value& y, const FixedPointRatios& ratios) {
  const auto in_steps = [&](const Value& v, double ratio) {
    return g.Op("Mul", {Cast(g, DequantizeToSteps(g, v), kFloat64Code), Float64(g, ratio)});
  };
  const Value sum = g.Op("Add", {in_steps(x, ratios.a), in_steps(y, ratios.b)});
  const auto rounded = [&](Value v) { return g.Op("Floor", {g.Op("Add", {v, Float64(g, 0.5)})}); };
  const Value whole =
      ratios.ties_up ? rounded(sum) : g.Op("Mul", {g.Op("Sign", {sum}), rounded(g.Op("Abs", {sum}))});
  return Cast(g, whole, kFloat32Code);
}

// fma(s, q, -(s z)) is the difference in float64, rounded to float32.
Value SumOfReals(Builder& g, const Value& x, const Value& y, float inverse) {
  const auto real = [&](const Value& v) {
    const auto scale = static_cast<float>(v.quantization().scale());
    const float offset = scale * static_cast<float>(v.quantization().zero_point());
    const Value integer = Cast(g, DequantizeToSteps(g, v, 0), kFloat64Code);
    const Value product = g.Op("Mul", {integer, Float64(g, double{scale})});
    return Cast(g, g.Op("Sub", {product, Float64(g, double{offset})}), kFloat32Code);
  };
  return g.Op("Mul", {g.Op("Add", {real(x), real(y)}), g.Scalar(inverse)});
}

Value AdditionInSteps(bool relu, Builder& g, const Value& x, const Value& y, const TensorType& type,
                      QuantizedSum sum) {
  const auto ratios =
      sum == QuantizedSum::kFixedPoint ? RatiosInFixedPoint(x.type(), y.type(), type) : std::nullopt;
  const float inverse = 1.0F / static_cast<float>(type.quantization->scale());
  Value steps = ratios ? SumOfFixedPoint(g, x, y, *ratios) : SumOfReals(g, x, y, inverse);
  if (relu && type.quantization->zero_point() != LowestInteger(type.dtype)) steps = g.Op("Relu", {steps});
  return QuantizeFromSteps(g, steps, type);
}

bool KnownToBeAlike(const Value& x, const Value& y) {
  if (!x.shape() || !y.shape() || x.shape()->size() != y.shape()->size()) return false;
  for (std::size_t i = 0; i < x.shape()->size(); ++i) {
    if (Dim::Equal((*x.shape())[i], (*y.shape())[i]) != true) return false;
  }
  return true;
}

// A broadcast goes by rows, whose lengths are not looked at.
VectorLoop LoopOf(const Builder& g, const Value& x, const Value& y) {
  VectorLoop loop = VectorLoopOf(g, x, y);
  if (!KnownToBeAlike(x, y)) loop.leaves_rest = true;
  return loop;
}

void StateOfAddition(Builder& g, const Arguments& a, QuantizedSum sum, Exactness exactness) {
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  const bool reals = sum == QuantizedSum::kReals || !RatiosInFixedPoint(x.type(), y.type(), a.result());
  const TwoSums two =
      reals ? PairsWithTwoSums(x.type(), y.type(), a.result(), LoopOf(g, x, y), x.constant(), y.constant())
            : TwoSums{};
  if (two.differing > 0) {
    g.State(Exactness::kNotExact, fmt::format("may be off by one step for {} of {} input pairs: PyTorch "
                                              "rounds the last elements of a tensor differently",
                                              two.differing, two.pairs));
  } else {
    const bool assumed = !reals && x.dtype() == DType::kQUint8 && !KnownToBeAlike(x, y);
    g.State(exactness, assumed ? "if both operands have the same shape" : "");
  }
}

// Scales for QLinearAdd, and whether it is to have its operands the other way round: it adds the second one
// to what is fixed, and then the first, and rounds otherwise then.
struct FusedAddition {
  BinaryScales scales;
  bool exchanged;
};

std::optional<FusedAddition> FindFusedAddition(const TensorType& a, const TensorType& b,
                                               const TensorType& result, QuantizedSum sum, bool broadcast) {
  for (const QLinearAddBuilds builds : {QLinearAddBuilds::kAll, QLinearAddBuilds::kX86}) {
    const AdditionScales found = ExactAdditionScales(a, b, result, sum, broadcast, builds);
    if (found.differing == 0) return FusedAddition{found.scales, false};
    if (broadcast) continue;
    const AdditionScales other = ExactAdditionScales(b, a, result, sum, broadcast, builds);
    if (other.differing == 0) return FusedAddition{other.scales, true};
  }
  return std::nullopt;
}

QuantizedSum SumOf(const Builder& g, const Arguments& a, bool broadcast) {
  const bool is_signed = a.tensor("qa").dtype() == DType::kQInt8;
  const bool qnnpack = g.engine() == Engine::kQnnpack || (g.engine() == Engine::kQnnpackX86 && !is_signed);
  const bool fixed_point = qnnpack && !IntoAnother(a) && (!broadcast || is_signed);
  return fixed_point ? QuantizedSum::kFixedPoint : QuantizedSum::kReals;
}

Result<std::vector<Value>> AdditionForOnnxRuntime(bool relu, Builder& g, const Arguments& a) {
  Value x = a.tensor("qa"), y = a.tensor("qb");
  const bool broadcast = MayHaveOtherShapes(x, y);
  const QuantizedSum sum = SumOf(g, a, broadcast);
  const std::optional<FusedAddition> fused =
      FindFusedAddition(x.type(), y.type(), a.result(), sum, broadcast);
  if (fused && fused->exchanged) std::swap(x, y);
  const std::optional<BinaryScales> scales =
      fused ? std::optional(fused->scales) : ExactFloatAdditionScales(x.type(), y.type(), a.result(), sum);
  StateOfAddition(g, a, sum, scales ? Exactness::kExhaustion : Exactness::kConstruction);
  if (!scales) return One(AdditionInSteps(relu, g, x, y, a.result(), sum));
  TensorType x_type = x.type(), y_type = y.type(), type = a.result();
  x_type.quantization->scales[0] = scales->a;
  y_type.quantization->scales[0] = scales->b;
  type.quantization->scales[0] = scales->result;
  HoldUnsigned(g, x);
  HoldUnsigned(g, y);
  // ONNX Runtime does not fuse a Sum.
  const Value real = g.Op(fused ? "Add" : "Sum", {Dequantize(g, x, x_type), Dequantize(g, y, y_type)});
  return One(g.As(QuantizeReal(g, real, type, relu), a.result()));
}

Result<std::vector<Value>> BinaryQdq(BinaryForm form, Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckOperands(a));
  if (g.moves_scales_for(Target::kOnnxRuntime)) {
    const bool product = std::string_view(form.onnx) == "Mul";
    return product ? ProductForOnnxRuntime(form.relu, g, a) : AdditionForOnnxRuntime(form.relu, g, a);
  }
  const Value real = g.Op(form.onnx, {Dequantize(g, a.tensor("qa")), Dequantize(g, a.tensor("qb"))});
  return One(QuantizeReal(g, real, a.result(), form.relu));
}

Result<std::vector<Value>> BinaryThroughFloat(BinaryForm form, Builder& g, const Arguments& a) {
  Value real = g.Op(form.onnx, {Caffe2Dequantize(g, a.tensor("qa")), Caffe2Dequantize(g, a.tensor("qb"))});
  if (form.relu) real = g.Op("Relu", {real});
  return One(OCTAVO_TRY(Caffe2Quantize(g, real, a.result())));
}

// Int8Add takes equal shapes, and scales that are within [2^-14, 2^8) of the result's.
bool Caffe2CanAdd(const Arguments& a) {
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  if (!x.shape() || !y.shape() || *x.shape() != *y.shape()) return false;
  for (const Value& v : {x, y}) {
    const float ratio =
        static_cast<float>(v.quantization().scale()) / static_cast<float>(a.result().quantization->scale());
    if (ratio < 0x1p-14F || ratio >= 0x1p8F) return false;
  }
  return true;
}

Result<std::vector<Value>> BinaryCaffe2(BinaryForm form, Builder& g, const Arguments& a) {
  OCTAVO_TRY(CheckOperands(a));
  OCTAVO_TRY(CheckCaffe2Types(a));
  if (std::string_view(form.onnx) != "Add" || !Caffe2CanAdd(a)) return BinaryThroughFloat(form, g, a);
  return One(Int8(g, form.relu ? "Int8AddRelu" : "Int8Add", {a.tensor("qa"), a.tensor("qb")}, a.result()));
}

OperatorRow BinaryRow(std::string name, std::vector<ArgumentSpec> arguments, TypeRule result,
                      BinaryForm form) {
  return {.name = std::move(name),
          .arguments = std::move(arguments),
          .result = std::move(result),
          .qdq = [form](Builder& g, const Arguments& a) { return BinaryQdq(form, g, a); },
          .caffe2 = [form](Builder& g, const Arguments& a) { return BinaryCaffe2(form, g, a); }};
}

}  // namespace

void RegisterBinary(Registry& registry) {
  const ArgumentSpec qa = arg::Tensor("qa"), qb = arg::Tensor("qb"), out = arg::Tensor("out");
  for (const char* op : {"add", "mul"}) {
    for (const bool relu : {false, true}) {
      const std::string name = fmt::format("quantized::{}{}", op, relu ? "_relu" : "");
      const BinaryForm form{op == std::string_view("add") ? "Add" : "Mul", relu};
      registry.Add(BinaryRow(name, {qa, qb, arg::Float("scale"), arg::Int("zero_point")},
                             GivenQuantization("qa", BinaryShape, "scale", "zero_point"), form));
      registry.Add(BinaryRow(name + ".out", {qa, qb, out}, OutType, form));
      registry.Add(BinaryRow(name + "_out", {qa, qb, out}, OutType, form));
    }
  }
  RegisterQuantizedScalar(registry);
}

}  // namespace octavo
