#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/file_id.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/driver/pipeline.h"
#include "octavo/octavo.h"
#include "octavo/onnx/model_files.h"
#include "octavo/onnx/write.h"
#include "octavo/passes/passes.h"

namespace octavo {
bool IsExact(const NodeExactness& node) {
  const Exactness exactness = node.statement.exactness;
  return exactness != Exactness::kNotExact && exactness != Exactness::kAsMeant &&
         exactness != Exactness::kUnknown;
}

bool IsExact(const ExportReport& report) {
  return std::ranges::all_of(report.exactness, [](const NodeExactness& node) { return IsExact(node); }) &&
         std::ranges::none_of(report.float_operators,
                              [](const FloatOperator& node) { return node.before_quantized; });
}

std::vector<std::string> WhyNotExact(const std::vector<NodeExactness>& nodes, std::string_view see) {
  constexpr std::size_t kNamed = 10;
  std::vector<std::string> lines;
  std::size_t others = 0;
  for (const NodeExactness& node : nodes) {
    if (IsExact(node) || ++others > kNamed) continue;
    const auto& [place, op, statement] = node;
    const std::string_view bound = statement.bound.empty() ? Name(statement.exactness) : statement.bound;
    const bool as_meant = statement.exactness == Exactness::kAsMeant;
    lines.push_back(fmt::format("{}  {}: {}{}", op, place, as_meant ? "as meant; " : "", bound));
  }
  if (others > kNamed) lines.push_back(fmt::format("and {} more{}", others - kNamed, see));
  return lines;
}

namespace driver {

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

Status CheckOutput(const std::filesystem::path& model, const std::filesystem::path& output, bool has_data,
                   const FileIds& inputs) {
  constexpr const char* kHint = "Give another file with -o: nothing that is read is overwritten.";
  if (std::error_code ignored; std::filesystem::equivalent(model, output, ignored))
    return UsageError("the output file is the model file itself", kHint);
  if (IsAmong(output, inputs))
    return UsageError(fmt::format("the output file {} is a file that is read", output.string()), kHint);
  const std::filesystem::path data = onnx::ModelFiles::DataPath(output);
  if (has_data && IsAmong(data, inputs)) {
    return UsageError(fmt::format("the output file {} is a file that is read", data.string()), kHint);
  }
  return {};
}

void Report(const ExportOptions& options, std::string_view stage, double share) {
  if (options.progress) options.progress(stage, share);
}

namespace {

Status RequireExact(const Converted& converted, Engine engine) {
  std::vector<NodeExactness> nodes = converted.exactness;
  const std::size_t quantized = nodes.size();
  for (const FloatOperator& node : converted.claims.float_operators) {
    if (node.before_quantized) nodes.push_back({node.place, node.op, {Exactness::kNotExact, node.why}});
  }
  const auto exact = static_cast<std::size_t>(
      std::ranges::count_if(nodes, [](const NodeExactness& node) { return IsExact(node); }));
  if (exact == nodes.size()) return {};
  Error error = Unsupported(
      fmt::format("{} of {} {}nodes cannot be exact (PyTorch {} → ONNX Runtime)", nodes.size() - exact,
                  nodes.size(), nodes.size() == quantized ? "quantized " : "", Name(engine)),
      "Leave out --numbers exact to write these nodes in the closest known form.");
  constexpr std::size_t kNamed = 20;
  std::size_t named = 0;
  for (const NodeExactness& node : nodes) {
    if (IsExact(node) || ++named > kNamed) continue;
    const auto& [place, op, statement] = node;
    const std::string_view bound = statement.bound.empty() ? Name(statement.exactness) : statement.bound;
    error.AddDetail({.message = fmt::format("{}: {}", op, bound), .op = op, .count = 1, .place = place});
  }
  if (named > kNamed) error.AddDetail(fmt::format("and {} more", named - kNamed));
  return error;
}

}  // namespace

void AddClaims(const Converted& converted, Engine engine, ExportReport& report) {
  report.warnings = WarningsOf(converted);
  const Claims& claims = converted.claims;
  report.engine = engine;
  report.counted_operators = claims.counted_operators;
  report.int8_operators = claims.int8_operators;
  report.not_int8 = claims.not_int8;
  report.float_operators = claims.float_operators;
  report.exactness = converted.exactness;
}

Result<ExportReport> ConvertAndWrite(const ir::Graph& imported, const Registry& registry,
                                     const std::filesystem::path& output, const ExportOptions& options,
                                     const FileIds& inputs) {
  ExportReport report;
  report.opset = OCTAVO_TRY(ChosenOpset(options));
  report.operators = imported.nodes().size();
  const auto converted = std::make_shared<Converted>(OCTAVO_TRY(Convert(imported, registry, options)));
  if (options.require_exact) OCTAVO_TRY(RequireExact(*converted, ChosenEngine(options)));
  const ir::Graph& graph = converted->graph;
  report.nodes = graph.nodes().size();
  report.nodes_saved = converted->nodes_saved;
  AddClaims(*converted, ChosenEngine(options), report);
  report.made = converted;
  for (const ir::ValueId input : graph.inputs())
    report.inputs.push_back({graph.value(input).name, graph.type(input)});
  for (const ir::Output& o : graph.outputs()) report.outputs.push_back({o.name, graph.type(o.value)});

  Report(options, "writing", 0);
  onnx::WriteOptions write;
  write.progress = [&options](double share) { Report(options, "writing", share); };
  write.external_data = Translate(options.external_data);
  write.inputs = inputs;
  write.initializers_as_inputs = options.dialect == Dialect::kCaffe2;
  const onnx::WriteResult written = OCTAVO_TRY(onnx::Write(graph, output, write));
  report.bytes = written.bytes;
  report.external_bytes = written.external_bytes;
  return report;
}

}  // namespace driver

namespace {

struct Made {
  std::unique_ptr<driver::Operators> operators;  // first: the plugins' code outlives what it made
  driver::Read read;
  std::shared_ptr<const void> converted;
};

Result<ExportReport> ReadAndExport(const std::filesystem::path& model, const std::filesystem::path& output,
                                   const ExportOptions& options) {
  const auto made = std::make_shared<Made>();
  made->operators = OCTAVO_TRY(driver::LoadOperators(options.plugins));
  OCTAVO_TRY(driver::ChosenOpset(options));
  FileIds inputs;
  for (const std::filesystem::path& plugin : options.plugins) {
    if (const auto id = IdOf(plugin)) inputs.push_back(*id);
  }
  if (const auto id = IdOf(model)) inputs.push_back(*id);
  OCTAVO_TRY(driver::CheckOutput(model, output, options.external_data == ExternalData::kAlways, inputs));
  driver::Report(options, "reading");
  const Registry& registry = made->operators->registry;
  driver::Read& read = made->read;
  read = OCTAVO_TRY(
      driver::ReadModel(model, registry, options.inputs, options.limits, MappedFile::Needed::kBriefly));
  passes::RemoveDeadNodes(read.imported.graph);
  driver::Report(options, "converting");
  ExportReport report =
      OCTAVO_TRY(driver::ConvertAndWrite(read.imported.graph, registry, output, options, inputs));
  report.warnings.insert(report.warnings.begin(), read.imported.warnings.begin(),
                         read.imported.warnings.end());
  made->converted = std::move(report.made);
  report.made = made;
  return report;
}

}  // namespace

Result<ExportReport> Export(const std::filesystem::path& model, const std::filesystem::path& output,
                            const ExportOptions& options) {
  return CatchOutOfMemory([&] { return ReadAndExport(model, output, options); },
                          [] { return std::string("the conversion of this model"); });
}

}  // namespace octavo
