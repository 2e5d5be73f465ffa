#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/text.h"
#include "octavo/driver/bench.h"

namespace octavo::cli {
namespace {

struct BenchArguments {
  Common common;
  std::string model;
  bool all = false;
  driver::BenchOptions options;
};

constexpr const char* kBenchFooter =
    R"(Examples:
  octavo bench model.onnx
  octavo bench model.onnx --threads 4 --input 'float32[8,3,224,224]')";

constexpr std::size_t kTimedLayers = 15;

std::string Milliseconds(double seconds) { return fmt::format("{:.3g}", seconds * 1e3); }

void PrintTimes(const BenchArguments& arguments, const driver::BenchReport& report) {
  std::string first = fmt::format("{}  {}", arguments.model,
                                  RunnerText(report.runner, report.pytorch_engine, report.faults_kept));
  if (!report.arithmetic.empty()) {
    const int threads = arguments.options.engine.threads;
    first += fmt::format(", {} arithmetic, {} thread{}", report.arithmetic, threads, threads == 1 ? "" : "s");
  }
  for (const ValueReport& input : report.inputs)
    first += fmt::format("\ninput  {}  {}", PrintableLine(input.name), input.type.ToString());
  std::printf("%s\n", Printable(first).c_str());
  std::printf(
      "%s\n",
      fmt::format("median {} ms (10–90 %: {}–{}, min {}; {} after {} warm-up)", Milliseconds(report.median),
                  Milliseconds(report.low), Milliseconds(report.high), Milliseconds(report.fastest),
                  Count(static_cast<std::int64_t>(report.runs), "run", "runs"), report.warm_up_runs)
          .c_str());
  if (report.layers.empty()) return;
  std::vector<const driver::LayerTime*> layers;
  for (const driver::LayerTime& layer : report.layers) layers.push_back(&layer);
  if (!arguments.all) {
    std::stable_sort(
        layers.begin(), layers.end(),
        [](const driver::LayerTime* a, const driver::LayerTime* b) { return a->seconds > b->seconds; });
  }
  const std::size_t shown = arguments.all ? layers.size() : std::min(kTimedLayers, layers.size());
  Table table({">share", ">ms", "layer", "kind"});
  double rest = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (i >= shown) {
      rest += layers[i]->share;
      continue;
    }
    table.Add({fmt::format("{:.1f} %", 100 * layers[i]->share), Milliseconds(layers[i]->seconds),
               layers[i]->name, layers[i]->kind});
  }
  std::printf("\n%s", table.ToString().c_str());
  if (shown < layers.size())
    std::printf("and %zu more, %.1f %% together (--all lists them)\n", layers.size() - shown, 100 * rest);
}

Status CheckBench(const BenchArguments& arguments) {
  const CLI::App& command = *arguments.common.command;
  OCTAVO_TRY(CheckInputFile(arguments.model));
  OCTAVO_TRY(CheckArrays(arguments.options.inputs));
  OCTAVO_TRY(CheckRunner(command, arguments.model));
  OCTAVO_TRY(CheckEngine(command));
  if (arguments.all && arguments.common.quiet)
    return UsageError("--all does not go with --quiet: it prints a table");
  return {};
}

int RunBench(BenchArguments& arguments) {
  if (const Status status = CheckBench(arguments); !status)
    return FailUsage(status.error(), arguments.common);
  const Result<driver::BenchReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    arguments.options.progress = [&progress](std::string_view stage, double share) {
      progress.Stage(stage, share);
    };
    return driver::Bench(arguments.model, arguments.options);
  }();
  if (!report) return Fail(report.error(), arguments.common, "measure " + arguments.model);
  if (arguments.common.json) {
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const driver::LayerTime& layer : report->layers) {
      layers.push_back(
          {{"name", layer.name}, {"kind", layer.kind}, {"seconds", layer.seconds}, {"share", layer.share}});
    }
    PrintJson({{"runner", report->runner},
               {"engine", report->pytorch_engine},
               {"faults", report->faults_kept ? "keep" : "meant"},
               {"arithmetic", report->arithmetic},
               {"threads", arguments.options.engine.threads},
               {"inputs", ValuesJson(report->inputs)},
               {"warm_up_runs", report->warm_up_runs},
               {"runs", report->runs},
               {"median_seconds", report->median},
               {"low_seconds", report->low},
               {"high_seconds", report->high},
               {"fastest_seconds", report->fastest},
               {"layers", layers}});
  } else if (!arguments.common.quiet) {
    PrintTimes(arguments, *report);
  }
  return kDone;
}

}  // namespace

void AddBench(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("bench", "Measure how long a model and its layers take");
  auto arguments = std::make_shared<BenchArguments>();
  AddText(*command, "FILE", arguments->model, "",
          "ONNX model; or saved PyTorch model (.pt), which runs in the slow reference interpreter")
      ->required();
  AddArrays(*command, arguments->options.inputs);
  AddReal(*command, "--seconds", arguments->options.seconds, 0, 3600, "S",
          "How long to measure, approximately (default: 3)");
  command->add_flag("--all", arguments->all,
                    "List every layer, in order (ONNX only; default: the slowest 15)");
  AddEngine(*command, arguments->options.engine);
  AddPyTorchEngine(*command, arguments->options.reference.engine);
  AddFaults(*command, arguments->options.reference.faults);
  AddPlugins(*command, arguments->options.plugins);
  AddLimits(*command, arguments->options.limits);
  arguments->common.AddTo(*command);
  command->footer(kBenchFooter);
  command->callback([arguments, &run] { run = [arguments] { return RunBench(*arguments); }; });
}

}  // namespace octavo::cli
