#include "octavo/driver/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "octavo/base/budget.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/driver/given_bytes.h"
#include "octavo/driver/given_inputs.h"
#include "octavo/driver/model_kind.h"
#include "octavo/driver/onnx_model.h"
#include "octavo/driver/pipeline.h"
#include "octavo/passes/passes.h"
#include "octavo/verify/draw.h"

namespace octavo::driver {
namespace {

using Clock = std::chrono::steady_clock;
using Job = std::function<Status(std::vector<engine::StepTime>*)>;

// A processor needs some time to reach its speed, and some runs to fill its caches.
constexpr double kWarmUpShare = 0.25;
constexpr std::size_t kFewestRuns = 3, kMostRuns = 1000, kTimedRuns = 15;

double Seconds(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The number below which `share` of the sorted numbers lie.
double Quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(std::lround(share * static_cast<double>(sorted.size() - 1)))];
}

double Median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return Quantile(numbers, 0.5);
}

Status Measure(const Job& job, const BenchOptions& options, BenchReport& report) {
  const double seconds = options.seconds;
  const auto start = Clock::now();
  const auto progress = [&](std::string_view stage) {
    const double all = (1 + kWarmUpShare) * seconds;
    if (options.progress && all > 0) options.progress(stage, std::min(1.0, Seconds(start) / all));
  };
  do {
    progress("warming up");
    OCTAVO_TRY(job(nullptr));
    ++report.warm_up_runs;
  } while (Seconds(start) < kWarmUpShare * seconds && report.warm_up_runs < kMostRuns);
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.size() < kMostRuns && (times.size() < kFewestRuns || Seconds(begin) < seconds)) {
    progress(fmt::format("measuring, run {}", times.size() + 1));
    const auto run = Clock::now();
    OCTAVO_TRY(job(nullptr));
    times.push_back(Seconds(run));
  }
  std::sort(times.begin(), times.end());
  report.runs = times.size();
  report.median = Quantile(times, 0.5);
  report.low = Quantile(times, 0.1);
  report.high = Quantile(times, 0.9);
  report.fastest = times[0];
  return {};
}

Status MeasureLayers(const Job& job, BenchReport& report) {
  std::vector<std::vector<engine::StepTime>> runs(std::min(kTimedRuns, report.runs));
  for (auto& run : runs) OCTAVO_TRY(job(&run));
  double all = 0;
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    std::vector<double> times;
    for (const auto& run : runs) times.push_back(run[i].seconds);
    report.layers.push_back(
        {.name = runs[0][i].name, .kind = runs[0][i].kind, .seconds = Median(std::move(times))});
    all += report.layers.back().seconds;
  }
  for (LayerTime& layer : report.layers) layer.share = all > 0 ? layer.seconds / all : 0;
  return {};
}

Result<std::vector<Tensor>> Inputs(const ir::Graph& graph, GivenInputs given, Memory& memory, Budget& budget,
                                   BenchReport& report) {
  const bool sizes_are_given = !given.specs.empty();
  std::vector<Tensor> inputs = given.drawn() ? OCTAVO_TRY(verify::DrawInputs(graph, 0, memory))
                                             : OCTAVO_TRY(InOrder(graph, std::move(given.values)));
  if (sizes_are_given) budget.AddGiven(BytesOf(inputs));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    report.inputs.push_back({graph.value(graph.inputs()[i]).name, inputs[i].type()});
  }
  return inputs;
}

Result<BenchReport> ReadAndMeasure(const std::filesystem::path& model, const BenchOptions& options) {
  const auto progress = [&](std::string_view stage) {
    if (options.progress) options.progress(stage, -1);
  };
  progress("reading");
  GivenInputs given = OCTAVO_TRY(ReadGivenInputs(options.inputs));
  BenchReport report;
  const auto budget = std::make_shared<Budget>(options.limits, FileBytes(model));
  Memory memory(*budget);
  if (LooksLikeOnnx(model)) {
    OCTAVO_TRY(RefuseLiterals(given.literals));
    onnx::ReadModel read = OCTAVO_TRY(ReadOnnx(model));
    OCTAVO_TRY(CloseSizes(read.graph, given.specs));
    OCTAVO_TRY(CheckEngineOptions(read.graph, options.engine));
    report.runner = "engine";
    report.arithmetic =
        engine::Name(options.engine.arithmetic.value_or(engine::DefaultArithmetic(read.graph)));
    const std::vector<Tensor> inputs =
        OCTAVO_TRY(Inputs(read.graph, std::move(given), memory, *budget, report));
    std::vector<TensorType> types;
    for (const Tensor& input : inputs) types.push_back(input.type());
    engine::Options engine = options.engine;
    engine.budget = budget;
    budget->AddGiven(StoredBytes(read.graph));
    const engine::CompiledModel compiled =
        OCTAVO_TRY(engine::CompiledModel::Compile(read.graph, types, engine));
    const Job job = [&](std::vector<engine::StepTime>* times) -> Status {
      OCTAVO_TRY(compiled.Run(inputs, {}, times));
      return {};
    };
    OCTAVO_TRY(Measure(job, options, report));
    progress("measuring the layers");
    OCTAVO_TRY(MeasureLayers(job, report));
    return report;
  }
  report.runner = "reference";
  report.pytorch_engine = Name(options.reference.engine);
  report.faults_kept = options.reference.faults == reference::Faults::kKeep;
  const auto operators = OCTAVO_TRY(LoadOperators(options.plugins));
  OCTAVO_TRY(CloseSizes(given.specs));
  std::vector<InputSpec> specs = given.specs;
  specs.insert(specs.end(), given.literals.begin(), given.literals.end());
  Read read = OCTAVO_TRY(ReadModel(model, operators->registry, specs, options.limits));
  passes::RemoveDeadNodes(read.imported.graph);
  const std::vector<Tensor> inputs =
      OCTAVO_TRY(Inputs(read.imported.graph, std::move(given), memory, *budget, report));
  reference::Options reference = options.reference;
  reference.budget = budget;
  const Job job = [&](std::vector<engine::StepTime>*) -> Status {
    OCTAVO_TRY(reference::Run(read.imported.graph, inputs, reference));
    return {};
  };
  OCTAVO_TRY(Measure(job, options, report));
  return report;
}

}  // namespace

Result<BenchReport> Bench(const std::filesystem::path& model, const BenchOptions& options) {
  return CatchOutOfMemory([&] { return ReadAndMeasure(model, options); },
                          [] { return std::string("this model"); });
}

}  // namespace octavo::driver
