#include "octavo/cli/terminal.h"

#include <charconv>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace octavo::cli {
namespace {

// A terminal that does not know its own size: a serial line, some consoles inside editors.
constexpr std::size_t kUsualColumns = 80;

int Descriptor(Stream stream) { return stream == Stream::kOut ? STDOUT_FILENO : STDERR_FILENO; }

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

const char* Code(Color color) {
  switch (color) {
    case Color::kNone:
      return "";
    case Color::kRed:
      return "31";
    case Color::kGreen:
      return "32";
    case Color::kYellow:
      return "33";
  }
  return "";
}

}  // namespace

bool IsTerminal(Stream stream) { return isatty(Descriptor(stream)) == 1; }

std::optional<std::size_t> TerminalWidth(Stream stream) {
  if (!IsTerminal(stream)) return std::nullopt;
  const std::string_view wanted = Environment("COLUMNS");
  std::size_t columns = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), columns);
  if (error == std::errc() && end == wanted.data() + wanted.size() && columns > 0) return columns;
  winsize window{};
  if (ioctl(Descriptor(stream), TIOCGWINSZ, &window) == 0 && window.ws_col > 0) return window.ws_col;
  return kUsualColumns;
}

bool ShowsColors(Stream stream) {
  const std::string_view terminal = Environment("TERM");
  return IsTerminal(stream) && Environment("NO_COLOR").empty() && !terminal.empty() && terminal != "dumb";
}

std::string Colored(std::string_view text, Color color, Stream stream) {
  if (color == Color::kNone || text.empty() || !ShowsColors(stream)) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", Code(color), text);
}

}  // namespace octavo::cli
