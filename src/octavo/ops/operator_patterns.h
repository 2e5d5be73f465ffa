#pragma once

#include <algorithm>
#include <string_view>

// Lists of operators in one text: names between blanks, where a last '*' stands for anything.

namespace octavo {

inline bool FitsPattern(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*')) return name == pattern;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

template <typename Visit>
void ForEachPattern(std::string_view list, const Visit& visit) {
  while (!list.empty()) {
    const std::string_view pattern = list.substr(0, list.find(' '));
    list.remove_prefix(std::min(list.size(), pattern.size() + 1));
    visit(pattern);
  }
}

}  // namespace octavo
