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

// The number of an input of a Clip, `without` if it has none, nullopt if it is no constant number.
std::optional<float> BoundOf(const Graph& graph, const Node& clip, std::size_t input, float without) {
  const auto id = ir::InputOf(clip, input);
  if (!id) return without;
  const Tensor* tensor = ConstantOf(graph, *id);
  if (tensor == nullptr || tensor->num_elements() != 1) return std::nullopt;
  return static_cast<float>(tensor->ToDoubles()[0]);
}

// ONNX Runtime's ClipQuantFusion removes a Clip before a QuantizeLinear if no bound is more than 1.2e-7
// inside the quantized range: at a small scale that is many steps.  Up to 1.23 it refuses the model where the
// Clip reads a graph input, whether or not the Clip does anything.
bool LosesClip(const Graph& graph, const Node& clip, const Node& quantize) {
  if (clip.op != "Clip") return false;
  const std::optional<Steps> steps = StepsOf(graph, quantize);
  if (!steps) return false;
  const auto low = BoundOf(graph, clip, 1, std::numeric_limits<float>::lowest());
  const auto high = BoundOf(graph, clip, 2, std::numeric_limits<float>::max());
  if (!low || !high) return false;
  const float lowest = steps->scale * static_cast<float>(steps->lowest() - steps->zero_point);
  const float highest = steps->scale * static_cast<float>(steps->highest() - steps->zero_point);
  // Twice ONNX Runtime's tolerance: its differences are rounded.
  constexpr float kTolerance = 2 * std::numeric_limits<float>::epsilon();
  if (*low - lowest > kTolerance || highest - *high > kTolerance) return false;
  if (MadeByWhatStays(graph, clip) == nullptr) return true;
  const auto level = [&](float bound) {
    return std::nearbyint(static_cast<double>(bound) / static_cast<double>(steps->scale)) +
           static_cast<double>(steps->zero_point);
  };
  return level(*low) > static_cast<double>(steps->lowest()) ||
         level(*high) < static_cast<double>(steps->highest());
}

// Puts LeakyRelu nodes of slope 1, which change no number, before nodes.
class Separator {
 public:
  explicit Separator(Graph& graph) : graph_(graph), count_(graph.nodes().size()) {
    for (const Node& node : graph.nodes()) names_.insert(node.name);
  }

  // Before the first input of the node.  Call with growing ids.
  void Before(NodeId reader) {
    const Node like = graph_.node(reader);
    const ValueId x = *ir::InputOf(like);
    const NodeId id =
        graph_.AddNode("LeakyRelu", {{{}, x}, {"alpha", 1.0}}, {TensorType(graph_.type(x))}, like.origin);
    graph_.node(id).name = NewName(like.name);
    graph_.node(reader).arguments[0].value = graph_.node(id).outputs[0];
    inserted_.emplace_back(reader, id);
  }

  int Finish() {
    if (inserted_.empty()) return 0;
    std::vector<NodeId> order;
    std::size_t next = 0;
    for (NodeId id = 0; id < static_cast<NodeId>(count_); ++id) {
      if (next < inserted_.size() && inserted_[next].first == id) order.push_back(inserted_[next++].second);
      order.push_back(id);
    }
    Reorder(graph_, order);
    return static_cast<int>(inserted_.size());
  }

 private:
  std::string NewName(const std::string& like) {
    const std::size_t slash = like.rfind('/');
    const std::string base = (slash == std::string::npos ? "" : like.substr(0, slash + 1)) + "LeakyRelu";
    std::string name = base;
    for (int number = 1; !names_.insert(name).second; ++number) name = fmt::format("{}_{}", base, number);
    return name;
  }

  Graph& graph_;
  const std::size_t count_;
  std::set<std::string> names_;
  std::vector<std::pair<NodeId, NodeId>> inserted_;  // before which node, which one
};

}  // namespace

int KeepQuantizations(Graph& graph) {
  Separator separator(graph);
  const auto count = static_cast<NodeId>(graph.nodes().size());
  for (NodeId id = 0; id < count; ++id) {
    const Node& quantize = graph.node(id);
    if (quantize.op != "QuantizeLinear" || !ir::InputOf(quantize)) continue;
    const Node* before = MadeByWhatStays(graph, quantize);
    if (before == nullptr) continue;
    if (BecomesOnePair(graph, *before, quantize) || LosesClip(graph, *before, quantize)) separator.Before(id);
  }
  return separator.Finish();
}

int KeepPads(Graph& graph) {
  Separator separator(graph);
  const auto count = static_cast<NodeId>(graph.nodes().size());
  for (NodeId id = 0; id < count; ++id) {
    const Node& pool = graph.node(id);
    if (pool.op != "MaxPool" || !ir::InputOf(pool)) continue;
    const Node* pad = MadeByWhatStays(graph, pool);
    if (pad == nullptr || pad->op != "Pad") continue;
    if (graph.type(*ir::InputOf(pool)).dtype == DType::kFloat32) separator.Before(id);
  }
  return separator.Finish();
}

}  // namespace octavo::passes
