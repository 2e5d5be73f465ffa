#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace octavo::cli {

// What --help prints: the program's where `command` is the whole app, or one command's. Wrapped to `width`.
std::string HelpText(const CLI::App& command, std::optional<std::size_t> width);

// "octavo export MODEL -o OUT.onnx [options]".
std::string Usage(const CLI::App& command);

// "-o", "--input", "MODEL": how messages name an option.
std::string ShortName(const CLI::Option& option);

}  // namespace octavo::cli
