#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/text.h"
#include "octavo/driver/given_inputs.h"
#include "octavo/driver/run.h"

namespace octavo::cli {
namespace {

struct RunArguments {
  Common common;
  std::string model, folder;
  std::vector<std::string> inputs;
  bool time = false;
  bool images = false;  // an input has four dimensions
  driver::RunOptions options;
};

constexpr const char* kRunFooter =
    R"(Examples:
  octavo run model.pt --input x.npy
  octavo run model.onnx --input images.npy --input mask.npy@mask: -o results)";

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

// `item`: what a batch consists of, "image".
void PrintOutput(const driver::NamedTensor& output, std::size_t width, const char* item) {
  const std::vector<double> reals = Reals(output.tensor);
  const OutputSummary summary = Summarize(reals);
  std::string line = fmt::format("{:<{}}  {}", output.name, width, output.tensor.type().ToString());
  if (summary.low <= summary.high) line += fmt::format("  {:.6g} to {:.6g}", summary.low, summary.high);
  if (summary.not_finite > 0) line += fmt::format("  {} elements are NaN or infinite", summary.not_finite);
  std::printf("%s\n", PrintableLine(line).c_str());
  if (!LooksLikeScores(output.tensor)) return;
  const std::int64_t classes = output.tensor.sizes[1];
  const auto rows = static_cast<std::size_t>(output.tensor.sizes[0]);
  for (std::size_t row = 0; row < std::min(rows, kShownRows); ++row) {
    const double* scores = reals.data() + static_cast<std::int64_t>(row) * classes;
    std::vector<std::string> best;
    for (const std::int64_t k : Best(scores, classes))
      best.push_back(fmt::format("{} ({:.4g})", k, scores[k]));
    const std::string of = rows == 1 ? std::string() : fmt::format(" of {} {}", item, row + 1);
    std::printf("  top classes%s: %s\n", of.c_str(), fmt::format("{}", fmt::join(best, ", ")).c_str());
  }
  if (rows > kShownRows) std::printf("  and %zu more\n", rows - kShownRows);
}

void PrintOutputs(const RunArguments& arguments, const driver::RunReport& report) {
  const std::string runner = report.arithmetic.empty()
                                 ? report.runner
                                 : fmt::format("{}, {} arithmetic", report.runner, report.arithmetic);
  std::printf("%s\n", Printable(fmt::format("{} ({})", arguments.model,
                                            RunnerText(runner, report.pytorch_engine, report.faults_kept)))
                          .c_str());
  std::size_t width = 0;
  for (const driver::NamedTensor& output : report.outputs) width = std::max(width, output.name.size());
  for (std::size_t i = 0; i < report.outputs.size(); ++i) {
    if (arguments.folder.empty()) {
      PrintOutput(report.outputs[i], width, arguments.images ? "image" : "item");
    } else {
      const driver::NamedTensor& output = report.outputs[i];
      std::printf("%s\n", PrintableLine(fmt::format("{}/y{}.npy  {:<{}}  {}", arguments.folder, i,
                                                    output.name, width, output.tensor.type().ToString()))
                              .c_str());
    }
  }
  if (arguments.time) {
    std::printf("running took %.3f s (%s), reading %.3f s\n", report.running_seconds, report.runner.c_str(),
                report.reading_seconds);
  }
}

Status CheckRun(const RunArguments& arguments) {
  const CLI::App& command = *arguments.common.command;
  OCTAVO_TRY(CheckInputFile(arguments.model));
  OCTAVO_TRY(CheckArrays(arguments.inputs));
  OCTAVO_TRY(CheckOutputFolder("-o", arguments.folder));
  OCTAVO_TRY(CheckRunner(command, arguments.model));
  OCTAVO_TRY(CheckEngine(command));
  if (arguments.time && arguments.common.quiet)
    return UsageError("--time does not go with --quiet: it prints a line");
  return {};
}

int RunRun(RunArguments& arguments) {
  if (const Status status = CheckRun(arguments); !status) return FailUsage(status.error(), arguments.common);
  const std::string doing = "run " + arguments.model;
  Result<driver::RunReport> report = [&]() -> Result<driver::RunReport> {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    arguments.options.progress = [&progress](std::string_view stage, double share) {
      progress.Stage(stage, share);
    };
    std::vector<std::string> texts = arguments.inputs;
    arguments.options.literals = OCTAVO_TRY(driver::TakeLiterals(texts));
    std::vector<driver::InputValue> inputs = OCTAVO_TRY(driver::ReadInputs(texts));
    FileIds arrays;
    for (const driver::InputValue& input : inputs) {
      if (const auto id = IdOf(std::filesystem::path(input.file))) arrays.push_back(*id);
    }
    arguments.images =
        std::ranges::any_of(inputs, [](const driver::InputValue& input) { return input.tensor.rank() == 4; });
    driver::RunReport done = OCTAVO_TRY(driver::Run(arguments.model, std::move(inputs), arguments.options));
    if (!arguments.folder.empty()) {
      done.files.insert(done.files.end(), arrays.begin(), arrays.end());
      OCTAVO_TRY(driver::WriteOutputs(done.outputs, arguments.folder, done.files));
    }
    return done;
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  if (arguments.common.json) {
    nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < report->outputs.size(); ++i)
      outputs.push_back(OutputJson(report->outputs[i], i, arguments));
    PrintJson({{"runner", report->runner},
               {"engine", report->pytorch_engine},
               {"faults", report->faults_kept ? "keep" : "meant"},
               {"arithmetic", report->arithmetic},
               {"outputs", outputs},
               {"warnings", report->warnings},
               {"reading_seconds", report->reading_seconds},
               {"running_seconds", report->running_seconds}});
  } else if (!arguments.common.quiet) {
    PrintOutputs(arguments, *report);
    PrintWarnings(report->warnings);
  }
  return kDone;
}

}  // namespace

void AddRun(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "run",
      "Run an ONNX model, or a saved PyTorch model with the results of one of PyTorch's engines, on arrays");
  auto arguments = std::make_shared<RunArguments>();
  AddText(*command, "FILE", arguments->model, "", "Saved PyTorch model (.pt) or ONNX model")->required();
  AddList(
      *command, "--input", arguments->inputs, "ARRAY",
      "Array for an input, once per input:\n"
      "  X.npy                    next input\n"
      "  X.npy@name:              input of that name\n"
      "  X.npy@quint8(0.26,128)   quantized input of a .pt file, as integers with this scale and zero point\n"
      "  X.npz                    one array per input, by name\n"
      "  k=3, flag=false          value of an argument of a .pt file that is not a tensor")
      ->required();
  AddText(*command, "-o,--output", arguments->folder, "DIR",
          "Write the outputs to DIR/y0.npy, DIR/y1.npy, ...; quantized outputs as integers");
  command->add_flag("--time", arguments->time, "Print how long reading and running took");
  AddEngine(*command, arguments->options.engine);
  AddPyTorchEngine(*command, arguments->options.reference.engine);
  AddFaults(*command, arguments->options.reference.faults);
  AddPlugins(*command, arguments->options.plugins);
  AddLimits(*command, arguments->options.limits);
  arguments->common.AddTo(*command);
  command->footer(kRunFooter);
  command->callback([arguments, &run] { run = [arguments] { return RunRun(*arguments); }; });
}

}  // namespace octavo::cli
