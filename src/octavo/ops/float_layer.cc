#include "octavo/ops/float_layer.h"

#include <set>
#include <string_view>

#include "octavo/ir/inputs.h"

namespace octavo {

bool IsOfFloatLayer(const ir::Graph& graph, ir::ValueId value, bool float_weights) {
  static const std::set<std::string_view> kLayers = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
  static const std::set<std::string_view> kPassed = {"Add",       "BatchNormalization",
                                                     "Clip",      "Div",
                                                     "Flatten",   "Gather",
                                                     "Identity",  "MaxPool",
                                                     "Mul",       "Relu",
                                                     "Reshape",   "Slice",
                                                     "Squeeze",   "Sub",
                                                     "Transpose", "Unsqueeze"};
  for (ir::NodeId id = graph.value(value).producer; id != ir::kNoNode;) {
    const ir::Node& node = graph.node(id);
    if (kLayers.contains(node.op)) {
      const auto weight = ir::InputOf(node, 1);
      return !float_weights || (weight && graph.value(*weight).constant);
    }
    if (!kPassed.contains(node.op)) return false;
    id = ir::kNoNode;
    ir::Graph::ForEachUse(node, [&](ir::ValueId used) {
      if (id == ir::kNoNode) id = graph.value(used).producer;
    });
  }
  return false;
}

Value KeptApart(Builder& g, Value x) { return g.Op("LeakyRelu", {x}, {{"alpha", 1.0}}); }

}  // namespace octavo
