#include "octavo/driver/pipeline.h"
#include "octavo/octavo.h"
#include "octavo/onnx/read.h"
#include "octavo/passes/passes.h"
#include "octavo/raise/raise.h"

namespace octavo {
namespace {

ExportOptions AsExport(const ConvertOptions& options) {
  ExportOptions as;
  as.dialect = options.dialect;
  as.target = options.target;
  as.numbers = options.numbers;
  as.opset = options.opset;
  as.renames = options.renames;
  as.external_data = options.external_data;
  as.optimize = options.optimize;
  as.require_exact = options.require_exact;
  as.requantize_per_channel = options.requantize_per_channel;
  as.progress = options.progress;
  return as;
}

}  // namespace

Result<ExportReport> Convert(const std::filesystem::path& model, const std::filesystem::path& output,
                             const ConvertOptions& convert_options) {
  const ExportOptions options = AsExport(convert_options);
  const int opset = OCTAVO_TRY(driver::ChosenOpset(options));
  OCTAVO_TRY(driver::CheckOutput(model, output));
  const auto operators = OCTAVO_TRY(driver::LoadOperators({}));
  driver::Report(options, "reading");
  onnx::ReadModel read = OCTAVO_TRY(onnx::Read(model));
  passes::RemoveDeadNodes(read.graph);
  passes::RestoreDequantizeLinear(read.graph);
  driver::Report(options, "converting");
  ir::Graph raised = OCTAVO_TRY(raise::Raise(read.graph, operators->registry, opset));
  raise::JoinQuantized(raised, operators->registry);
  passes::RemoveDeadNodes(raised);
  return driver::ConvertAndWrite(raised, operators->registry, output, options);
}

}  // namespace octavo
