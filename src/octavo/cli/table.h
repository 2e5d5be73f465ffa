#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "octavo/cli/terminal.h"

namespace octavo::cli {

struct Cell {
  Cell(std::string cell_text, Color cell_color = Color::kNone)
      : text(std::move(cell_text)), color(cell_color) {}
  Cell(const char* cell_text) : text(cell_text) {}
  std::string text;
  Color color = Color::kNone;
};

// Columns padded to the widest cell, two spaces between them. A column whose header begins with ">" is set
// flush right and never wrapped; the cells of others are wrapped where the table is wider than the terminal.
class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}
  void Add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  // For standard output; `width` unset: as wide as the cells are.
  std::string ToString(std::optional<std::size_t> width = TerminalWidth(Stream::kOut)) const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace octavo::cli
