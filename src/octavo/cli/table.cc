#include "octavo/cli/table.h"

#include <algorithm>
#include <numeric>

#include "octavo/cli/text.h"
#include "octavo/cli/wrap.h"

namespace octavo::cli {
namespace {

constexpr std::size_t kGap = 2;
// Narrower columns of text are no longer read; the terminal wraps such lines by itself.
constexpr std::size_t kNarrowest = 7;
// Of a column that is not fitted to a terminal: one long cell must not widen every row.
constexpr std::size_t kWidest = 1000;

struct Column {
  std::string title;
  bool right = false;
  std::size_t width = 0;
};

// Takes from the widest columns of text until all fit.
void Fit(std::vector<Column>& columns, std::size_t width) {
  std::size_t widest = kNarrowest;
  for (const Column& column : columns) {
    if (!column.right) widest = std::max(widest, column.width);
  }
  const auto capped = [](const Column& column, std::size_t cap) {
    return column.right ? column.width : std::min(column.width, cap);
  };
  const auto total = [&](std::size_t cap) {
    return std::accumulate(columns.begin(), columns.end(), kGap * (columns.size() - 1),
                           [&](std::size_t sum, const Column& column) { return sum + capped(column, cap); });
  };
  std::size_t cap = widest;
  while (cap > kNarrowest && total(cap) > width) --cap;
  for (Column& column : columns) column.width = capped(column, cap);
}

std::string Row(const std::vector<Column>& columns, const std::vector<Cell>& cells) {
  std::vector<std::vector<std::string>> wrapped;
  std::size_t height = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string text = Printable(cells[i].text);
    std::ranges::replace(text, '\n', ' ');
    wrapped.push_back(Wrap(text, columns[i].width));
    height = std::max(height, wrapped.back().size());
  }
  std::string out;
  for (std::size_t line = 0; line < height; ++line) {
    std::string spaces;  // written only in front of something
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) spaces.append(kGap, ' ');
      const std::string part = line < wrapped[i].size() ? wrapped[i][line] : std::string();
      const std::size_t padding = columns[i].width - std::min(columns[i].width, Columns(part));
      if (columns[i].right) spaces.append(padding, ' ');
      if (!part.empty()) out += std::exchange(spaces, {}) + Colored(part, cells[i].color);
      if (!columns[i].right) spaces.append(padding, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string Table::ToString(std::optional<std::size_t> width) const {
  std::vector<Column> columns;
  std::vector<Cell> titles;
  for (const std::string& header : headers_) {
    const bool right = header.starts_with('>');
    columns.push_back({.title = right ? header.substr(1) : header, .right = right});
    columns.back().width = Columns(columns.back().title);
    titles.emplace_back(columns.back().title);
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      columns[i].width = std::max(columns[i].width, Columns(row[i].text));
  }
  if (width) {
    Fit(columns, *width);
  } else {
    for (Column& column : columns) {
      if (!column.right) column.width = std::min(column.width, kWidest);
    }
  }
  std::string out = Row(columns, titles);
  for (const auto& row : rows_) out += Row(columns, row);
  return out;
}

}  // namespace octavo::cli
