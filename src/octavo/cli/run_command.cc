#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/text.h"
#include "octavo/driver/given_inputs.h"
#include "octavo/driver/run.h"

namespace octavo::cli {
namespace {

struct RunArguments {
  Common common;
  std::string model, folder;
  std::vector<std::string> inputs;
  bool time = false, qnnpack = false;
  driver::RunOptions options;
};

// What `run` prints of an output.
struct OutputSummary {
  double low = 0, high = 0;
  std::int64_t not_finite = 0;
};

OutputSummary Summarize(const std::vector<double>& numbers) {
  OutputSummary summary{.low = std::numeric_limits<double>::infinity(),
                        .high = -std::numeric_limits<double>::infinity()};
  for (const double x : numbers) {
    if (!std::isfinite(x)) {
      ++summary.not_finite;
      continue;
    }
    summary.low = std::min(summary.low, x);
    summary.high = std::max(summary.high, x);
  }
  return summary;
}

// The reals that an output stands for; empty for types that are no numbers.
std::vector<double> Reals(const Tensor& tensor) {
  const DType stored = StorageType(tensor.dtype);
  if (!IsFloat(stored) && !IsInteger(stored) && stored != DType::kBool) return {};
  std::vector<double> numbers = tensor.ToDoubles();
  if (tensor.quantization && tensor.quantization->per_tensor()) {
    for (double& x : numbers) {
      x = (x - static_cast<double>(tensor.quantization->zero_point())) * tensor.quantization->scale();
    }
  }
  return numbers;
}

constexpr std::int64_t kFewestClasses = 5, kMostClasses = 100'000, kBest = 5;
constexpr std::size_t kShownRows = 4;

// One row of scores for each item of a batch.
bool LooksLikeScores(const Tensor& tensor) {
  if (!IsFloat(tensor.dtype) && !IsQuantized(tensor.dtype)) return false;
  if (tensor.rank() != 2) return false;
  return tensor.sizes[0] > 0 && tensor.sizes[1] >= kFewestClasses && tensor.sizes[1] <= kMostClasses;
}

std::vector<std::int64_t> Best(const double* scores, std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](std::int64_t a, std::int64_t b) {
    // A NaN is worse than any number.
    if (std::isnan(scores[a]) || std::isnan(scores[b]))
      return !std::isnan(scores[a]) && std::isnan(scores[b]);
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + std::min(kBest, count), order.end(), better);
  order.resize(static_cast<std::size_t>(std::min(kBest, count)));
  return order;
}

nlohmann::ordered_json OutputJson(const driver::NamedTensor& output, std::size_t index,
                                  const RunArguments& arguments) {
  nlohmann::ordered_json json = {{"name", output.name}};
  json.update(TypeJson(output.tensor.type()));
  const std::vector<double> reals = Reals(output.tensor);
  const OutputSummary summary = Summarize(reals);
  if (summary.low <= summary.high) {
    json["lowest"] = summary.low;
    json["highest"] = summary.high;
  }
  if (summary.not_finite > 0) json["not_finite"] = summary.not_finite;
  if (!arguments.folder.empty()) json["file"] = fmt::format("{}/y{}.npy", arguments.folder, index);
  if (LooksLikeScores(output.tensor)) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    const std::int64_t classes = output.tensor.sizes[1];
    for (std::int64_t row = 0; row < output.tensor.sizes[0]; ++row)
      rows.push_back(Best(reals.data() + row * classes, classes));
    json["best"] = std::move(rows);
  }
  return json;
}

void PrintOutput(const driver::NamedTensor& output, std::size_t width) {
  const std::vector<double> reals = Reals(output.tensor);
  const OutputSummary summary = Summarize(reals);
  std::string line = fmt::format("{:<{}}  {}", output.name, width, output.tensor.type().ToString());
  if (summary.low <= summary.high) line += fmt::format("  {:.6g} to {:.6g}", summary.low, summary.high);
  if (summary.not_finite > 0) line += fmt::format("  {} elements are not finite", summary.not_finite);
  std::printf("%s\n", Printable(line).c_str());
  if (!LooksLikeScores(output.tensor)) return;
  const std::int64_t classes = output.tensor.sizes[1];
  const auto rows = static_cast<std::size_t>(output.tensor.sizes[0]);
  for (std::size_t row = 0; row < std::min(rows, kShownRows); ++row) {
    const double* scores = reals.data() + static_cast<std::int64_t>(row) * classes;
    std::string text = rows == 1 ? "  best" : fmt::format("  best of {}", row);
    for (const std::int64_t k : Best(scores, classes)) text += fmt::format("   {}: {:.4g}", k, scores[k]);
    std::printf("%s\n", text.c_str());
  }
  if (rows > kShownRows) std::printf("  and %zu more\n", rows - kShownRows);
}

