#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/text.h"
#include "octavo/driver/inspect.h"

namespace octavo::cli {
namespace {

struct InspectArguments {
  Common common;
  std::string file;
  std::vector<std::string> inputs;
  std::vector<std::filesystem::path> plugins;
  bool graph = false;
};

constexpr const char* kInspectFooter =
    R"(Examples:
  octavo inspect model.pt
  octavo inspect model.pt --input 'x:float32[N,3,224,224]')";

// The type without its quantization, which has columns of its own.
std::string ShapeText(TensorType type) {
  type.quantization.reset();
  return type.ToString();
}

std::string WeightText(const driver::Layer& layer) {
  if (layer.weights.empty()) return "";
  const TensorType& weight = layer.weights[0];
  std::string text = ShapeText(weight);
  if (weight.quantization) text += weight.quantization->per_tensor() ? " per tensor" : " per channel";
  return text;
}

void PrintInspection(const InspectArguments& arguments, const driver::Inspection& inspection) {
  std::printf("%s\n", Printable(fmt::format("{} ({}), {}", inspection.format, inspection.producer,
                                            HumanBytes(inspection.file_bytes)))
                          .c_str());
  for (const ValueReport& v : inspection.inputs) {
    std::printf("%s\n", Printable(fmt::format("input  {}  {}", v.name, v.type.ToString())).c_str());
  }
  for (const ValueReport& v : inspection.outputs) {
    std::printf("%s\n", Printable(fmt::format("output {}  {}", v.name, v.type.ToString())).c_str());
  }
  if (arguments.graph) {
    std::printf("\n%s", inspection.graph_text.c_str());
    return;
  }
  Table table({">#", "operator", "place", "output", ">scale", ">zero", "weights", ">parameters", ">bytes"});
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < inspection.layers.size(); ++i) {
    const driver::Layer& layer = inspection.layers[i];
    parameters += layer.parameters;
    bytes += layer.parameter_bytes;
    std::string shape, scale, zero;
    if (!layer.outputs.empty()) {
      const TensorType& type = layer.outputs[0];
      shape = ShapeText(type) +
              (layer.outputs.size() > 1 ? fmt::format(" and {} more", layer.outputs.size() - 1) : "");
      if (type.quantization && type.quantization->per_tensor()) {
        scale = fmt::format("{:.6g}", type.quantization->scale());
        zero = std::to_string(type.quantization->zero_point());
      }
    }
    table.Add({std::to_string(i + 1), layer.op, layer.module_path.empty() ? layer.place : layer.module_path,
               shape, scale, zero, WeightText(layer),
               layer.parameters ? std::to_string(layer.parameters) : "",
               layer.parameter_bytes ? HumanBytes(layer.parameter_bytes) : ""});
  }
  std::printf("\n%s\n", table.ToString().c_str());
  std::printf("%zu operators, %lld parameters, %s\n", inspection.layers.size(),
              static_cast<long long>(parameters), HumanBytes(bytes).c_str());
  for (const driver::Convertibility& answer : inspection.converts) {
    if (!answer.obstacle) {
      std::printf("converts to %s\n", std::string(Name(answer.dialect)).c_str());
    } else {
      std::printf("does not convert to %s: %s\n", std::string(Name(answer.dialect)).c_str(),
                  Printable(answer.obstacle->ToString()).c_str());
    }
  }
  PrintWarnings(inspection.warnings);
}

nlohmann::ordered_json Json(const driver::Inspection& inspection) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const driver::Layer& layer : inspection.layers) {
    nlohmann::ordered_json outputs = nlohmann::ordered_json::array(),
                           weights = nlohmann::ordered_json::array();
    for (const TensorType& type : layer.outputs) outputs.push_back(TypeJson(type));
    for (const TensorType& type : layer.weights) weights.push_back(TypeJson(type));
    layers.push_back({{"operator", layer.op},
                      {"module", layer.module_path},
                      {"place", layer.place},
                      {"outputs", outputs},
                      {"weights", weights},
                      {"parameters", layer.parameters},
                      {"bytes", layer.parameter_bytes}});
  }
  nlohmann::ordered_json converts = nlohmann::ordered_json::object();
  for (const driver::Convertibility& answer : inspection.converts) {
    nlohmann::ordered_json entry = {{"converts", !answer.obstacle.has_value()}};
    if (answer.obstacle) entry["error"] = ErrorJson(*answer.obstacle);
    converts[std::string(Name(answer.dialect))] = std::move(entry);
  }
  nlohmann::ordered_json json = {{"format", inspection.format},
                                 {"producer", inspection.producer},
                                 {"bytes", inspection.file_bytes},
                                 {"inputs", ValuesJson(inspection.inputs)},
                                 {"outputs", ValuesJson(inspection.outputs)},
                                 {"layers", layers},
                                 {"dialects", converts},
                                 {"warnings", inspection.warnings}};
  if (!inspection.graph_text.empty()) json["graph"] = inspection.graph_text;
  return json;
}

Status CheckInspect(const InspectArguments& arguments) {
  OCTAVO_TRY(CheckInputFile(arguments.file));
  return CheckRunner(*arguments.common.command, arguments.file);
}

int RunInspect(InspectArguments& arguments) {
  if (const Status status = CheckInspect(arguments); !status)
    return FailUsage(status.error(), arguments.common);
  const std::string doing = "inspect " + arguments.file;
  driver::InspectOptions options;
  for (const std::string& text : arguments.inputs) {
    auto spec = InputSpec::Parse(text);
    if (!spec) return Fail(spec.error(), arguments.common, doing);
    options.inputs.push_back(std::move(*spec));
  }
  options.plugins = arguments.plugins;
  options.graph_text = arguments.graph;
  const Result<driver::Inspection> inspection = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.file);
    progress.Stage("reading", -1);
    return driver::Inspect(arguments.file, options);
  }();
  if (!inspection) return Fail(inspection.error(), arguments.common, doing);
  if (arguments.common.json) {
    PrintJson(Json(*inspection));
  } else if (!arguments.common.quiet) {
    PrintInspection(arguments, *inspection);
  }
  return kDone;
}

}  // namespace

void AddInspect(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("inspect", "List what a model contains, and what does not convert");
  auto arguments = std::make_shared<InspectArguments>();
  AddText(*command, "FILE", arguments->file, "", "Saved PyTorch model or ONNX model")->required();
  command->add_flag("--graph", arguments->graph, "Print the graph as text (docs/ir.md) instead of the table");
  AddSpecs(*command, arguments->inputs);
  AddPlugins(*command, arguments->plugins);
  arguments->common.AddTo(*command);
  command->footer(kInspectFooter);
  command->callback([arguments, &run] { run = [arguments] { return RunInspect(*arguments); }; });
}

}  // namespace octavo::cli
