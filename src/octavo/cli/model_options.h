#pragma once

// Options that several commands have.

#include <string>
#include <vector>

#include "octavo/engine/engine.h"
#include "octavo/octavo.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

// --input of commands that convert: types, and values of arguments that are no tensors.
void AddSpecs(CLI::App& command, std::vector<std::string>& inputs);
// --input of commands that run a model where arrays are not needed.
void AddArrays(CLI::App& command, std::vector<std::string>& inputs);

void AddDialect(CLI::App& command, Dialect& dialect);
void AddTarget(CLI::App& command, Target& target);
// `required`: the command fails where an explicit `exact` cannot be had.
void AddNumbers(CLI::App& command, Numbers& numbers, bool required);
void AddExternalData(CLI::App& command, ExternalData& external_data);
void AddOpset(CLI::App& command, int& opset);
void AddPerChannel(CLI::App& command, bool& requantize);
void AddOptimize(CLI::App& command, bool& optimize);
void AddPlugins(CLI::App& command, std::vector<std::filesystem::path>& plugins);

// --arithmetic, --no-fuse, --threads.
void AddEngine(CLI::App& command, engine::Options& options);
// --engine qnnpack.
void AddReference(CLI::App& command, bool& qnnpack);

}  // namespace octavo::cli
