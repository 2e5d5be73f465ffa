#include "octavo/ops/prelu.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/clamps.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/proven_reals.h"
#include "octavo/ops/qlinear_add.h"
#include "octavo/ops/trials.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// The slope has one element, or one for each index of dimension 1, and must broadcast from the right.
Result<Value> Slope(Builder& g, Value weight, const std::optional<Shape>& shape) {
  if (!weight.shape()) return NeedsInput("the shape of argument weight is unknown");
  const Dim count = NumElements(*weight.shape());
  if (!shape) {
    if (count == Dim(1)) return weight;
    return NeedsInput(
        "PReLU with one slope per channel needs an input of known rank",
        "Give the input's shape in numbers with --input, as in --input 'float32[1,3,224,224]'.");
  }
  const std::size_t rank = shape->size();
  if (count == Dim(1)) return rank == 0 && weight.rank() != 0 ? Reshape(g, weight, {}) : weight;
  if (rank < 2)
    return Unsupported("PReLU with one slope per channel needs an input with a channel dimension");
  if ((*shape)[1].known() && count.known() && (*shape)[1] != count) {
    return Unsupported(fmt::format("PReLU has {} slopes, but the input has {} channels", count.ToString(),
                                   (*shape)[1].ToString()));
  }
  if (rank == 2) return weight;
  std::vector<std::int64_t> sizes(rank - 1, 1);
  sizes[0] = -1;
  if (const Tensor* constant = weight.constant(); constant && constant->contiguous()) {
    sizes[0] = constant->num_elements();
    return g.Constant(constant->Reshaped(sizes), "slope");
  }
  return Reshape(g, weight, sizes);
}

bool HasOnlyFiniteNumbers(const Tensor& tensor) {
  return std::ranges::all_of(tensor.ToDoubles(), [](double v) { return std::isfinite(v); });
}

Result<std::vector<Value>> PreluFloat(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self"), weight = a.tensor("weight");
  const Value slope = OCTAVO_TRY(Slope(g, weight, x.shape()));
  if (const Tensor* constant = weight.constant(); constant && !HasOnlyFiniteNumbers(*constant)) {
    return One(SlopedBelowZero(g, x, slope));
  }
  const Value y = g.Op("PRelu", {x, slope});
  return One(a.result().dtype == DType::kFloat32 ? MarkProven(g, y, {x, slope}) : y);
}

// A constant of the model, which in the Caffe2 dialect is a node.
std::optional<Tensor> HeldTensor(const ir::Graph& graph, const Value& value) {
  if (const Tensor* constant = value.constant()) return *constant;
  const ir::NodeId producer = graph.value(value.id()).producer;
  if (producer == ir::kNoNode) return std::nullopt;
  const ir::Operand* held = graph.node(producer).Find("values");
  const auto* bytes = held ? std::get_if<ir::Bytes>(held) : nullptr;
  return bytes ? std::optional<Tensor>(bytes->data) : std::nullopt;
}

float Multiplier(const TensorType& in, const TensorType& slopes, const TensorType& out) {
  return ScaleOf(in) * ScaleOf(slopes) * (1.0F / ScaleOf(out));
}

// All integers with each slope: PyTorch's integer is round((q - z) (w - z_w) (s s_w (1 / s_y))) + z_y.
TrialResult TryPrelu(const Builder& g, const TensorType& in, const TensorType& out, const Tensor& slopes) {
  const TensorType type = slopes.type();
  const auto zero_point = static_cast<float>(type.quantization->zero_point());
  const auto one = static_cast<float>(QuantizedBound(g, 1.0, type));
  const float real_one = RealOf(QuantizedBound(g, 1.0, type), type);
  const float multiplier = Multiplier(in, type, out);
  std::vector<std::int64_t> integers = slopes.Integers().ToInts();
  std::sort(integers.begin(), integers.end());
  integers.erase(std::unique(integers.begin(), integers.end()), integers.end());
  TrialResult all;
  for (const std::int64_t w : integers) {
    Trial trial(in, out);
    const auto slope = static_cast<float>(w);
    trial.BySteps([=](float q) { return q * ((q > 0 ? one : slope) - zero_point) * multiplier; });
    const float real_slope = RealOf(w, type);
    all.Add(trial.Against([=](float x) { return x >= 0 ? x * real_one : x * real_slope; }));
  }
  return all;
}

// PyTorch's own arithmetic, for slopes whose products may come out otherwise than PyTorch's: whole numbers,
// which float32 holds, and one multiplication by its multiplier.
Result<std::vector<Value>> PreluInSteps(Builder& g, Value x, const Tensor& slopes, const TensorType& out) {
  g.State(Exactness::kConstruction);
  const TensorType in = x.type(), type = slopes.type();
  const std::int64_t zero_point = type.quantization->zero_point();
  std::vector<float> distances;
  for (const std::int64_t w : slopes.Integers().ToInts()) {
    distances.push_back(static_cast<float>(w - zero_point));
  }
  const Value slope =
      OCTAVO_TRY(Slope(g, g.Constant(Tensor::Floats(slopes.sizes, distances), "slope"), in.shape));
  const auto one = static_cast<float>(QuantizedBound(g, 1.0, type) - zero_point);
  const Value steps = DequantizeToSteps(g, x);
  const Value positive = g.Op("Relu", {steps}), negative = g.Op("Sub", {steps, positive});
  const Value products =
      g.Op("Add", {g.Op("Mul", {positive, g.Scalar(one)}), g.Op("Mul", {negative, slope})});
  return One(QuantizeFromSteps(g, g.Op("Mul", {products, g.Scalar(Multiplier(in, type, out))}), out));
}

