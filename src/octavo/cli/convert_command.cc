#include <chrono>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/written_report.h"
#include "octavo/octavo.h"

namespace octavo::cli {
namespace {

struct ConvertArguments {
  Common common;
  std::string model, output;
  ConvertOptions options;
};

int RunConvert(ConvertArguments& arguments) {
  ConvertOptions& options = arguments.options;
  const auto start = std::chrono::steady_clock::now();
  Result<ExportReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
    return Convert(arguments.model, arguments.output, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, "convert " + arguments.model);
  const Written written{
      .output = arguments.output,
      .dialect = options.dialect,
      .target = options.target,
      .numbers = options.numbers,
      .optimize = options.optimize,
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
  CLI::App* command = app.add_subcommand(
      "convert", "Write an int8 ONNX model in another dialect, opset or target, with the same numbers");
  auto arguments = std::make_shared<ConvertArguments>();
  command
      ->add_option("MODEL", arguments->model,
                   "The ONNX model: of the Caffe2 dialect, as PyTorch's former exporter wrote it, or with "
                   "QuantizeLinear and DequantizeLinear")
      ->required();
  command->add_option("-o,--output", arguments->output, "The ONNX file to write")->required();
  ConvertOptions& options = arguments->options;
  AddDialect(*command, options.dialect);
  AddTarget(*command, options.target);
  AddNumbers(*command, options.numbers);
  AddOpset(*command, options.opset);
  AddExternalData(*command, options.external_data);
  AddPerChannel(*command, options.requantize_per_channel);
  AddOptimize(*command, options.optimize);
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunConvert(*arguments); }; });
}

}  // namespace octavo::cli
