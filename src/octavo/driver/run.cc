#include "octavo/driver/run.h"

#include <chrono>

#include <fmt/format.h>

#include "octavo/base/budget.h"
#include "octavo/base/out_of_memory.h"
#include "octavo/base/output_file.h"
#include "octavo/base/temporary_folder.h"
#include "octavo/driver/given_bytes.h"
#include "octavo/driver/given_inputs.h"
#include "octavo/driver/model_kind.h"
#include "octavo/driver/onnx_model.h"
#include "octavo/driver/pipeline.h"
#include "octavo/npy/npy.h"
#include "octavo/passes/passes.h"

namespace octavo::driver {
namespace {

using RunClock = std::chrono::steady_clock;

double SecondsSince(RunClock::time_point start) {
  return std::chrono::duration<double>(RunClock::now() - start).count();
}

Result<RunReport> RunReference(const std::filesystem::path& model, std::vector<InputValue> inputs,
                               const RunOptions& options) {
  const auto start = RunClock::now();
  RunReport report{.runner = "reference"};
  report.pytorch_engine = Name(options.reference.engine);
  report.faults_kept = options.reference.faults == reference::Faults::kKeep;
  const auto operators = OCTAVO_TRY(LoadOperators(options.plugins));
  for (const std::filesystem::path& plugin : options.plugins) {
    if (const auto id = IdOf(plugin)) report.files.push_back(*id);
  }
  if (const auto id = IdOf(model)) report.files.push_back(*id);
  std::vector<InputSpec> specs = options.literals;
  for (const InputValue& input : inputs) specs.push_back(SpecOf(input));
  Read read = OCTAVO_TRY(ReadModel(model, operators->registry, specs, options.limits));
  ir::Graph& graph = read.imported.graph;
  passes::RemoveDeadNodes(graph);
  const std::vector<Tensor> tensors = OCTAVO_TRY(InOrder(graph, std::move(inputs)));
  report.warnings = std::move(read.imported.warnings);
  for (std::string& text : NotFinite(graph, tensors)) report.warnings.push_back(std::move(text));
  for (std::string& text : WarningsAboutMistakes(graph, operators->registry, options.reference))
    report.warnings.push_back(std::move(text));
  report.reading_seconds = SecondsSince(start);
  const auto begin = RunClock::now();
  // The reference takes its time with large models.
  std::size_t values = 0;
  const auto count = [&](ir::ValueId, const Tensor&) {
    ++values;
    if (options.progress)
      options.progress(
          "running", std::min(1.0, static_cast<double>(values) / static_cast<double>(graph.nodes().size())));
  };
  if (options.progress) options.progress("running", 0);
  reference::Options reference = options.reference;
  reference.budget = std::make_shared<Budget>(options.limits, FileBytes(model) + BytesOf(tensors));
  std::vector<Tensor> outputs = OCTAVO_TRY(reference::Run(graph, tensors, reference, count));
  report.running_seconds = SecondsSince(begin);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    report.outputs.push_back({graph.outputs()[i].name, std::move(outputs[i])});
  }
  return report;
}

// A quantized input's array is integers, of which the model says what they mean; where a SPEC says it, too,
// they must agree.
Status CheckInputs(const ir::Graph& graph, std::vector<Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const ir::Value& value = graph.value(graph.inputs()[i]);
    const std::optional<Quantization>& wanted = value.type.quantization;
    if (tensors[i].quantization && wanted && tensors[i].quantization != wanted) {
      return UsageError(fmt::format("input {} must be {}, but {} was given", value.name,
                                    value.type.ToString(), tensors[i].type().ToString()));
    }
    if (wanted && StorageType(tensors[i].dtype) == StorageType(value.type.dtype)) {
      tensors[i].dtype = value.type.dtype;
      tensors[i].quantization = wanted;
    }
  }
  return {};
}

Result<RunReport> RunEngine(const std::filesystem::path& model, std::vector<InputValue> inputs,
                            const RunOptions& options) {
  const auto start = RunClock::now();
  RunReport report{.runner = "engine"};
  OCTAVO_TRY(RefuseLiterals(options.literals));
  const onnx::ReadModel read = OCTAVO_TRY(ReadOnnx(model));
  const ir::Graph& graph = read.graph;
  report.files = read.files;
  std::vector<Tensor> tensors = OCTAVO_TRY(InOrder(graph, std::move(inputs)));
  OCTAVO_TRY(CheckInputs(graph, tensors));
  OCTAVO_TRY(CheckEngineOptions(graph, options.engine));
  report.warnings = NotFinite(graph, tensors);
  report.arithmetic = engine::Name(options.engine.arithmetic.value_or(engine::DefaultArithmetic(graph)));
  std::vector<TensorType> types;
  for (const Tensor& tensor : tensors) types.push_back(tensor.type());
  engine::Options engine = options.engine;
  engine.budget =
      std::make_shared<Budget>(options.limits, FileBytes(model) + StoredBytes(graph) + BytesOf(tensors));
  const engine::CompiledModel compiled = OCTAVO_TRY(engine::CompiledModel::Compile(graph, types, engine));
  report.reading_seconds = SecondsSince(start);
  if (options.progress) options.progress("running", -1);
  const auto begin = RunClock::now();
  std::vector<Tensor> outputs = OCTAVO_TRY(compiled.Run(tensors));
  report.running_seconds = SecondsSince(begin);
  const std::map<std::string, TensorType> said = OCTAVO_TRY(MetadataTypes(graph));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = graph.outputs()[i].name;
    const auto type = said.find(name);
    if (type != said.end() && StorageType(type->second.dtype) == StorageType(outputs[i].dtype)) {
      outputs[i].dtype = type->second.dtype;
      outputs[i].quantization = type->second.quantization;
    }
    report.outputs.push_back({name, std::move(outputs[i])});
  }
  return report;
}

}  // namespace

Result<RunReport> Run(const std::filesystem::path& model, std::vector<InputValue> inputs,
                      const RunOptions& options) {
  if (options.progress) options.progress("reading", -1);
  return CatchOutOfMemory(
      [&] {
        return LooksLikeOnnx(model) ? RunEngine(model, std::move(inputs), options)
                                    : RunReference(model, std::move(inputs), options);
      },
      [] { return std::string("this model"); });
}

namespace {

Status WriteInto(const std::vector<NamedTensor>& outputs, const std::filesystem::path& folder,
                 const FileIds& inputs) {
  std::vector<std::unique_ptr<OutputFile>> files;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    files.push_back(OCTAVO_TRY(OutputFile::Create(folder / fmt::format("y{}.npy", i), {.inputs = inputs})));
    OCTAVO_TRY(npy::Write(outputs[i].tensor, *files.back()));
    OCTAVO_TRY(files.back()->Finish());
  }
  return OutputFile::CommitAll(files);
}

}  // namespace

Status WriteOutputs(const std::vector<NamedTensor>& outputs, const std::filesystem::path& folder,
                    const FileIds& inputs) {
  std::error_code failed;
  if (std::filesystem::is_directory(folder, failed)) return WriteInto(outputs, folder, inputs);
  NewFolders parents = OCTAVO_TRY(NewFolders::CreateFor(folder));
  const auto made = OCTAVO_TRY(TemporaryFolder::CreateFor(folder));
  if (const Status status = WriteInto(outputs, made->path(), inputs); !status)
    return made->Named(status.error());
  OCTAVO_TRY(made->Commit());
  parents.Keep();
  return {};
}

}  // namespace octavo::driver
