#include <chrono>

#include "octavo/cli/commands.h"
#include "octavo/cli/memory.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/written_report.h"
#include "octavo/octavo.h"

namespace octavo::cli {
namespace {

constexpr const char* kExportFooter =
    R"(Examples:
  octavo export model.pt -o model.onnx
  octavo export model.pt -o model.onnx --input 'x:float32[N,3,224,224]'
  octavo export model.pt -o model.onnx --input 'float32[1,3,224,224]' --target openvino)";

struct ExportArguments {
  Common common;
  std::string model, output;
  std::vector<std::string> inputs, renames;
  ExportOptions options;
  std::shared_ptr<const void> made;  // lives until the process ends
};

Status CheckExport(const ExportArguments& arguments) {
  const ExportOptions& options = arguments.options;
  const CLI::App& command = *arguments.common.command;
  OCTAVO_TRY(CheckInputFile(arguments.model));
  OCTAVO_TRY(CheckOutputFile(arguments.output));
  OCTAVO_TRY(CheckConversion(command, options.dialect));
  return CheckExactIsPossible(command, options.dialect, options.target, options.numbers);
}

int RunExport(ExportArguments& arguments) {
  if (const Status status = CheckExport(arguments); !status)
    return FailUsage(status.error(), arguments.common);
  const std::string doing = "convert " + arguments.model;
  UseLargePages();
  ExportOptions& options = arguments.options;
  for (const std::string& text : arguments.inputs) {
    auto spec = InputSpec::Parse(text);
    if (!spec) return Fail(spec.error(), arguments.common, doing);
    options.inputs.push_back(std::move(*spec));
  }
  auto renames = ParseRenames(arguments.renames);
  if (!renames) return Fail(renames.error(), arguments.common, doing);
  options.renames = std::move(*renames);
  const auto start = std::chrono::steady_clock::now();
  Result<ExportReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    options.progress = [&progress](std::string_view stage, double share) { progress.Stage(stage, share); };
    return Export(arguments.model, arguments.output, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  arguments.made = report->made;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Written written{.output = arguments.output,
                        .dialect = options.dialect,
                        .target = options.target,
                        .numbers = options.numbers,
                        .optimize = options.optimize,
                        .seconds = seconds};
  if (arguments.common.json) {
    PrintReportAsJson(written, *report);
  } else if (!arguments.common.quiet) {
    PrintReport(written, *report);
  }
  return kDone;
}

}  // namespace

void AddExport(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("export", "Convert a saved PyTorch model to ONNX");
  auto arguments = std::make_shared<ExportArguments>();
  AddText(*command, "MODEL", arguments->model, "", "Model saved with torch.jit.save (.pt)")->required();
  AddText(*command, "-o,--output", arguments->output, "OUT.onnx", "ONNX file to write")->required();
  ExportOptions& options = arguments->options;
  AddDialect(*command, options.dialect);
  AddTarget(*command, options.target);
  AddPyTorchEngine(*command, options.engine, "qnnpack-x86; with --dialect caffe2 qnnpack");
  AddNumbers(*command, options.numbers, true);
  AddOpset(*command, options.opset);
  AddSpecs(*command, arguments->inputs);
  AddList(*command, "--output-name", options.output_names, "NAME",
          "Name of an output, once per output, in order");
  AddRenames(*command, arguments->renames);
  AddExternalData(*command, options.external_data);
  AddPerChannel(*command, options.requantize_per_channel);
  AddOptimize(*command, options.optimize);
  AddPlugins(*command, options.plugins);
  AddLimits(*command, options.limits);
  arguments->common.AddTo(*command);
  command->footer(kExportFooter);
  command->callback([arguments, &run] {
    arguments->options.require_exact =
        arguments->common.Given("--numbers") && arguments->options.numbers == Numbers::kExact;
    run = [arguments] { return RunExport(*arguments); };
  });
}

}  // namespace octavo::cli
