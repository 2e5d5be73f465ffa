#include "octavo/driver/foreign_numbers.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "octavo/arithmetic/pytorch/layers.h"
#include "octavo/targets/onnxruntime/requantize.h"

namespace octavo::driver {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// What each side computes between DequantizeLinear and QuantizeLinear, and of floats.
struct Rounding {
  const char* runtime;
  const char* pytorch;
};

constexpr Rounding kLayer = {"multiplies the sum by (x · w) / y, scales of input, weight and result",
                             "by (x · w) · (1 / y)"};
constexpr Rounding kFloats = {"rounds floats in its own order", "in another"};

const std::unordered_map<std::string_view, Rounding>& Roundings() {
  static const std::unordered_map<std::string_view, Rounding> kRoundings = {
      {"Conv", kLayer},
      {"ConvTranspose", kLayer},
      {"Gemm", kLayer},
      {"MatMul", kLayer},
      {"Add", {"adds in float32, ties to even", "in fixed point, ties away from zero"}},
      {"Mul", {"adds the zero point before it rounds", "after it"}},
      {"Concat",
       {"requantizes operands of other scales with a table", "multiplies by the reciprocal of the scale"}},
      {"AveragePool", {"divides by the scale and adds the zero point before it rounds", "after it"}},
      {"GlobalAveragePool",
       {"multiplies the sum by x / (y · count)", "the distance from the zero point by 1 / count"}},
      {"ReduceMean", {"averages floats", "integers"}},
      {"Sigmoid", {"approximates it in float32", "computes it in float64"}},
      {"Tanh", {"approximates it in float32", "computes it in float64"}},
      {"HardSigmoid", {"divides by the scale", "multiplies by its reciprocal"}},
      {"HardSwish", {"divides by the scale", "multiplies by its reciprocal"}},
      {"LeakyRelu", {"divides by the scale", "multiplies by its reciprocal"}},
      {"PRelu", {"multiplies floats", "integers by one multiplier"}},
      {"Elu", {"divides by the scale", "multiplies by its reciprocal"}},
      {"Celu", {"divides by the scale", "multiplies by its reciprocal"}},
      {"Gelu", {"divides by the scale", "multiplies by its reciprocal"}},
      {"Softmax", {"adds float32 exponentials", "exponentials from float64"}},
      {"Resize", {"interpolates float32 values", "integers"}},
      {"Upsample", {"interpolates float32 values", "integers"}},
      {"BatchNormalization", {"normalizes floats", "integers with one fused multiplication and addition"}},
      {"QuantizeLinear", {"divides by the scale", "multiplies by its rounded reciprocal"}}};
  return kRoundings;
}

// Of floats and of integers alike, these are equal on both sides.
bool IsEqual(std::string_view op) {
  static const std::unordered_set<std::string_view> kEqual = {"DequantizeLinear",
                                                              "MaxPool",
                                                              "GlobalMaxPool",
                                                              "Relu",
                                                              "Clip",
                                                              "Min",
                                                              "Max",
                                                              "Abs",
                                                              "Neg",
                                                              "Sign",
                                                              "Floor",
                                                              "Ceil",
                                                              "Round",
                                                              "Reshape",
                                                              "Transpose",
                                                              "Flatten",
                                                              "Squeeze",
                                                              "Unsqueeze",
                                                              "Slice",
                                                              "Gather",
                                                              "GatherElements",
                                                              "GatherND",
                                                              "Identity",
                                                              "DepthToSpace",
                                                              "SpaceToDepth",
                                                              "Expand",
                                                              "Tile",
                                                              "Split",
                                                              "Pad",
                                                              "Cast",
                                                              "Constant",
                                                              "ConstantOfShape",
                                                              "Shape",
                                                              "Size",
                                                              "Where",
                                                              "Equal",
                                                              "Less",
                                                              "Greater",
                                                              "LessOrEqual",
                                                              "GreaterOrEqual",
                                                              "And",
                                                              "Or",
                                                              "Not",
                                                              "Xor",
                                                              "ArgMax",
                                                              "ArgMin",
                                                              "ReduceMax",
                                                              "ReduceMin",
                                                              "TopK",
                                                              "NonZero",
                                                              "Dropout",
                                                              "Range",
                                                              "OneHot",
                                                              "ScatterElements",
                                                              "ScatterND",
                                                              "Trilu",
                                                              "If",
                                                              "Loop",
                                                              "CumSum"};
  return kEqual.contains(op);
}

class Comparison {
 public:
  explicit Comparison(const Graph& graph)
      : graph_(graph), producers_(graph.num_values()), readers_(graph.num_values()) {
    for (const Node& node : graph.nodes()) {
      for (const ValueId output : node.outputs) {
        if (output.valid()) producers_[Index(output)] = &node;
      }
      Graph::ForEachUse(node, [&](ValueId id) {
        if (id.valid()) readers_[Index(id)].push_back(&node);
      });
    }
  }

  // Empty: the node's results are the same.
  std::string LineFor(const Node& node) const {
    if (IsEqual(node.op) || !MakesFloatsOrBytes(node)) return {};
    const auto at = Roundings().find(node.op);
    const bool quantizes = node.op == "QuantizeLinear";
    const bool between = quantizes || (ReadsIntegers(node) && MakesIntegers(node));
    if (quantizes && (AllPowersOfTwo(ScalesOf(node, 1)) || IsPartOfAnother(node))) return {};
    if (node.op == "Resize" && IsNearest(node)) return {};
    if (node.op == "Concat" && (!between || SameQuantization(node))) return {};
    const bool layer = at != Roundings().end() && at->second.runtime == kLayer.runtime;
    if (layer && between && SameMultipliers(node)) return {};
    return Line(node, between && at != Roundings().end() ? at->second : kFloats);
  }

