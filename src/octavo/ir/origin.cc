#include "octavo/ir/origin.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include <fmt/format.h>

namespace octavo::ir {

std::string Text(const Origin& origin) {
  std::string text = origin.op;
  if (!origin.place.empty()) text += text.empty() ? origin.place : " at " + origin.place;
  if (!origin.module_path.empty()) text += (text.empty() ? "in " : ", in ") + origin.module_path;
  return text;
}

std::optional<Origin> ParseOrigin(std::string_view text) {
  Origin origin;
  constexpr std::string_view kIn = ", in ", kAt = " at ";
  if (const std::size_t in = text.rfind(kIn); in != std::string_view::npos) {
    origin.module_path = text.substr(in + kIn.size());
    text = text.substr(0, in);
  }
  if (const std::size_t at = text.find(kAt); at != std::string_view::npos) {
    origin.place = text.substr(at + kAt.size());
    text = text.substr(0, at);
  }
  origin.op = text;
  // An operator's qualified name and nothing else.
  const bool name = std::all_of(text.begin(), text.end(), [](char c) {
    return c == ':' || c == '_' || c == '.' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
  if (!name || text.find("::") == std::string_view::npos) return std::nullopt;
  return origin;
}

std::vector<std::shared_ptr<const Origin>> NumberedOrigins(const Graph& graph) {
  std::unordered_map<std::string, int> seen;
  std::vector<std::shared_ptr<const Origin>> origins;
  origins.reserve(graph.nodes().size());
  for (const Node& node : graph.nodes()) {
    origins.push_back(node.origin);
    if (!node.origin) continue;
    const int count = seen[Text(*node.origin)] += 1;
    if (count == 1) continue;
    auto numbered = std::make_shared<Origin>(*node.origin);
    numbered->place += fmt::format(" #{}", count);
    origins.back() = std::move(numbered);
  }
  return origins;
}

}  // namespace octavo::ir
