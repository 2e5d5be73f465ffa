#include "octavo/ir/origin.h"

#include <algorithm>
#include <cctype>
#include <unordered_map>

#include <fmt/format.h>

namespace octavo::ir {
namespace {

std::string Joined(const Origin& origin, const std::string& place) {
  std::string text = origin.op;
  if (!place.empty()) text += text.empty() ? place : " at " + place;
  if (!origin.module_path.empty()) text += (text.empty() ? "in " : ", in ") + origin.module_path;
  return text;
}

// Where " #2" begins at the end of a place; its size where there is none.
std::size_t NumberBegin(std::string_view place) {
  const std::size_t begin = place.find_last_not_of("0123456789") + 1;
  const bool numbered = begin < place.size() && place.substr(0, begin).ends_with(" #");
  return numbered ? begin - 2 : place.size();
}

// "net.py:12 (code/__torch__/net.py:31:10) #2" to the two places that it was made of.
void SplitPlace(Origin& origin) {
  constexpr std::string_view kOpen = " (code/";
  const std::size_t end = NumberBegin(origin.place);
  const std::size_t open = origin.place.rfind(kOpen);
  if (open == std::string::npos || open == 0 || end == 0 || origin.place[end - 1] != ')') return;
  origin.author_line = origin.place.substr(0, open);
  origin.place = origin.place.substr(open + 2, end - 1 - (open + 2)) + origin.place.substr(end);
}

}  // namespace

std::string Place(const Origin& origin) {
  if (origin.author_line.empty() || origin.place.empty()) return origin.author_line + origin.place;
  const std::size_t end = NumberBegin(origin.place);
  return fmt::format("{} ({}){}", origin.author_line, origin.place.substr(0, end), origin.place.substr(end));
}

std::string Text(const Origin& origin) { return Joined(origin, Place(origin)); }

std::string Identity(const Origin& origin) { return Joined(origin, origin.place); }

std::optional<Origin> ParseOrigin(std::string_view text) {
  Origin origin;
  constexpr std::string_view kIn = ", in ", kAt = " at ";
  if (const std::size_t in = text.rfind(kIn); in != std::string_view::npos) {
    origin.module_path = text.substr(in + kIn.size());
    text = text.substr(0, in);
  }
  if (const std::size_t at = text.find(kAt); at != std::string_view::npos) {
    origin.place = text.substr(at + kAt.size());
    SplitPlace(origin);
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
    const int count = seen[Identity(*node.origin)] += 1;
    if (count == 1) continue;
    auto numbered = std::make_shared<Origin>(*node.origin);
    numbered->place += fmt::format(" #{}", count);
    origins.back() = std::move(numbered);
  }
  return origins;
}

}  // namespace octavo::ir
