#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/text.h"
#include "octavo/cli/verify_report.h"
#include "octavo/driver/verify.h"

namespace octavo::cli {
namespace {

constexpr const char* kVerifyFooter =
    R"(Exit code: 0 if all layers agree, 1 if they differ.

Examples:
  octavo verify model.pt --input 'float32[1,3,224,224]'
  octavo verify model.pt model.onnx --input x.npy
  octavo verify model.pt model.onnx --runtime onnxruntime
  octavo verify a.onnx b.onnx --runs 20)";

struct VerifyArguments {
  Common common;
  std::string first, second, repro, save;
  bool all = false;
  driver::VerifyOptions options;
};

// Options that say how FIRST is converted, where SECOND is its conversion already.
Status CheckSecond(const VerifyArguments& arguments) {
  for (const char* option :
       {"--dialect", "--target", "--numbers", "--opset", "--per-channel-weights", "--optimize"}) {
    if (!arguments.common.Given(option)) continue;
    return UsageError(
        fmt::format("{} has no effect when the second model {} is given: it controls how {} is converted "
                    "in memory",
                    option, arguments.second, arguments.first));
  }
  return CheckInputFile(arguments.second);
}

Status CheckVerify(const VerifyArguments& arguments) {
  const CLI::App& command = *arguments.common.command;
  const driver::VerifyOptions& options = arguments.options;
  OCTAVO_TRY(CheckInputFile(arguments.first));
  OCTAVO_TRY(CheckArrays(options.inputs));
  OCTAVO_TRY(CheckNewFolder("--repro", arguments.repro));
  OCTAVO_TRY(CheckNewFolder("--save", arguments.save));
  if (arguments.common.Given("SECOND")) OCTAVO_TRY(CheckSecond(arguments));
  OCTAVO_TRY(CheckRunner(command, arguments.first));
  OCTAVO_TRY(CheckEngine(command));
  OCTAVO_TRY(CheckRuntime(command, options.runtime, options.conversion.dialect));
  OCTAVO_TRY(CheckConversion(command, options.conversion.dialect));
  if (arguments.common.Given("--numbers") && options.engine.arithmetic == engine::Arithmetic::kPyTorch) {
    return UsageError(
        "--numbers does not go with --arithmetic pytorch, with which a model has PyTorch's own scales");
  }
  if (arguments.all && arguments.common.quiet)
    return UsageError("--all does not go with --quiet: it prints a table");
  return {};
}

int RunVerify(VerifyArguments& arguments) {
  if (const Status status = CheckVerify(arguments); !status)
    return FailUsage(status.error(), arguments.common);
  const std::string doing = fmt::format("verify {}", arguments.first);
  driver::VerifyOptions& options = arguments.options;
  options.repro = arguments.repro;
  options.save = arguments.save;
  options.every_layer = arguments.all;
  const auto start = std::chrono::steady_clock::now();
  const Result<driver::VerifyReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.first);
    options.progress = [&progress](std::string_view stage, double share) { progress.Stage(stage, share); };
    return driver::Verify(arguments.first, arguments.second, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (arguments.common.json) {
    PrintJson(VerifyJson(*report, options.tolerance, seconds));
  } else if (!arguments.common.quiet) {
    std::printf("%s", VerifyText(*report, options.tolerance, arguments.all, seconds).c_str());
    PrintWarnings(report->warnings);
  }
  return report->report.equal() ? kDone : kDiffer;
}

}  // namespace

void AddVerify(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("verify", "Compare a model with its conversion, or two ONNX models, layer by layer");
  auto arguments = std::make_shared<VerifyArguments>();
  driver::VerifyOptions& options = arguments->options;
  AddText(*command, "FIRST", arguments->first, "", "Saved PyTorch model (.pt) or ONNX model")->required();
  AddText(*command, "SECOND", arguments->second, "",
          "ONNX model to compare it with; without it, FIRST (.pt) is converted in memory");
  AddArrays(*command, options.inputs);
  AddInteger(*command, "--runs", options.runs, 1, 1'000'000, "N",
             "Number of random inputs where no array is given (default: 1)");
  AddInteger(*command, "--tolerance", options.tolerance.lsb, 0, INT32_MAX, "STEPS",
             "Quantized values may differ by this many steps (default: 0)");
  AddReal(*command, "--float-tolerance", options.tolerance.relative, 0, std::numeric_limits<double>::max(),
          "R", "Floats a and b may differ by R × (|a| + root mean square of the tensor) (default: 1e-5)");
  command->add_flag("--all", arguments->all, "List every layer, not only those that differ");
  AddText(*command, "--repro", arguments->repro, "DIR",
          "Write the smallest part of the model that differs by itself to DIR: model.onnx, "
          "test_data_set_0/input_0.pb, output_0.pb");
  AddText(
      *command, "--save", arguments->save, "DIR",
      "Write every compared value of both models to the new folder DIR, as .npy files with an index.json");
  AddRuntime(*command, options.runtime, options.python);
  AddEngine(*command, options.engine);
  AddPyTorchEngine(*command, options.conversion.engine, "what SECOND was exported for, otherwise as export");
  AddFaults(*command, options.reference.faults);
  AddDialect(*command, options.conversion.dialect);
  AddTarget(*command, options.conversion.target);
  AddNumbers(*command, options.conversion.numbers, false);
  AddOpset(*command, options.conversion.opset);
  AddPerChannel(*command, options.conversion.requantize_per_channel);
  AddOptimize(*command, options.conversion.optimize);
  AddPlugins(*command, options.conversion.plugins);
  AddLimits(*command, options.conversion.limits);
  arguments->common.AddTo(*command);
  command->footer(kVerifyFooter);
  command->callback([arguments, &run] { run = [arguments] { return RunVerify(*arguments); }; });
}

}  // namespace octavo::cli
