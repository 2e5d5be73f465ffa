#include "octavo/driver/inspect.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "octavo/base/out_of_memory.h"
#include "octavo/driver/missing_operators.h"
#include "octavo/driver/model_kind.h"
#include "octavo/driver/pipeline.h"
#include "octavo/driver/registry_rules.h"
#include "octavo/driver/saved_state.h"
#include "octavo/import/signature.h"
#include "octavo/ir/origin.h"
#include "octavo/ir/text.h"
#include "octavo/module/load.h"
#include "octavo/module/weights.h"
#include "octavo/onnx/read.h"
#include "octavo/passes/passes.h"

namespace octavo::driver {
namespace {

// Describes nodes, and counts what several of them share once.
class Describer {
 public:
  // The first `external` inputs of the graph are weights in another file.
  Describer(const ir::Graph& graph, Inspection& inspection, std::size_t external = 0)
      : graph_(graph), inspection_(inspection) {
    const auto inputs = graph.inputs().begin();
    external_.insert(inputs, inputs + static_cast<std::ptrdiff_t>(external));
  }

  Layer Describe(const ir::Node& node) {
    Layer layer;
    layer.op = node.op;
    if (node.origin) {
      layer.module_path = node.origin->module_path;
      layer.place = ir::Place(*node.origin);
    }
    for (const ir::ValueId output : node.outputs) layer.outputs.push_back(graph_.type(output));
    for (const ir::Argument& argument : node.arguments) {
      if (const auto* id = std::get_if<ir::ValueId>(&argument.value)) {
        AddConstant(layer, *id);
      } else if (const auto* list = std::get_if<ir::ValueList>(&argument.value)) {
        for (const ir::ValueId item : *list) AddConstant(layer, item);
      } else if (const auto* packed =
                     std::get_if<std::shared_ptr<const ir::PackedWeights>>(&argument.value)) {
        if ((*packed)->weight_value.valid()) {
          AddConstant(layer, (*packed)->weight_value);
          AddConstant(layer, (*packed)->bias_value);
        } else {
          AddWeight(layer, (*packed)->weight);
        }
        if ((*packed)->bias) AddWeight(layer, *(*packed)->bias);
      } else if (const auto* bytes = std::get_if<ir::Bytes>(&argument.value)) {
        AddWeight(layer, bytes->data);
      }
    }
    return layer;
  }

 private:
  void AddConstant(Layer& layer, ir::ValueId id) {
    if (!id.valid()) return;
    if (const auto& constant = graph_.value(id).constant) {
      AddWeight(layer, *constant);
    } else if (external_.contains(id)) {
      const TensorType& type = graph_.type(id);
      const std::int64_t elements = NumElements(*type.shape).value();
      Count(layer, type, elements, static_cast<std::uint64_t>(elements) * ElementSize(type.dtype),
            &graph_.value(id));
    }
  }
  void AddWeight(Layer& layer, const Tensor& tensor) {
    Count(layer, tensor.type(), tensor.num_elements(), tensor.num_bytes(), module::ElementsOf(tensor));
  }
  // `key`: the same for the same elements; null where there are none.
  void Count(Layer& layer, TensorType type, std::int64_t elements, std::uint64_t bytes, const void* key) {
    layer.weights.push_back(std::move(type));
    layer.parameters += elements;
    layer.parameter_bytes += bytes;
    if (key && !counted_.insert(key).second) return;
    inspection_.parameters += elements;
    inspection_.parameter_bytes += bytes;
  }

