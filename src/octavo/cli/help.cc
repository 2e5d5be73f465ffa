#include "octavo/cli/help.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/cli/wrap.h"

namespace octavo::cli {
namespace {

constexpr std::size_t kColumn = 26, kWidest = 110;

bool IsFlag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

std::string Placeholder(const CLI::Option& option) {
  return IsFlag(option) ? std::string() : " " + option.get_type_name();
}

std::string Label(const CLI::Option& option) {
  if (option.get_positional()) return "  " + option.get_name(true, false);
  std::string text = option.get_snames().empty() ? "      " : fmt::format("  -{}", option.get_snames()[0]);
  for (const std::string& name : option.get_lnames()) {
    text += fmt::format("{}--{}", text.back() == ' ' ? "" : ", ", name);
  }
  return text + Placeholder(option);
}

// A label, and its text in the column beside it; lines of the text that are indented stay so.
std::string Entry(std::string label, const std::string& text, std::optional<std::size_t> width) {
  std::string out;
  if (Columns(label) + 2 > kColumn) {
    out = label + "\n";
    label.clear();
  }
  label.resize(label.size() + kColumn - Columns(label), ' ');
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    // "  name  what it is": the lines that follow stand below "what".
    std::size_t hang = line.find_first_not_of(' ');
    if (hang == std::string_view::npos) hang = 0;
    if (const std::size_t gap = line.find("  ", hang); hang > 0 && gap != std::string_view::npos) {
      hang = line.find_first_not_of(' ', gap);
    }
    out += Hanging(label + std::string(line.substr(0, hang)), line.substr(hang), width);
    label.assign(kColumn, ' ');
    begin = end + 1;
  }
  return out;
}

std::string Entries(const std::string& title, const std::vector<const CLI::Option*>& options,
                    std::optional<std::size_t> width) {
  if (options.empty()) return {};
  std::string out = fmt::format("\n{}:\n", title);
  for (const CLI::Option* option : options) out += Entry(Label(*option), option->get_description(), width);
  return out;
}

std::vector<const CLI::Option*> Positionals(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

}  // namespace

std::string ShortName(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true, false);
  return option.get_snames().empty() ? "--" + option.get_lnames().at(0) : "-" + option.get_snames()[0];
}

std::string Usage(const CLI::App& command) {
  if (command.get_parent() == nullptr) return command.get_name() + " COMMAND [options] FILE...";
  std::string text = fmt::format("{} {}", command.get_parent()->get_name(), command.get_name());
  for (const CLI::Option* option : Positionals(command)) {
    const std::string name = ShortName(*option);
    text += " " + (option->get_required() ? name : "[" + name + "]");
  }
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional() && option->get_required())
      text += fmt::format(" {}{}", ShortName(*option), Placeholder(*option));
  }
  return text + " [options]";
}

std::string HelpText(const CLI::App& command, std::optional<std::size_t> width) {
  if (width) width = std::min(*width, kWidest);
  std::string out = Hanging("", command.get_description(), width);
  out += Hanging("\nUsage: ", Usage(command), width);
  out += Entries("Arguments", Positionals(command), width);
  const std::vector<const CLI::App*> commands =
      command.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
  if (!commands.empty()) out += "\nCommands:\n";
  for (const CLI::App* sub : commands) out += Entry("  " + sub->get_name(), sub->get_description(), width);
  for (const std::string& group : command.get_groups()) {
    if (group.empty()) continue;
    out += Entries(group, command.get_options([&group](const CLI::Option* option) {
      return !option->get_positional() && option->get_group() == group;
    }),
                   width);
  }
  if (!command.get_footer().empty()) out += "\n" + command.get_footer() + "\n";
  return out;
}

}  // namespace octavo::cli
