#include <cstdint>
#include <set>
#include <utility>

#include "octavo/passes/passes.h"

namespace octavo::passes {

int SeparateWeightZeroPoints(ir::Graph& graph) {
  constexpr std::size_t kZeroPoint = 2;  // the input after the values and the scale
  std::set<std::int32_t> taken;          // by index
  int made = 0;
  for (ir::NodeId id = 0; id < static_cast<ir::NodeId>(graph.nodes().size()); ++id) {
    const ir::Node& node = graph.node(id);
    if (node.op != "DequantizeLinear" || node.arguments.size() <= kZeroPoint) continue;
    const auto* weight = std::get_if<ir::ValueId>(&node.arguments[0].value);
    const auto* zero_point = std::get_if<ir::ValueId>(&node.arguments[kZeroPoint].value);
    if (!weight || !zero_point) continue;
    const auto& constant = graph.value(*weight).constant;
    if (!constant || StorageType(constant->dtype) != DType::kInt8 || !graph.value(*zero_point).constant) {
      continue;
    }
    for (const auto& [input, shared] :
         {std::pair(std::size_t{0}, *weight), std::pair(kZeroPoint, *zero_point)}) {
      if (taken.insert(shared.index).second) continue;
      const ir::Value& original = graph.value(shared);
      graph.node(id).arguments[input].value = graph.AddConstant(*original.constant, original.name);
      ++made;
    }
  }
  return made;
}

}  // namespace octavo::passes
