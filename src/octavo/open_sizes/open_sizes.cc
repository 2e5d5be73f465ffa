#include "octavo/open_sizes/open_sizes.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/ir/origin.h"
#include "octavo/open_sizes/model.h"

namespace octavo::open_sizes {
namespace {

std::string ListOf(const std::vector<std::string>& names) {
  std::string text;
  std::size_t left = names.size();
  for (const std::string& name : names) {
    --left;
    text += name + (left > 1 ? ", " : left == 1 ? " and " : "");
  }
  return text;
}

std::string Replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

std::string WarningOf(const Model& model, const Finding& finding, std::size_t others, const char* remedy) {
  const ir::Node& node = model.node(finding.node);
  std::string place = node.op;
  if (node.origin && !node.origin->place.empty()) place += " at " + ir::Place(*node.origin);
  if (others > 0) place += fmt::format(", and {} more operator{}", others, others == 1 ? "" : "s");
  const bool one = finding.sizes.size() == 1;
  std::string claim = Replaced(finding.claim, "{its}", one ? "its" : "their");
  claim = Replaced(std::move(claim), "{it}", one ? "it" : "them");
  const std::string give =
      fmt::format("{} as {} in --input", one ? "it" : "them", one ? "a number" : "numbers");
  std::string advice = fmt::format("Give {}", give);
  if (model.traced(finding.node)) advice = fmt::format("{}, or give {}", remedy, give);
  return fmt::format("{} {} open in --input, but {} ({}). {}", ListOf(model.InOrder(finding.sizes)),
                     one ? "is" : "are", claim, place, advice);
}

// Findings that say the same are one; how many there were of each.
std::vector<std::pair<Finding, std::size_t>> Merged(const std::vector<Finding>& findings) {
  std::vector<std::pair<Finding, std::size_t>> merged;
  for (const Finding& finding : findings) {
    const auto same =
        std::ranges::find_if(merged, [&](const auto& m) { return m.first.claim == finding.claim; });
    if (same == merged.end()) {
      merged.emplace_back(finding, 1);
    } else {
      same->first.sizes.insert(finding.sizes.begin(), finding.sizes.end());
      same->second += finding.node != same->first.node;
    }
  }
  return merged;
}

}  // namespace

std::vector<std::string> Warnings(const import::Imported& imported, const import::OperatorRules& rules) {
  const Model model(imported);
  if (model.open().empty()) return {};
  const char* const numbers =
      "If int() or len() made a number of a size while tracing, take the size from x.shape in the module";
  const char* const loops =
      "Tracing unrolls loops and makes numbers of sizes; use torch.jit.script for the loop";
  std::vector<std::string> warnings;
  Names warned;
  const auto add = [&](const std::vector<Finding>& findings, const char* remedy) {
    for (const auto& [finding, count] : Merged(findings)) {
      // One warning per size: what comes later mostly follows from it.
      if (std::ranges::includes(warned, finding.sizes)) continue;
      warnings.push_back(WarningOf(model, finding, count - 1, remedy));
      warned.insert(finding.sizes.begin(), finding.sizes.end());
    }
  };
  add(FindFixedSizes(model, rules), numbers);
  add(FindNumberedReads(model), loops);
  add(FindNumbersForSizes(model), numbers);
  return warnings;
}

}  // namespace octavo::open_sizes
