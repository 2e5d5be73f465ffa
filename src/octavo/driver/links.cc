#include "octavo/driver/links.h"

#include "octavo/ir/inputs.h"
#include "octavo/passes/lowered_node.h"

namespace octavo::driver {
namespace {

using ir::ValueId;

std::size_t Index(ValueId id) { return static_cast<std::size_t>(id.index); }

bool IsThere(const ir::Graph& graph, ValueId id) {
  if (graph.value(id).producer != ir::kNoNode) return true;
  for (const ValueId input : graph.inputs()) {
    if (input == id) return true;
  }
  return false;
}

std::vector<int> Inverse(const std::vector<int>& order) {
  std::vector<int> inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return inverse;
}

// `first`, then `second`; empty ones leave all axes where they are.
std::vector<int> Then(const std::vector<int>& first, const std::vector<int>& second) {
  if (first.empty()) return second;
  if (second.empty()) return first;
  std::vector<int> both;
  bool moves = false;
  for (std::size_t i = 0; i < second.size(); ++i) {
    both.push_back(first[static_cast<std::size_t>(second[i])]);
    moves |= both.back() != static_cast<int>(i);
  }
  return moves ? both : std::vector<int>();
}

}  // namespace

LinkFollower::LinkFollower(const ir::Graph& lowered, std::vector<lower::Link> links)
    : links_(std::move(links)), steps_(lowered.num_values()) {
  for (const ir::Node& node : lowered.nodes()) {
    const auto input = ir::InputOf(node);
    if (node.outputs.size() != 1 || !input) continue;
    Step& step = steps_[Index(node.outputs[0])];
    step.from = *input;
    if (const auto order = passes::Permutation(node)) step.order.assign(order->begin(), order->end());
  }
  std::erase_if(links_, [&](const lower::Link& link) { return !IsThere(lowered, link.lowered); });
}

std::vector<verify::Pair> LinkFollower::After(const ir::Graph& lowered) const {
  std::vector<verify::Pair> pairs;
  for (const lower::Link& link : links_) {
    verify::Pair pair{link.source, link.lowered, {}};
    while (pair.b.valid() && !IsThere(lowered, pair.b)) {
      // Values that the passes made have no way back, and none of these is a link.
      const Step step = Index(pair.b) < steps_.size() ? steps_[Index(pair.b)] : Step();
      pair.order = Then(pair.order, Inverse(step.order));
      pair.b = step.from;
    }
    if (pair.b.valid()) pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace octavo::driver
