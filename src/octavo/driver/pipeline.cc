#include "octavo/driver/pipeline.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "octavo/base/budget.h"
#include "octavo/driver/given_bytes.h"
#include "octavo/driver/links.h"
#include "octavo/driver/lost_weights.h"
#include "octavo/driver/missing_operators.h"
#include "octavo/driver/names.h"
#include "octavo/driver/plugin.h"
#include "octavo/driver/registry_rules.h"
#include "octavo/driver/saved_state.h"
#include "octavo/import/memory_formats.h"
#include "octavo/ir/origin.h"
#include "octavo/ir/verify.h"
#include "octavo/module/load.h"
#include "octavo/open_sizes/open_sizes.h"
#include "octavo/passes/passes.h"
#include "octavo/targets/onnxruntime/integer_kernels.h"
#include "octavo/targets/onnxruntime/node_types.h"
#include <nlohmann/json.hpp>

namespace octavo::driver {
namespace {

constexpr int kQdqOpset = 17, kFirstQdqOpset = 13, kLastQdqOpset = 21, kCaffe2Opset = 9;

// Names and places may come from a file that is not UTF-8.
template <typename Json>
std::string MetadataText(const Json& json) {
  return json.empty() ? std::string() : json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The metadata that says how exact the model is, and against which PyTorch.  A model that is converted may
// have brought some.
void SetClaims(ir::Graph& graph, const Converted& converted, const ExportOptions& options) {
  for (const char* key :
       {"octavo.exactness", "octavo.engine", "octavo.exact_for", "octavo.float_operators", "octavo.target"}) {
    graph.metadata.erase(key);
  }
  if (options.dialect == Dialect::kQdq) graph.metadata["octavo.target"] = Name(options.target);
  graph.metadata["octavo.engine"] = Name(ChosenEngine(options));
  std::string text = ExactnessText(converted.exactness);
  if (text.empty()) return;
  graph.metadata["octavo.exactness"] = std::move(text);
  graph.metadata["octavo.exact_for"] = Name(options.target);
  if (std::string floats = FloatOperatorsText(converted.claims.float_operators); !floats.empty()) {
    graph.metadata["octavo.float_operators"] = std::move(floats);
  }
}

// A file can say that one stored element is a large tensor; passes and the written file hold it as one.
Status TakeRepeated(const ir::Graph& graph, Budget& budget) {
  for (std::size_t i = 0; i < graph.num_values(); ++i) {
    const ir::Value& value = graph.value({static_cast<std::int32_t>(i)});
    if (!value.constant || !value.constant->storage) continue;
    if (value.constant->num_bytes() <= value.constant->storage->bytes.size()) continue;
    OCTAVO_TRY(budget.TakeMemory(value.constant->num_bytes(), [&] {
      return fmt::format("the constant {}, {},", value.name, value.type.ToString());
    }));
  }
  return {};
}

}  // namespace

std::string QuantizationText(const ir::Graph& graph) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  auto add = [&json](const std::string& name, const TensorType& type) {
    if (!type.quantized() || !type.quantization->per_tensor()) return;
    json[name] = {{"dtype", Name(type.dtype)},
                  {"scale", type.quantization->scale()},
                  {"zero_point", type.quantization->zero_point()}};
  };
  for (const ir::ValueId input : graph.inputs()) add(graph.value(input).name, graph.type(input));
  for (const ir::Output& output : graph.outputs()) add(output.name, graph.type(output.value));
  return MetadataText(json);
}

std::string ExactnessText(const std::vector<NodeExactness>& exactness) {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& [place, op, statement] : exactness) {
    nlohmann::json node = {place, op, Name(statement.exactness)};
    if (!statement.bound.empty()) node.push_back(statement.bound);
    json.push_back(std::move(node));
  }
  return MetadataText(json);
}

Result<std::unique_ptr<Operators>> LoadOperators(const std::vector<std::filesystem::path>& plugins) {
  auto operators = std::make_unique<Operators>();
  RegisterBuiltinOperators(operators->registry);
  for (const auto& path : plugins)
    operators->plugins.push_back(OCTAVO_TRY(LoadPlugin(path, operators->registry)));
  return operators;
}

