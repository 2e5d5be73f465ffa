#pragma once

#include <functional>
#include <memory>
#include <string>

#include "octavo/result.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

inline constexpr int kDone = 0, kDiffer = 1, kUsage = 2, kInvalid = 3, kInputOutput = 4;

// Options that every command has.
struct Common {
  bool json = false;
  bool quiet = false;
  void AddTo(CLI::App& command);
};

// Prints the error (on standard error as text; with --json an object on standard output, too) and gives the
// exit code. `doing` completes "cannot ...": "convert model.pt".
int Fail(const Error& error, const Common& common, const std::string& doing);

// Each adds its subcommand; `run` is called after parsing if it was chosen and gives the exit code.
using Run = std::function<int()>;
void AddExport(CLI::App& app, Run& run);
void AddConvert(CLI::App& app, Run& run);
void AddInspect(CLI::App& app, Run& run);
void AddOps(CLI::App& app, Run& run);
void AddRun(CLI::App& app, Run& run);
void AddVerify(CLI::App& app, Run& run);
void AddBench(CLI::App& app, Run& run);

}  // namespace octavo::cli
