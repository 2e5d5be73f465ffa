#include "octavo/engine/changed_quantizations.h"

#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "octavo/arithmetic/onnxruntime/quantizations.h"
#include "octavo/engine/value_uses.h"

namespace octavo::engine {
namespace {

namespace ort = arithmetic::onnxruntime;

class QuantizationChanger {
 public:
  explicit QuantizationChanger(ir::Graph& graph) : graph_(graph), uses_(graph) {}

  // Of a Clip that a node computes the input of: ONNX Runtime leaves one that reads a graph input.
  void VisitClip(ir::NodeId id) {
    const ir::Node& clip = graph_.node(id);
    if (clip.op != "Clip" || clip.outputs.size() != 1) return;
    const std::vector<ir::ValueId> inputs = InputsOf(clip);
    const std::optional<ir::NodeId> quantize = OnlyReader(id, "QuantizeLinear");
    if (inputs.empty() || !inputs[0].valid() || !quantize) return;
    if (graph_.value(inputs[0]).producer == ir::kNoNode) return;
    const auto to = QuantizationOf(*quantize);
    const auto low = Bound(clip, 1, "min", std::numeric_limits<float>::lowest());
    const auto high = Bound(clip, 2, "max", std::numeric_limits<float>::max());
    if (to && to->scalar && low && high && ort::RemovesClip(*low, *high, to->numbers))
      SetInput(graph_.node(*quantize), 0, inputs[0]);
  }

  // Of a QuantizeLinear, in the order of the graph.
  void VisitPairs(ir::NodeId quantize) {
    std::vector<Merged> pairs;
    for (std::optional<ir::NodeId> at = quantize; at && visited_.insert(*at).second;) {
      const auto dequantize = graph_.node(*at).op == "QuantizeLinear" ? OnlyReader(*at, "DequantizeLinear")
                                                                      : std::optional<ir::NodeId>();
      const auto found = dequantize ? OfPair(*at, *dequantize) : std::optional<Found>();
      if (!found) break;
      pairs.push_back({.numbers = found->numbers, .dtype = found->dtype, .nodes = {*at, *dequantize}});
      at = OnlyReader(*dequantize, "QuantizeLinear");
    }
    // ONNX Runtime goes over the graph again and again; each time a pair takes part in one merger.
    while (MergeNeighbours(pairs)) {
    }
    for (const Merged& merged : pairs) {
      if (merged.nodes.size() > 2) Set(merged);
    }
  }

 private:
  struct Found {
    ort::EightBits numbers;
    DType dtype;
    bool scalar;  // of no dimension
  };

  // Pairs that have become one.
  struct Merged {
    ort::EightBits numbers;
    DType dtype;
    std::vector<ir::NodeId> nodes;
  };

  static bool MergeNeighbours(std::vector<Merged>& pairs) {
    std::vector<Merged> left;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      left.push_back(std::move(pairs[i]));
      const auto numbers = i + 1 < pairs.size()
                               ? ort::MergedQuantization(left.back().numbers, pairs[i + 1].numbers)
                               : std::optional<ort::EightBits>();
      if (!numbers) continue;
      left.back().numbers = *numbers;
      ++i;
      left.back().nodes.insert(left.back().nodes.end(), pairs[i].nodes.begin(), pairs[i].nodes.end());
    }
    const bool changed = left.size() < pairs.size();
    pairs = std::move(left);
    return changed;
  }

  // All nodes get the quantization, so those between the first and the last one change nothing.
  void Set(const Merged& merged) {
    const ir::ValueId scale = graph_.AddConstant(Tensor::Floats({}, {merged.numbers.scale}));
    const std::int64_t zero = merged.numbers.zero_point;
    const ir::ValueId zero_point = graph_.AddConstant(
        merged.dtype == DType::kInt8
            ? Tensor::From(DType::kInt8, {}, std::vector<std::int8_t>{static_cast<std::int8_t>(zero)})
            : Tensor::From(DType::kUint8, {}, std::vector<std::uint8_t>{static_cast<std::uint8_t>(zero)}));
    for (const ir::NodeId node : merged.nodes) {
      SetInput(graph_.node(node), 1, scale);
      SetInput(graph_.node(node), 2, zero_point);
    }
  }

  // Of a QuantizeLinear or DequantizeLinear with one constant scale and zero point of 8 bits.
  std::optional<Found> QuantizationOf(ir::NodeId id) const {
    const std::vector<ir::ValueId> inputs = InputsOf(graph_.node(id));
    const Tensor* scale = inputs.size() == 3 ? Constant(inputs[1]) : nullptr;
    const Tensor* zero = inputs.size() == 3 ? Constant(inputs[2]) : nullptr;
    if (scale == nullptr || zero == nullptr || scale->num_elements() != 1 || zero->num_elements() != 1 ||
        scale->dtype != DType::kFloat32 || (zero->dtype != DType::kInt8 && zero->dtype != DType::kUint8)) {
      return std::nullopt;
    }
    return Found{.numbers = {.scale = scale->ToFloats()[0],
                             .zero_point = zero->ToInts()[0],
                             .lowest = zero->dtype == DType::kInt8 ? -128 : 0},
                 .dtype = zero->dtype,
                 .scalar = scale->rank() == 0 && zero->rank() == 0};
  }

  std::optional<Found> OfPair(ir::NodeId quantize, ir::NodeId dequantize) const {
    const auto a = QuantizationOf(quantize), b = QuantizationOf(dequantize);
    const bool same = a && b && a->dtype == b->dtype && a->numbers.scale == b->numbers.scale &&
                      a->numbers.zero_point == b->numbers.zero_point;
    return same ? a : std::nullopt;
  }

  const Tensor* Constant(ir::ValueId id) const {
    return id.valid() && graph_.value(id).constant ? &*graph_.value(id).constant : nullptr;
  }

  std::optional<float> Bound(const ir::Node& clip, std::size_t input, std::string_view attribute,
                             float without) const {
    if (const ir::Operand* given = clip.Find(attribute)) {
      const double* number = std::get_if<double>(given);
      return number != nullptr ? std::optional(static_cast<float>(*number)) : std::nullopt;
    }
    const std::optional<ir::ValueId> id = InputOf(clip, input);
    if (!id) return without;
    const Tensor* tensor = Constant(*id);
    if (tensor == nullptr || tensor->num_elements() != 1) return std::nullopt;
    return static_cast<float>(tensor->ToDoubles()[0]);
  }

  std::optional<ir::NodeId> OnlyReader(ir::NodeId id, std::string_view op) const {
    const auto& outputs = graph_.node(id).outputs;
    if (outputs.size() != 1 || !outputs[0].valid()) return std::nullopt;
    const std::optional<ir::NodeId> reader = uses_.OnlyReader(outputs[0]);
    return reader && graph_.node(*reader).op == op ? reader : std::nullopt;
  }

  ir::Graph& graph_;
  ValueUses uses_;  // constants that are added are not in it: no node computes them
  std::set<ir::NodeId> visited_;
};

}  // namespace

void MergeQuantizations(Program& program) {
  QuantizationChanger changer(program.graph);
  const auto count = static_cast<ir::NodeId>(program.graph.nodes().size());
  for (ir::NodeId id = 0; id < count; ++id) changer.VisitPairs(id);
}

void RemoveClips(Program& program) {
  QuantizationChanger changer(program.graph);
  const auto count = static_cast<ir::NodeId>(program.graph.nodes().size());
  for (ir::NodeId id = 0; id < count; ++id) changer.VisitClip(id);
}

}  // namespace octavo::engine
