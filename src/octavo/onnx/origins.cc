#include "octavo/onnx/origins.h"

#include <optional>
#include <utility>

#include "octavo/ir/origin.h"
#include <nlohmann/json.hpp>

namespace octavo::onnx {

std::string OriginsText(const ir::Graph& graph, const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, nlohmann::json>> origins;  // in the nodes' order
  std::unordered_map<std::string, std::size_t> at;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.nodes()[i];
    if (!node.origin) continue;
    std::string text = ir::Text(*node.origin);
    const auto [known, added] = at.emplace(text, origins.size());
    if (added) origins.emplace_back(std::move(text), nlohmann::json::array());
    origins[known->second].second.push_back(names[i]);
  }
  if (origins.empty()) return {};
  // Texts may come from a file that is not UTF-8.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  std::string text = "{";
  for (const auto& [origin, nodes] : origins) {
    if (text.size() > 1) text += ',';
    text +=
        nlohmann::json(origin).dump(-1, ' ', false, kReplace) + ':' + nodes.dump(-1, ' ', false, kReplace);
  }
  return text + '}';
}

std::unordered_map<std::string, std::shared_ptr<const ir::Origin>> ParseOrigins(const std::string& text) {
  std::unordered_map<std::string, std::shared_ptr<const ir::Origin>> origins;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return origins;
  for (const auto& [said, names] : json.items()) {
    std::optional<ir::Origin> origin = ir::ParseOrigin(said);
    if (!origin || !names.is_array()) continue;
    const auto shared = std::make_shared<const ir::Origin>(std::move(*origin));
    for (const auto& name : names) {
      if (name.is_string()) origins.emplace(name.get<std::string>(), shared);
    }
  }
  return origins;
}

}  // namespace octavo::onnx
