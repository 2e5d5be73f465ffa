#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "octavo/limits.h"
#include "octavo/result.h"

namespace octavo {

// Dimensions of a tensor.  PyTorch has the same limit, so that no option changes it.
inline constexpr int kMaxRank = 64;

// A row of the table of limits: what an option, the documentation and the tests know of one.
struct Limit {
  std::string_view name;  // "steps", as in --limit steps=100M
  std::string_view by_default;
  std::string_view what;
  bool bytes = false;  // K, M and G are powers of 1024, not of 1000
  std::variant<std::size_t Limits::*, std::int64_t Limits::*, int Limits::*> field;
  std::uint64_t most = 0;  // what it can be set to, where the program's stack sets an end; 0: no such end
};

std::span<const Limit> AllLimits();

// Sets a limit from "NAME=VALUE": "memory=16G", "steps=1000".  Error: kUsage.
Status SetLimit(Limits& limits, std::string_view text);

// "If you trust the model, allow more with --limit steps=N.": the hint of an error about a limit.
std::string LimitHint(std::string_view name, std::string_view value = "N");

}  // namespace octavo