  const ir::Graph& graph_;
  Inspection& inspection_;
  std::set<ir::ValueId> external_;
  std::unordered_set<const void*> counted_;
};

bool Known(const TensorType& type) {
  return type.dtype != DType::kUnknown && type.shape &&
         std::ranges::all_of(*type.shape, [](const Dim& dim) { return dim.known(); });
}

// In a file, quantized values are plain integers; the nodes that make them say what they mean.
void RestoreQuantization(ir::Graph& graph, const ir::Node& node) {
  auto quantize = [&graph](ir::ValueId id, double scale, std::int64_t zero_point, DType dtype) {
    if (!(scale > 0) || !std::isfinite(scale) || zero_point < -128 || zero_point > 255) return;
    TensorType& type = graph.value(id).type;
    type.dtype = dtype == DType::kInt8 ? DType::kQInt8 : DType::kQUint8;
    type.quantization = Quantization::PerTensor(scale, zero_point);
  };
  constexpr std::string_view kCaffe2 = "org.pytorch._caffe2::";
  const ir::Operand* scale = node.op.starts_with(kCaffe2) ? node.Find("Y_scale") : nullptr;
  if (scale != nullptr) {
    const ir::Operand* zero_point = node.Find("Y_zero_point");
    if (!zero_point || !std::holds_alternative<double>(*scale) || !std::holds_alternative<Dim>(*zero_point))
      return;
    quantize(node.outputs[0], std::get<double>(*scale), std::get<Dim>(*zero_point).value(), DType::kUint8);
  } else if (node.op == "QuantizeLinear" && node.arguments.size() >= 3) {
    const auto* scale_id = std::get_if<ir::ValueId>(&node.arguments[1].value);
    const auto* zero_id = std::get_if<ir::ValueId>(&node.arguments[2].value);
    if (!scale_id || !zero_id) return;
    const auto& scale_value = graph.value(*scale_id).constant;
    const auto& zero_value = graph.value(*zero_id).constant;
    if (!scale_value || !zero_value || scale_value->num_elements() != 1 || zero_value->num_elements() != 1)
      return;
    if (!IsFloat(scale_value->dtype) ||
        (zero_value->dtype != DType::kInt8 && zero_value->dtype != DType::kUint8)) {
      return;
    }
    quantize(node.outputs[0], scale_value->ToDoubles()[0], zero_value->ToInts()[0], zero_value->dtype);
  }
}

// Integers that a DequantizeLinear reads are a weight of its scales.
void QuantizeWeight(const ir::Graph& graph, const ir::Node& node, Layer& layer) {
  if (node.op != "DequantizeLinear" || layer.weights.empty() || node.arguments.size() < 2) return;
  const auto constant = [&](std::size_t i) -> const Tensor* {
    const auto* id = i < node.arguments.size() ? std::get_if<ir::ValueId>(&node.arguments[i].value) : nullptr;
    return id && id->valid() && graph.value(*id).constant ? &*graph.value(*id).constant : nullptr;
  };
  const auto* read = std::get_if<ir::ValueId>(&node.arguments[0].value);
  const Tensor* scales = constant(1);
  const Tensor* zero_points = constant(2);
  // Of an activation, the scale alone is the operator's own.
  if (!read || graph.value(*read).producer != ir::kNoNode || layer.weights[0] != graph.type(*read)) return;
  if (!scales || scales->rank() > 1 || !IsFloat(scales->dtype)) return;
  TensorType& weight = layer.weights[0];
  std::int64_t axis = 1;
  if (const ir::Operand* given = node.Find("axis"); given && std::holds_alternative<Dim>(*given)) {
    axis = std::get<Dim>(*given).value();
  }
  Quantization quantization{.scales = scales->ToDoubles()};
  quantization.zero_points = zero_points ? zero_points->ToInts() : std::vector<std::int64_t>{};
  quantization.zero_points.resize(quantization.scales.size());
  if (scales->rank() == 1 && scales->num_elements() != 1) {
    if (axis < 0) axis += *weight.rank();
    if (axis < 0 || axis >= *weight.rank()) return;
    quantization.axis = static_cast<int>(axis);
  }
  const auto quantized = weight.dtype == DType::kInt8    ? std::optional(DType::kQInt8)
                         : weight.dtype == DType::kUint8 ? std::optional(DType::kQUint8)
                         : weight.dtype == DType::kInt32 ? std::optional(DType::kQInt32)
                                                         : std::nullopt;
  if (!quantized || quantization.scales.empty()) return;
  weight.dtype = *quantized;
  weight.quantization = std::move(quantization);
}

Result<Inspection> InspectOnnx(const std::filesystem::path& path, const InspectOptions& options) {
  onnx::ReadModel read =
      OCTAVO_TRY(onnx::Read(path, {.external_data = false, .any_type = true, .hides_bodies = true}));
  for (const ir::Node& node : read.graph.nodes()) {
    if (!node.outputs.empty()) RestoreQuantization(read.graph, node);
  }
  Inspection inspection;
  inspection.format = "ONNX";
  std::string opsets;
  for (const auto& [domain, version] : read.graph.opsets) {
    opsets += fmt::format(", {} {}", domain.empty() ? "opset" : domain, version);
  }
  inspection.producer = (read.producer.empty() ? "unknown producer" : read.producer) + opsets;
  inspection.file_bytes = read.bytes;
  Describer describer(read.graph, inspection, read.external_tensors);
  const std::vector<ir::ValueId>& inputs = read.graph.inputs();
  for (std::size_t i = read.external_tensors; i < inputs.size(); ++i) {
    const std::string& name = read.graph.value(inputs[i]).name;
    const auto other = read.other_types.find(name);
    inspection.inputs.push_back(
        {name, read.graph.type(inputs[i]), other == read.other_types.end() ? std::string() : other->second});
    if (!Known(inspection.inputs.back().type)) inspection.inputs_known = false;
  }
  for (const ir::Output& output : read.graph.outputs()) {
    inspection.outputs.push_back({output.name, read.graph.type(output.value)});
  }
  for (const ir::Node& node : read.graph.nodes()) {
    inspection.layers.push_back(describer.Describe(node));
    QuantizeWeight(read.graph, node, inspection.layers.back());
  }
  if (options.graph_text) inspection.graph_text = ir::Print(read.graph);
  return inspection;
}

// What a TorchScript file's program does, as far as it can be told.
struct Told {
  import::Imported imported;
  Listing listing = Listing::kEvaluated;
  // Why it does not convert, or why that is not known; unset: it was imported as for export.
  std::optional<Error> obstacle;
  bool needs_input = false;
};

// A listing that follows the code both ways may visit far more than any evaluation: it ends within seconds.
constexpr std::int64_t kSurveySteps = 1'000'000;
constexpr std::size_t kSurveyNodes = 50'000;

Result<Told> Tell(const module::Module& module, const Registry& registry, const InspectOptions& options) {
  const RegistryRules rules(registry);
  import::Options import_options = ImportOptions(options.inputs, options.limits);
  Told told;
  Result<import::Imported> imported = import::Import(module, rules, import_options);
  if (imported) {
    told.imported = std::move(*imported);
    if (told.imported.missing.empty()) WarnOfAssumedTypes(told.imported);
    AddWarnings(module, rules, told.imported);
    if (!told.imported.complete) told.listing = Listing::kCode;
    if (!told.imported.missing.empty()) {
      told.obstacle = MissingOperators(told.imported.missing, AdviceToConvert(module, told.imported.graph));
    }
    return told;
  }
  Error error = std::move(imported).error();
  if (error.code() != ErrorCode::kUnsupported && !error.needs_input()) return error;
  import_options.survey = true;
  Limits& limits = import_options.limits;
  limits.max_steps = std::min(limits.max_steps, kSurveySteps);
  if (limits.max_graph_nodes == 0 || limits.max_graph_nodes > kSurveyNodes)
    limits.max_graph_nodes = kSurveyNodes;
  told.imported = OCTAVO_TRY(import::Import(module, rules, import_options));
  AddWarnings(module, rules, told.imported);
  told.listing = Listing::kCode;
  std::vector<import::MissingOperator>& missing = told.imported.missing;
  if (std::ranges::any_of(missing, [](const auto& operation) { return !operation.uses.empty(); })) {
    told.obstacle = MissingOperators(missing, AdviceToConvert(module, told.imported.graph));
    return told;
  }
  // Where a type is assumed, export's error may come of that: it stands if it comes without it, too.
  const ir::Graph& graph = told.imported.graph;
  const bool all_known =
      std::ranges::all_of(graph.inputs(), [&graph](ir::ValueId id) { return Known(graph.type(id)); });
  const bool stands = std::ranges::any_of(told.imported.skipped, [&error](const Error& skipped) {
    return skipped.what() == error.what() && skipped.where() == error.where();
  });
  told.needs_input = !all_known && (error.needs_input() || (!told.imported.untyped.empty() && !stands));
  told.obstacle = std::move(error);
  return told;
}

// Which dialects have an operator, for calls.
class Supporter {
 public:
  Supporter(const Registry& registry, const ir::Graph& graph) : registry_(registry), graph_(graph) {
    for (const OperatorRow* row : registry.rows()) {
      const std::size_t colons = row->name.find("::");
      rows_[row->name.substr(0, row->name.find('.', colons))].push_back(row);
    }
  }

