#include "octavo/driver/names.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/base/closest.h"

namespace octavo {

Result<Rename> Rename::Parse(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return UsageError(fmt::format("--rename \"{}\": expected OLD=NEW", text),
                      "Give the name of an input or output and its new name, such as --rename input=image.");
  }
  return Rename{.from = std::string(text.substr(0, equals)), .to = std::string(text.substr(equals + 1))};
}

namespace driver {
namespace {

Status GiveOutputNames(ir::Graph& graph, const std::vector<std::string>& names) {
  if (names.size() > graph.outputs().size()) {
    return UsageError(fmt::format("--output-name is given {} times, but the model has {} outputs",
                                  names.size(), graph.outputs().size()));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) return UsageError("--output-name: the name is empty");
    graph.outputs()[i].name = names[i];
  }
  return {};
}

std::vector<std::string*> NamesOf(ir::Graph& graph) {
  std::vector<std::string*> names;
  for (const ir::ValueId input : graph.inputs()) names.push_back(&graph.value(input).name);
  for (ir::Output& output : graph.outputs()) names.push_back(&output.name);
  return names;
}

Error NotThere(const std::string& name, const std::vector<std::string*>& names) {
  std::vector<std::string> all;
  for (const std::string* known : names) all.push_back(*known);
  const std::string meant = Closest(name, all);
  return UsageError(fmt::format("--rename {}=...: the model has no input or output {}", name, name),
                    meant.empty() ? fmt::format("Its inputs and outputs are {}.", fmt::join(all, ", "))
                                  : fmt::format("Did you mean {}?  Its inputs and outputs are {}.", meant,
                                                fmt::join(all, ", ")));
}

}  // namespace

Status NameInputsAndOutputs(ir::Graph& graph, const std::vector<std::string>& output_names,
                            const std::vector<Rename>& renames) {
  OCTAVO_TRY(GiveOutputNames(graph, output_names));
  return RenameAll(NamesOf(graph), renames);
}

Status RenameAll(const std::vector<std::string*>& names, const std::vector<Rename>& renames) {
  std::map<std::string, std::string> new_names;
  for (const auto& [from, to] : renames) {
    if (std::ranges::none_of(names, [&from = from](const std::string* name) { return *name == from; })) {
      return NotThere(from, names);
    }
    if (to.empty()) return UsageError(fmt::format("--rename {}=: the new name is empty", from));
    if (!new_names.emplace(from, to).second) {
      return UsageError(fmt::format("--rename gives {} two names", from));
    }
  }
  std::set<std::string> taken;
  for (std::string* name : names) {
    const auto renamed = new_names.find(*name);
    if (renamed != new_names.end()) *name = renamed->second;
    if (!taken.insert(*name).second) {
      return UsageError(fmt::format("two inputs or outputs would be named {}", *name),
                        "Give one of them another name with --rename OLD=NEW.");
    }
  }
  return {};
}

}  // namespace driver
}  // namespace octavo
