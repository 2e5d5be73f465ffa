#include "octavo/driver/claims.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "octavo/ir/origin.h"
#include "octavo/ops/computation.h"
#include "octavo/ops/mistakes.h"
#include "octavo/targets/onnxruntime/integer_kernels.h"
#include "octavo/targets/onnxruntime/saturation.h"
#include <nlohmann/json.hpp>

namespace octavo {

std::vector<std::string> WhatFloatsMayChange(const std::vector<FloatOperator>& operators,
                                             std::string_view see) {
  constexpr std::size_t kNamed = 10;
  std::vector<std::string> lines;
  // Those that can change integers first.
  for (const bool before : {true, false}) {
    for (const FloatOperator& node : operators) {
      if (node.before_quantized != before || lines.size() == kNamed) continue;
      lines.push_back(fmt::format("{}  {}: {}; {}", node.op, node.place, node.why,
                                  before ? "an integer computed from it may be one step off"
                                         : "float outputs may differ in their last bits"));
    }
  }
  if (operators.size() > kNamed)
    lines.push_back(fmt::format("and {} more{}", operators.size() - kNamed, see));
  return lines;
}

namespace driver {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

std::string PlaceOf(const Node& node) {
  if (!node.origin) return {};
  return node.origin->module_path.empty() ? ir::Place(*node.origin) : node.origin->module_path;
}

bool Quantized(const Graph& graph, const Node& node) {
  bool quantized =
      std::ranges::any_of(node.outputs, [&](ValueId id) { return id.valid() && graph.type(id).quantized(); });
  Graph::ForEachUse(node, [&](ValueId id) { quantized |= id.valid() && graph.type(id).quantized(); });
  return quantized;
}

bool MakesFloats(const Graph& graph, const Node& node) {
  return std::ranges::any_of(node.outputs, [&](ValueId id) {
    if (!id.valid()) return false;
    const DType dtype = graph.type(id).dtype;
    return IsFloat(dtype) || dtype == DType::kUnknown;
  });
}

bool IsFakeQuantize(const Node& node) { return node.op.find("fake_quantize_") != std::string::npos; }

// The values on which something quantized depends, by index.
std::vector<bool> LeadsToQuantized(const Graph& graph) {
  std::vector<bool> leads(graph.num_values());
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    const bool wanted = std::ranges::any_of(node->outputs, [&](ValueId id) {
      return id.valid() && (graph.type(id).quantized() || leads[static_cast<std::size_t>(id.index)]);
    });
    // Integers of a fake_quantize are integers too.
    if (!wanted && !IsFakeQuantize(*node)) continue;
    Graph::ForEachUse(*node, [&](ValueId id) {
      if (id.valid()) leads[static_cast<std::size_t>(id.index)] = true;
    });
  }
  return leads;
}

std::string_view WhyFloatsDiffer(const Node& node) {
  if (IsFakeQuantize(node)) {
    return "the runtime divides by the scale, PyTorch multiplies by its reciprocal";
  }
  switch (ComputationOf(node.op)) {
    case Computation::kSum:
      return "a sum of floats, which a runtime adds up in another order";
    case Computation::kArithmetic:
      return "a runtime may fuse it with other operators";
    default:
      return "a function that a runtime approximates in its own way";
  }
}

std::vector<FloatOperator> FloatOperatorsOf(const Graph& graph, const std::vector<bool>& proven) {
  const std::vector<bool> leads = LeadsToQuantized(graph);
  std::vector<FloatOperator> operators;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const Computation computation = ComputationOf(node.op);
    if (proven[i]) continue;
    if (computation == Computation::kNone || computation == Computation::kChoice) continue;
    if (Quantized(graph, node) || !MakesFloats(graph, node)) continue;
    const bool before = std::ranges::any_of(
        node.outputs, [&](ValueId id) { return id.valid() && leads[static_cast<std::size_t>(id.index)]; });
    operators.push_back({PlaceOf(node), node.op, std::string(WhyFloatsDiffer(node)), before});
  }
  return operators;
}

bool QuantizedSomewhere(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [&](const Node& node) {
    return Quantized(graph, node) || IsFakeQuantize(node) || node.op == "onnx::QuantizeLinear" ||
           node.op == "onnx::DequantizeLinear" || node.op == "onnx::DynamicQuantizeLinear";
  });
}

