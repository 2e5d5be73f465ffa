#include <fmt/format.h>

#include "octavo/driver/pipeline.h"
#include "octavo/octavo.h"
#include "octavo/onnx/write.h"
#include "octavo/passes/passes.h"

namespace octavo {
namespace {

onnx::ExternalData Translate(ExternalData external) {
  switch (external) {
    case ExternalData::kAuto:
      return onnx::ExternalData::kAuto;
    case ExternalData::kAlways:
      return onnx::ExternalData::kAlways;
    case ExternalData::kNever:
      return onnx::ExternalData::kNever;
  }
  return onnx::ExternalData::kAuto;
}

Result<ExportReport> ExportWith(const driver::Operators& operators, const std::filesystem::path& model,
                                const std::filesystem::path& output, const ExportOptions& options) {
  ExportReport report;
  report.opset = OCTAVO_TRY(driver::ChosenOpset(options));
  if (std::error_code ignored; std::filesystem::equivalent(model, output, ignored)) {
    return UsageError("the output is the model itself", "Name another file with -o.");
  }
  auto progress = [&options](std::string_view stage) {
    if (options.progress) options.progress(stage);
  };
  progress("reading");
  driver::Read read = OCTAVO_TRY(driver::ReadModel(model, operators.registry, options.inputs));
  if (!read.imported.missing.empty()) return driver::MissingOperators(read.imported.missing);
  ir::Graph& imported = read.imported.graph;
  passes::RemoveDeadNodes(imported);
  report.operators = imported.nodes().size();
  report.warnings = std::move(read.imported.warnings);

  progress("converting");
  driver::Converted converted = OCTAVO_TRY(driver::Convert(imported, operators.registry, options));
  const ir::Graph& graph = converted.graph;
  report.nodes = graph.nodes().size();
  report.nodes_saved = converted.nodes_saved;
  report.warnings.insert(report.warnings.end(), converted.warnings.begin(), converted.warnings.end());
  for (const ir::ValueId input : graph.inputs())
    report.inputs.push_back({graph.value(input).name, graph.type(input)});
  for (const ir::Output& o : graph.outputs()) report.outputs.push_back({o.name, graph.type(o.value)});

  progress("writing");
  onnx::WriteOptions write;
  write.external_data = Translate(options.external_data);
  write.initializers_as_inputs = options.dialect == Dialect::kCaffe2;
  const onnx::WriteResult written = OCTAVO_TRY(onnx::Write(graph, output, write));
  report.bytes = written.bytes;
  report.external_bytes = written.external_bytes;
  return report;
}

}  // namespace

Result<ExportReport> Export(const std::filesystem::path& model, const std::filesystem::path& output,
                            const ExportOptions& options) {
  const auto operators = OCTAVO_TRY(driver::LoadOperators(options.plugins));
  Result<ExportReport> report = ExportWith(*operators, model, output, options);
  // An emitter of a plugin may be part of the error's text only, so the plugins may go now.
  return report;
}

}  // namespace octavo
