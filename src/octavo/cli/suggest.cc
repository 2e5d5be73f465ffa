#include "octavo/cli/suggest.h"

#include "octavo/base/closest.h"

namespace octavo::cli {
namespace {

// "ort" is onnxruntime, and no abbreviation of tensorrt.
bool Abbreviates(std::string_view text, std::string_view name) {
  if (text[0] != name[0]) return false;
  std::size_t found = 0;
  for (const char c : name) {
    if (found < text.size() && text[found] == c) ++found;
  }
  return found == text.size();
}

}  // namespace

std::string Meant(std::string_view text, const std::vector<std::string>& names) {
  if (std::string closest = Closest(text, names); !closest.empty()) return closest;
  constexpr std::size_t kFewestLetters = 2;
  if (text.size() < kFewestLetters) return {};
  std::string only;
  for (const std::string& name : names) {
    if (name.empty() || !Abbreviates(text, name)) continue;
    if (!only.empty()) return {};
    only = name;
  }
  return only;
}

std::string OneOf(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace octavo::cli
