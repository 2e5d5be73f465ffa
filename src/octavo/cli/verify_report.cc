#include "octavo/cli/verify_report.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "octavo/cli/model_options.h"
#include "octavo/cli/text.h"

namespace octavo::cli {
namespace {

using verify::Difference;
using verify::Layer;

constexpr std::size_t kShownLayers = 12;

// "1 LSB", "3.2e-05".
std::string Largest(const Difference& difference) {
  if (!difference.mismatch.empty()) return "?";
  if (difference.integers) return fmt::format("{:.0f} LSB", difference.largest);
  return difference.largest == 0 ? "0" : fmt::format("{:.1e}", difference.largest);
}

// "-1: 12, +1: 15"; of floats "1e-05: 3, 1e-04: 1".
std::string Histogram(const Difference& difference) {
  if (!difference.mismatch.empty()) return difference.mismatch;
  constexpr int kShown = 3;
  std::string text;
  std::int64_t further = 0;
  for (const auto& [apart, count] : difference.histogram) {
    if (difference.integers && std::abs(apart) > kShown) {
      further += count;
      continue;
    }
    if (!text.empty()) text += ", ";
    text += difference.integers           ? fmt::format("{:+}", apart)
            : apart == verify::kNotFinite ? "not finite"
                                          : fmt::format("1e{:+03}", apart);
    text += ": " + Grouped(count);
  }
  if (further > 0)
    text += fmt::format("{}beyond ±{}: {}", text.empty() ? "" : ", ", kShown, Grouped(further));
  return text;
}

std::string First(const Difference& difference) {
  if (difference.differ == 0) return "";
  return fmt::format("[{}]: {:.9g} instead of {:.9g}", fmt::join(difference.first, ","), difference.b_there,
                     difference.a_there);
}

Cell Differ(const Difference& difference) {
  if (!difference.mismatch.empty()) return {"?", Color::kRed};
  return {Grouped(difference.differ), difference.differ > 0 ? Color::kRed : Color::kNone};
}

std::string TypeText(TensorType type) {
  type.quantization.reset();
  return type.ToString();
}

std::string Notes(const Layer& layer) {
  std::vector<std::string> notes;
  if (layer.output) notes.push_back("output " + layer.name);
  if (layer.input) notes.push_back(layer.output ? "input" : "input " + layer.name);
  if (layer.constant) notes.emplace_back("constant");
  if (layer.saturated()) {
    notes.push_back(
        fmt::format("saturated: {:.0f} % at an end", 100 * (layer.lowest_share + layer.highest_share)));
  }
  if (layer.first_to_differ) notes.emplace_back("first to differ");
  if (layer.cut_off) {
    notes.push_back(fmt::format("{} of {} differ at the end of the cut model", Grouped(layer.cut_off->differ),
                                Grouped(layer.cut_off->elements)));
  }
  if (!layer.not_compared.empty()) notes.push_back("not compared: " + layer.not_compared);
  if (!layer.not_alone.empty()) notes.push_back("not compared alone: " + layer.not_alone);
  return fmt::format("{}", fmt::join(notes, "; "));
}

Table LayerTable(const std::vector<Layer>& layers, const std::vector<std::size_t>& shown, bool alone) {
  Table table(
      {">#", "operator", "place", "type", ">elements", ">differ", ">largest", "differences", "first"});
  for (const std::size_t i : shown) {
    const Layer& layer = layers[i];
    const Difference& difference = alone ? *layer.alone : layer.end_to_end;
    table.Add({std::to_string(i), layer.input ? "(input)" : layer.op, layer.place, TypeText(layer.type),
               Grouped(difference.elements), Differ(difference), Largest(difference), Histogram(difference),
               First(difference)});
  }
  return table;
}

Table AllTable(const std::vector<Layer>& layers) {
  Table table(
      {">#", "operator", "place", "type", ">elements", ">differ", ">largest", ">alone", ">largest", "notes"});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const bool compared = layer.compared;
    table.Add({std::to_string(i), layer.input ? "(input)" : layer.op, layer.place, TypeText(layer.type),
               compared ? Grouped(layer.end_to_end.elements) : "",
               compared ? Differ(layer.end_to_end) : Cell(""), compared ? Largest(layer.end_to_end) : "",
               layer.alone ? Differ(*layer.alone) : Cell(""), layer.alone ? Largest(*layer.alone) : "",
               Notes(layer)});
  }
  return table;
}

struct Totals {
  std::int64_t elements = 0, differ = 0, layers = 0, differ_layers = 0, alone_layers = 0, alone_differ = 0,
               not_alone = 0;
};

Totals Sum(const std::vector<Layer>& layers) {
  Totals totals;
  for (const Layer& layer : layers) {
    if (layer.input || !layer.compared) continue;
    ++totals.layers;
    totals.elements += layer.end_to_end.elements;
    totals.differ += layer.end_to_end.differ;
    totals.differ_layers += layer.end_to_end.equal() ? 0 : 1;
    totals.alone_layers += layer.differs_alone() ? 1 : 0;
    if (layer.alone) totals.alone_differ += layer.alone->differ;
    totals.not_alone += layer.not_alone.empty() ? 0 : 1;
  }
  return totals;
}

// The first line, and one for each input and output.
std::string Head(const driver::VerifyReport& report) {
  std::string text = fmt::format("{} ({}) and {} ({})\n", report.first,
                                 RunnerText(report.first_runner, report.pytorch_engine, report.faults_kept),
                                 report.second, report.second_runner);
  for (const ValueReport& input : report.inputs) {
    text += fmt::format("input  {}  {}{}\n", PrintableLine(input.name), input.type.ToString(),
                        !report.drawn             ? ""
                        : report.report.runs == 1 ? ", random"
                                                  : fmt::format(", random in {} runs", report.report.runs));
  }
  if (!report.assumed_runtime.empty()) text += fmt::format("assumed: {}\n", report.assumed_runtime);
  return Printable(text);
}

// Where the assumption does not reach to the bit.
std::string FloatSums(const std::vector<std::string>& nodes) {
  if (nodes.empty()) return "";
  return Printable(fmt::format(
      "{} before a QuantizeLinear add{} floats in an order that depends on the CPU ({}{}): in ONNX Runtime "
      "an integer at a tie may be one step off\n",
      Count(static_cast<std::int64_t>(nodes.size()), "operator", "operators"), nodes.size() == 1 ? "s" : "",
      nodes.size() == 1 ? "" : "the first: ", PrintableLine(nodes[0])));
}

std::string OutputLine(const Layer& layer) {
  const Difference& d = layer.end_to_end;
  if (!d.mismatch.empty()) return fmt::format("output {}  cannot be compared: {}", layer.name, d.mismatch);
  std::string text =
      fmt::format("output {}  {} of {} elements differ", layer.name, Grouped(d.differ), Grouped(d.elements));
  if (d.differ > 0) text += fmt::format(", {} up to {}", d.integers ? "by" : "relative error", Largest(d));
  return text;
}

// Where the outputs of ONNX Runtime come first.
std::string VerdictOfOutputs(const driver::VerifyReport& report, const std::string& allowed, double seconds) {
  std::int64_t outputs = 0, elements = 0, differ = 0, layers = 0, compared = 0, differ_layers = 0;
  for (const Layer& layer : report.report.layers) {
    if (layer.input) continue;
    ++layers;
    compared += layer.compared ? 1 : 0;
    differ_layers += layer.end_to_end.equal() ? 0 : 1;
    if (!layer.output) continue;
    ++outputs;
    elements += layer.end_to_end.elements;
    differ += layer.end_to_end.differ;
  }
  std::string inside = "the layers before were not compared";
  if (compared > outputs) {
    inside = fmt::format("{} of {} compared layers differ", differ_layers, compared);
  }
  return fmt::format(
      "{} {} of {} elements differ, in {}{} ({})  {:.2f} s\n",
      report.report.equal() ? Colored("equal:", Color::kGreen) : Colored("different:", Color::kRed),
      Grouped(differ), Grouped(elements), Count(outputs, "output", "outputs"),
      layers > outputs ? "; " + inside : "", allowed, seconds);
}

std::string Verdict(const driver::VerifyReport& report, const verify::Tolerance& tolerance, double seconds) {
  const Totals totals = Sum(report.report.layers);
  const std::string allowed = fmt::format(
      "tolerance: {}floats within {:g}",
      tolerance.lsb > 0 ? fmt::format("integers within {} LSB, ", tolerance.lsb) : "", tolerance.relative);
  if (report.report.outputs_first) return VerdictOfOutputs(report, allowed, seconds);
  const std::string layers = Count(totals.layers, "layer", "layers");
  if (report.report.equal()) {
    return fmt::format("{} 0 of {} elements differ, in {} ({})  {:.2f} s\n", Colored("equal:", Color::kGreen),
                       Grouped(totals.elements), layers, allowed, seconds);
  }
  // Only layers that could be compared alone count as those that introduce no difference.
  const std::string compared =
      totals.not_alone == 0 ? layers
                            : Count(totals.layers - totals.not_alone, "layer", "layers") + " compared alone";
  const std::string end_to_end = totals.not_alone == 0 ? std::to_string(totals.differ_layers)
                                                       : fmt::format("{} of {}", totals.differ_layers,
                                                                     Count(totals.layers, "layer", "layers"));
  return fmt::format("{} {} of {} introduce{} a difference, {} differ{} end to end ({})  {:.2f} s\n",
                     Colored("different:", Color::kRed), totals.alone_layers, compared,
                     totals.alone_layers == 1 ? "s" : "", end_to_end, totals.differ_layers == 1 ? "s" : "",
                     allowed, seconds);
}

// What this input does not show.
std::string Gaps(const std::vector<Layer>& layers) {
  std::int64_t constant = 0, saturated = 0;
  for (const Layer& layer : layers) {
    if (!layer.compared) continue;
    constant += layer.constant && layer.end_to_end.elements > 1 ? 1 : 0;
    saturated += layer.saturated() ? 1 : 0;
  }
  std::string text;
  if (constant > 0) {
    text += fmt::format(
        "{} gave the same value everywhere, so this input says little about the layers before {} (--all "
        "shows "
        "which)\n",
        Count(constant, "layer", "layers"), constant == 1 ? "it" : "them");
  }
  if (saturated > 0) {
    text += fmt::format("{} saturated, so this input says little about {} (--all shows which)\n",
                        Count(saturated, "layer", "layers"), saturated == 1 ? "it" : "them");
  }
  const auto not_compared =
      std::ranges::count_if(layers, [](const Layer& layer) { return !layer.not_compared.empty(); });
  if (not_compared > 0) {
    text +=
        fmt::format("{} could not be compared (--all shows why)\n", Count(not_compared, "layer", "layers"));
  }
  if (const std::int64_t not_alone = Sum(layers).not_alone; not_alone > 0) {
    text += fmt::format("{} could not be compared alone (--all shows why)\n",
                        Count(not_alone, "layer", "layers"));
  }
  return text;
}

std::string Summary(const driver::VerifyReport& report, const verify::Tolerance& tolerance, double seconds) {
  std::string text = Head(report) + Verdict(report, tolerance, seconds);
  for (const Layer& layer : report.report.layers) {
    if (layer.output) text += PrintableLine(OutputLine(layer)) + "\n";
  }
  return text + Gaps(report.report.layers) + FloatSums(report.float_sums);
}

// What the comparison of the first layer that differs says of the cause.
std::string Cause(const Layer& layer) {
  if (layer.cut_off && layer.cut_off->equal()) {
    return "the value is equal where the model is cut off there, and differs only in the whole model: ONNX "
           "Runtime "
           "fuses the whole model otherwise";
  }
  if (layer.differs_alone()) {
    return fmt::format("on the first model's values, it differs by itself, too: {} of {} elements",
                       Grouped(layer.alone->differ), Grouped(layer.alone->elements));
  }
  if (layer.alone) {
    return "on the first model's values, it is equal by itself: the difference comes from running it "
           "together "
           "with the layers before it (fusion)";
  }
  return layer.not_alone.empty() ? "" : "it could not be run by itself: " + layer.not_alone;
}

std::string FirstLayers(const std::vector<Layer>& layers) {
  std::vector<std::size_t> first;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].first_to_differ) first.push_back(i);
  }
  if (first.empty()) return "";
  std::string text = fmt::format("\n{}:\n{}",
                                 first.size() == 1 ? "the first layer that differs"
                                                   : "the first layers that differ, before one output each",
                                 LayerTable(layers, first, false).ToString());
  for (const std::size_t i : first) {
    if (const std::string cause = Cause(layers[i]); !cause.empty())
      text += PrintableLine(fmt::format("layer {}: {}", i, cause)) + "\n";
  }
  return text;
}

