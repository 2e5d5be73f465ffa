#include "octavo/verify/quantization.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "octavo/ir/inputs.h"

namespace octavo::verify {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

std::size_t ValueIndex(ValueId id) { return static_cast<std::size_t>(id.index); }

// A constant of one element at an input; a zero point that is left out is 0.
std::optional<double> Number(const Graph& graph, const std::vector<ValueId>& inputs, std::size_t at) {
  if (at >= inputs.size() || !inputs[at].valid()) return std::nullopt;
  const auto& constant = graph.value(inputs[at]).constant;
  if (!constant || constant->num_elements() != 1) return std::nullopt;
  if (!IsFloat(constant->dtype) && !IsInteger(constant->dtype)) return std::nullopt;
  return constant->ToDoubles()[0];
}

std::optional<Quantization> FromInputs(const Graph& graph, const Node& node, std::size_t scale_at) {
  const std::vector<ValueId> inputs = InputsOf(node);
  const std::optional<double> scale = Number(graph, inputs, scale_at);
  if (!scale) return std::nullopt;
  if (inputs.size() <= scale_at + 1) return Quantization::PerTensor(*scale, 0);
  const std::optional<double> zero_point = Number(graph, inputs, scale_at + 1);
  if (!zero_point) return std::nullopt;
  return Quantization::PerTensor(*scale, static_cast<std::int64_t>(*zero_point));
}

// Where the scale of the result stands among the inputs.
std::optional<std::size_t> ScaleInput(std::string_view op) {
  struct Place {
    std::string_view op;
    std::size_t at;
  };
  constexpr std::string_view kMicrosoft = "com.microsoft::";
  if (op.starts_with(kMicrosoft)) op.remove_prefix(kMicrosoft.size());
  static constexpr std::array<Place, 15> kPlaces = {{{"QuantizeLinear", 1},
                                                     {"QLinearConv", 6},
                                                     {"QLinearMatMul", 6},
                                                     {"QLinearAdd", 6},
                                                     {"QLinearMul", 6},
                                                     {"QGemm", 7},
                                                     {"QLinearConcat", 0},
                                                     {"QLinearSigmoid", 3},
                                                     {"QLinearLeakyRelu", 3},
                                                     {"QLinearSoftmax", 3},
                                                     {"QLinearAveragePool", 3},
                                                     {"QLinearGlobalAveragePool", 3},
                                                     {"QLinearReduceMean", 3},
                                                     {"QLinearWhere", 7},
                                                     {"QLinearReduceSum", 3}}};
  const auto* place =
      std::find_if(kPlaces.begin(), kPlaces.end(), [op](const Place& p) { return p.op == op; });
  return place == kPlaces.end() ? std::nullopt : std::optional(place->at);
}

std::optional<Quantization> FromAttributes(const Node& node) {
  const ir::Operand *scale = node.Find("Y_scale"), *zero_point = node.Find("Y_zero_point");
  const auto* number = scale != nullptr ? std::get_if<double>(scale) : nullptr;
  const auto* dim = zero_point != nullptr ? std::get_if<Dim>(zero_point) : nullptr;
  if (number == nullptr || dim == nullptr || !dim->known()) return std::nullopt;
  return Quantization::PerTensor(*number, dim->value());
}

bool Moves(std::string_view op) {
  static constexpr std::array<std::string_view, 16> kMoves = {
      "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice",        "Gather",       "Identity",
      "Expand",  "Tile",      "Split",   "MaxPool", "Resize",    "DepthToSpace", "SpaceToDepth", "Concat"};
  return std::find(kMoves.begin(), kMoves.end(), op) != kMoves.end();
}

}  // namespace

std::vector<std::optional<Quantization>> Quantizations(const Graph& graph) {
  std::vector<std::optional<Quantization>> found(graph.num_values());
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i] = graph.type(ValueId{static_cast<std::int32_t>(i)}).quantization;
  }
  // What a value's readers say of it counts where nothing else does.
  for (const Node& node : graph.nodes()) {
    if (node.op != "DequantizeLinear") continue;
    const std::vector<ValueId> inputs = InputsOf(node);
    if (inputs.empty() || !inputs[0].valid() || found[ValueIndex(inputs[0])]) continue;
    found[ValueIndex(inputs[0])] = FromInputs(graph, node, 1);
  }
  for (const Node& node : graph.nodes()) {
    std::optional<Quantization> quantization = FromAttributes(node);
    if (const auto at = ScaleInput(node.op); !quantization && at) quantization = FromInputs(graph, node, *at);
    if (!quantization && Moves(node.op)) {
      const std::vector<ValueId> inputs = InputsOf(node);
      if (!inputs.empty() && inputs[0].valid()) quantization = found[ValueIndex(inputs[0])];
    }
    if (!quantization) continue;
    for (const ValueId output : node.outputs) {
      if (output.valid() && !graph.type(output).quantization) found[ValueIndex(output)] = quantization;
    }
  }
  return found;
}

}  // namespace octavo::verify