  // `bound`: the operator takes these arguments.
  Support Of(const ir::Node& node, bool bound, Dialect dialect) const {
    if (bound) {
      const auto call = registry_.Match(graph_, node.op, node.arguments);
      if (call && *call) return Has(*(*call)->row, dialect) ? Support::kYes : Support::kNo;
    }
    const auto rows = rows_.find(node.op);
    if (rows == rows_.end()) return Support::kNo;
    const bool any =
        std::ranges::any_of(rows->second, [&](const OperatorRow* row) { return Has(*row, dialect); });
    return any ? Support::kNeedsInput : Support::kNo;
  }

 private:
  bool Has(const OperatorRow& row, Dialect dialect) const {
    ExportOptions options;
    options.dialect = dialect;
    return registry_.FindEmitter(row, dialect, ChosenOpset(options).value()) != nullptr;
  }

  const Registry& registry_;
  const ir::Graph& graph_;
  std::unordered_map<std::string, std::vector<const OperatorRow*>> rows_;
};

// forward's arguments, and what is known of the tensors in them.
void DescribeInputs(const module::Module& module, const import::Imported& imported, Inspection& inspection) {
  const ir::Graph& graph = imported.graph;
  const std::unordered_set<std::string_view> untyped(imported.untyped.begin(), imported.untyped.end());
  const auto type_of = [&](ir::ValueId id) {
    return untyped.contains(graph.value(id).name) ? TensorType{} : graph.type(id);
  };
  // Inputs by the names of the parameters that they are parts of: "d" of "d.key".
  std::unordered_map<std::string_view, std::vector<ir::ValueId>> parts;
  for (const ir::ValueId id : graph.inputs()) {
    const std::string_view name = graph.value(id).name;
    parts[name.substr(0, name.find('.'))].push_back(id);
  }
  const auto definition = module.program->FindClass(module.root->class_name);
  const source::Function* forward =
      definition && *definition ? (*definition)->FindMethod("forward") : nullptr;
  for (std::size_t i = 1; forward && i < forward->parameters.size(); ++i) {
    const source::Parameter& parameter = forward->parameters[i];
    const std::string declared = import::TypeText(parameter.annotation.get());
    const auto found = parts.find(parameter.name);
    const bool any = found != parts.end();
    for (const ir::ValueId id : any ? std::exchange(found->second, {}) : std::vector<ir::ValueId>{}) {
      const std::string& name = graph.value(id).name;
      inspection.inputs.push_back({name, type_of(id), name == parameter.name ? declared : "Tensor"});
    }
    if (!any) inspection.inputs.push_back({parameter.name, {}, declared, false});
  }
  for (const InspectedInput& input : inspection.inputs) {
    if (input.is_tensor && !Known(input.type)) inspection.inputs_known = false;
  }
}

void DescribeOperators(const Told& told, const Registry& registry, Inspection& inspection) {
  const ir::Graph& graph = told.imported.graph;
  Describer describer(graph, inspection);
  const Supporter support(registry, graph);
  // What is written into a list or a tensor in a branch is there afterwards, taken or not.
  bool shapes_known = true;
  for (const ir::Node& node : graph.nodes()) {
    if (node.op == import::kEither) continue;
    Layer layer = describer.Describe(node);
    const auto note = told.imported.notes.find(node.origin.get());
    const import::CallNote known = note == told.imported.notes.end() ? import::CallNote{} : note->second;
    layer.perhaps = known.perhaps;
    shapes_known &= !known.perhaps;
    if (!shapes_known) {
      for (TensorType& type : layer.outputs) type.shape.reset();
    }
    for (const Dialect dialect : {Dialect::kQdq, Dialect::kCaffe2}) {
      layer.supported[dialect] = support.Of(node, known.bound, dialect);
    }
    inspection.layers.push_back(std::move(layer));
  }
}

// A single number is a scale, a zero point or a counter, which the program reads as a number.
void DescribeUnread(const module::Module& module, const import::Imported& imported, Inspection& inspection) {
  for (const module::Weight& weight : module::WeightsOf(module)) {
    const std::int64_t elements = weight.tensor->num_elements();
    if (elements <= 1 || imported.read.contains(module::ElementsOf(*weight.tensor))) continue;
    inspection.unread.push_back({weight.name, weight.tensor->type()});
    inspection.parameters += elements;
    inspection.parameter_bytes += weight.tensor->num_bytes();
  }
}

Convertibility Answer(const Told& told, const Registry& registry, Dialect dialect,
                      const InspectOptions& inspect, Inspection& inspection) {
  using enum Convertibility::Answer;
  if (told.obstacle) return {dialect, told.needs_input ? kNeedsInput : kNo, told.obstacle};
  ExportOptions options;
  options.dialect = dialect;
  options.limits = inspect.limits;
  options.progress = [&](std::string_view, double share) {
    if (inspect.progress) inspect.progress(fmt::format("trying {}", Name(dialect)), share);
  };
  auto converted = Convert(told.imported.graph, registry, options);
  if (converted) {
    if (dialect == Dialect::kQdq) {
      AddClaims(*converted, ChosenEngine(options), inspection.as_qdq.emplace());
      std::vector<std::string>& warnings = inspection.as_qdq->warnings;
      std::ranges::move(warnings, std::back_inserter(inspection.warnings));
      warnings.clear();
    }
    return {dialect, kYes, std::nullopt};
  }
  // With another type than the one assumed, it may convert.
  const bool needs_input =
      !inspection.inputs_known && (converted.error().needs_input() || !told.imported.untyped.empty());
  return {dialect, needs_input ? kNeedsInput : kNo, std::move(converted).error()};
}

Result<Inspection> ReadAndInspect(const std::filesystem::path& path, const InspectOptions& options) {
  if (options.progress) options.progress("reading", -1);
  if (LooksLikeOnnx(path)) return InspectOnnx(path, options);
  const auto operators = OCTAVO_TRY(LoadOperators(options.plugins));
  const module::Module module = OCTAVO_TRY(module::Load(path, options.limits, MappedFile::Needed::kBriefly));
  Told told = OCTAVO_TRY(Tell(module, operators->registry, options));
  ir::Graph& graph = told.imported.graph;
  Inspection inspection;
  inspection.format = "TorchScript";
  // Only newer files tell whether a model was traced.
  inspection.producer = (module.traced ? "traced, " : "") + module.producer;
  inspection.file_bytes = module.file_bytes;
  inspection.warnings = std::move(told.imported.warnings);
  inspection.listing = told.listing;
  if (told.listing == Listing::kEvaluated) passes::RemoveDeadNodes(graph);
  DescribeInputs(module, told.imported, inspection);
  for (const ir::Output& output : graph.outputs()) {
    inspection.outputs.push_back({output.name, graph.type(output.value)});
  }
  DescribeOperators(told, operators->registry, inspection);
  DescribeUnread(module, told.imported, inspection);
  for (const Dialect dialect : {Dialect::kQdq, Dialect::kCaffe2}) {
    inspection.converts.push_back(Answer(told, operators->registry, dialect, options, inspection));
  }
  if (options.graph_text) inspection.graph_text = ir::Print(graph);
  return inspection;
}

}  // namespace

Result<Inspection> Inspect(const std::filesystem::path& path, const InspectOptions& options) {
  return CatchOutOfMemory([&] { return ReadAndInspect(path, options); },
                          [] { return std::string("this model"); });
}

}  // namespace octavo::driver
