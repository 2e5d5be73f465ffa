#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace octavo::cli {

enum class Stream { kOut, kError };

bool IsTerminal(Stream stream);

// Columns of the terminal that the stream is: COLUMNS where it is set, or the window's. Unset where the
// stream is no terminal, and nothing is wrapped for a file or another program.
std::optional<std::size_t> TerminalWidth(Stream stream);

enum class Color { kNone, kRed, kGreen, kYellow };

// Whether the stream is a terminal that shows colors, and NO_COLOR is not set.
bool ShowsColors(Stream stream);

// `text` with the codes of that color around it, where the stream shows colors; as it is elsewhere.
std::string Colored(std::string_view text, Color color, Stream stream = Stream::kOut);

}  // namespace octavo::cli
