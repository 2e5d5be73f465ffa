#pragma once

#include <utility>

#include "octavo/result.h"
#include <CLI/CLI.hpp>

namespace octavo::cli {

// Thrown while options are read, and caught where CLI11's own errors are: a usage error in our words.
class Misuse : public CLI::ParseError {
 public:
  explicit Misuse(octavo::Error error)
      : CLI::ParseError("Misuse", error.what(), CLI::ExitCodes::ValidationError), error_(std::move(error)) {}
  const octavo::Error& error() const { return error_; }

 private:
  octavo::Error error_;
};

}  // namespace octavo::cli
