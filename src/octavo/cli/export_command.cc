#include <chrono>

#include "octavo/cli/commands.h"
#include "octavo/cli/memory.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/written_report.h"
#include "octavo/octavo.h"

namespace octavo::cli {
namespace {

struct ExportArguments {
  Common common;
  std::string model, output;
  std::vector<std::string> inputs;
  ExportOptions options;
  std::shared_ptr<const void> made;  // lives until the process ends
};

int RunExport(ExportArguments& arguments) {
  const std::string doing = "convert " + arguments.model;
  UseLargePages();
  ExportOptions& options = arguments.options;
  for (const std::string& text : arguments.inputs) {
    auto spec = InputSpec::Parse(text);
    if (!spec) return Fail(spec.error(), arguments.common, doing);
    options.inputs.push_back(std::move(*spec));
  }
  const auto start = std::chrono::steady_clock::now();
  Result<ExportReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
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
  CLI::App* command = app.add_subcommand("export", "Convert a saved PyTorch model (TorchScript .pt) to ONNX");
  auto arguments = std::make_shared<ExportArguments>();
  command->add_option("MODEL", arguments->model, "The saved model")->required();
  command->add_option("-o,--output", arguments->output, "The ONNX file to write")->required();
  ExportOptions& options = arguments->options;
  AddDialect(*command, options.dialect);
  AddTarget(*command, options.target);
  const CLI::Option* numbers = AddNumbers(*command, options.numbers);
  AddOpset(*command, options.opset);
  command
      ->add_option(
          "--input", arguments->inputs,
          "Type and shape of an input: [name:]dtype[d0,d1,...][(scale,zero_point)], such as "
          "'x:float32[N,3,224,224]', where N stays open; once for each input. Or name=value for an argument "
          "that is no tensor: k=3, flag=false, mask=None")
      ->option_text("SPEC ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--output-name", options.output_names, "Name of an output; once for each, in order")
      ->option_text("NAME ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  AddExternalData(*command, options.external_data);
  AddPerChannel(*command, options.requantize_per_channel);
  AddOptimize(*command, options.optimize);
  AddPlugins(*command, options.plugins);
  arguments->common.AddTo(*command);
  command->callback([arguments, numbers, &run] {
    arguments->options.require_exact = numbers->count() > 0 && arguments->options.numbers == Numbers::kExact;
    run = [arguments] { return RunExport(*arguments); };
  });
}

}  // namespace octavo::cli
