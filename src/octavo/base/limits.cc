#include "octavo/base/limits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

namespace octavo {
namespace {

constexpr std::array kLimits = {
    Limit{
        "memory", "4 GiB + 16 × file and inputs",
        "bytes of the values that the model's program asks for beyond what the file and its inputs hold; by "
        "default never more than half of the memory that is free",
        true, &Limits::max_memory_bytes},
    Limit{"work", "10^6 per byte of file and inputs, at least 5G",
          "multiply-adds of one run; an operator that computes something else counts as many as take as long",
          false, &Limits::max_work},
    Limit{"records", "1048576", "records of the archive", false, &Limits::max_records},
    Limit{"inflated", "64 MiB + 32 × file, at most 1G",
          "bytes of all compressed records together when unpacked", true, &Limits::max_inflated_bytes},
    Limit{"pickle-depth", "512", "nesting of the values in a pickle; at most 1000", false,
          &Limits::max_pickle_depth, 1000},
    Limit{"pickle-values", "16777216",
          "values of one pickle; never more than 1 per byte of the file and 1 million", false,
          &Limits::max_pickle_nodes},
    Limit{"source-depth", "400", "nesting of brackets and blocks in the model's code; at most 4000", false,
          &Limits::max_source_depth, 4000},
    Limit{"syntax-nodes", "2097152", "syntax nodes of one file of the model's code", false,
          &Limits::max_syntax_nodes},
    Limit{"call-depth", "256", "nesting of calls in the model's code", false, &Limits::max_call_depth},
    Limit{"steps", "50000000", "statements and expressions of the model's code that are evaluated", false,
          &Limits::max_steps},
    Limit{"list-length", "1048576", "elements of a list, characters of a string, repetitions of a loop",
          false, &Limits::max_list_length},
    Limit{"values", "4194304", "values of all lists, tuples and the like of the model's code", false,
          &Limits::max_values},
    Limit{"operators", "131072 + 1 per byte of the file",
          "operators of the model's program, once its calls and loops are unrolled", false,
          &Limits::max_graph_nodes},
};

constexpr std::uint64_t kThousand = 1000, kKilo = 1024;

// The number of a suffix; 0: no such suffix.
std::uint64_t Factor(std::string_view suffix, bool bytes) {
  constexpr std::string_view kSuffixes = "KMG";
  if (suffix.empty()) return 1;
  const std::size_t at = suffix.size() == 1 ? kSuffixes.find(suffix[0]) : std::string_view::npos;
  if (at == std::string_view::npos) return 0;
  std::uint64_t factor = 1;
  for (std::size_t i = 0; i <= at; ++i) factor *= bytes ? kKilo : kThousand;
  return factor;
}

std::string Names() {
  std::string names;
  for (const Limit& limit : kLimits) names += (names.empty() ? "" : ", ") + std::string(limit.name);
  return names;
}

}  // namespace

std::span<const Limit> AllLimits() { return kLimits; }

Status SetLimit(Limits& limits, std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const auto* const limit =
      std::ranges::find_if(kLimits, [name](const Limit& row) { return row.name == name; });
  if (limit == kLimits.end())
    return UsageError(fmt::format("unknown limit \"{}\"; choose one of {}", name, Names()));
  const std::string_view value = equals == std::string_view::npos ? "" : text.substr(equals + 1);
  return std::visit(
      [&](auto field) -> Status {
        using Number = std::remove_reference_t<decltype(limits.*field)>;
        auto most = static_cast<std::uint64_t>(std::min<std::uint64_t>(
            std::numeric_limits<Number>::max(), std::numeric_limits<std::int64_t>::max()));
        if (limit->most != 0) most = limit->most;
        std::uint64_t number = 0, product = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        const std::string_view suffix =
            error == std::errc() ? value.substr(static_cast<std::size_t>(end - value.data())) : "";
        const std::uint64_t factor = Factor(suffix, limit->bytes);
        if (error != std::errc() || factor == 0 || number == 0 ||
            __builtin_mul_overflow(number, factor, &product) || product > most) {
          return UsageError(fmt::format(
              "--limit {} takes an integer from 1 to {}, such as 500 or 2G, not \"{}\"", name, most, value));
        }
        limits.*field = static_cast<Number>(product);
        return {};
      },
      limit->field);
}

std::string LimitHint(std::string_view name, std::string_view value) {
  return fmt::format("If you trust the model, allow more with --limit {}={}.", name, value);
}

}  // namespace octavo
