#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "octavo/passes/lowered_node.h"
#include "octavo/passes/passes.h"

namespace octavo::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

struct Steps {
  DType dtype;  // kInt8 or kUint8
  float scale;
  std::int64_t zero_point;

  bool operator==(const Steps&) const = default;
  std::int64_t lowest() const { return dtype == DType::kInt8 ? -128 : 0; }
  std::int64_t highest() const { return lowest() + 255; }
};

// What a QuantizeLinear or DequantizeLinear says, if that is one constant scale and zero point.
std::optional<Steps> StepsOf(const Graph& graph, const Node& node) {
  const auto scale_id = ir::InputOf(node, 1), zero_id = ir::InputOf(node, 2);
  const Tensor* scale = scale_id ? ConstantOf(graph, *scale_id) : nullptr;
  const Tensor* zero = zero_id ? ConstantOf(graph, *zero_id) : nullptr;
  if (scale == nullptr || zero == nullptr || scale->num_elements() != 1 || zero->num_elements() != 1 ||
      scale->dtype != DType::kFloat32) {
    return std::nullopt;
  }
  const DType dtype = StorageType(zero->dtype);
  if (dtype != DType::kInt8 && dtype != DType::kUint8) return std::nullopt;
  return Steps{dtype, scale->ToFloats()[0], zero->ToInts()[0]};
}

// Whether ONNX Runtime removes the node: it does nothing, or may do nothing.
bool MayDoNothing(const Graph& graph, const Node& node) {
  static const std::set<std::string_view> kRemoved = {"Identity", "Dropout", "Slice", "Expand", "Cast"};
  if (kRemoved.contains(node.op)) return true;
  const bool sum = node.op == "Add" || node.op == "Sub", product = node.op == "Mul" || node.op == "Div";
  const auto other = sum || product ? ir::InputOf(node, 1) : std::nullopt;
  const Tensor* tensor = other ? ConstantOf(graph, *other) : nullptr;
  return tensor != nullptr && tensor->num_elements() == 1 && tensor->ToDoubles()[0] == (sum ? 0 : 1);
}

const Node* MadeByWhatStays(const Graph& graph, const Node& node) {
  constexpr int kMostSteps = 64;
  const Node* before = MadeBy(graph, node);
  for (int i = 0; before != nullptr && MayDoNothing(graph, *before) && i < kMostSteps; ++i) {
    before = MadeBy(graph, *before);
  }
  return before;
}

// QuantizeLinear, DequantizeLinear, QuantizeLinear, DequantizeLinear with two quantizations: ONNX Runtime's
// DoubleQDQPairsRemover makes one pair of a third quantization of them.
bool BecomesOnePair(const Graph& graph, const Node& dequantize, const Node& quantize) {
  if (dequantize.op != "DequantizeLinear") return false;
  const std::optional<Steps> first = StepsOf(graph, dequantize), second = StepsOf(graph, quantize);
  if (!first || !second) return false;
  // int8 and uint8 of the same reals stay what they are.
  return first->scale != second->scale ||
         first->lowest() - first->zero_point != second->lowest() - second->zero_point;
}

// ONNX Runtime's ClipQuantFusion removes a Clip whose bounds are within 1.2e-7 of the QuantizeLinear's range,
// which are many steps if the scale is small.
bool LosesClip(const Graph& graph, const Node& clip, const Node& quantize) {
  if (clip.op != "Clip") return false;
  const std::optional<Steps> steps = StepsOf(graph, quantize);
  if (!steps) return false;
  const auto bound = [&](std::size_t i, float without) -> std::optional<float> {
    const auto id = ir::InputOf(clip, i);
    if (!id) return without;
    const Tensor* tensor = ConstantOf(graph, *id);
    if (tensor == nullptr || tensor->num_elements() != 1) return std::nullopt;
    return static_cast<float>(tensor->ToDoubles()[0]);
  };
  const auto low = bound(1, std::numeric_limits<float>::lowest());
  const auto high = bound(2, std::numeric_limits<float>::max());
  if (!low || !high) return false;
  const float lowest = steps->scale * static_cast<float>(steps->lowest() - steps->zero_point);
  const float highest = steps->scale * static_cast<float>(steps->highest() - steps->zero_point);
  // Twice ONNX Runtime's tolerance, which counts with rounded differences.
  constexpr float kTolerance = 2 * std::numeric_limits<float>::epsilon();
  if (*low - lowest > kTolerance || highest - *high > kTolerance) return false;
  const auto level = [&](float bound_value) {
    return std::nearbyint(static_cast<double>(bound_value) / static_cast<double>(steps->scale)) +
           static_cast<double>(steps->zero_point);
  };
  return level(*low) > static_cast<double>(steps->lowest()) ||
         level(*high) < static_cast<double>(steps->highest());
}

}  // namespace

int KeepQuantizations(Graph& graph) {
  std::vector<std::pair<NodeId, NodeId>> inserted;  // before which node, which one
  const std::size_t count = graph.nodes().size();
  std::set<std::string> names;
  for (const Node& node : graph.nodes()) names.insert(node.name);
  for (std::size_t i = 0; i < count; ++i) {
    const Node quantize = graph.nodes()[i];
    if (quantize.op != "QuantizeLinear" || !ir::InputOf(quantize)) continue;
    const Node* before = MadeByWhatStays(graph, quantize);
    if (before == nullptr) continue;
    if (!BecomesOnePair(graph, *before, quantize) && !LosesClip(graph, *before, quantize)) continue;
    const ValueId x = *ir::InputOf(quantize);
    const NodeId id =
        graph.AddNode("LeakyRelu", {{{}, x}, {"alpha", 1.0}}, {TensorType(graph.type(x))}, quantize.origin);
    const std::size_t slash = quantize.name.rfind('/');
    const std::string base =
        (slash == std::string::npos ? std::string() : quantize.name.substr(0, slash + 1)) + "LeakyRelu";
    std::string name = base;
    for (int number = 1; !names.insert(name).second; ++number) name = fmt::format("{}_{}", base, number);
    graph.node(id).name = std::move(name);
    graph.nodes()[i].arguments[0].value = graph.node(id).outputs[0];
    inserted.emplace_back(static_cast<NodeId>(i), id);
  }
  if (inserted.empty()) return 0;
  std::vector<NodeId> order;
  std::size_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (next < inserted.size() && inserted[next].first == static_cast<NodeId>(i)) {
      order.push_back(inserted[next++].second);
    }
    order.push_back(static_cast<NodeId>(i));
  }
  Reorder(graph, order);
  return static_cast<int>(inserted.size());
}

}  // namespace octavo::passes
