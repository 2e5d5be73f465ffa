#include "octavo/ops/proven_reals.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "octavo/ir/inputs.h"
#include "octavo/lower/steps.h"

namespace octavo {
namespace {

// Other inputs are sizes, indices, bounds.
bool MovesItsFirstInput(const ir::Node& node) {
  static const std::set<std::string_view> kMore = {"Clip", "DepthToSpace", "Expand",       "Gather",
                                                   "Pad",  "Relu",         "SpaceToDepth", "Tile"};
  return ir::IsMovement(node) || kMore.contains(node.op);
}

bool ChoosesAmongInputs(std::string_view op) {
  static const std::set<std::string_view> kChoices = {"Abs", "Concat", "Max", "MaxPool", "Min", "Neg"};
  return kChoices.contains(op);
}

}  // namespace

RealsFrom WhereProven(Builder& g, Value x) {
  const ir::Graph& graph = g.graph();
  RealsFrom from = RealsFrom::kConstants;
  std::set<std::int32_t> seen;
  std::vector<ir::ValueId> open = {x.id()};
  while (!open.empty()) {
    const ir::ValueId id = open.back();
    open.pop_back();
    if (!id.valid() || !seen.insert(id.index).second) continue;
    if (g.proven(Value(&graph, id))) {
      from = RealsFrom::kLevels;
      continue;
    }
    const ir::NodeId producer = graph.value(id).producer;
    if (producer == ir::kNoNode) {
      const DType dtype = graph.type(id).dtype;
      if (dtype != DType::kFloat32 && dtype != DType::kUnknown) return RealsFrom::kUnproven;
      continue;
    }
    const ir::Node& node = graph.node(producer);
    if (node.op == "DequantizeLinear") {
      from = RealsFrom::kLevels;
    } else if (MovesItsFirstInput(node)) {
      open.push_back(ir::InputOf(node).value_or(ir::ValueId{}));
    } else if (ChoosesAmongInputs(node.op)) {
      for (const ir::ValueId input : ir::InputsOf(node)) open.push_back(input);
    } else {
      return RealsFrom::kUnproven;
    }
  }
  return from;
}

Value MarkProven(Builder& g, Value result, std::initializer_list<Value> operands) {
  if (StatesExactness(g) && std::ranges::all_of(operands, [&](const Value& operand) {
        return WhereProven(g, operand) != RealsFrom::kUnproven;
      })) {
    g.SetProven(result);
  }
  return result;
}

}  // namespace octavo
