#include "octavo/engine/channels_last.h"

#include <functional>
#include <set>
#include <string_view>

namespace octavo::engine {
namespace {

// Operators through which ONNX Runtime moves a transposition of an image's channels.
const std::set<std::string_view> kKeepOrder = {"DequantizeLinear",
                                               "MaxPool",
                                               "QuantizeLinear",
                                               "Relu",
                                               "Clip",
                                               "Resize",
                                               "com.microsoft::QLinearAdd",
                                               "com.microsoft::QLinearAveragePool",
                                               "com.microsoft::QLinearConcat",
                                               "com.microsoft::QLinearLeakyRelu",
                                               "com.microsoft::QLinearMul",
                                               "com.microsoft::QLinearSigmoid"};

bool IsConvolution(const ir::Node& node) { return node.op == "QLinearConv" || node.op == "Conv"; }

}  // namespace

void FindChannelsLast(Program& program) {
  const ir::Graph& graph = program.graph;
  std::vector<bool> behind(graph.num_values()), before(graph.num_values());  // a convolution
  const auto at = [](std::vector<bool>& of, ir::ValueId id) {
    return of[static_cast<std::size_t>(id.index)];
  };
  const auto& nodes = graph.nodes();
  for (const ir::Node& node : nodes) {
    bool is = IsConvolution(node);
    if (!is && kKeepOrder.contains(node.op)) {
      for (const ir::ValueId input : InputsOf(node)) is = is || (input.valid() && at(behind, input));
    }
    for (const ir::ValueId output : node.outputs) behind[static_cast<std::size_t>(output.index)] = is;
  }
  for (std::size_t n = nodes.size(); n-- > 0;) {
    const auto inputs = InputsOf(nodes[n]);
    if (inputs.empty() || !inputs[0].valid()) continue;
    if (IsConvolution(nodes[n])) before[static_cast<std::size_t>(inputs[0].index)] = true;
    if (!kKeepOrder.contains(nodes[n].op) || nodes[n].outputs.empty() || !at(before, nodes[n].outputs[0]))
      continue;
    for (const ir::ValueId input : inputs) {
      if (input.valid()) before[static_cast<std::size_t>(input.index)] = true;
    }
  }
  for (const ir::Node& node : nodes) {
    if (node.op != "Resize" || node.outputs.size() != 1) continue;
    const auto inputs = InputsOf(node);
    if (!inputs.empty() && inputs[0].valid() && at(behind, inputs[0]) && at(before, node.outputs[0]))
      program.channels_last.insert(node.outputs[0].index);
  }
}

}  // namespace octavo::engine
