#pragma once

#include <string>
#include <vector>

#include "octavo/result.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

// A command line in the order in which CLI11 cannot misread it.
//
// CLI11 gives an option that may be repeated every word that follows it, files too, and takes the word behind
// an option as its value even where that is an option. Here each option takes one value, options and files
// come in any order, and what Common has may stand in front of the command.
struct CommandLine {
  CLI::App* command = nullptr;         // null: none is named
  std::vector<std::string> arguments;  // command, options each with its value, "--", files
  bool help = false, version = false;
};

// Errors (kUsage): an unknown command or option, a value that is missing, too many files or too few.
Result<CommandLine> ReadCommandLine(CLI::App& app, const std::vector<std::string>& words);

// Whether --json is among the words: errors of the command line are printed as an object then.
bool AsksForJson(const std::vector<std::string>& words);

}  // namespace octavo::cli
