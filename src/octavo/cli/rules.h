#pragma once

// Which options and files go together. An option that a command would not look at is an error (kUsage), so
// that nobody believes that it had an effect.

#include <string>

#include "octavo/driver/verify.h"
#include "octavo/octavo.h"
#include "octavo/result.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

// Of commands that convert: --target, --opset, --per-channel-weights and --numbers against the dialect.
Status CheckConversion(const CLI::App& command, Dialect dialect);
// An explicit --numbers exact, where the result can be held to it.
Status CheckExactIsPossible(const CLI::App& command, Dialect dialect, Target target, Numbers numbers);
// Of commands that run a file: options that are for the other kind of file.
Status CheckRunner(const CLI::App& command, const std::string& file);
// --no-fuse and --threads.
Status CheckEngine(const CLI::App& command);

// Of verify: options of Octavo's engine with the real ONNX Runtime, and the other way round.
Status CheckRuntime(const CLI::App& command, driver::VerifyRuntime runtime, Dialect dialect);

// A model to read: not "-", a directory, a pipe or a device.
Status CheckInputFile(const std::string& path);
// A file to write: not "-", and where there is something of that name, a regular file or /dev/null.
Status CheckOutputFile(const std::string& path);
// A folder to write into, which need not exist.
Status CheckOutputFolder(const std::string& option, const std::string& path);
// The same, where there is no such folder, or it is empty.
Status CheckNewFolder(const std::string& option, const std::string& path);
// Those of --input: arrays, which are files, or types.
Status CheckArrays(const std::vector<std::string>& inputs);

}  // namespace octavo::cli
