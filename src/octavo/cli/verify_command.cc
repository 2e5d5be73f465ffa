#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/text.h"
#include "octavo/cli/verify_report.h"
#include "octavo/driver/verify.h"

namespace octavo::cli {
namespace {

struct VerifyArguments {
  Common common;
  std::string first, second;
  bool all = false, qnnpack = false;
  driver::VerifyOptions options;
};

int RunVerify(VerifyArguments& arguments) {
  const std::string doing = fmt::format("verify {}", arguments.first);
  driver::VerifyOptions& options = arguments.options;
  if (arguments.qnnpack) options.reference.meaning = reference::Meaning::kQnnpack;
  const auto start = std::chrono::steady_clock::now();
  const Result<driver::VerifyReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.first);
    options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
    return driver::Verify(arguments.first, arguments.second, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (arguments.common.json) {
    PrintJson(VerifyJson(*report, options.tolerance, seconds));
  } else if (!arguments.common.quiet) {
    std::printf("%s", Printable(VerifyText(*report, options.tolerance, arguments.all, seconds)).c_str());
    for (const std::string& warning : report->warnings) {
      std::fprintf(stderr, "warning: %s\n", Printable(warning).c_str());
    }
  }
  return report->report.equal() ? kDone : kDiffer;
}

}  // namespace

void AddVerify(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "verify", "Compare a model with what is converted from it, or two ONNX models, layer by layer");
  auto arguments = std::make_shared<VerifyArguments>();
  driver::VerifyOptions& options = arguments->options;
  command->add_option("FIRST", arguments->first, "MODEL.pt, which the reference runs; or an ONNX model")
      ->required();
  command->add_option("SECOND", arguments->second,
                      "An ONNX model that should mean the same; without it, MODEL.pt is converted in memory");
  command
      ->add_option("--input", options.inputs,
                   "An array for an input, X.npy[@SPEC] or X.npz as in `octavo run`; or the type and size of "
                   "one that is drawn: "
                   "'float32[1,3,224,224]'; or name=value for an argument of a .pt that is no tensor: k=3, "
                   "flag=false")
      ->option_text("X.npy|SPEC ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--runs", options.runs, "How many inputs are drawn where none is given (default 1)")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N");
  command->add_option("--tolerance", options.tolerance.lsb, "Steps by which integers may differ (default 0)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{INT32_MAX}))
      ->option_text("LSB");
  command
      ->add_option(
          "--float-tolerance", options.tolerance.relative,
          "Floats a and b may differ by this times (|a| + the tensor's root mean square) (default 1e-5)")
      ->check(CLI::NonNegativeNumber)
      ->option_text("R");
  command->add_flag("--all", arguments->all, "List every layer");
  command
      ->add_option("--repro", options.repro,
                   "Write the smallest piece that differs by itself into this folder: model.onnx, "
                   "test_data_set_0/input_0.pb, output_0.pb")
      ->option_text("DIR");
  AddEngine(*command, options.engine);
  AddReference(*command, arguments->qnnpack);
  AddDialect(*command, options.conversion.dialect);
  AddTarget(*command, options.conversion.target);
  AddNumbers(*command, options.conversion.numbers);
  AddOpset(*command, options.conversion.opset);
  AddPerChannel(*command, options.conversion.requantize_per_channel);
  AddOptimize(*command, options.conversion.optimize);
  AddPlugins(*command, options.conversion.plugins);
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunVerify(*arguments); }; });
}

}  // namespace octavo::cli