octavo::import::Options ImportOptions(const std::vector<InputSpec>& inputs, const Limits& limits) {
  octavo::import::Options options;
  options.limits = limits;
  for (const InputSpec& input : inputs) options.inputs.push_back({input.name, input.type, input.value});
  return options;
}

void AddWarnings(const module::Module& module, const import::OperatorRules& rules,
                 import::Imported& imported) {
  std::vector<std::string> warnings = module.warnings;
  std::ranges::move(LostWeightWarnings(module, imported.graph), std::back_inserter(warnings));
  std::ranges::move(imported.warnings, std::back_inserter(warnings));
  std::ranges::move(SavedStateWarnings(module, imported.graph), std::back_inserter(warnings));
  if (imported.complete && imported.missing.empty()) {
    if (const ir::NodeId id = import::DependsOnOrderOfInputs(imported.graph); id != ir::kNoNode) {
      const ir::Node& node = imported.graph.node(id);
      warnings.push_back(
          fmt::format("inputs are assumed to be contiguous in memory; with inputs in channels-last order, "
                      "PyTorch computes {} otherwise",
                      node.origin ? ir::Text(*node.origin) : node.op));
    }
    std::ranges::move(open_sizes::Warnings(imported, rules), std::back_inserter(warnings));
  }
  imported.warnings = std::move(warnings);
}

Result<Read> ReadModel(const std::filesystem::path& path, const Registry& registry,
                       const std::vector<InputSpec>& inputs, const Limits& limits,
                       MappedFile::Needed needed) {
  Read read;
  read.module = OCTAVO_TRY(module::Load(path, limits, needed));
  const RegistryRules rules(registry);
  read.imported = OCTAVO_TRY(import::Import(read.module, rules, ImportOptions(inputs, limits)));
  WarnOfAssumedTypes(read.imported);
  AddWarnings(read.module, rules, read.imported);
  if (!read.imported.missing.empty()) {
    return MissingOperators(read.imported.missing, AdviceToConvert(read.module, read.imported.graph));
  }
  return read;
}

void WarnOfAssumedTypes(import::Imported& imported) {
  for (const std::string& name : imported.untyped) {
    imported.warnings.push_back(fmt::format(
        "the file does not say the type of the input {}, so float32 is assumed; --input '{}:int64[...]' sets "
        "another",
        name, name));
  }
}

Engine ChosenEngine(const ExportOptions& options) {
  return options.engine.value_or(options.dialect == Dialect::kCaffe2 ? Engine::kQnnpack : kDefaultEngine);
}

Result<std::optional<Engine>> WrittenEngine(const std::map<std::string, std::string>& metadata) {
  const auto said = metadata.find("octavo.engine");
  if (said == metadata.end()) return std::optional<Engine>();
  const auto* const named =
      std::ranges::find_if(kEngines, [&](Engine engine) { return Name(engine) == said->second; });
  if (named != kEngines.end()) return std::optional<Engine>(*named);
  return InvalidFile(
      fmt::format("the metadata entry octavo.engine is \"{}\", an unknown engine", said->second));
}

Result<int> ChosenOpset(const ExportOptions& options) {
  if (options.dialect == Dialect::kCaffe2) {
    if (ChosenEngine(options) != Engine::kQnnpack) {
      return UsageError(
          fmt::format("--engine {} does not go with --dialect caffe2, whose operators are qnnpack's",
                      Name(ChosenEngine(options))));
    }
    if (options.opset != 0 && options.opset != kCaffe2Opset) {
      return UsageError(fmt::format("--opset {} does not go with --dialect caffe2, which is always opset {}",
                                    options.opset, kCaffe2Opset));
    }
    return kCaffe2Opset;
  }
  if (options.opset == 0) return kQdqOpset;
  if (options.opset < kFirstQdqOpset || options.opset > kLastQdqOpset) {
    return UsageError(fmt::format("--opset {} is not supported; choose {} to {}", options.opset,
                                  kFirstQdqOpset, kLastQdqOpset));
  }
  return options.opset;
}

