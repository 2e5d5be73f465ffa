// QuantizeLinear and DequantizeLinear.

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

// The scales and zero points of the node whose operand has `rank` dimensions.
Result<Quantization> QuantizationOf(const Raiser& r, DType dtype, std::optional<int> rank) {
  if (OCTAVO_TRY(r.Int("block_size", 0)) != 0)
    return Unsupported("block-wise quantization (block_size) is not supported");
  Quantization q;
  q.scales = OCTAVO_TRY(r.InputNumbers(1));
  if (r.optional_input(2).defined()) {
    q.zero_points = OCTAVO_TRY(r.InputInts(2));
  } else {
    q.zero_points.assign(q.scales.size(), 0);
  }
  if (q.scales.empty() || q.scales.size() != q.zero_points.size()) {
    return InvalidFile(
        fmt::format("there are {} scales, but {} zero points", q.scales.size(), q.zero_points.size()));
  }
  for (std::size_t i = 0; i < q.scales.size(); ++i) {
    OCTAVO_TRY(CheckedQuantization(q.scales[i], q.zero_points[i], dtype));
  }
  if (r.optional_input(1).rank().value_or(0) == 0 || q.scales.size() == 1) return q;
  if (!rank) return Unsupported("per-channel quantization needs an input of known rank");
  q.axis = OCTAVO_TRY(AxisOf(OCTAVO_TRY(r.Int("axis", 1)), *rank));
  return q;
}

bool SameNumbers(const Quantization& a, const Quantization& b) {
  if (a.axis != b.axis || a.scales.size() != b.scales.size() || a.zero_points != b.zero_points) return false;
  for (std::size_t i = 0; i < a.scales.size(); ++i) {
    if (!NearScales(a.scales[i], b.scales[i])) return false;
  }
  return true;
}

Result<std::vector<Value>> Dequantize(Raiser& r) {
  Value x = OCTAVO_TRY(r.Input(0));
  const DType storage = StorageType(x.dtype());
  const DType dtype = OCTAVO_TRY(QuantizedDType(storage));
  const Quantization q = OCTAVO_TRY(QuantizationOf(r, dtype, x.rank()));
  if (x.constant() && !x.quantized()) {
    Tensor tensor = *x.constant();
    if (q.axis &&
        tensor.sizes[static_cast<std::size_t>(*q.axis)] != static_cast<std::int64_t>(q.scales.size())) {
      return InvalidFile(fmt::format("{} scales do not fit {}", q.scales.size(), tensor.type().ToString()));
    }
    tensor.dtype = dtype;
    tensor.quantization = q;
    x = r.Constant(std::move(tensor));
  } else if (!x.quantized()) {
    TensorType type = x.type();
    type.dtype = dtype;
    type.quantization = q;
    OCTAVO_TRY(r.SetQuantization(x, type));
  }
  const Quantization own = x.quantization();
  const Value real = OCTAVO_TRY(r.Call("aten::dequantize", {x.id()}));
  if (SameNumbers(q, own)) return One(real);
  if (!q.per_tensor() || !own.per_tensor()) {
    return Unsupported(fmt::format(
        "{} is dequantized with other per-channel scales than it was quantized with", x.type().ToString()));
  }
  // (i - z) s of integers that mean (i - z0) s0.
  return One(OCTAVO_TRY(Scaled(r, real, q.scale() / own.scale(),
                               static_cast<double>(own.zero_point() - q.zero_point()) * q.scale())));
}

Result<std::vector<Value>> Quantize(Raiser& r) {
  Value x = OCTAVO_TRY(r.Input(0));
  DType dtype = DType::kQUint8;
  if (const Value zero_point = r.optional_input(2); zero_point.defined()) {
    dtype = OCTAVO_TRY(QuantizedDType(zero_point.dtype()));
  } else if (OCTAVO_TRY(r.Int("output_dtype", 0)) != 0) {
    return Unsupported("attribute output_dtype is not supported; the zero point must give the dtype");
  }
  const Quantization own = OCTAVO_TRY(QuantizationOf(r, dtype, x.rank()));
  const Dim dtype_number = ScalarTypeNumber(dtype);
  if (!own.per_tensor()) {
    const auto count = static_cast<std::int64_t>(own.scales.size());
    const Value scales = r.Constant(Tensor::From(DType::kFloat64, {count}, own.scales));
    const Value zero_points = r.Constant(Tensor::Int64s(own.zero_points));
    return One(OCTAVO_TRY(r.Call("aten::quantize_per_channel",
                                 {x.id(), scales.id(), zero_points.id(), Dim(*own.axis), dtype_number})));
  }
  const std::optional<Quantization> said = r.meaning(0);
  const Quantization q = said.value_or(own);
  if (!SameNumbers(own, q)) {
    // The integers round(x / s0) + z0, written as those that mean (s, z).
    OCTAVO_TRY(CheckedQuantization(q.scale(), q.zero_point(), dtype));
    x = OCTAVO_TRY(Scaled(r, x, q.scale() / own.scale(),
                          static_cast<double>(own.zero_point() - q.zero_point()) * q.scale()));
  }
  return One(OCTAVO_TRY(
      r.Call("aten::quantize_per_tensor", {x.id(), q.scale(), Dim(q.zero_point()), dtype_number})));
}

