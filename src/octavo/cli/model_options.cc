#include "octavo/cli/model_options.h"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "octavo/base/limits.h"
#include "octavo/cli/options.h"

namespace octavo::cli {
namespace {

constexpr const char* kConversion = "Conversion options";
constexpr const char* kRunning = "Running options";

// Whether the dialect has it, the conversion says.
int OpsetNumber(const std::string& text) {
  int opset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), opset);
  if (error == std::errc() && end == text.data() + text.size() && opset > 0) return opset;
  throw Misuse(UsageError(
      fmt::format("--opset takes a number from 13 to 21, or 9 with --dialect caffe2, not \"{}\"", text)));
}

}  // namespace

void AddSpecs(CLI::App& command, std::vector<std::string>& inputs) {
  AddList(command, "--input", inputs, "SPEC",
          "Type and shape of an input, once per input: [name:]dtype[d0,d1,...][(scale,zero_point)], such as "
          "'x:float32[N,3,224,224]', where the size N stays open. Or name=value for an argument that is "
          "not a tensor: k=3, flag=false, mask=None");
}

void AddRenames(CLI::App& command, std::vector<std::string>& renames) {
  AddList(command, "--rename", renames, "OLD=NEW", "New name of an input or output, once per name");
}

Result<std::vector<Rename>> ParseRenames(const std::vector<std::string>& texts) {
  std::vector<Rename> renames;
  for (const std::string& text : texts) renames.push_back(OCTAVO_TRY(Rename::Parse(text)));
  return renames;
}

void AddArrays(CLI::App& command, std::vector<std::string>& inputs) {
  AddList(
      command, "--input", inputs, "ARRAY|SPEC",
      "Array for an input, once per input: X.npy, X.npy@name: or X.npz as for `octavo run`. Or a SPEC such "
      "as 'float32[1,3,224,224]', which is filled with random numbers. Or name=value for an argument of a "
      ".pt file that is not a tensor: k=3, flag=false");
}

void AddDialect(CLI::App& command, Dialect& dialect) {
  AddChoice<Dialect, Dialect>(
      command, "--dialect", dialect, "dialect", "Kind of ONNX model:",
      {{"qdq", Dialect::kQdq, "standard ONNX with QuantizeLinear and DequantizeLinear (default)"},
       {"caffe2", Dialect::kCaffe2, "Int8 operators of PyTorch's former Caffe2 exporter, opset 9"}})
      ->group(kConversion);
}

void AddTarget(CLI::App& command, Target& target) {
  AddChoice<Target, Target>(command, "--target", target, "target",
                            "Runtime that the model is written for (qdq only):",
                            {{"onnxruntime", Target::kOnnxRuntime, "(default)"},
                             {"openvino", Target::kOpenVino},
                             {"tensorrt", Target::kTensorRt, "float bias, int8 with zero point 0"}})
      ->group(kConversion);
}

void AddNumbers(CLI::App& command, Numbers& numbers, bool required) {
  AddChoice<Numbers, Numbers>(
      command, "--numbers", numbers, "value of --numbers", "How scales and operators are chosen:",
      {{"exact", Numbers::kExact,
        std::string("bit-identical to PyTorch where possible (default)") +
            (required ? "; if you pass it explicitly, a node that cannot be exact is an error" : "")},
       {"plain", Numbers::kPlain, "PyTorch's own scales and the plain operators"}})
      ->group(kConversion);
}

void AddExternalData(CLI::App& command, ExternalData& external_data) {
  AddChoice<ExternalData, ExternalData>(
      command, "--external-data", external_data, "value of --external-data", "Where the weights are written:",
      {{"auto", ExternalData::kAuto, "OUT.onnx.data above 2 GB, otherwise OUT.onnx (default)"},
       {"always", ExternalData::kAlways, "OUT.onnx.data"},
       {"never", ExternalData::kNever, "OUT.onnx"}})
      ->group(kConversion);
}

void AddOpset(CLI::App& command, int& opset, const std::string& missing) {
  command
      .add_option_function<std::string>(
          "--opset", [&opset](const std::string& text) { opset = OpsetNumber(text); },
          "ONNX opset of the model, 13 to 21 (default: " + missing + ")")
      ->type_name("N")
      ->group(kConversion);
}

void AddPerChannel(CLI::App& command, bool& requantize) {
  AddChoice<bool, bool>(command, "--per-channel-weights", requantize, "value of --per-channel-weights",
                        "Weights with one scale per channel (caffe2 only, which supports one per tensor):",
                        {{"error", false, "stop with an error (default)"},
                         {"requantize", true, "quantize them again, with one scale per tensor"}})
      ->group(kConversion);
}

