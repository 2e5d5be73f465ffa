#include <chrono>
#include <map>

#include "octavo/cli/commands.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/written_report.h"
#include "octavo/octavo.h"

namespace octavo::cli {
namespace {

struct ConvertArguments {
  Common common;
  std::string model, output;
  std::string per_channel = "error";
  ConvertOptions options;
};

int RunConvert(ConvertArguments& arguments) {
  ConvertOptions& options = arguments.options;
  options.requantize_per_channel = arguments.per_channel == "requantize";
  const auto start = std::chrono::steady_clock::now();
  Result<ExportReport> report = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.model);
    options.progress = [&progress](std::string_view stage) { progress.Stage(stage); };
    return Convert(arguments.model, arguments.output, options);
  }();
  if (!report) return Fail(report.error(), arguments.common, "convert " + arguments.model);
  const Written written{
      .output = arguments.output,
      .dialect = options.dialect,
      .target = options.target,
      .numbers = options.numbers,
      .optimize = options.optimize,
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
  if (arguments.common.json) {
    PrintReportAsJson(written, *report);
  } else if (!arguments.common.quiet) {
    PrintReport(written, *report);
  }
  return kDone;
}

}  // namespace

void AddConvert(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "convert", "Write an int8 ONNX model in another dialect, opset or target, with the same numbers");
  auto arguments = std::make_shared<ConvertArguments>();
  command
      ->add_option("MODEL", arguments->model,
                   "The ONNX model: of the Caffe2 dialect, as PyTorch's former exporter wrote it, or with "
                   "QuantizeLinear and DequantizeLinear")
      ->required();
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
  command->add_option("--dialect", arguments->options.dialect, "qdq (default) or caffe2, as for export")
      ->transform(CLI::CheckedTransformer(kDialects).description("{qdq,caffe2}"))
      ->option_text(" ");
  command->add_option("--target", arguments->options.target, "The runtime to write for, as for export")
      ->transform(CLI::CheckedTransformer(kTargets).description("{onnxruntime,openvino,tensorrt}"))
      ->option_text(" ");
  command->add_option("--numbers", arguments->options.numbers, "exact (default) or plain, as for export")
      ->transform(CLI::CheckedTransformer(kNumbers).description("{exact,plain}"))
      ->option_text(" ");
  command->add_option("--opset", arguments->options.opset,
                      "ONNX opset, 13 to 21 (default 17; caffe2 is always 9)");
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
  command->add_flag("--optimize", arguments->options.optimize,
                    "Leave out transposes, slices and reshapes that do nothing");
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunConvert(*arguments); }; });
}

}  // namespace octavo::cli
