#include "octavo/driver/verify.h"

#include <fmt/format.h>

#include "octavo/base/budget.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/driver/given_bytes.h"
#include "octavo/driver/given_inputs.h"
#include "octavo/driver/model_kind.h"
#include "octavo/driver/onnx_model.h"
#include "octavo/driver/pipeline.h"
#include "octavo/driver/saved_values.h"
#include "octavo/driver/test_folder.h"
#include "octavo/onnx/names.h"
#include "octavo/onnx/write.h"
#include "octavo/passes/passes.h"
#include "octavo/verify/draw.h"

namespace octavo::driver {
namespace {

std::string EngineText(const ir::Graph& graph, const engine::Options& options) {
  return fmt::format("engine, {} arithmetic{}",
                     engine::Name(options.arithmetic.value_or(engine::DefaultArithmetic(graph))),
                     options.fuse ? "" : ", node by node");
}

// Everything that a comparison needs, however the two graphs were come by.
struct Sides {
  ir::Graph first, second;
  bool first_is_onnx = false;
  std::vector<verify::Pair> pairs;
  GivenInputs given;
  VerifyReport report;
};

class Verification {
 public:
  explicit Verification(const VerifyOptions& options)
      : options_(options), budget_(std::make_shared<Budget>(options.conversion.limits)), memory_(*budget_) {
    options_.engine.budget = budget_;
  }

  Result<VerifyReport> Run(const std::filesystem::path& first, const std::filesystem::path& second) {
    first_file_ = first;
    second_file_ = second;
    budget_->AddGiven(FileBytes(first) + (second.empty() ? 0 : FileBytes(second)));
    Progress("reading");
    sides_.given = OCTAVO_TRY(ReadGivenInputs(options_.inputs));
    if (!sides_.given.drawn() && options_.runs > 1) {
      return UsageError(fmt::format("--runs {} draws random inputs, and --input gives arrays", options_.runs),
                        "Leave --runs out, or give types only: --input 'float32[1,3,224,224]'.");
    }
    if (!options_.save.empty()) saved_ = OCTAVO_TRY(SavedValues::Create(options_.save));
    if (options_.runtime == VerifyRuntime::kOnnxRuntime) {
      Progress("starting ONNX Runtime");
      runtime_ = OCTAVO_TRY(onnxruntime_process::OnnxRuntime::Start(options_.python, budget_));
      sides_.report.runtime = runtime_->description();
    }
    sides_.report.first = first.string();
    sides_.report.second = second.string();
    sides_.first_is_onnx = LooksLikeOnnx(first);
    if (!second.empty()) OCTAVO_TRY(ReadSecond(second));
    if (sides_.first_is_onnx) {
      if (second.empty()) {
        return UsageError("verify needs a second model to compare an ONNX model with",
                          "Write octavo verify A.onnx B.onnx, or octavo verify MODEL.pt [OUT.onnx].");
      }
      OCTAVO_TRY(RefuseLiterals(sides_.given.literals));
      sides_.first = OCTAVO_TRY(ReadOnnx(first, AsRuntimeReads())).graph;
      OCTAVO_TRY(CloseSizes(sides_.first, sides_.given.specs));
    } else {
      if (!second.empty()) OCTAVO_TRY(ChooseEngine());
      OCTAVO_TRY(ReadFirst(first, second.empty()));
      if (!second.empty()) OCTAVO_TRY(WarnOfOtherEngine());
    }
    return Compare(!second.empty());
  }

 private:
  Engine engine() const { return ChosenEngine(options_.conversion); }

  reference::Options Reference() const {
    return {.engine = engine(), .faults = options_.reference.faults, .budget = budget_};
  }

  void Progress(std::string_view stage) const {
    if (options_.progress) options_.progress(stage, -1);
  }

  // ONNX Runtime runs the bodies of If and Loop, which Octavo does not.
  onnx::ReadOptions AsRuntimeReads() const {
    return {.hides_bodies = options_.runtime == VerifyRuntime::kOnnxRuntime};
  }

  Status ReadSecond(const std::filesystem::path& second) {
    Result<onnx::ReadModel> read = ReadOnnx(second, AsRuntimeReads());
    if (!read) return read.error().AddContext(second.string());
    sides_.second = std::move(read->graph);
    return {};
  }

  // The second model says for which engine it was written, if Octavo wrote it.
  Status ChooseEngine() {
    const auto written = OCTAVO_TRY(WrittenEngine(sides_.second.metadata));
    std::optional<Engine>& engine = options_.conversion.engine;
    if (!engine) {
      engine = written;
      // The operators of the Caffe2 dialect have qnnpack's numbers.
      if (!engine && engine::DefaultArithmetic(sides_.second) == engine::Arithmetic::kPyTorch)
        engine = Engine::kQnnpack;
    }
    return {};
  }