std::vector<std::string> WarningsOf(const Converted& converted) {
  std::vector<std::string> warnings = converted.warnings;
  warnings.insert(warnings.end(), converted.claims.warnings.begin(), converted.claims.warnings.end());
  return warnings;
}

Result<Converted> Convert(const ir::Graph& imported, const Registry& registry, const ExportOptions& options) {
  LowerOptions lower_options;
  lower_options.dialect = options.dialect;
  lower_options.opset = OCTAVO_TRY(ChosenOpset(options));
  lower_options.target = options.target;
  lower_options.numbers = options.numbers;
  lower_options.engine = ChosenEngine(options);
  lower_options.requantize_per_channel = options.requantize_per_channel;
  Budget budget(options.limits, StoredBytes(imported));
  OCTAVO_TRY(TakeRepeated(imported, budget));
  lower::Lowered lowered = OCTAVO_TRY(lower::Lower(
      imported, registry, lower_options, [&options](double share) { Report(options, "converting", share); },
      passes::QuantizedConstants(imported, lower_options.engine), budget));
  Converted converted;
  converted.warnings = std::move(lowered.warnings);
  converted.graph = std::move(lowered.graph);
  ir::Graph& graph = converted.graph;
  OCTAVO_TRY(NameInputsAndOutputs(graph, options.output_names, options.renames));
  if (std::string text = QuantizationText(graph); !text.empty()) {
    graph.metadata["octavo.quantization"] = std::move(text);
  }
  for (const ir::ValueId input : graph.inputs()) {
    const ir::Value& value = graph.value(input);
    if (value.type.shape) continue;
    converted.warnings.push_back(
        fmt::format("the shape of the input {} is unknown, and is left out of the ONNX model, which some "
                    "tools refuse; give it with --input, as in --input '{}:{}[N,3,224,224]'",
                    value.name, value.name, Name(value.type.dtype)));
  }
  converted.exactness = std::move(lowered.exactness);
  for (std::string& warning : WarningsAboutMistakes(lowered.mistakes, lower_options.engine)) {
    converted.warnings.push_back(std::move(warning));
  }
  passes::RemoveDeadNodes(graph);
  const LinkFollower links(graph, std::move(lowered.links));
  if (options.dialect == Dialect::kCaffe2) passes::CancelTransposes(graph, false);
  if (options.optimize) {
    int saved = 0, more = 0;
    do {
      more = passes::CancelTransposes(graph, true) + passes::RemoveIdentities(graph);
      saved += more;
    } while (more > 0);
    saved += passes::RemoveDeadNodes(graph);
    converted.nodes_saved = static_cast<std::size_t>(saved);
  }
  if (options.dialect == Dialect::kQdq) {
    // TensorRT has no conversion of 8-bit constants but DequantizeLinear's.
    passes::ComputeWeights(graph, targets::onnxruntime::ProductsOfReals(graph),
                           options.target == Target::kTensorRt);
  }
  if (options.dialect == Dialect::kQdq && options.target == Target::kOnnxRuntime) {
    passes::KeepQuantizations(graph);
    passes::KeepPads(graph);
  }
  passes::MergeConstants(graph);
  if (options.dialect == Dialect::kQdq && options.target == Target::kOnnxRuntime) {
    passes::SeparateWeightZeroPoints(graph);
  }
  passes::InferTypes(graph);
  OCTAVO_TRY(ir::Verify(graph));
  if (options.dialect == Dialect::kQdq && options.target == Target::kOnnxRuntime) {
    OCTAVO_TRY(targets::onnxruntime::CheckNodeTypes(graph));
  }
  converted.claims = ClaimsOf(imported, lowered.origins, lowered.proven, graph, options);
  SetClaims(graph, converted, options);
  converted.pairs = links.After(graph);
  return converted;
}

}  // namespace octavo::driver