void AddOptimize(CLI::App& command, bool& optimize) {
  command.add_flag("--optimize", optimize, "Remove transposes, slices and reshapes that have no effect")
      ->group(kConversion);
}

void AddPlugins(CLI::App& command, std::vector<std::filesystem::path>& plugins) {
  command
      .add_option_function<std::vector<std::string>>(
          "--plugin",
          [&plugins](const std::vector<std::string>& paths) { plugins.assign(paths.begin(), paths.end()); },
          "Shared library that defines custom operators; once per library")
      ->type_name("LIB");
}

void AddLimits(CLI::App& command, Limits& limits) {
  std::string names;
  for (const Limit& limit : AllLimits()) names += (names.empty() ? "" : ", ") + std::string(limit.name);
  command
      .add_option_function<std::vector<std::string>>(
          "--limit",
          [&limits](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              if (const Status status = SetLimit(limits, text); !status) throw Misuse(status.error());
            }
          },
          "What the model may ask for, once per limit, such as memory=16G or work=20G: " + names)
      ->type_name("NAME=VALUE");
}

void AddEngine(CLI::App& command, engine::Options& options) {
  using engine::Arithmetic;
  AddChoice<std::optional<Arithmetic>, Arithmetic>(
      command, "--arithmetic", options.arithmetic, "arithmetic",
      "Rounding of quantized operators of an ONNX model:",
      {{"pytorch", Arithmetic::kPyTorch, "PyTorch's (default for the caffe2 dialect)"},
       {"onnxruntime", Arithmetic::kOnnxRuntime, "ONNX Runtime's (default for all other models)"},
       {"caffe2", Arithmetic::kCaffe2, "bit-faithful to Caffe2"}})
      ->group(kRunning);
  command
      .add_flag_function(
          "--no-fuse", [&options](std::int64_t) { options.fuse = false; },
          "Evaluate each node of an ONNX model as the specification says, without fused integer kernels")
      ->group(kRunning);
  AddInteger(command, "--threads", options.threads, 1, 1024, "N",
             "Number of threads for an ONNX model, 1 to 1024 (default: 1)")
      ->group(kRunning);
}

void AddRuntime(CLI::App& command, driver::VerifyRuntime& runtime, std::string& python) {
  using driver::VerifyRuntime;
  AddChoice<VerifyRuntime, VerifyRuntime>(
      command, "--runtime", runtime, "runtime", "What runs ONNX models:",
      {{"octavo", VerifyRuntime::kOctavo, "Octavo's engine (default)"},
       {"onnxruntime", VerifyRuntime::kOnnxRuntime,
        "the real ONNX Runtime with its default options, from the Python package onnxruntime"}})
      ->group(kRunning);
  AddText(command, "--python", python, "EXE",
          "Python that has the package onnxruntime (default: the python3 of PATH)")
      ->group(kRunning);
}

namespace {

template <typename Variable>
void AddAnyEngine(CLI::App& command, Variable& engine, const std::string& otherwise) {
  using octavo::Engine;
  AddChoice<Variable, Engine>(
      command, "--engine", engine, "engine",
      fmt::format("PyTorch's engine whose results are reproduced (.pt files; default: {}):", otherwise),
      {{"qnnpack", Engine::kQnnpack, "Debian's PyTorch, ARM, mobile"},
       {"qnnpack-x86", Engine::kQnnpackX86, "pip's PyTorch on x86 with that engine set to qnnpack"},
       {"fbgemm", Engine::kFbgemm, "... to fbgemm"},
       {"onednn", Engine::kOnednn, "... to onednn"},
       {"x86", Engine::kX86, "... to x86, its default, on a CPU with AVX-512 VNNI"}});
}

}  // namespace

void AddPyTorchEngine(CLI::App& command, octavo::Engine& engine) {
  AddAnyEngine(command, engine, std::string(Name(kDefaultEngine)));
}

void AddPyTorchEngine(CLI::App& command, std::optional<octavo::Engine>& engine,
                      const std::string& otherwise) {
  AddAnyEngine(command, engine, otherwise);
}

void AddFaults(CLI::App& command, reference::Faults& faults) {
  using reference::Faults;
  AddChoice<Faults, Faults>(command, "--faults", faults, "value of --faults",
                            "What is computed where PyTorch's engine is plainly wrong (.pt files):",
                            {{"meant", Faults::kMeant, "the intended result (default)"},
                             {"keep", Faults::kKeep, "PyTorch's result"}})
      ->group(kRunning);
}

std::string RunnerText(std::string_view runner, std::string_view pytorch_engine, bool faults) {
  if (pytorch_engine.empty()) return std::string(runner);
  return fmt::format("PyTorch {}{}, {}", pytorch_engine, faults ? " with its faults" : "", runner);
}

}  // namespace octavo::cli