bool OutputsOnly(const std::vector<Layer>& layers) {
  return std::ranges::none_of(
      layers, [](const Layer& layer) { return !layer.input && !layer.output && layer.compared; });
}

double Share(const Difference& difference) {
  if (!difference.mismatch.empty()) return 2;
  return difference.elements == 0
             ? 0
             : static_cast<double>(difference.differ) / static_cast<double>(difference.elements);
}

nlohmann::ordered_json DifferenceJson(const Difference& difference) {
  nlohmann::ordered_json histogram = nlohmann::ordered_json::object();
  for (const auto& [apart, count] : difference.histogram) histogram[std::to_string(apart)] = count;
  nlohmann::ordered_json json = {{"elements", difference.elements},
                                 {"differ", difference.differ},
                                 {"unit", difference.integers ? "lsb" : "relative"},
                                 {"largest", difference.largest},
                                 {"histogram", histogram}};
  if (difference.differ > 0) {
    json["first"] = {
        {"place", difference.first}, {"first", difference.a_there}, {"second", difference.b_there}};
  }
  if (!difference.mismatch.empty()) json["mismatch"] = difference.mismatch;
  return json;
}

}  // namespace

std::string VerifyText(const driver::VerifyReport& report, const verify::Tolerance& tolerance, bool all,
                       double seconds) {
  const std::vector<Layer>& layers = report.report.layers;
  std::string text = Summary(report, tolerance, seconds);
  std::vector<std::size_t> alone, worst;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].differs_alone()) alone.push_back(i);
    if (!layers[i].end_to_end.equal()) worst.push_back(i);
  }
  std::stable_sort(worst.begin(), worst.end(), [&](std::size_t a, std::size_t b) {
    return Share(layers[a].end_to_end) > Share(layers[b].end_to_end);
  });
  const auto section = [&](std::string_view title, std::vector<std::size_t> shown, bool by_itself) {
    if (shown.empty()) return;
    const std::size_t left = shown.size() - std::min(shown.size(), kShownLayers);
    shown.resize(shown.size() - left);
    text += fmt::format("\n{}\n{}", title, LayerTable(layers, shown, by_itself).ToString());
    if (left > 0) text += fmt::format("and {} more (--all lists them)\n", left);
  };
  if (report.report.outputs_first) {
    text += FirstLayers(layers);
  } else {
    section("layers that introduce a difference (each run alone, on the first model's values):", alone, true);
  }
  section(report.report.outputs_first ? "compared layers that differ, worst first:"
                                      : "layers that differ end to end, worst first:",
          worst, false);
  if (all) text += "\nall layers:\n" + AllTable(layers).ToString();
  if (report.repro_written) {
    const Layer& layer = layers[report.repro_layer];
    text += Printable(fmt::format("\nlayer {} ({} {}) is written to {}\n", report.repro_layer,
                                  PrintableLine(layer.op), PrintableLine(layer.place), report.repro_folder));
  }
  if (!report.save_folder.empty()) {
    text += Printable(fmt::format("{} {} saved to {} (see index.json)\n",
                                  Count(static_cast<std::int64_t>(report.saved_arrays), "array", "arrays"),
                                  report.saved_arrays == 1 ? "is" : "are", report.save_folder));
  }
  return text;
}

