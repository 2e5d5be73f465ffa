#include <chrono>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/written_report.h"
#include "octavo/octavo.h"

namespace octavo::cli {
namespace {

constexpr const char* kConvertFooter =
    R"(Examples:
  octavo convert old.onnx -o new.onnx
  octavo convert model.onnx -o model_opset13.onnx --opset 13
  octavo convert model.onnx -o caffe2.onnx --dialect caffe2)";

struct ConvertArguments {
  Common common;
  std::string model, output;
  std::vector<std::string> renames;
  Target target = Target::kOnnxRuntime;
  ConvertOptions options;
};

Status CheckConvert(const ConvertArguments& arguments) {
  OCTAVO_TRY(CheckInputFile(arguments.model));
  OCTAVO_TRY(CheckOutputFile(arguments.output));
  const ConvertOptions& options = arguments.options;
  const CLI::App& command = *arguments.common.command;
  OCTAVO_TRY(CheckConversion(command, options.dialect));
  return CheckExactIsPossible(command, options.dialect, arguments.target, options.numbers);
}

int RunConvert(ConvertArguments& arguments) {
  if (const Status status = CheckConvert(arguments); !status)
    return FailUsage(status.error(), arguments.common);
  const std::string doing = "convert " + arguments.model;
  ConvertOptions& options = arguments.options;
  auto renames = ParseRenames(arguments.renames);
  if (!renames) return Fail(renames.error(), arguments.common, doing);
  options.renames = std::move(*renames);
  const auto start = std::chrono::steady_clock::now();
  Result<ExportReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    options.progress = [&progress](std::string_view stage, double share) { progress.Stage(stage, share); };
    return Convert(arguments.model, arguments.output, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  const Written written{
      .output = arguments.output,
      .dialect = options.dialect,
      .target = arguments.target,
      .target_given = options.target.has_value(),
      .numbers = options.numbers,
      .optimize = options.optimize,
      .converted = true,
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
  if (arguments.common.json) {
    PrintReportAsJson(written, *report);
  } else if (!arguments.common.quiet) {
    PrintReport(written, *report);
  }
  return kDone;
}

}  // namespace

void AddConvert(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("convert", "Convert an int8 ONNX model to another dialect, opset or target");
  auto arguments = std::make_shared<ConvertArguments>();
  AddText(*command, "MODEL", arguments->model, "",
          "ONNX model with QuantizeLinear and DequantizeLinear or QLinearConv and the like, or written by "
          "PyTorch's former Caffe2 exporter")
      ->required();
  AddText(*command, "-o,--output", arguments->output, "OUT.onnx", "ONNX file to write")->required();
  ConvertOptions& options = arguments->options;
  AddDialect(*command, options.dialect);
  AddTarget(*command, arguments->target);
  AddNumbers(*command, options.numbers, true);
  AddOpset(*command, options.opset, "the given file's; 17 for a file of the caffe2 dialect");
  AddRenames(*command, arguments->renames);
  AddExternalData(*command, options.external_data);
  AddPerChannel(*command, options.requantize_per_channel);
  AddOptimize(*command, options.optimize);
  AddLimits(*command, options.limits);
  arguments->common.AddTo(*command);
  command->footer(kConvertFooter);
  command->callback([arguments, &run] {
    if (arguments->common.Given("--target")) arguments->options.target = arguments->target;
    arguments->options.require_exact =
        arguments->common.Given("--numbers") && arguments->options.numbers == Numbers::kExact;
    run = [arguments] { return RunConvert(*arguments); };
  });
}

}  // namespace octavo::cli