  Status WarnOfOtherEngine() {
    const auto written = OCTAVO_TRY(WrittenEngine(sides_.second.metadata));
    if (!written || *written == engine()) return {};
    sides_.report.warnings.push_back(fmt::format(
        "{} was exported for PyTorch's engine {}, and is compared with {}; --engine {} compares it "
        "with its own",
        sides_.report.second, Name(*written), Name(engine()), Name(*written)));
    return {};
  }

  // The sizes of what is drawn, where --input does not say them, are the second model's.
  std::vector<InputSpec> SecondsInputs(bool by_name) const {
    std::vector<InputSpec> specs;
    for (const ir::ValueId id : sides_.second.inputs()) {
      const ir::Value& input = sides_.second.value(id);
      specs.push_back({.name = by_name ? input.name : "", .type = input.type, .value = {}});
    }
    return specs;
  }

  Result<Read> ReadFirstWith(std::vector<InputSpec> specs, const std::filesystem::path& first,
                             const Registry& registry) {
    OCTAVO_TRY(CloseSizes(specs));
    const std::vector<InputSpec>& literals = sides_.given.literals;
    specs.insert(specs.end(), literals.begin(), literals.end());
    return ReadModel(first, registry, specs, options_.conversion.limits);
  }

  Result<Read> ReadFirstWith(const std::filesystem::path& first, const Registry& registry) {
    if (!sides_.given.specs.empty()) return ReadFirstWith(sides_.given.specs, first, registry);
    // Which of forward's optional arguments the second model has, its inputs' names tell, unless they have
    // been renamed.
    Result<Read> read = ReadFirstWith(SecondsInputs(true), first, registry);
    if (!read && read.error().code() == ErrorCode::kUsage && !sides_.second.inputs().empty())
      read = ReadFirstWith(SecondsInputs(false), first, registry);
    if (!read && read.error().code() == ErrorCode::kUsage && !sides_.second.inputs().empty() &&
        sides_.given.literals.empty()) {
      return UsageError(fmt::format("the second model has {} input{}, which do not fit the first model's "
                                    "forward: {}",
                                    sides_.second.inputs().size(),
                                    sides_.second.inputs().size() == 1 ? "" : "s", read.error().what()),
                        "Compare a model with its own export, or give the inputs with --input.");
    }
    return read;
  }

  Status ReadFirst(const std::filesystem::path& first, bool convert) {
    const auto operators = OCTAVO_TRY(LoadOperators(options_.conversion.plugins));
    Read read = OCTAVO_TRY(ReadFirstWith(first, operators->registry));
    sides_.first = std::move(read.imported.graph);
    sides_.report.warnings = std::move(read.imported.warnings);
    passes::RemoveDeadNodes(sides_.first);
    // A conversion has warnings of its own about the engine's faults.
    if (!convert || options_.reference.faults == reference::Faults::kKeep) {
      for (std::string& text : WarningsAboutMistakes(sides_.first, operators->registry, Reference()))
        sides_.report.warnings.push_back(std::move(text));
    }
    if (!convert) return {};
    Progress("converting");
    ExportOptions conversion = options_.conversion;
    conversion.progress = options_.progress;
    // Scales that are moved for a target's rounding would be wrong for PyTorch's own.
    if (options_.engine.arithmetic == engine::Arithmetic::kPyTorch) conversion.numbers = Numbers::kForms;
    Converted converted = OCTAVO_TRY(Convert(sides_.first, operators->registry, conversion));
    sides_.second = std::move(converted.graph);
    sides_.pairs = verify::Completed(sides_.first, sides_.second, std::move(converted.pairs));
    for (std::string& text : converted.warnings) sides_.report.warnings.push_back(std::move(text));
    sides_.report.second = fmt::format("its conversion to {}", Name(options_.conversion.dialect));
    if (options_.conversion.dialect == Dialect::kQdq)
      sides_.report.second += fmt::format(" for {}", Name(options_.conversion.target));
    return {};
  }

  Result<std::vector<std::vector<Tensor>>> Inputs() {
    std::vector<std::vector<Tensor>> runs;
    const bool sizes_are_given = !sides_.given.specs.empty();
    if (!sides_.given.drawn()) {
      runs.push_back(OCTAVO_TRY(InOrder(sides_.first, std::move(sides_.given.values))));
      budget_->AddGiven(BytesOf(runs[0]));
      for (std::string& text : NotFinite(sides_.first, runs[0]))
        sides_.report.warnings.push_back(std::move(text));
      return runs;
    }
    sides_.report.drawn = true;
    for (int i = 0; i < options_.runs; ++i) {
      runs.push_back(OCTAVO_TRY(verify::DrawInputs(sides_.first, static_cast<std::uint64_t>(i), memory_)));
    }
    // Sizes that the file states are no reason for more work.
    if (sizes_are_given) budget_->AddGiven(BytesOf(runs[0]));
    return runs;
  }

