#include "octavo/ir/inputs.h"

#include <set>
#include <string_view>
#include <variant>

namespace octavo::ir {

std::optional<ValueId> InputOf(const Node& node, std::size_t index) {
  for (const Argument& argument : node.arguments) {
    if (!argument.name.empty()) continue;
    if (index-- > 0) continue;
    const auto* id = std::get_if<ValueId>(&argument.value);
    return id != nullptr && id->valid() ? std::optional(*id) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<ValueId> InputsOf(const Node& node) {
  std::vector<ValueId> inputs;
  for (const Argument& argument : node.arguments) {
    if (!argument.name.empty()) continue;
    const auto* id = std::get_if<ValueId>(&argument.value);
    inputs.push_back(id != nullptr ? *id : ValueId());
  }
  while (!inputs.empty() && !inputs.back().valid()) inputs.pop_back();
  return inputs;
}

void SetInput(Node& node, std::size_t index, ValueId value) {
  std::size_t at = 0;
  for (Argument& argument : node.arguments) {
    if (argument.name.empty() && at++ == index) argument.value = value;
  }
}

bool IsMovement(const Node& node) {
  static const std::set<std::string_view> kMovements = {"Flatten", "Identity", "Reshape",   "Slice",
                                                        "Split",   "Squeeze",  "Transpose", "Unsqueeze"};
  return kMovements.contains(node.op);
}

}  // namespace octavo::ir