// ---- What integers mean

// The scale and zero point of a node, if they are one constant number each.
std::optional<Quantization> ConstantQuantization(const ir::Graph& graph, const ir::Node& node) {
  const auto number = [&](std::size_t i) -> std::optional<double> {
    const auto* id = i < node.arguments.size() ? std::get_if<ir::ValueId>(&node.arguments[i].value) : nullptr;
    if (!id || !node.arguments[i].name.empty()) return std::nullopt;
    const std::optional<Tensor>& constant = graph.value(*id).constant;
    if (!constant || constant->num_elements() != 1) return std::nullopt;
    if (!IsFloat(constant->dtype) && !IsInteger(constant->dtype)) return std::nullopt;
    return constant->ToDoubles()[0];
  };
  const std::optional<double> scale = number(1);
  if (!scale) return std::nullopt;
  const double zero_point = number(2).value_or(0);
  if (!(std::abs(zero_point) <= 0x1p32)) return std::nullopt;
  return Quantization::PerTensor(*scale, static_cast<std::int64_t>(zero_point));
}

// Whether it looks up 8-bit integers, which mean nothing yet.
bool LooksUpIntegers(const ir::Graph& graph, const ir::Node& node) {
  const auto* id = node.op == "Gather" ? std::get_if<ir::ValueId>(&node.arguments[0].value) : nullptr;
  if (!id) return false;
  const std::optional<Tensor>& table = graph.value(*id).constant;
  return table && !table->quantization && (table->dtype == DType::kUint8 || table->dtype == DType::kInt8);
}

}  // namespace

Result<DType> QuantizedDType(DType storage) {
  switch (storage) {
    case DType::kUint8:
      return DType::kQUint8;
    case DType::kInt8:
      return DType::kQInt8;
    case DType::kInt32:
      return DType::kQInt32;
    default:
      return Unsupported(fmt::format("quantization to {} is not supported: PyTorch has no such dtype",
                                     storage == DType::kUnknown ? "?" : Name(storage)));
  }
}

Result<Value> Scaled(Raiser& r, Value x, double factor, double offset) {
  Value y = OCTAVO_TRY(r.Call("aten::mul", {x.id(), factor}));
  if (offset != 0) y = OCTAVO_TRY(r.Call("aten::add", {y.id(), offset}));
  return y;
}

bool NearScales(double a, double b) {
  constexpr double kFewUlps = 1e-5;
  return std::abs(a - b) <= kFewUlps * std::abs(b);
}

Meanings MeaningsOfIntegers(const ir::Graph& graph) {
  Meanings made, read, meanings;
  std::set<std::int32_t> agreed;  // with at least one of those who read it
  std::set<std::int32_t> looked_up;
  for (const ir::Node& node : graph.nodes()) {
    if (node.arguments.empty() || node.outputs.empty()) continue;
    if (LooksUpIntegers(graph, node)) looked_up.insert(node.outputs[0].index);
    const bool quantize = node.op == "QuantizeLinear", dequantize = node.op == "DequantizeLinear";
    if (!quantize && !dequantize) continue;
    const std::optional<Quantization> q = ConstantQuantization(graph, node);
    if (!q) continue;
    if (quantize) {
      made[node.outputs[0].index] = *q;
      continue;
    }
    const auto* id = std::get_if<ir::ValueId>(&node.arguments[0].value);
    if (id && looked_up.contains(id->index)) meanings.try_emplace(id->index, *q);
    const auto maker = id ? made.find(id->index) : made.end();
    if (maker == made.end() || q->scale() == 1) continue;
    if (*q == maker->second) agreed.insert(id->index);
    read.try_emplace(id->index, *q);
  }
  for (const auto& [value, q] : read) {
    // A scale of 1 counts steps; one that was moved by a few ulp serves a runtime's rounding.
    const Quantization& own = made[value];
    if (!agreed.contains(value) && (own.scale() == 1 || NearScales(own.scale(), q.scale()))) {
      meanings[value] = q;
    }
  }
  return meanings;
}

void AddQuantizationHandlers(Handlers& handlers) {
  handlers["DequantizeLinear"] = Dequantize;
  handlers["QuantizeLinear"] = Quantize;
}

}  // namespace octavo::raise
