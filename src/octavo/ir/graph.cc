#include "octavo/graph.h"

#include <cassert>

namespace octavo::ir {
namespace {

// Calls `visit` with a reference to each valid id inside the operand.  Packed weights are shared between
// graphs and therefore not among them.
template <typename OperandT, typename Visit>
void ForEachId(OperandT& operand, const Visit& visit) {
  if (auto* id = std::get_if<ValueId>(&operand)) {
    if (id->valid()) visit(*id);
  } else if (auto* list = std::get_if<ValueList>(&operand)) {
    for (auto& item : *list) {
      if (item.valid()) visit(item);
    }
  }
}

}  // namespace

const Operand* Node::Find(std::string_view argument_name) const {
  for (const Argument& argument : arguments) {
    if (argument.name == argument_name) return &argument.value;
  }
  return nullptr;
}

ValueId Graph::AddInput(std::string input_name, TensorType type) {
  const ValueId id{static_cast<std::int32_t>(values_.size())};
  values_.push_back({.name = std::move(input_name), .type = std::move(type)});
  inputs_.push_back(id);
  return id;
}

ValueId Graph::AddConstant(Tensor constant, std::string constant_name) {
  const ValueId id{static_cast<std::int32_t>(values_.size())};
  values_.push_back({.name = std::move(constant_name), .type = constant.type()});
  values_.back().constant = std::move(constant);
  return id;
}

NodeId Graph::AddNode(std::string op, std::vector<Argument> arguments, std::vector<TensorType> types,
                      std::shared_ptr<const Origin> origin) {
  const NodeId id = static_cast<NodeId>(nodes_.size());
  Node node{.op = std::move(op), .arguments = std::move(arguments), .origin = std::move(origin)};
  node.outputs.reserve(types.size());
  for (TensorType& type : types) {
    node.outputs.push_back(ValueId{static_cast<std::int32_t>(values_.size())});
    values_.push_back({.type = std::move(type), .producer = id});
  }
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::ForEachUse(const Node& node, const std::function<void(ValueId)>& visit) {
  for (const Argument& argument : node.arguments) {
    ForEachId(argument.value, visit);
    if (const auto* packed = std::get_if<std::shared_ptr<const PackedWeights>>(&argument.value);
        packed != nullptr && *packed != nullptr) {
      if ((*packed)->weight_value.valid()) visit((*packed)->weight_value);
      if ((*packed)->bias_value.valid()) visit((*packed)->bias_value);
    }
  }
}

void Graph::ReplaceUses(Node& node, const std::function<ValueId(ValueId)>& replacement) {
  for (Argument& argument : node.arguments) {
    ForEachId(argument.value, [&replacement](ValueId& id) { id = replacement(id); });
    auto* packed = std::get_if<std::shared_ptr<const PackedWeights>>(&argument.value);
    if (packed == nullptr || *packed == nullptr) continue;
    const ValueId weight = (*packed)->weight_value, bias = (*packed)->bias_value;
    const ValueId new_weight = weight.valid() ? replacement(weight) : weight;
    const ValueId new_bias = bias.valid() ? replacement(bias) : bias;
    if (new_weight == weight && new_bias == bias) continue;
    // Other nodes may share the packed weights: this one gets its own.
    auto copy = std::make_shared<PackedWeights>(**packed);
    copy->weight_value = new_weight;
    copy->bias_value = new_bias;
    *packed = std::move(copy);
  }
}

std::vector<int> Graph::CountUses() const {
  std::vector<int> uses(values_.size(), 0);
  const auto count = [&uses](ValueId id) { ++uses[static_cast<std::size_t>(id.index)]; };
  for (const Node& node : nodes_) ForEachUse(node, count);
  for (const Output& output : outputs_) {
    if (output.value.valid()) count(output.value);
  }
  return uses;
}

void Graph::ReplaceAllUses(ValueId from, ValueId to) {
  const auto replace = [from, to](ValueId id) { return id == from ? to : id; };
  for (Node& node : nodes_) ReplaceUses(node, replace);
  for (Output& output : outputs_) output.value = replace(output.value);
}

void Graph::KeepNodes(const std::vector<bool>& keep) {
  assert(keep.size() == nodes_.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const NodeId producer = keep[i] ? static_cast<NodeId>(kept) : kNoNode;
    for (const ValueId output : nodes_[i].outputs) {
      if (output.valid()) value(output).producer = producer;
    }
    if (!keep[i]) continue;
    if (kept != i) nodes_[kept] = std::move(nodes_[i]);
    ++kept;
  }
  nodes_.resize(kept);
}

}  // namespace octavo::ir
