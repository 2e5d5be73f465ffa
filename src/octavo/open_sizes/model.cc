#include "octavo/open_sizes/model.h"

#include <algorithm>

namespace octavo::open_sizes {

Model::Model(const import::Imported& imported) : imported_(imported) {
  for (const ir::ValueId input : graph().inputs()) {
    const std::optional<Shape>& sizes = shape(input);
    for (std::size_t i = 0; sizes && i < sizes->size(); ++i) {
      for (const std::string& name : (*sizes)[i].named_sizes()) {
        if (open_.insert(name).second) order_.push_back(name);
      }
    }
  }
  if (open_.empty()) return;
  std::vector<bool> needed(graph().num_values());
  for (const ir::Output& output : graph().outputs()) {
    needed[static_cast<std::size_t>(output.value.index)] = true;
    outputs_.insert(output.value);
  }
  users_.resize(graph().num_values());
  for (auto id = static_cast<ir::NodeId>(graph().nodes().size()) - 1; id >= 0; --id) {
    const auto is_needed = [&](ir::ValueId value) { return needed[static_cast<std::size_t>(value.index)]; };
    if (!std::ranges::any_of(node(id).outputs, is_needed)) continue;
    nodes_.push_back(id);
    ir::Graph::ForEachUse(node(id), [&](ir::ValueId value) {
      if (!value.valid()) return;
      needed[static_cast<std::size_t>(value.index)] = true;
      std::vector<ir::NodeId>& users = users_[static_cast<std::size_t>(value.index)];
      if (users.empty() || users.back() != id) users.push_back(id);
    });
  }
  std::ranges::reverse(nodes_);
}

std::vector<std::string> Model::InOrder(const Names& names) const {
  std::vector<std::string> ordered;
  std::ranges::copy_if(order_, std::back_inserter(ordered),
                       [&](const auto& name) { return names.contains(name); });
  return ordered;
}

std::optional<std::int64_t> Model::AsTraced(const Dim& dim) const { return dim.With(traced_sizes()).maybe(); }

Names Model::OpenIn(const Dim& dim) const {
  if (dim.known()) return {};
  Names names = dim.named_sizes();
  std::erase_if(names, [this](const std::string& name) { return !open_.contains(name); });
  return names;
}

std::optional<std::string> Model::NameOf(const Dim& dim) const {
  const Names names = OpenIn(dim);
  if (names.size() != 1 || dim != Dim::Symbol(*names.begin())) return std::nullopt;
  return *names.begin();
}

ir::ValueId Model::Self(const ir::Node& node) const {
  for (const ir::Argument& argument : node.arguments) {
    if (const auto* id = std::get_if<ir::ValueId>(&argument.value); id && id->valid()) return *id;
  }
  return {};
}

std::optional<std::int64_t> IntArgument(const ir::Node& node, std::string_view name) {
  const ir::Operand* operand = node.Find(name);
  const Dim* dim = operand ? std::get_if<Dim>(operand) : nullptr;
  return dim ? dim->maybe() : std::nullopt;
}

const std::vector<Dim>* IntsArgument(const ir::Node& node, std::string_view name) {
  const ir::Operand* operand = node.Find(name);
  return operand ? std::get_if<std::vector<Dim>>(operand) : nullptr;
}

}  // namespace octavo::open_sizes
