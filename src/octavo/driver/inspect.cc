#include "octavo/driver/inspect.h"

#include <fmt/format.h>

#include "octavo/driver/pipeline.h"
#include "octavo/ir/text.h"
#include "octavo/passes/passes.h"

namespace octavo::driver {
namespace {

void AddWeight(Layer& layer, const Tensor& tensor) {
  layer.weights.push_back(tensor.type());
  layer.parameters += tensor.num_elements();
  layer.parameter_bytes += tensor.num_bytes();
}

Layer Describe(const ir::Graph& graph, const ir::Node& node) {
  Layer layer;
  layer.op = node.op;
  if (node.origin) {
    layer.module_path = node.origin->module_path;
    layer.place = node.origin->place;
  }
  for (const ir::ValueId output : node.outputs) layer.outputs.push_back(graph.type(output));
  for (const ir::Argument& argument : node.arguments) {
    if (const auto* id = std::get_if<ir::ValueId>(&argument.value)) {
      if (const auto& constant = graph.value(*id).constant) AddWeight(layer, *constant);
    } else if (const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&argument.value)) {
      if (!(*packed)->weight_value.valid()) AddWeight(layer, (*packed)->weight);
      if ((*packed)->bias) AddWeight(layer, *(*packed)->bias);
    } else if (const auto* bytes = std::get_if<ir::Bytes>(&argument.value)) {
      AddWeight(layer, bytes->data);
    }
  }
  return layer;
}

void DescribeGraph(const ir::Graph& graph, Inspection& inspection) {
  for (const ir::ValueId input : graph.inputs()) {
    inspection.inputs.push_back({graph.value(input).name, graph.type(input)});
  }
  for (const ir::Output& output : graph.outputs()) {
    inspection.outputs.push_back({output.name, graph.type(output.value)});
  }
  for (const ir::Node& node : graph.nodes()) inspection.layers.push_back(Describe(graph, node));
}

}  // namespace

Result<Inspection> Inspect(const std::filesystem::path& path, const InspectOptions& options) {
  const auto operators = OCTAVO_TRY(LoadOperators(options.plugins));
  Read read = OCTAVO_TRY(ReadModel(path, operators->registry, options.inputs));
  ir::Graph& graph = read.imported.graph;
  Inspection inspection;
  inspection.format = "TorchScript";
  inspection.producer = fmt::format("{}{}{}", read.module.traced ? "traced" : "scripted",
                                    read.module.producer.empty() ? "" : ", ", read.module.producer);
  inspection.file_bytes = read.module.file_bytes;
  inspection.warnings = std::move(read.imported.warnings);
  passes::RemoveDeadNodes(graph);
  DescribeGraph(graph, inspection);
  for (const Dialect dialect : {Dialect::kQdq, Dialect::kCaffe2}) {
    Convertibility answer{dialect, std::nullopt};
    if (!read.imported.missing.empty()) {
      answer.obstacle = MissingOperators(read.imported.missing);
    } else {
      ExportOptions export_options;
      export_options.dialect = dialect;
      if (auto converted = Convert(graph, operators->registry, export_options); !converted) {
        answer.obstacle = std::move(converted).error();
      }
    }
    inspection.converts.push_back(std::move(answer));
  }
  if (options.graph_text) inspection.graph_text = ir::Print(graph);
  return inspection;
}

}  // namespace octavo::driver