void PrintOutputs(const RunArguments& arguments, const driver::RunReport& report) {
  std::size_t width = 0;
  for (const driver::NamedTensor& output : report.outputs) width = std::max(width, output.name.size());
  for (std::size_t i = 0; i < report.outputs.size(); ++i) {
    if (arguments.folder.empty()) {
      PrintOutput(report.outputs[i], width);
    } else {
      const driver::NamedTensor& output = report.outputs[i];
      std::printf("%s\n", Printable(fmt::format("{}/y{}.npy  {:<{}}  {}", arguments.folder, i, output.name,
                                                width, output.tensor.type().ToString()))
                              .c_str());
    }
  }
  if (arguments.time) {
    std::printf("%.3f s in the %s, after %.3f s of reading\n", report.running_seconds, report.runner.c_str(),
                report.reading_seconds);
  }
}

int RunRun(RunArguments& arguments) {
  const std::string doing = "run " + arguments.model;
  if (arguments.qnnpack) arguments.options.reference.meaning = reference::Meaning::kQnnpack;
  Result<driver::RunReport> report = [&]() -> Result<driver::RunReport> {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    arguments.options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
    std::vector<std::string> texts = arguments.inputs;
    arguments.options.literals = OCTAVO_TRY(driver::TakeLiterals(texts));
    std::vector<driver::InputValue> inputs = OCTAVO_TRY(driver::ReadInputs(texts));
    driver::RunReport done = OCTAVO_TRY(driver::Run(arguments.model, std::move(inputs), arguments.options));
    if (!arguments.folder.empty()) OCTAVO_TRY(driver::WriteOutputs(done.outputs, arguments.folder));
    return done;
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  if (arguments.common.json) {
    nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < report->outputs.size(); ++i)
      outputs.push_back(OutputJson(report->outputs[i], i, arguments));
    PrintJson({{"runner", report->runner},
               {"arithmetic", report->arithmetic},
               {"outputs", outputs},
               {"warnings", report->warnings},
               {"reading_seconds", report->reading_seconds},
               {"running_seconds", report->running_seconds}});
  } else {
    if (!arguments.common.quiet) PrintOutputs(arguments, *report);
    for (const std::string& warning : report->warnings) {
      if (!arguments.common.quiet) std::fprintf(stderr, "warning: %s\n", Printable(warning).c_str());
    }
  }
  return kDone;
}

}  // namespace

void AddRun(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("run", "Run a model: a TorchScript .pt with PyTorch's own numbers, or an ONNX file");
  auto arguments = std::make_shared<RunArguments>();
  command->add_option("FILE", arguments->model, "The model")->required();
  command
      ->add_option(
          "--input", arguments->inputs,
          "An array for an input: X.npy[@SPEC], by position; X.npy@name: by name; X.npy@quint8(0.26,128) "
          "for a quantized input of a .pt file, given as its integers; X.npz, whose arrays go by name; "
          "name=value for an argument "
          "of a .pt file that is no tensor: k=3, flag=false, mask=None")
      ->option_text("X.npy ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->required();
  command
      ->add_option("-o,--output", arguments->folder,
                   "Write y0.npy, y1.npy, ... into this folder; quantized outputs as integers")
      ->option_text("DIR");
  command->add_flag("--time", arguments->time, "Say how long it took");
  AddEngine(*command, arguments->options.engine);
  AddReference(*command, arguments->qnnpack);
  AddPlugins(*command, arguments->options.plugins);
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunRun(*arguments); }; });
}

}  // namespace octavo::cli
