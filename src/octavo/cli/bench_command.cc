#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/text.h"
#include "octavo/driver/bench.h"

namespace octavo::cli {
namespace {

struct BenchArguments {
  Common common;
  std::string model;
  bool qnnpack = false, all = false;
  driver::BenchOptions options;
};

constexpr std::size_t kTimedLayers = 15;

std::string Milliseconds(double seconds) { return fmt::format("{:.3g}", seconds * 1e3); }

void PrintTimes(const BenchArguments& arguments, const driver::BenchReport& report) {
  std::string first = fmt::format("{}  {}", arguments.model, report.runner);
  if (!report.arithmetic.empty()) {
    const int threads = arguments.options.engine.threads;
    first += fmt::format(", {} arithmetic, {} thread{}", report.arithmetic, threads, threads == 1 ? "" : "s");
  }
  for (const ValueReport& input : report.inputs)
    first += fmt::format("\ninput  {}  {}", input.name, input.type.ToString());
  std::printf("%s\n", Printable(first).c_str());
  std::printf(
      "%s\n",
      fmt::format("median {} ms of {} runs, 80 % of them from {} to {}, the fastest {}; after {} to warm up",
                  Milliseconds(report.median), report.runs, Milliseconds(report.low),
                  Milliseconds(report.high), Milliseconds(report.fastest), report.warm_up_runs)
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
    std::printf("and %zu more, %.1f %% together: --all\n", layers.size() - shown, 100 * rest);
}

int RunBench(BenchArguments& arguments) {
  if (arguments.qnnpack) arguments.options.reference.meaning = reference::Meaning::kQnnpack;
  const Result<driver::BenchReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    arguments.options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
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
  CLI::App* command = app.add_subcommand("bench", "Measure how long a model takes, and each of its layers");
  auto arguments = std::make_shared<BenchArguments>();
  command
      ->add_option("FILE", arguments->model,
                   "An ONNX model; or a TorchScript .pt, which the (slow) reference runs")
      ->required();
  command
      ->add_option(
          "--input", arguments->options.inputs,
          "An array for an input, X.npy[@SPEC] or X.npz as in `octavo run`; or the type and size of "
          "one that is drawn; or name=value for an argument of a .pt that is no tensor: k=3, flag=false")
      ->option_text("X.npy|SPEC ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--seconds", arguments->options.seconds, "How long to measure, about (default 3)")
      ->check(CLI::Range(0.0, 3600.0))
      ->option_text("S");
  command->add_flag("--all", arguments->all, "List every layer, in order");
  AddEngine(*command, arguments->options.engine);
  AddReference(*command, arguments->qnnpack);
  AddPlugins(*command, arguments->options.plugins);
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunBench(*arguments); }; });
}

}  // namespace octavo::cli
