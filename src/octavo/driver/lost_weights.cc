#include "octavo/driver/lost_weights.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace octavo::driver {
namespace {

// Of all weights that nodes read.
std::set<const Storage*> StoragesRead(const ir::Graph& graph) {
  std::set<const Storage*> storages;
  const auto add = [&](ir::ValueId id) {
    if (const auto& constant = graph.value(id).constant) storages.insert(constant->storage.get());
  };
  for (const ir::Node& node : graph.nodes()) {
    ir::Graph::ForEachUse(node, add);
    for (const ir::Argument& argument : node.arguments) {
      const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&argument.value);
      if (packed == nullptr) continue;
      storages.insert((*packed)->weight.storage.get());
      if ((*packed)->bias) storages.insert((*packed)->bias->storage.get());
    }
  }
  for (const ir::Output& output : graph.outputs()) add(output.value);
  return storages;
}

std::string Names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  if (names.size() <= kShown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kShown, ", "),
                     names.size() - kShown);
}

}  // namespace

std::vector<std::string> LostWeightWarnings(const module::Module& module, const ir::Graph& graph) {
  if (module.lost_weights.empty()) return {};
  const std::set<const Storage*> read = StoragesRead(graph);
  std::vector<std::string> used, unused;
  for (const auto& [name, storage] : module.lost_weights) {
    (read.contains(storage.get()) ? used : unused).push_back(name);
  }
  std::vector<std::string> warnings;
  if (!used.empty()) {
    warnings.push_back(fmt::format(
        "PyTorch saved zeros in place of weights that the model uses: {}. It does so for tensor subclasses "
        "such "
        "as torchao's; trace the model instead of scripting it, or replace these weights by plain tensors "
        "(weight.dequantize()) before saving",
        Names(used)));
  }
  if (!unused.empty()) {
    warnings.push_back(fmt::format("PyTorch saved zeros in place of weights that the model does not use: {}",
                                   Names(unused)));
  }
  return warnings;
}

}  // namespace octavo::driver
