#include <chrono>
#include <cstdio>
#include <map>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/text.h"
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

void PrintReport(const ExportArguments& arguments, const ExportReport& report, double seconds) {
  const ExportOptions& options = arguments.options;
  std::string first = fmt::format("{}  {}", arguments.output, HumanBytes(report.bytes));
  if (report.external_bytes > 0) {
    first += fmt::format(" + {} in {}.data", HumanBytes(report.external_bytes), arguments.output);
  }
  first += fmt::format("  {} operators → {} nodes, opset {}, {}", report.operators, report.nodes,
                       report.opset, Name(options.dialect));
  if (options.dialect == Dialect::kQdq) first += fmt::format(" for {}", Name(options.target));
  if (options.optimize) first += fmt::format(", {} nodes saved", report.nodes_saved);
  first += fmt::format("  {:.2f} s", seconds);
  std::printf("%s\n", Printable(first).c_str());
  std::size_t width = 0;
  for (const auto* values : {&report.inputs, &report.outputs}) {
    for (const ValueReport& value : *values) width = std::max(width, value.name.size());
  }
  auto print = [width](const char* kind, const std::vector<ValueReport>& values) {
    for (const ValueReport& value : values) {
      std::printf(
          "%s\n",
          Printable(fmt::format("{:<6} {:<{}}  {}", kind, value.name, width, value.type.ToString())).c_str());
    }
  };
  print("input", report.inputs);
  print("output", report.outputs);
  for (const std::string& warning : report.warnings)
    std::fprintf(stderr, "warning: %s\n", Printable(warning).c_str());
}

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
  if (arguments.common.json) {
    PrintJson({{"output", arguments.output},
               {"bytes", report->bytes},
               {"external_bytes", report->external_bytes},
               {"dialect", Name(options.dialect)},
               {"target", Name(options.target)},
               {"numbers", Name(options.numbers)},
               {"opset", report->opset},
               {"operators", report->operators},
               {"nodes", report->nodes},
               {"nodes_saved", report->nodes_saved},
               {"inputs", ValuesJson(report->inputs)},
               {"outputs", ValuesJson(report->outputs)},
               {"warnings", report->warnings},
               {"seconds", seconds}});
  } else if (!arguments.common.quiet) {
    PrintReport(arguments, *report, seconds);
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
