#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/out_of_memory.h"
#include "octavo/driver/foreign_numbers.h"
#include "octavo/driver/keep.h"
#include "octavo/driver/pipeline.h"
#include "octavo/ir/verify.h"
#include "octavo/octavo.h"
#include "octavo/onnx/read.h"
#include "octavo/onnx/rewrite.h"
#include "octavo/passes/passes.h"
#include "octavo/raise/raise.h"

namespace octavo {
namespace {

ExportOptions AsExport(const ConvertOptions& options) {
  ExportOptions as;
  as.dialect = options.dialect;
  as.target = options.target.value_or(Target::kOnnxRuntime);
  as.numbers = options.numbers;
  as.opset = options.opset;
  as.renames = options.renames;
  as.external_data = options.external_data;
  as.optimize = options.optimize;
  as.require_exact = options.require_exact;
  as.requantize_per_channel = options.requantize_per_channel;
  as.limits = options.limits;
  as.progress = options.progress;
  return as;
}

// A file of Octavo's means the numbers of the engine that it names, one of the Caffe2 dialect those of
// qnnpack.
Result<Engine> EngineOf(const onnx::ModelFacts& facts) {
  if (driver::MakerOf(facts) != driver::Maker::kOctavo) return Engine::kQnnpack;
  return OCTAVO_TRY(driver::WrittenEngine(facts.metadata)).value_or(Engine::kQnnpack);
}

// Whoever wrote the given model, the new one means what PyTorch computes.
void SayWhatRoundsOtherwise(std::vector<std::string> lines, ExportReport& report) {
  if (lines.empty()) return;
  report.warnings.push_back(
      fmt::format("the given file means what ONNX Runtime computes for it, the new one what PyTorch's "
                  "qnnpack computes: {} {} round otherwise",
                  lines.size(), lines.size() == 1 ? "node may" : "nodes may"));
  report.not_identical = std::move(lines);
}

Result<ExportReport> ReadAndConvert(const std::filesystem::path& model, const std::filesystem::path& output,
                                    const ConvertOptions& convert_options) {
  ExportOptions options = AsExport(convert_options);
  const int opset = OCTAVO_TRY(driver::ChosenOpset(options));
  const onnx::ModelFacts facts = OCTAVO_TRY(onnx::ReadFacts(model));
  // A model that keeps its nodes also keeps its data in a separate file.
  const bool has_data = options.external_data == ExternalData::kAlways ||
                        (options.external_data == ExternalData::kAuto && facts.files.size() > 1 &&
                         driver::KeepsNodes(facts, convert_options));
  OCTAVO_TRY(driver::CheckOutput(model, output, has_data, facts.files));
  driver::Report(options, "reading");
  if (driver::KeepsNodes(facts, convert_options)) return driver::Keep(facts, model, output, convert_options);
  const Engine given = OCTAVO_TRY(EngineOf(facts));
  if (options.dialect != Dialect::kCaffe2) options.engine = given;
  const driver::Maker maker = driver::MakerOf(facts);
  const auto operators = OCTAVO_TRY(driver::LoadOperators({}));
  onnx::ReadModel read = OCTAVO_TRY(onnx::Read(
      model, {.qoperators_as_qdq = maker == driver::Maker::kOther, .needed = MappedFile::Needed::kBriefly}));
  passes::RemoveDeadNodes(read.graph);
  passes::RestoreDequantizeLinear(read.graph);
  std::vector<std::string> other_numbers;
  if (maker == driver::Maker::kOther) other_numbers = driver::NodesThatRoundOtherwise(read.graph);
  driver::Report(options, "converting");
  ir::Graph raised = OCTAVO_TRY(raise::Raise(read.graph, operators->registry, opset));
  raise::JoinQuantized(raised, operators->registry);
  passes::RemoveDeadNodes(raised);
  OCTAVO_TRY(ir::Verify(raised));
  ExportReport report =
      OCTAVO_TRY(driver::ConvertAndWrite(raised, operators->registry, output, options, facts.files));
  if (given != report.engine) {
    report.warnings.push_back(
        fmt::format("the given model has the numbers of PyTorch's engine {}, and the caffe2 dialect has "
                    "those of {}: they may differ by one step",
                    Name(given), Name(report.engine)));
  }
  SayWhatRoundsOtherwise(std::move(other_numbers), report);
  return report;
}

}  // namespace

Result<ExportReport> Convert(const std::filesystem::path& model, const std::filesystem::path& output,
                             const ConvertOptions& options) {
  return CatchOutOfMemory([&] { return ReadAndConvert(model, output, options); },
                          [] { return std::string("the conversion of this model"); });
}

}  // namespace octavo