  // Of two models that are not each other's conversion in memory.
  Status Pair(const std::vector<Tensor>& inputs) {
    if (verify::ShareOrigins(sides_.first, sides_.second)) {
      sides_.pairs = verify::PairByOrigin(sides_.first, sides_.second);
      return {};
    }
    Progress("aligning the two models' values");
    for (ir::Graph* graph : {&sides_.second, &sides_.first}) {
      if (graph == &sides_.first && !sides_.first_is_onnx) continue;
      const Status learned = verify::LearnSizes(*graph, options_.engine, inputs);
      // What the engine does not run, ONNX Runtime may; without sizes, fewer values can be paired.
      if (!learned && !runtime_) return learned.error();
    }
    sides_.pairs = verify::PairByQuantization(sides_.first, sides_.second);
    return {};
  }

  void NoteAssumptions(const std::vector<Tensor>& inputs) {
    if (runtime_) return;
    const auto arithmetic = options_.engine.arithmetic.value_or(engine::DefaultArithmetic(sides_.second));
    if (arithmetic != engine::Arithmetic::kOnnxRuntime || !options_.engine.fuse) return;
    sides_.report.assumed_runtime = engine::kAssumedRuntime;
    std::vector<TensorType> types;
    for (const Tensor& input : inputs) types.push_back(input.type());
    // What does not compile is an error of the comparison itself.
    auto sums = engine::FloatSumsBeforeQuantization(sides_.second, types, options_.engine);
    if (sums) sides_.report.float_sums = std::move(sums).Take();
  }

  // A side that ONNX Runtime runs.
  verify::InRuntime InRuntime(const ir::Graph& graph, std::filesystem::path file, std::string model) const {
    verify::InRuntime side{
        .process = runtime_.get(), .file = std::move(file), .names = {}, .model = std::move(model)};
    for (std::size_t i = 0; i < graph.num_values(); ++i)
      side.names.push_back(graph.value(ir::ValueId{static_cast<std::int32_t>(i)}).name);
    return side;
  }

  Result<verify::Side> FirstSide() const {
    verify::Side side{.graph = &sides_.first, .engine = {}, .reference = Reference(), .runtime = {}};
    if (!sides_.first_is_onnx) return side;
    if (runtime_) {
      side.runtime = InRuntime(sides_.first, first_file_, sides_.report.first);
    } else {
      side.engine = options_.engine;
    }
    return side;
  }

  Result<verify::Side> SecondSide() const {
    verify::Side side{.graph = &sides_.second, .engine = {}, .reference = {}, .runtime = {}};
    if (!runtime_) {
      side.engine = options_.engine;
      return side;
    }
    side.runtime = InRuntime(sides_.second, second_file_, sides_.report.second);
    if (!second_file_.empty()) return side;
    // The conversion in memory, written as `export` would.
    onnx::WriteOptions write;
    if (options_.progress)
      write.progress = [this](double share) { options_.progress("writing the conversion", share); };
    side.runtime->file = runtime_->folder() / "model.onnx";
    OCTAVO_TRY(onnx::Write(sides_.second, side.runtime->file, write));
    side.runtime->names = OCTAVO_TRY(onnx::NameValues(sides_.second)).values;
    return side;
  }

  Status CheckRuntimeTakes(const ir::Graph& graph, const std::string& model) const {
    if (engine::DefaultArithmetic(graph) != engine::Arithmetic::kPyTorch) return {};
    return Unsupported(
        fmt::format("ONNX Runtime cannot run {}: it has operators of the caffe2 dialect", model),
        "Leave out --runtime onnxruntime, or convert the model first: octavo convert OLD.onnx -o NEW.onnx.");
  }

  Status WriteRepro(const verify::Side& a, const verify::Side& b,
                    const std::vector<std::vector<Tensor>>& inputs) {
    VerifyReport& report = sides_.report;
    auto example = OCTAVO_TRY(verify::SmallestCounterexample(a, b, report.report, inputs));
    if (!example) {
      report.warnings.push_back("no layer differs on its own, so --repro wrote nothing");
      return {};
    }
    report.repro_layer = example->layer;
    OCTAVO_TRY(WriteCounterexample(std::move(*example), options_.repro));
    report.repro_written = true;
    report.repro_folder = options_.repro.string();
    return {};
  }

