#include <chrono>
#include <map>

#include "octavo/cli/commands.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/written_report.h"
#include "octavo/octavo.h"

namespace octavo::cli {
namespace {

struct ExportArguments {
  Common common;
  std::string model, output;
  std::vector<std::string> inputs, plugins;
  std::string per_channel = "error";
  ExportOptions options;
};

int RunExport(ExportArguments& arguments) {
  const std::string doing = "convert " + arguments.model;
  ExportOptions& options = arguments.options;
  for (const std::string& text : arguments.inputs) {
    auto spec = InputSpec::Parse(text);
    if (!spec) return Fail(spec.error(), arguments.common, doing);
    options.inputs.push_back(std::move(*spec));
  }
  options.plugins.assign(arguments.plugins.begin(), arguments.plugins.end());
  options.requantize_per_channel = arguments.per_channel == "requantize";
  const auto start = std::chrono::steady_clock::now();
  Result<ExportReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
    return Export(arguments.model, arguments.output, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, doing);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Written written{.output = arguments.output,
                        .dialect = options.dialect,
                        .target = options.target,
                        .numbers = options.numbers,
                        .optimize = options.optimize,
                        .seconds = seconds};
  if (arguments.common.json) {
    PrintReportAsJson(written, *report);
  } else if (!arguments.common.quiet) {
    PrintReport(written, *report);
  }
  return kDone;
}

}  // namespace

void AddExport(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("export", "Convert a saved PyTorch model (TorchScript .pt) to ONNX");
  auto arguments = std::make_shared<ExportArguments>();
  command->add_option("MODEL", arguments->model, "The saved model")->required();
  command->add_option("-o,--output", arguments->output, "The ONNX file to write")->required();
  static const std::map<std::string, Dialect> kDialects = {{"qdq", Dialect::kQdq},
                                                           {"caffe2", Dialect::kCaffe2}};
  static const std::map<std::string, Target> kTargets = {{"onnxruntime", Target::kOnnxRuntime},
                                                         {"openvino", Target::kOpenVino},
                                                         {"tensorrt", Target::kTensorRt}};
  static const std::map<std::string, Numbers> kNumbers = {{"exact", Numbers::kExact},
                                                          {"plain", Numbers::kPlain}};
  static const std::map<std::string, ExternalData> kExternal = {
      {"auto", ExternalData::kAuto}, {"always", ExternalData::kAlways}, {"never", ExternalData::kNever}};
  command
      ->add_option(
          "--dialect", arguments->options.dialect,
          "qdq: standard ONNX with QuantizeLinear and "
          "DequantizeLinear (default); caffe2: the Int8 operators of PyTorch's former Caffe2 exporter")
      ->transform(CLI::CheckedTransformer(kDialects).description("{qdq,caffe2}"))
      ->option_text(" ");
  command
      ->add_option("--target", arguments->options.target,
                   "The runtime to write for: onnxruntime (default), "
                   "openvino, tensorrt (float bias, symmetric int8)")
      ->transform(CLI::CheckedTransformer(kTargets).description("{onnxruntime,openvino,tensorrt}"))
      ->option_text(" ");
  command
      ->add_option(
          "--numbers", arguments->options.numbers,
          "exact: constants and forms with which the runtime's results are PyTorch's (default); plain: "
          "PyTorch's own scales everywhere")
      ->transform(CLI::CheckedTransformer(kNumbers).description("{exact,plain}"))
      ->option_text(" ");
  command->add_option("--opset", arguments->options.opset,
                      "ONNX opset, 13 to 21 (default 17; caffe2 is always 9)");
  command
      ->add_option("--input", arguments->inputs,
                   "Type and shape of an input: [name:]dtype[d0,d1,...][(scale,zero_point)], such as "
                   "'x:float32[N,3,224,224]', where N stays open; once for each input")
      ->option_text("SPEC ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--output-name", arguments->options.output_names,
                   "Name of an output; once for each, in order")
      ->option_text("NAME ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--external-data", arguments->options.external_data,
                   "Weights in OUT.onnx.data: auto (only above 2 GB, default), always, never")
      ->transform(CLI::CheckedTransformer(kExternal).description("{auto,always,never}"))
      ->option_text(" ");
  command
      ->add_option(
          "--per-channel-weights", arguments->per_channel,
          "Caffe2 has no weights quantized per channel: error (default), or requantize them per tensor")
      ->check(CLI::IsMember({"error", "requantize"}))
      ->option_text(" ");
  command->add_flag(
      "--optimize", arguments->options.optimize,
      "Leave out transposes, slices and reshapes that do nothing, which the former exporter wrote");
  command->add_option("--plugin", arguments->plugins, "A shared library with operators of your own")
      ->option_text("LIB ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunExport(*arguments); }; });
}

}  // namespace octavo::cli
