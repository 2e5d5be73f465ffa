#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace octavo::cli {

// Columns that a UTF-8 text takes, counting each code point as one.
std::size_t Columns(std::string_view text);

// The text in lines of at most `width` columns. Breaks at spaces, which are dropped; else behind punctuation
// such as "," "." "/" "_"; else anywhere. One empty line for an empty text.
std::vector<std::string> Wrap(std::string_view text, std::size_t width);

// Lines that begin with `first` (the first) or as many spaces (the others); `width` unset: one line.
std::string Hanging(std::string_view first, std::string_view text, std::optional<std::size_t> width);

// At most `width` columns; what is cut is "…".
std::string Cut(std::string_view text, std::size_t width);
// The same with the end kept.
std::string CutFront(std::string_view text, std::size_t width);

}  // namespace octavo::cli