  Status WriteReproOfRuntime(const verify::Side& a, const verify::Side& b,
                             const std::vector<std::vector<Tensor>>& inputs) {
    VerifyReport& report = sides_.report;
    const auto example = OCTAVO_TRY(verify::SmallestCounterexampleInRuntime(a, b, report.report, inputs));
    if (!example) {
      report.warnings.push_back(
          report.report.equal()
              ? "the outputs are equal, so --repro wrote nothing"
              : "only the whole model differs, and no part of it, so --repro wrote nothing");
      return {};
    }
    report.repro_layer = example->layer;
    OCTAVO_TRY(WriteRuntimeCounterexample(b, *example, options_.repro));
    report.repro_written = true;
    report.repro_folder = options_.repro.string();
    return {};
  }

  // The same integers would mean other values to the second model.
  Status CheckSameQuantization() const {
    for (std::size_t i = 0; i < sides_.first.inputs().size(); ++i) {
      const ir::Value& first = sides_.first.value(sides_.first.inputs()[i]);
      const ir::Value& second = sides_.second.value(sides_.second.inputs()[i]);
      if (!first.type.quantization || !second.type.quantization ||
          first.type.quantization == second.type.quantization) {
        continue;
      }
      return UsageError(
          fmt::format("the input {} of the first model is {}, but the input {} of the second is {}",
                      first.name, first.type.ToString(), second.name, second.type.ToString()),
          "Give the input with the scale and zero point that the second model was exported with.");
    }
    return {};
  }

  Result<VerifyReport> Compare(bool pair) {
    VerifyReport& report = sides_.report;
    if (sides_.first.inputs().size() != sides_.second.inputs().size() ||
        sides_.first.outputs().size() != sides_.second.outputs().size()) {
      return UsageError(
          fmt::format("the first model has {} inputs and {} outputs, but the second has {} and {}",
                      sides_.first.inputs().size(), sides_.first.outputs().size(),
                      sides_.second.inputs().size(), sides_.second.outputs().size()),
          "Compare models with the same inputs and outputs.");
    }
    OCTAVO_TRY(CheckSameQuantization());
    if (runtime_) {
      if (sides_.first_is_onnx) OCTAVO_TRY(CheckRuntimeTakes(sides_.first, report.first));
      OCTAVO_TRY(CheckRuntimeTakes(sides_.second, report.second));
    } else {
      if (sides_.first_is_onnx) OCTAVO_TRY(CheckEngineOptions(sides_.first, options_.engine));
      OCTAVO_TRY(CheckEngineOptions(sides_.second, options_.engine));
    }
    const std::vector<std::vector<Tensor>> inputs = OCTAVO_TRY(Inputs());
    if (pair) OCTAVO_TRY(Pair(inputs[0]));
    for (std::size_t i = 0; i < inputs[0].size(); ++i) {
      report.inputs.push_back({sides_.first.value(sides_.first.inputs()[i]).name, inputs[0][i].type()});
    }
    const verify::Side a = OCTAVO_TRY(FirstSide()), b = OCTAVO_TRY(SecondSide());
    NoteAssumptions(inputs[0]);
    if (sides_.first_is_onnx) {
      report.first_runner =
          runtime_ ? runtime_->description().ToString() : EngineText(sides_.first, *a.engine);
    } else {
      report.first_runner = "reference";
      report.pytorch_engine = Name(engine());
      report.faults_kept = options_.reference.faults == reference::Faults::kKeep;
    }
    report.second_runner =
        runtime_ ? runtime_->description().ToString() : EngineText(sides_.second, *b.engine);
    verify::Options options{.tolerance = options_.tolerance,
                            .alone = true,
                            .every_layer = options_.every_layer,
                            .save = {},
                            .progress = options_.progress};
    if (saved_) options.save = [this](const verify::ComparedValue& value) { return saved_->Add(value); };
    report.report = OCTAVO_TRY(verify::Verify(a, b, sides_.pairs, inputs, options));
    if (!options_.repro.empty()) {
      Progress("writing the smallest piece that differs");
      OCTAVO_TRY(runtime_ ? WriteReproOfRuntime(a, b, inputs) : WriteRepro(a, b, inputs));
    }
    if (saved_) {
      Progress("writing the compared values");
      report.saved_arrays = saved_->size();
      report.save_folder = options_.save.string();
      OCTAVO_TRY(saved_->Finish(report, sides_.first, sides_.second));
    }
    return std::move(report);
  }

  VerifyOptions options_;
  std::shared_ptr<Budget> budget_;
  Memory memory_;  // of drawn inputs
  std::filesystem::path first_file_, second_file_;
  std::unique_ptr<SavedValues> saved_;
  std::unique_ptr<onnxruntime_process::OnnxRuntime> runtime_;
  Sides sides_;
};

}  // namespace

Result<VerifyReport> Verify(const std::filesystem::path& first, const std::filesystem::path& second,
                            const VerifyOptions& options) {
  return CatchOutOfMemory([&] { return Verification(options).Run(first, second); },
                          [] { return std::string("comparing these models"); });
}

}  // namespace octavo::driver