// Observers that leave one bit of the activations' range unused (reduce_range, PyTorch's default for x86)
// choose zero points of at most 127, about 64 for values around 0; with the whole range these are about 128.
// The written model has nothing else that tells.
bool LooksReduced(const Graph& graph) {
  constexpr std::int64_t kHighest = 127, kTypical = 96;
  std::vector<std::int64_t> zero_points;
  const auto look = [&](ValueId id) {
    if (!id.valid()) return;
    const TensorType& type = graph.type(id);
    if (type.dtype != DType::kQUint8 || !type.quantization->per_tensor()) return;
    if (type.quantization->zero_point() > 0) zero_points.push_back(type.quantization->zero_point());
  };
  for (const ValueId input : graph.inputs()) look(input);
  for (const Node& node : graph.nodes()) std::ranges::for_each(node.outputs, look);
  if (zero_points.empty()) return false;
  std::ranges::sort(zero_points);
  return zero_points.back() <= kHighest && zero_points[zero_points.size() / 2] <= kTypical;
}

std::string Counts(const std::map<std::string, std::size_t>& by_name) {
  std::vector<std::pair<std::string, std::size_t>> sorted(by_name.begin(), by_name.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr std::size_t kNamed = 4;
  std::string text;
  std::size_t others = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i >= kNamed) {
      others += sorted[i].second;
      continue;
    }
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", sorted[i].second, sorted[i].first);
  }
  if (others > 0) text += fmt::format(" and {} more", others);
  return text;
}

// What becomes of the model's operators, by index: computes at all, and on integers alone.
struct Fate {
  bool counted = false, int8 = false;
};

std::vector<Fate> Fates(const Graph& imported, const std::vector<std::shared_ptr<const ir::Origin>>& origins,
                        const Graph& written, const ExportOptions& options) {
  using targets::onnxruntime::Work;
  const bool caffe2 = options.dialect == Dialect::kCaffe2;
  const bool runtime = !caffe2 && options.target == Target::kOnnxRuntime;
  const std::vector<Work> work = targets::onnxruntime::WorkOfNodes(written);
  struct Found {
    bool integers = false, floats = false;
  };
  std::unordered_map<const ir::Origin*, Found> found;
  for (std::size_t i = 0; i < work.size(); ++i) {
    const Node& node = written.nodes()[i];
    Found& of = found[node.origin.get()];
    of.integers |= work[i] == Work::kInteger;
    of.floats |= work[i] == Work::kFloat;
  }
  std::vector<Fate> fates(imported.nodes().size());
  for (std::size_t i = 0; i < fates.size(); ++i) {
    const Node& node = imported.nodes()[i];
    const auto at = origins[i] ? found.find(origins[i].get()) : found.end();
    if (at == found.end() || ComputationOf(node.op) == Computation::kNone) continue;
    fates[i].counted = at->second.integers || at->second.floats;
    fates[i].int8 = fates[i].counted && (runtime || caffe2 ? !at->second.floats : Quantized(imported, node));
  }
  return fates;
}

}  // namespace

Claims ClaimsOf(const ir::Graph& imported, const std::vector<std::shared_ptr<const ir::Origin>>& origins,
                const std::vector<bool>& proven, const ir::Graph& written, const ExportOptions& options) {
  Claims claims;
  claims.float_operators = FloatOperatorsOf(imported, proven);
  const std::vector<Fate> fates = Fates(imported, origins, written, options);
  for (std::size_t i = 0; i < fates.size(); ++i) {
    if (!fates[i].counted) continue;
    ++claims.counted_operators;
    if (fates[i].int8) {
      ++claims.int8_operators;
    } else {
      ++claims.not_int8[imported.nodes()[i].op];
    }
  }
  if (claims.int8_operators == 0 && !QuantizedSomewhere(imported)) {
    claims.warnings.emplace_back("nothing in this model is quantized: the ONNX model is float32");
    return claims;
  }
  const bool runs = options.dialect == Dialect::kCaffe2 || options.target == Target::kOnnxRuntime;
  if (!claims.not_int8.empty()) {
    const std::size_t others = claims.counted_operators - claims.int8_operators;
    claims.warnings.push_back(fmt::format("{} of {} operators {}: {}", others, claims.counted_operators,
                                          runs ? (others == 1 ? "does not run in int8" : "do not run in int8")
                                               : (others == 1 ? "is not quantized" : "are not quantized"),
                                          Counts(claims.not_int8)));
  }
  if (options.dialect == Dialect::kQdq && options.target == Target::kOnnxRuntime) {
    const std::size_t layers = targets::onnxruntime::LayersThatCanSaturate(written);
    if (layers > 0) {
      const std::string can_saturate = fmt::format("{} {} weights that can saturate on x86 CPUs without VNNI",
                                                   layers, layers == 1 ? "layer has" : "layers have");
      constexpr const char* kOption = "set ONNX Runtime's session option session.x64quantprecision=1 there";
      claims.warnings.push_back(
          LooksReduced(imported)
              ? fmt::format(
                    "{} unless the model was quantized with reduce_range, as its zero points suggest; "
                    "otherwise {}",
                    can_saturate, kOption)
              : fmt::format("{}; {}, or quantize with reduce_range", can_saturate, kOption));
    }
  }
  return claims;
}