// PyTorch multiplies what is positive by 1.0 as the slopes' own quantization holds it, which is less than 1
// where all slopes are small.
Result<std::vector<Value>> QuantizedPrelu(Builder& g, const Arguments& a) {
  const Value x = a.tensor("qx"), weight = a.tensor("weight");
  const std::optional<Tensor> slopes = HeldTensor(g.graph(), weight);
  if (!slopes || !slopes->quantization || !slopes->quantization->per_tensor()) {
    return Unsupported("the slopes must be a constant with per-tensor quantization");
  }
  const TensorType type = slopes->type();
  const float one = RealOf(QuantizedBound(g, 1.0, type), type);
  if (one != 1.0F) {
    g.Warn(
        fmt::format("PReLU multiplies positive values by {} instead of 1, because the quantization of the "
                    "slopes cannot represent 1; PyTorch does the same",
                    one));
  }
  if (StatesExactness(g)) {
    const TensorType in = x.type();
    const TrialResult tried = TryPrelu(g, in, a.result(), *slopes);
    if (tried.differing > 0) return PreluInSteps(g, x, *slopes, a.result());
    StateTried(g, tried, "pairs of input and slope");
  }
  std::vector<float> reals;
  for (const std::int64_t q : slopes->Integers().ToInts()) reals.push_back(RealOf(q, type));
  const Value real_slopes = g.Constant(Tensor::Floats(slopes->sizes, reals), "slope");
  const Value slope = OCTAVO_TRY(Slope(g, real_slopes, x.shape()));
  const Value real = Dequantize(g, x);
  Value y;
  if (one == 1.0F) {
    y = g.Op("PRelu", {real, slope});
  } else {
    const Value positive = g.Op("Mul", {g.Op("Relu", {real}), g.Scalar(one)});
    const Value negative = g.Op("Mul", {Clip(g, real, std::nullopt, 0.0F), slope});
    y = g.Op("Add", {positive, negative});
  }
  return One(Quantize(g, y, a.result()));
}

Result<std::vector<Value>> QuantizedPreluCaffe2(Builder& g, const Arguments& a) {
  for (const TensorType& type : {a.tensor("qx").type(), a.result()}) {
    if (type.dtype != DType::kQUint8) {
      return Unsupported(
          fmt::format("the caffe2 dialect supports quint8 activations only, not {}", type.ToString()),
          "Use --dialect qdq.");
    }
  }
  return QuantizedPrelu(g, a);
}

// One slope, or one for each channel.
Result<std::optional<Shape>> QuantizedPreluShape(const Arguments& a) {
  OCTAVO_TRY(CheckSameDType(a, {"qx", "weight"}));
  const std::optional<Shape>&x = a.tensor("qx").shape(), &weight = a.tensor("weight").shape();
  if (!x || !weight) return x;
  const Dim slopes = NumElements(*weight), channels = x->size() > 1 ? (*x)[1] : Dim(1);
  if (Dim::Equal(slopes, Dim(1)) == false && Dim::Equal(slopes, channels) == false) {
    return Unsupported(
        fmt::format("the weight of shape {} has {} slopes, but the input of shape {} has {} "
                    "channels",
                    ToString(*weight), slopes.ToString(), ToString(*x), channels.ToString()));
  }
  return x;
}

}  // namespace

Value SlopedBelowZero(Builder& g, Value x, Value slope) {
  return g.Op("Where", {g.Op("Greater", {x, ScalarLike(g, x, 0)}), x, g.Op("Mul", {x, slope})});
}

// One slope, or one slope per channel, of the input's dtype.
Result<std::vector<TensorType>> PreluType(const Arguments& a) {
  const Value x = a.tensor("self"), weight = a.tensor("weight");
  if (x.dtype() != weight.dtype() && x.dtype() != DType::kUnknown && weight.dtype() != DType::kUnknown) {
    return Unsupported(
        fmt::format("argument weight is {}, but the input is {}", Name(weight.dtype()), Name(x.dtype())));
  }
  if (weight.shape() && x.shape()) {
    const Dim count = NumElements(*weight.shape());
    const Dim channels = x.shape()->size() > 1 ? (*x.shape())[1] : Dim(1);
    if (Dim::Equal(count, 1) == false && Dim::Equal(count, channels) == false) {
      return Unsupported(fmt::format("argument weight has {} slopes, but the input has {} channels",
                                     count.ToString(), channels.ToString()));
    }
  }
  return std::vector<TensorType>{x.type()};
}

void RegisterPrelu(Registry& registry) {
  registry.Add({.name = "aten::prelu",
                .arguments = {arg::Tensor("self"), arg::Tensor("weight")},
                .result = FloatOnly("self", PreluType),
                .qdq = PreluFloat,
                .caffe2 = PreluFloat});
  registry.Add({.name = "quantized::prelu",
                .arguments = {arg::Tensor("qx"), arg::Tensor("weight"), arg::Float("output_scale"),
                              arg::Int("output_zero_point")},
                .result = EightBits("qx", GivenQuantization("qx", QuantizedPreluShape)),
                .qdq = QuantizedPrelu,
                .caffe2 = QuantizedPreluCaffe2});
}

}  // namespace octavo
