#include "octavo/driver/inspect.h"

#include <fmt/format.h>

#include "octavo/driver/model_kind.h"
#include "octavo/driver/pipeline.h"
#include "octavo/ir/origin.h"
#include "octavo/ir/text.h"
#include "octavo/onnx/read.h"
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
    layer.place = ir::Place(*node.origin);
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

// In a file, quantized values are plain integers; the nodes that make them say what they mean.
void RestoreQuantization(ir::Graph& graph, const ir::Node& node) {
  auto quantize = [&graph](ir::ValueId id, double scale, std::int64_t zero_point, DType dtype) {
    TensorType& type = graph.value(id).type;
    type.dtype = dtype == DType::kInt8 ? DType::kQInt8 : DType::kQUint8;
    type.quantization = Quantization::PerTensor(scale, zero_point);
  };
  if (const ir::Operand* scale = node.Find("Y_scale")) {
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
    quantize(node.outputs[0], scale_value->ToDoubles()[0], zero_value->ToInts()[0], zero_value->dtype);
  }
}

Result<Inspection> InspectOnnx(const std::filesystem::path& path, const InspectOptions& options) {
  onnx::ReadModel read = OCTAVO_TRY(onnx::Read(path, {.external_data = false}));
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
  DescribeGraph(read.graph, inspection);
  if (options.graph_text) inspection.graph_text = ir::Print(read.graph);
  return inspection;
}

}  // namespace

Result<Inspection> Inspect(const std::filesystem::path& path, const InspectOptions& options) {
  if (LooksLikeOnnx(path)) return InspectOnnx(path, options);
  const auto operators = OCTAVO_TRY(LoadOperators(options.plugins));
  Read read = OCTAVO_TRY(ReadModel(path, operators->registry, options.inputs));
  ir::Graph& graph = read.imported.graph;
  Inspection inspection;
  inspection.format = "TorchScript";
  // Only newer files tell whether a model was traced.
  inspection.producer = (read.module.traced ? "traced, " : "") + read.module.producer;
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
