#include "octavo/cli/model_options.h"

#include <map>

namespace octavo::cli {

void AddDialect(CLI::App& command, Dialect& dialect) {
  static const std::map<std::string, Dialect> kDialects = {{"qdq", Dialect::kQdq},
                                                           {"caffe2", Dialect::kCaffe2}};
  command
      .add_option("--dialect", dialect,
                  "qdq: standard ONNX with QuantizeLinear and DequantizeLinear (default); caffe2: the Int8 "
                  "operators of PyTorch's former Caffe2 exporter")
      ->transform(CLI::CheckedTransformer(kDialects).description("{qdq,caffe2}"))
      ->option_text(" ");
}

void AddTarget(CLI::App& command, Target& target) {
  static const std::map<std::string, Target> kTargets = {{"onnxruntime", Target::kOnnxRuntime},
                                                         {"openvino", Target::kOpenVino},
                                                         {"tensorrt", Target::kTensorRt}};
  command
      .add_option(
          "--target", target,
          "The runtime to write for: onnxruntime (default), openvino, tensorrt (float bias, symmetric int8)")
      ->transform(CLI::CheckedTransformer(kTargets).description("{onnxruntime,openvino,tensorrt}"))
      ->option_text(" ");
}

CLI::Option* AddNumbers(CLI::App& command, Numbers& numbers) {
  static const std::map<std::string, Numbers> kNumbers = {{"exact", Numbers::kExact},
                                                          {"plain", Numbers::kPlain}};
  return command
      .add_option(
          "--numbers", numbers,
          "exact: constants and forms with which the runtime's results are PyTorch's (default; export, where "
          "it is said, fails if a node has none); plain: PyTorch's own scales everywhere")
      ->transform(CLI::CheckedTransformer(kNumbers).description("{exact,plain}"))
      ->option_text(" ");
}

void AddExternalData(CLI::App& command, ExternalData& external_data) {
  static const std::map<std::string, ExternalData> kExternal = {
      {"auto", ExternalData::kAuto}, {"always", ExternalData::kAlways}, {"never", ExternalData::kNever}};
  command
      .add_option("--external-data", external_data,
                  "Weights in OUT.onnx.data: auto (only above 2 GB, default), always, never")
      ->transform(CLI::CheckedTransformer(kExternal).description("{auto,always,never}"))
      ->option_text(" ");
}

void AddOpset(CLI::App& command, int& opset) {
  command.add_option("--opset", opset, "ONNX opset, 13 to 21 (default 17; caffe2 is always 9)");
}

void AddPerChannel(CLI::App& command, bool& requantize) {
  command
      .add_option_function<std::string>(
          "--per-channel-weights",
          [&requantize](const std::string& value) { requantize = value == "requantize"; },
          "Caffe2 has no weights quantized per channel: error (default), or requantize them per tensor")
      ->check(CLI::IsMember({"error", "requantize"}))
      ->option_text(" ");
}

void AddOptimize(CLI::App& command, bool& optimize) {
  command.add_flag(
      "--optimize", optimize,
      "Leave out transposes, slices and reshapes that do nothing, which the former exporter wrote");
}

void AddPlugins(CLI::App& command, std::vector<std::filesystem::path>& plugins) {
  command
      .add_option_function<std::vector<std::string>>(
          "--plugin",
          [&plugins](const std::vector<std::string>& paths) { plugins.assign(paths.begin(), paths.end()); },
          "A shared library with operators of your own")
      ->option_text("LIB ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddEngine(CLI::App& command, engine::Options& options) {
  using engine::Arithmetic;
  static const std::map<std::string, Arithmetic> kArithmetics = {{"pytorch", Arithmetic::kPyTorch},
                                                                 {"onnxruntime", Arithmetic::kOnnxRuntime},
                                                                 {"caffe2", Arithmetic::kCaffe2}};
  command
      .add_option_function<Arithmetic>(
          "--arithmetic", [&options](const Arithmetic& arithmetic) { options.arithmetic = arithmetic; },
          "ONNX: whose rounding the quantized operators have; pytorch (default of the Caffe2 dialect), "
          "onnxruntime (default of all others), caffe2 (to the letter)")
      ->transform(CLI::CheckedTransformer(kArithmetics).description("{pytorch,onnxruntime,caffe2}"))
      ->option_text(" ");
  command.add_flag_function(
      "--no-fuse", [&options](std::int64_t) { options.fuse = false; },
      "ONNX: evaluate each node literally as the specification says, without integer kernels");
  command.add_option("--threads", options.threads, "ONNX: threads to use (default 1)")
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
}

void AddReference(CLI::App& command, bool& qnnpack) {
  command
      .add_option_function<std::string>(
          "--engine", [&qnnpack](const std::string&) { qnnpack = true; },
          ".pt: qnnpack: what PyTorch's qnnpack engine answers also where it is plainly wrong")
      ->check(CLI::IsMember({"qnnpack"}))
      ->option_text(" ");
}

}  // namespace octavo::cli
