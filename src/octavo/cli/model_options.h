#pragma once

// Options that several commands have.

#include <string>
#include <string_view>
#include <vector>

#include "octavo/driver/verify.h"
#include "octavo/engine/engine.h"
#include "octavo/octavo.h"
#include "octavo/reference/reference.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

// --input of commands that convert: types, and values of arguments that are no tensors.
void AddSpecs(CLI::App& command, std::vector<std::string>& inputs);
// --input of commands that run a model where arrays are not needed.
void AddArrays(CLI::App& command, std::vector<std::string>& inputs);

// --rename, and what it says.
void AddRenames(CLI::App& command, std::vector<std::string>& renames);
Result<std::vector<Rename>> ParseRenames(const std::vector<std::string>& texts);

void AddDialect(CLI::App& command, Dialect& dialect);
void AddTarget(CLI::App& command, Target& target);
// `required`: the command fails where an explicit `exact` cannot be had.
void AddNumbers(CLI::App& command, Numbers& numbers, bool required);
void AddExternalData(CLI::App& command, ExternalData& external_data);
// `missing`: what holds without the option.
void AddOpset(CLI::App& command, int& opset,
              const std::string& missing = "17; the caffe2 dialect is always 9");
void AddPerChannel(CLI::App& command, bool& requantize);
void AddOptimize(CLI::App& command, bool& optimize);
void AddPlugins(CLI::App& command, std::vector<std::filesystem::path>& plugins);

// --limit, of every command that reads a model.
void AddLimits(CLI::App& command, Limits& limits);

// --arithmetic, --no-fuse, --threads.
void AddEngine(CLI::App& command, engine::Options& options);
// --runtime and --python, of verify.
void AddRuntime(CLI::App& command, driver::VerifyRuntime& runtime, std::string& python);
// --engine, which names one of PyTorch's engines.
void AddPyTorchEngine(CLI::App& command, octavo::Engine& engine);
// `otherwise`: what it is where it is not given.
void AddPyTorchEngine(CLI::App& command, std::optional<octavo::Engine>& engine, const std::string& otherwise);
// --faults.
void AddFaults(CLI::App& command, reference::Faults& faults);
// "PyTorch qnnpack-x86, reference", and whether with the engine's faults; `runner` where that is not
// PyTorch's.
std::string RunnerText(std::string_view runner, std::string_view pytorch_engine, bool faults);

}  // namespace octavo::cli
