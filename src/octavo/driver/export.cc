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

}  // namespace

namespace driver {

Status CheckOutput(const std::filesystem::path& model, const std::filesystem::path& output) {
  if (std::error_code ignored; std::filesystem::equivalent(model, output, ignored)) {
    return UsageError("the output is the model itself", "Name another file with -o.");
  }
  return {};
}

void Report(const ExportOptions& options, std::string_view stage) {
  if (options.progress) options.progress(stage);
}

Result<ExportReport> ConvertAndWrite(const ir::Graph& imported, const Registry& registry,
                                     const std::filesystem::path& output, const ExportOptions& options) {
  ExportReport report;
  report.opset = OCTAVO_TRY(ChosenOpset(options));
  report.operators = imported.nodes().size();
  Converted converted = OCTAVO_TRY(Convert(imported, registry, options));
  const ir::Graph& graph = converted.graph;
  report.nodes = graph.nodes().size();
  report.nodes_saved = converted.nodes_saved;
  report.warnings = std::move(converted.warnings);
  for (const ir::ValueId input : graph.inputs())
    report.inputs.push_back({graph.value(input).name, graph.type(input)});
  for (const ir::Output& o : graph.outputs()) report.outputs.push_back({o.name, graph.type(o.value)});

  Report(options, "writing");
  onnx::WriteOptions write;
  write.external_data = Translate(options.external_data);
  write.initializers_as_inputs = options.dialect == Dialect::kCaffe2;
  const onnx::WriteResult written = OCTAVO_TRY(onnx::Write(graph, output, write));
  report.bytes = written.bytes;
  report.external_bytes = written.external_bytes;
  return report;
}

}  // namespace driver

namespace {

Result<ExportReport> ExportWith(const driver::Operators& operators, const std::filesystem::path& model,
                                const std::filesystem::path& output, const ExportOptions& options) {
  OCTAVO_TRY(driver::ChosenOpset(options));
  OCTAVO_TRY(driver::CheckOutput(model, output));
  driver::Report(options, "reading");
  driver::Read read = OCTAVO_TRY(driver::ReadModel(model, operators.registry, options.inputs));
  if (!read.imported.missing.empty()) return driver::MissingOperators(read.imported.missing);
  passes::RemoveDeadNodes(read.imported.graph);
  driver::Report(options, "converting");
  ExportReport report =
      OCTAVO_TRY(driver::ConvertAndWrite(read.imported.graph, operators.registry, output, options));
  report.warnings.insert(report.warnings.begin(), read.imported.warnings.begin(),
                         read.imported.warnings.end());
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
