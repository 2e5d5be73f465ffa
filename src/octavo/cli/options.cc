#include "octavo/cli/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/cli/suggest.h"

namespace octavo::cli {

std::size_t ChosenIndex(const std::string& noun, const std::string& text,
                        const std::vector<std::string>& names) {
  const auto at = std::ranges::find(names, text);
  if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
  std::string message = fmt::format("unknown {} \"{}\"; choose {}", noun, text, OneOf(names));
  if (const std::string meant = Meant(text, names); !meant.empty() && names.size() > 1) {
    message += fmt::format(" (did you mean {}?)", meant);
  }
  throw Misuse(UsageError(message));
}

std::string ChoiceHelp(const std::string& help, const std::vector<std::string>& names,
                       const std::vector<std::string>& helps) {
  std::size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::string text = help;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format("\n  {:<{}}  {}", names[i], width, helps[i]);
    text.erase(text.find_last_not_of(' ') + 1);
  }
  return text;
}

CLI::Option* AddText(CLI::App& command, const std::string& option, std::string& variable,
                     const std::string& placeholder, const std::string& help) {
  return command
      .add_option_function<std::string>(
          option, [&variable](const std::string& text) { variable = text; }, help)
      ->type_name(placeholder);
}

CLI::Option* AddList(CLI::App& command, const std::string& option, std::vector<std::string>& variable,
                     const std::string& placeholder, const std::string& help) {
  return command
      .add_option_function<std::vector<std::string>>(
          option, [&variable](const std::vector<std::string>& texts) { variable = texts; }, help)
      ->type_name(placeholder);
}

std::int64_t IntegerOption(const std::string& option, const std::string& text, std::int64_t low,
                           std::int64_t high) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high) return value;
  throw Misuse(
      UsageError(fmt::format("{} takes an integer from {} to {}, not \"{}\"", option, low, high, text)));
}

double RealOption(const std::string& option, const std::string& text, double low, double high) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  if (whole && value >= low && value <= high) return value;
  const std::string range = high == std::numeric_limits<double>::max()
                                ? fmt::format("a number of {:g} or more", low)
                                : fmt::format("a number from {:g} to {:g}", low, high);
  throw Misuse(UsageError(fmt::format("{} takes {}, not \"{}\"", option, range, text)));
}

CLI::Option* AddReal(CLI::App& command, const std::string& option, double& variable, double low, double high,
                     const std::string& placeholder, const std::string& help) {
  return command
      .add_option_function<std::string>(
          option,
          [&variable, option, low, high](const std::string& text) {
            variable = RealOption(option, text, low, high);
          },
          help)
      ->type_name(placeholder);
}

}  // namespace octavo::cli
