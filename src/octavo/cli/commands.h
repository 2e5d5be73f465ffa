#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "octavo/result.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

inline constexpr int kDone = 0, kDiffer = 1, kUsage = 2, kInvalid = 3, kInputOutput = 4;

// Options that every command has.
struct Common {
  bool json = false;
  bool quiet = false;
  const CLI::App* command = nullptr;
  void AddTo(CLI::App& added_to);
  // Whether the option was given.
  bool Given(const std::string& option) const { return command->count(option) > 0; }
};

// Registers --json, --quiet and --help, of a command or for the help of the whole program.
void AddCommon(CLI::App& command, bool& json, bool& quiet);

// Prints the error (on standard error as text; with --json an object on standard output, too) and gives the
// exit code. `doing` completes "cannot ...": "convert model.pt".
int Fail(const Error& error, const Common& common, const std::string& doing);
// The same of an error of the command line, or of files that cannot be what is wanted; without "cannot ...".
int FailUsage(const Error& error, bool json);
int FailUsage(Error error, const Common& common);

// Each adds its subcommand; `run` is called after parsing if it was chosen and gives the exit code.
using Run = std::function<int()>;
void AddExport(CLI::App& app, Run& run);
void AddConvert(CLI::App& app, Run& run);
void AddInspect(CLI::App& app, Run& run);
void AddOps(CLI::App& app, Run& run);
void AddRun(CLI::App& app, Run& run);
void AddVerify(CLI::App& app, Run& run);
void AddBench(CLI::App& app, Run& run);

// The whole program; ends the process with the exit code.
[[noreturn]] void RunProgram(const std::vector<std::string>& words);

}  // namespace octavo::cli