 private:
  static std::size_t Index(ValueId id) { return static_cast<std::size_t>(id.index); }

  static std::string Line(const Node& node, const Rounding& rounding) {
    const std::string place = node.name.empty() ? "a node without a name" : "node " + node.name;
    return fmt::format("{} at {}: ONNX Runtime {}; PyTorch, which a Caffe2 model means, {}", node.op, place,
                       rounding.runtime, rounding.pytorch);
  }

  bool MakesFloatsOrBytes(const Node& node) const {
    return std::ranges::any_of(node.outputs, [&](ValueId id) {
      if (!id.valid()) return false;
      const TensorType& type = graph_.type(id);
      return type.dtype == DType::kUnknown || type.quantized() || IsFloat(type.dtype) ||
             type.dtype == DType::kUint8 || type.dtype == DType::kInt8;
    });
  }

  const Node* Producer(const Node& node, std::size_t i) const {
    const ValueId* id = Operand(node, i);
    return id && id->valid() ? producers_[Index(*id)] : nullptr;
  }

  static const ValueId* Operand(const Node& node, std::size_t i) {
    if (i >= node.arguments.size() || !node.arguments[i].name.empty()) return nullptr;
    return std::get_if<ValueId>(&node.arguments[i].value);
  }

  bool ReadsIntegers(const Node& node) const {
    const Node* before = Producer(node, 0);
    return before && before->op == "DequantizeLinear";
  }

  // Relu and Clip may stand between.
  bool MakesIntegers(const Node& node) const {
    const Node* current = &node;
    while (current->outputs.size() == 1 && readers_[Index(current->outputs[0])].size() == 1) {
      const Node* after = readers_[Index(current->outputs[0])][0];
      if (after->op == "QuantizeLinear") return true;
      if (after->op != "Relu" && after->op != "Clip") return false;
      current = after;
    }
    return std::ranges::any_of(node.outputs, [&](ValueId id) {
      return id.valid() && std::ranges::any_of(readers_[Index(id)], [](const Node* after) {
               return after->op == "QuantizeLinear";
             });
    });
  }

  // A QuantizeLinear behind an operator between integers, whose line says it; or one that gives integers back
  // that were only moved.
  bool IsPartOfAnother(const Node& node) const {
    const Node* before = Producer(node, 0);
    while (before && IsEqual(before->op) && before->op != "DequantizeLinear") before = Producer(*before, 0);
    if (!before) return false;
    if (before->op == "DequantizeLinear") {
      return ScalesOf(*before, 1) == ScalesOf(node, 1) && ScalesOf(*before, 2) == ScalesOf(node, 2);
    }
    return Roundings().contains(before->op) && ReadsIntegers(*before) && MakesIntegers(*before);
  }

  const Node* Quantizer(const Node& node) const {
    const Node* current = &node;
    while (current->outputs.size() == 1 && !readers_[Index(current->outputs[0])].empty()) {
      const Node* after = readers_[Index(current->outputs[0])][0];
      if (after->op == "QuantizeLinear") return after;
      if (after->op != "Relu" && after->op != "Clip") return nullptr;
      current = after;
    }
    return nullptr;
  }

  std::vector<float> ScalesOf(const Node& node, std::size_t i) const {
    const ValueId* id = Operand(node, i);
    if (!id || !id->valid() || !graph_.value(*id).constant) return {};
    return graph_.value(*id).constant->ToFloats();
  }

  static bool AllPowersOfTwo(const std::vector<float>& scales) {
    return !scales.empty() && std::ranges::all_of(scales, [](float scale) {
      int exponent = 0;
      return std::frexp(scale, &exponent) == 0.5F;
    });
  }

  bool SameMultipliers(const Node& node) const {
    const Node* x = Producer(node, 0);
    const Node* w = Producer(node, 1);
    const Node* y = Quantizer(node);
    if (!x || !w || !y || w->op != "DequantizeLinear") return false;
    const std::vector<float> of_x = ScalesOf(*x, 1), of_w = ScalesOf(*w, 1), of_y = ScalesOf(*y, 1);
    if (of_x.size() != 1 || of_y.size() != 1 || of_w.empty()) return false;
    return std::ranges::all_of(of_w, [&](float one) {
      const arithmetic::pytorch::LayerChannel channel(
          arithmetic::pytorch::LayerKernel::kQnnpack,
          {.x = of_x[0], .weight = one, .y = of_y[0], .per_channel = of_w.size() > 1}, 0, 0);
      return channel.float_multiplier() == targets::onnxruntime::Multiplier(of_x[0], one, of_y[0]);
    });
  }

  bool SameQuantization(const Node& node) const {
    const Node* y = Quantizer(node);
    if (!y) return false;
    const std::vector<float> wanted = ScalesOf(*y, 1), wanted_zero = ScalesOf(*y, 2);
    for (std::size_t i = 0; Operand(node, i) != nullptr; ++i) {
      const Node* x = Producer(node, i);
      if (!x || x->op != "DequantizeLinear" || ScalesOf(*x, 1) != wanted || ScalesOf(*x, 2) != wanted_zero) {
        return false;
      }
    }
    return true;
  }

  static bool IsNearest(const Node& node) {
    const auto* mode = node.Find("mode");
    const auto* text = mode ? std::get_if<std::string>(mode) : nullptr;
    return !text || *text == "nearest";
  }

  const Graph& graph_;
  std::vector<const Node*> producers_;
  std::vector<std::vector<const Node*>> readers_;
};

}  // namespace

std::vector<std::string> NodesThatRoundOtherwise(const Graph& graph) {
  const Comparison comparison(graph);
  std::vector<std::string> lines;
  for (const Node& node : graph.nodes()) {
    std::string line = comparison.LineFor(node);
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace octavo::driver
