#include "octavo/ops/dequantized_levels.h"

#include "octavo/ir/inputs.h"
#include "octavo/lower/checks.h"

namespace octavo {

const ir::Node* ProducerOf(const ir::Graph& graph, ir::ValueId id, std::string_view op) {
  const ir::NodeId producer = id.valid() ? graph.value(id).producer : ir::kNoNode;
  if (producer == ir::kNoNode || graph.node(producer).op != op) return nullptr;
  return &graph.node(producer);
}

const Tensor* ConstantInput(const ir::Graph& graph, const ir::Node& node, std::size_t index) {
  const auto id = ir::InputOf(node, index);
  return id && graph.value(*id).constant ? &*graph.value(*id).constant : nullptr;
}

ir::ValueId BeforeMovements(const ir::Graph& graph, ir::ValueId id) {
  while (id.valid() && graph.value(id).producer != ir::kNoNode) {
    const ir::Node& node = graph.node(graph.value(id).producer);
    const auto input = ir::InputOf(node);
    if (!ir::IsMovement(node) || !input) break;
    id = *input;
  }
  return id;
}

std::optional<DequantizedLevels> LevelsBehind(const ir::Graph& graph, ir::ValueId x) {
  const ir::Node* node = ProducerOf(graph, x, "DequantizeLinear");
  if (!node) return std::nullopt;
  const Tensor *scale = ConstantInput(graph, *node, 1), *zero = ConstantInput(graph, *node, 2);
  if (!scale || !zero || scale->num_elements() != 1 || zero->num_elements() != 1) return std::nullopt;
  if (zero->dtype != DType::kUint8 && zero->dtype != DType::kInt8) return std::nullopt;
  const auto [low, high] = RangeOf(zero->dtype == DType::kUint8 ? DType::kQUint8 : DType::kQInt8);
  return DequantizedLevels{.integers = Value(&graph, *ir::InputOf(*node)),
                           .zero_point = Value(&graph, *ir::InputOf(*node, 2)),
                           .scale = scale->ToFloats()[0],
                           .zero = static_cast<float>(zero->ToInts()[0]),
                           .low = static_cast<float>(low),
                           .high = static_cast<float>(high)};
}

}  // namespace octavo
