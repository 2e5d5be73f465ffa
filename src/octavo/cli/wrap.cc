#include "octavo/cli/wrap.h"

#include <algorithm>

namespace octavo::cli {
namespace {

bool BeginsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// The bytes of the first `columns` code points.
std::size_t BytesOf(std::string_view text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (BeginsCodePoint(text[i]) && ++seen > columns) return i;
  }
  return text.size();
}

bool BreaksBehind(char c) { return std::string_view(",./:;_-=+|)]}").find(c) != std::string_view::npos; }

// Where a line that starts `text` and may take `limit` bytes ends.
std::size_t LineEnd(std::string_view text, std::size_t limit) {
  for (std::size_t end = limit; end > 0; --end) {
    if (text[end] == ' ') return end;
  }
  // A break that leaves less than a third of the line is worse than one anywhere.
  for (std::size_t end = limit; end > limit / 3; --end) {
    if (BreaksBehind(text[end - 1])) return end;
  }
  return limit;
}

}  // namespace

std::size_t Columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), BeginsCodePoint));
}

std::vector<std::string> Wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  width = std::max<std::size_t>(width, 1);
  do {
    const std::size_t limit = BytesOf(text, width);
    const std::size_t end = limit == text.size() ? limit : LineEnd(text, limit);
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    lines.emplace_back(line);
  } while (!text.empty());
  return lines;
}

std::string Hanging(std::string_view first, std::string_view text, std::optional<std::size_t> width) {
  constexpr std::size_t kNarrowest = 16;
  const std::size_t indent = Columns(first);
  std::string out(first);
  if (!width) return out += std::string(text) + "\n";
  const std::size_t left = *width > indent ? *width - indent : 0;
  bool begun = false;
  for (const std::string& line : Wrap(text, std::max(left, kNarrowest))) {
    out += (begun ? std::string(indent, ' ') : std::string()) + line + "\n";
    begun = true;
  }
  return out;
}

std::string Cut(std::string_view text, std::size_t width) {
  if (Columns(text) <= width) return std::string(text);
  if (width == 0) return {};
  return std::string(text.substr(0, BytesOf(text, width - 1))) + "…";
}

std::string CutFront(std::string_view text, std::size_t width) {
  const std::size_t columns = Columns(text);
  if (columns <= width) return std::string(text);
  if (width == 0) return {};
  return "…" + std::string(text.substr(BytesOf(text, columns - (width - 1))));
}

}  // namespace octavo::cli