nlohmann::ordered_json VerifyJson(const driver::VerifyReport& report, const verify::Tolerance& tolerance,
                                  double seconds) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < report.report.layers.size(); ++i) {
    const Layer& layer = report.report.layers[i];
    nlohmann::ordered_json entry = {
        {"index", i}, {"operator", layer.op}, {"place", layer.place}, {"name", layer.name}};
    entry.update(TypeJson(layer.type));
    entry["input"] = layer.input;
    entry["output"] = layer.output;
    if (layer.compared) {
      entry["constant"] = layer.constant;
      entry["at_lowest"] = layer.lowest_share;
      entry["at_highest"] = layer.highest_share;
      entry["saturated"] = layer.saturated();
    }
    if (report.report.outputs_first) {
      entry["compared"] = layer.compared;
      entry["first_to_differ"] = layer.first_to_differ;
    }
    if (layer.compared) entry["end_to_end"] = DifferenceJson(layer.end_to_end);
    if (layer.cut_off) entry["cut_off"] = DifferenceJson(*layer.cut_off);
    if (!layer.not_compared.empty()) entry["not_compared"] = layer.not_compared;
    if (layer.alone) entry["alone"] = DifferenceJson(*layer.alone);
    if (!layer.not_alone.empty()) entry["not_alone"] = layer.not_alone;
    layers.push_back(std::move(entry));
  }
  const Totals totals = Sum(report.report.layers);
  nlohmann::ordered_json json = {{"equal", report.report.equal()},
                                 {"first",
                                  {{"model", report.first},
                                   {"runner", report.first_runner},
                                   {"engine", report.pytorch_engine},
                                   {"faults", report.faults_kept ? "keep" : "meant"}}},
                                 {"second", {{"model", report.second}, {"runner", report.second_runner}}},
                                 {"assumed_runtime", report.assumed_runtime},
                                 {"float_sums", report.float_sums},
                                 {"inputs", ValuesJson(report.inputs)},
                                 {"drawn", report.drawn},
                                 {"runs", report.report.runs},
                                 {"tolerance", {{"lsb", tolerance.lsb}, {"relative", tolerance.relative}}},
                                 {"elements", totals.elements},
                                 {"differ", totals.differ},
                                 {"layers_differ_alone", totals.alone_layers},
                                 {"layers_differ_end_to_end", totals.differ_layers},
                                 {"layers", layers},
                                 {"warnings", report.warnings},
                                 {"seconds", seconds}};
  if (report.runtime) {
    json["runtime"] = {{"name", "onnxruntime"},
                       {"version", report.runtime->version},
                       {"providers", report.runtime->providers},
                       {"python", report.runtime->python},
                       {"executable", report.runtime->executable}};
    json["outputs_only"] = OutputsOnly(report.report.layers);
  }
  if (!report.save_folder.empty())
    json["save"] = {{"folder", report.save_folder}, {"arrays", report.saved_arrays}};
  if (report.repro_written) json["repro"] = {{"folder", report.repro_folder}, {"layer", report.repro_layer}};
  return json;
}

}  // namespace octavo::cli
