#include "octavo/cli/written_report.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/text.h"
#include "octavo/driver/claims.h"

namespace octavo::cli {

namespace {

void PrintExactness(const ExportReport& report) {
  if (report.exactness.empty()) return;
  const auto count = [](const auto& nodes, const auto& is) {
    return static_cast<std::size_t>(std::ranges::count_if(nodes, is));
  };
  const std::size_t exact = count(report.exactness, [](const NodeExactness& node) { return IsExact(node); });
  // Integers that are computed from floats are as uncertain as these are.
  const std::size_t before =
      count(report.float_operators, [](const FloatOperator& node) { return node.before_quantized; });
  const Color color = IsExact(report) ? Color::kGreen : Color::kYellow;
  std::string text =
      fmt::format("{} {} of {} {}nodes (PyTorch {} → ONNX Runtime)", Colored("exact:", color), exact,
                  report.exactness.size() + before, before > 0 ? "" : "quantized ", Name(report.engine));
  if (const std::size_t floats = report.float_operators.size(); floats > 0) {
    text += fmt::format("; {} float {} may round otherwise", floats, floats == 1 ? "operator" : "operators");
    if (before > 0 && before < floats) text += fmt::format(", {} of them before quantized nodes", before);
  }
  std::printf("%s\n", text.c_str());
  for (const std::string& reason : WhyNotExact(report.exactness, ", see --json")) {
    std::printf("  %s\n", PrintableLine(reason).c_str());
  }
  for (const std::string& line : WhatFloatsMayChange(report.float_operators, ", see --json")) {
    std::printf("  %s\n", PrintableLine(line).c_str());
  }
}

nlohmann::ordered_json FloatsJson(const ExportReport& report) {
  nlohmann::ordered_json operators = nlohmann::ordered_json::array();
  for (const FloatOperator& node : report.float_operators) {
    operators.push_back({{"place", node.place},
                         {"operator", node.op},
                         {"why", node.why},
                         {"before_quantized", node.before_quantized}});
  }
  return operators;
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

void PrintClaims(const ExportReport& report, Dialect dialect, Target target) {
  const std::string text = driver::Int8Text(report, dialect, target);
  if (!text.empty()) std::printf("%s\n", Printable(text).c_str());
  PrintExactness(report);
}

void AddClaimsJson(const ExportReport& report, Target target, nlohmann::ordered_json& json) {
  json["counted_operators"] = report.counted_operators;
  json["int8_operators"] = report.int8_operators;
  json["not_int8"] = report.not_int8;
  json["engine"] = Name(report.engine);
  json["exact"] =
      report.exactness.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(IsExact(report));
  json["exact_for"] =
      report.exactness.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(Name(target));
  json["exactness"] = ExactnessJson(report);
  json["float_operators"] = FloatsJson(report);
}

namespace {

void PrintNotIdentical(const ExportReport& report) {
  constexpr std::size_t kShown = 20;
  const std::vector<std::string>& lines = report.not_identical;
  for (std::size_t i = 0; i < lines.size() && i < kShown; ++i) {
    std::printf("  %s\n", PrintableLine(lines[i]).c_str());
  }
  if (lines.size() > kShown) std::printf("  and %zu more, see --json\n", lines.size() - kShown);
}

// What Convert says of the given file's numbers.
void PrintChanges(const ExportReport& report) {
  if (!report.changes) {
    if (report.not_identical.empty()) return;
    std::printf("%s the rounding of these nodes may differ from the given file:\n",
                Colored("not exact:", Color::kYellow).c_str());
    PrintNotIdentical(report);
    return;
  }
  for (const std::string& change : *report.changes)
    std::printf("changed: %s\n", PrintableLine(change).c_str());
  if (report.changes->empty()) {
    std::printf("nothing to change: the new file is a copy of the given one\n");
  } else if (report.not_identical.empty()) {
    std::printf("%s the same outputs in ONNX Runtime as the given file, bit for bit\n",
                Colored("exact:", Color::kGreen).c_str());
  } else {
    std::printf("%s the same outputs in ONNX Runtime as the given file, bit for bit, but for these nodes:\n",
                Colored("exact:", Color::kYellow).c_str());
  }
  PrintNotIdentical(report);
}

nlohmann::ordered_json ChangesJson(const ExportReport& report) {
  if (!report.changes) return nullptr;
  return *report.changes;
}

}  // namespace

void PrintReport(const Written& written, const ExportReport& report) {
  std::string first = fmt::format("{}  {}", written.output, HumanBytes(report.bytes));
  if (report.external_bytes > 0) {
    first += fmt::format(" + {} in {}.data", HumanBytes(report.external_bytes), written.output);
  }
  const auto count = [](std::size_t number, std::string_view one, std::string_view many) {
    return Count(static_cast<std::int64_t>(number), one, many);
  };
  first += fmt::format("  {} → {}, opset {}, {}", count(report.operators, "operator", "operators"),
                       count(report.nodes, "node", "nodes"), report.opset, Name(written.dialect));
  const bool any_target = report.changes && !written.target_given;
  if (written.dialect == Dialect::kQdq && !any_target) {
    first += fmt::format(" for {}", Name(written.target));
  }
  if (written.optimize) first += fmt::format(", {} nodes removed", report.nodes_saved);
  first += fmt::format("  {:.2f} s", written.seconds);
  std::printf("%s\n", Printable(first).c_str());
  std::size_t width = 0;
  for (const auto* values : {&report.inputs, &report.outputs}) {
    for (const ValueReport& value : *values) width = std::max(width, value.name.size());
  }
  auto print = [width](const char* kind, const std::vector<ValueReport>& values) {
    for (const ValueReport& value : values) {
      std::printf("%s\n", PrintableLine(
                              fmt::format("{:<6} {:<{}}  {}", kind, value.name, width, value.type.ToString()))
                              .c_str());
    }
  };
  print("input", report.inputs);
  print("output", report.outputs);
  PrintClaims(report, written.dialect, written.target);
  PrintChanges(report);
  PrintWarnings(report.warnings);
}

void PrintReportAsJson(const Written& written, const ExportReport& report) {
  nlohmann::ordered_json json = {
      {"output", written.output},
      {"bytes", report.bytes},
      {"external_bytes", report.external_bytes},
      {"dialect", Name(written.dialect)},
      {"target", report.changes && !written.target_given ? nlohmann::ordered_json()
                                                         : nlohmann::ordered_json(Name(written.target))},
      {"numbers", Name(written.numbers)},
      {"opset", report.opset},
      {"operators", report.operators},
      {"nodes", report.nodes},
      {"nodes_saved", report.nodes_saved},
      {"inputs", ValuesJson(report.inputs)},
      {"outputs", ValuesJson(report.outputs)}};
  AddClaimsJson(report, written.target, json);
  if (written.converted) {
    json["changes"] = ChangesJson(report);
    json["identical_in"] =
        report.changes && report.not_identical.empty() ? nlohmann::ordered_json("onnxruntime") : nullptr;
    json["not_identical"] = report.not_identical;
  }
  json["warnings"] = report.warnings;
  json["seconds"] = written.seconds;
  PrintJson(json);
}

}  // namespace octavo::cli
