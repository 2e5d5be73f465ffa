#pragma once

// Ways to add an option to a command. Each takes one value; its error names the option and what it takes.

#include <cstdint>
#include <string>
#include <vector>

#include "octavo/cli/misuse.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

template <typename T>
struct Choice {
  std::string name;
  T value;
  std::string help = {};  // behind the name in --help
};

// `noun`: what is chosen, in 'unknown target "trt"; choose ...'.
std::size_t ChosenIndex(const std::string& noun, const std::string& text,
                        const std::vector<std::string>& names);
std::string ChoiceHelp(const std::string& help, const std::vector<std::string>& names,
                       const std::vector<std::string>& helps);

template <typename Variable, typename T>
CLI::Option* AddChoice(CLI::App& command, const std::string& option, Variable& variable,
                       const std::string& noun, const std::string& help,
                       const std::vector<Choice<T>>& choices) {
  std::vector<std::string> names, helps;
  std::vector<T> values;
  for (const Choice<T>& choice : choices) {
    names.push_back(choice.name);
    helps.push_back(choice.help);
    values.push_back(choice.value);
  }
  return command
      .add_option_function<std::string>(
          option,
          [&variable, noun, names, values](const std::string& text) {
            variable = values[ChosenIndex(noun, text, names)];
          },
          ChoiceHelp(help, names, helps))
      ->type_name("NAME");
}

// A text, such as a file's name.
CLI::Option* AddText(CLI::App& command, const std::string& option, std::string& variable,
                     const std::string& placeholder, const std::string& help);
// May be given several times, and takes one value each time.
CLI::Option* AddList(CLI::App& command, const std::string& option, std::vector<std::string>& variable,
                     const std::string& placeholder, const std::string& help);

// A whole number from `low` to `high`; a real number, which is finite. Both read the whole text.
std::int64_t IntegerOption(const std::string& option, const std::string& text, std::int64_t low,
                           std::int64_t high);
double RealOption(const std::string& option, const std::string& text, double low, double high);

template <typename T>
CLI::Option* AddInteger(CLI::App& command, const std::string& option, T& variable, std::int64_t low,
                        std::int64_t high, const std::string& placeholder, const std::string& help) {
  return command
      .add_option_function<std::string>(
          option,
          [&variable, option, low, high](const std::string& text) {
            variable = static_cast<T>(IntegerOption(option, text, low, high));
          },
          help)
      ->type_name(placeholder);
}
CLI::Option* AddReal(CLI::App& command, const std::string& option, double& variable, double low, double high,
                     const std::string& placeholder, const std::string& help);

}  // namespace octavo::cli
