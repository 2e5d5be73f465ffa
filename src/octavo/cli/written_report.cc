#include "octavo/cli/written_report.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/text.h"

namespace octavo::cli {

namespace {

void PrintExactness(const ExportReport& report) {
  if (report.exactness.empty()) return;
  const auto exact = static_cast<std::size_t>(std::ranges::count_if(report.exactness, IsExact));
  const Color color = exact == report.exactness.size() ? Color::kGreen : Color::kYellow;
  std::printf("%s %zu of %zu quantized nodes\n", Colored("exact:", color).c_str(), exact,
              report.exactness.size());
  for (const std::string& reason : WhyNotExact(report.exactness, ", see --json")) {
    std::printf("  %s\n", Printable(reason).c_str());
  }
}

nlohmann::ordered_json ExactnessJson(const ExportReport& report) {
  nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
  for (const NodeExactness& node : report.exactness) {
    nlohmann::ordered_json entry = {{"place", node.place},
                                    {"operator", node.op},
                                    {"exact", IsExact(node)},
                                    {"by", Name(node.statement.exactness)}};
    if (!node.statement.bound.empty()) entry["bound"] = node.statement.bound;
    nodes.push_back(std::move(entry));
  }
  return nodes;
}

}  // namespace

void PrintReport(const Written& written, const ExportReport& report) {
  std::string first = fmt::format("{}  {}", written.output, HumanBytes(report.bytes));
  if (report.external_bytes > 0) {
    first += fmt::format(" + {} in {}.data", HumanBytes(report.external_bytes), written.output);
  }
  first += fmt::format("  {} operators → {} nodes, opset {}, {}", report.operators, report.nodes,
                       report.opset, Name(written.dialect));
  if (written.dialect == Dialect::kQdq) first += fmt::format(" for {}", Name(written.target));
  if (written.optimize) first += fmt::format(", {} nodes removed", report.nodes_saved);
  first += fmt::format("  {:.2f} s", written.seconds);
  std::printf("%s\n", Printable(first).c_str());
  std::size_t width = 0;
  for (const auto* values : {&report.inputs, &report.outputs}) {
    for (const ValueReport& value : *values) width = std::max(width, value.name.size());
  }
  auto print = [width](const char* kind, const std::vector<ValueReport>& values) {
    for (const ValueReport& value : values) {
      std::printf(
          "%s\n",
          Printable(fmt::format("{:<6} {:<{}}  {}", kind, value.name, width, value.type.ToString())).c_str());
    }
  };
  print("input", report.inputs);
  print("output", report.outputs);
  PrintExactness(report);
  PrintWarnings(report.warnings);
}

void PrintReportAsJson(const Written& written, const ExportReport& report) {
  PrintJson({{"output", written.output},
             {"bytes", report.bytes},
             {"external_bytes", report.external_bytes},
             {"dialect", Name(written.dialect)},
             {"target", Name(written.target)},
             {"numbers", Name(written.numbers)},
             {"opset", report.opset},
             {"operators", report.operators},
             {"nodes", report.nodes},
             {"nodes_saved", report.nodes_saved},
             {"inputs", ValuesJson(report.inputs)},
             {"outputs", ValuesJson(report.outputs)},
             {"exactness", ExactnessJson(report)},
             {"warnings", report.warnings},
             {"seconds", written.seconds}});
}

}  // namespace octavo::cli