std::vector<NodeExactness> MistakesIn(const ir::Graph& imported, const Registry& registry, Engine engine) {
  std::vector<NodeExactness> mistakes;
  for (const Node& node : imported.nodes()) {
    const auto call = registry.Match(imported, node.op, node.arguments);
    if (!call || !*call || !(*call)->row->mistake) continue;
    std::vector<TensorType> results;
    for (const ValueId output : node.outputs) results.push_back(imported.type(output));
    if (std::ranges::none_of(results, [](const TensorType& type) { return type.quantized(); })) continue;
    const Arguments bound(&imported, &(*call)->row->arguments, (*call)->arguments, std::move(results));
    if (const std::optional<std::string> mistake = (*call)->row->mistake(engine, bound)) {
      mistakes.push_back({PlaceOf(node), node.op, {Exactness::kAsMeant, *mistake}});
    }
  }
  return mistakes;
}

namespace {

// One per kind, with `consequence` at its end.
std::vector<std::string> ListMistakes(const std::vector<NodeExactness>& mistakes,
                                      std::string_view consequence) {
  std::vector<std::string> warnings;
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> counts;
  for (const NodeExactness& node : mistakes) ++counts[{node.op, node.statement.bound}];
  for (const NodeExactness& node : mistakes) {
    const std::size_t count = std::exchange(counts[{node.op, node.statement.bound}], 0);
    if (count == 0) continue;
    const std::string where = count == 1 ? fmt::format("at {}", node.place)
                                         : fmt::format("{} times, first at {}", count, node.place);
    warnings.push_back(fmt::format("{} {}: {}; {}", node.op, where, node.statement.bound, consequence));
  }
  return warnings;
}

}  // namespace

std::vector<std::string> WarningsAboutMistakes(const std::vector<NodeExactness>& mistakes, Engine engine) {
  return ListMistakes(
      mistakes,
      fmt::format("here the result is as meant, and not what PyTorch's {} engine gives", Name(engine)));
}

std::vector<std::string> WarningsAboutMistakes(const ir::Graph& imported, const Registry& registry,
                                               const reference::Options& options) {
  std::vector<NodeExactness> mistakes = MistakesIn(imported, registry, options.engine);
  std::erase_if(mistakes, [](const NodeExactness& node) { return IsAlwaysRepeated(node.statement.bound); });
  if (options.faults == reference::Faults::kMeant) return WarningsAboutMistakes(mistakes, options.engine);
  std::erase_if(mistakes, [](const NodeExactness& node) { return IsRepeated(node.statement.bound); });
  return ListMistakes(mistakes, "--faults keep does not repeat this: the result is as meant");
}

std::string Int8Text(const ExportReport& report, Dialect dialect, Target target) {
  if (report.counted_operators == 0) return {};
  const bool runs = dialect == Dialect::kCaffe2 || target == Target::kOnnxRuntime;
  std::string text = fmt::format("{} of {} operators {}", report.int8_operators, report.counted_operators,
                                 runs ? "run in int8" : "are quantized");
  if (report.int8_operators > 0 && !report.not_int8.empty()) {
    text += fmt::format(" (not {})", Counts(report.not_int8));
  }
  return text;
}

std::string FloatOperatorsText(const std::vector<FloatOperator>& operators) {
  using Json = nlohmann::json;
  Json json = Json::array();
  for (const FloatOperator& node : operators) {
    json.push_back({node.place, node.op, node.why, node.before_quantized});
  }
  return json.empty() ? std::string() : json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace driver
}  // namespace octavo
