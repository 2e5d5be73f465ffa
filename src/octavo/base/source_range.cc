#include "octavo/base/source_range.h"

#include <algorithm>
#include <string_view>

namespace octavo {
namespace {

// A line of a hostile file may be megabytes long; a message shows, and looks at, this much of it around the
// place.
constexpr std::size_t kExcerptWidth = 160;

std::size_t LineBegin(const std::string& text, std::size_t at) {
  if (at == 0) return 0;
  const std::size_t newline = text.rfind('\n', at - 1);
  return newline == std::string::npos ? 0 : newline + 1;
}

}  // namespace

std::string SourceRange::Place() const {
  if (!source) return {};
  const std::size_t at = std::min<std::size_t>(begin, source->text.size());
  const auto line =
      1 + std::count(source->text.begin(), source->text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  const std::size_t column = 1 + at - LineBegin(source->text, at);
  return source->name + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string SourceRange::Excerpt() const {
  if (!source) return {};
  const std::string& text = source->text;
  const std::size_t at = std::min<std::size_t>(begin, text.size());
  const std::size_t from = at - std::min(at, kExcerptWidth);
  const std::size_t newline = std::string_view(text).substr(from, at - from).rfind('\n');
  std::size_t first = newline == std::string::npos ? from : from + newline + 1;
  const std::string_view rest = std::string_view(text).substr(at, kExcerptWidth);
  std::size_t last = at + std::min(rest.find('\n'), rest.size());
  while (first < at && (text[first] == ' ' || text[first] == '\t')) ++first;
  if (at - first > kExcerptWidth / 2) first = at - kExcerptWidth / 2;
  last = std::min(last, first + kExcerptWidth);
  const std::size_t stop = std::clamp<std::size_t>(end, at + 1, std::max(last, at + 1));
  return text.substr(first, last - first) + "\n" + std::string(at - first, ' ') + std::string(stop - at, '^');
}

}  // namespace octavo
