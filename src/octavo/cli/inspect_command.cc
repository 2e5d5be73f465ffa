#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/progress.h"
#include "octavo/cli/rules.h"
#include "octavo/cli/text.h"
#include "octavo/cli/written_report.h"
#include "octavo/driver/audit.h"
#include "octavo/driver/inspect.h"

namespace octavo::cli {
namespace {

struct InspectArguments {
  Common common;
  std::string file;
  std::vector<std::string> inputs;
  std::vector<std::filesystem::path> plugins;
  Limits limits;
  bool graph = false;
  bool check = false;
  bool audit = false;
  Dialect dialect = Dialect::kQdq;
};

constexpr const char* kInspectFooter =
    R"(Examples:
  octavo inspect model.pt
  octavo inspect model.pt --input 'x:float32[N,3,224,224]'
  octavo inspect model.pt --check --input 'x:float32[N,3,224,224]'
  octavo inspect downloaded.pth --audit)";

// The type without its quantization, which has columns of its own.
std::string ShapeText(TensorType type) {
  type.quantization.reset();
  return type.ToString();
}

// "0.0031", "0.0012 to 0.0034".
std::string ScaleText(const Quantization& quantization) {
  const auto [low, high] = std::ranges::minmax_element(quantization.scales);
  if (low == quantization.scales.end()) return "";
  return *low == *high ? fmt::format("{:.3g}", *low) : fmt::format("{:.3g} to {:.3g}", *low, *high);
}

// "qint8[8,3,3,3] per channel, scales 0.0012 to 0.0034".
std::string WeightText(const TensorType& weight) {
  std::string text = ShapeText(weight);
  if (!weight.quantization) return text;
  const bool per_tensor = weight.quantization->per_tensor();
  return text + fmt::format(" per {}, scale{} {}", per_tensor ? "tensor" : "channel", per_tensor ? "" : "s",
                            ScaleText(*weight.quantization));
}

std::string LayerWeights(const driver::Layer& layer) {
  if (layer.weights.empty()) return "";
  // Of an LSTM's many, the largest stands for all.
  const auto elements = [](const TensorType& type) { return NumElements(*type.shape).value(); };
  const auto largest = std::ranges::max_element(layer.weights, {}, elements);
  // A scale, or another number.
  if (elements(*largest) <= 1) return "";
  std::string text = WeightText(*largest);
  if (layer.weights.size() > 2) text += fmt::format(", and {} more", layer.weights.size() - 1);
  return text;
}

Cell SupportCell(driver::Support support, bool inputs_known) {
  switch (support) {
    case driver::Support::kYes:
      return "yes";
    case driver::Support::kNo:
      return {"not yet", Color::kRed};
    case driver::Support::kNeedsInput:
      return {inputs_known ? "?" : "needs --input", Color::kYellow};
  }
  return "";
}

void Print(const std::string& text) { std::printf("%s\n", Printable(text).c_str()); }
void PrintLine(const std::string& line) { std::printf("%s\n", PrintableLine(line).c_str()); }

std::string InputText(const driver::InspectedInput& input, bool onnx) {
  if (!input.is_tensor) return input.declared;
  if (input.type.dtype != DType::kUnknown) return input.type.ToString();
  if (onnx && !input.declared.empty()) return input.declared;
  return fmt::format("{}, type not in the file", input.declared.empty() ? "Tensor" : input.declared);
}

std::string OutputText(const TensorType& type) {
  return type.dtype == DType::kUnknown ? "type not known" : type.ToString();
}

// An --input that says everything of an input, with words where the user knows better.
std::string ExampleInput(const driver::Inspection& inspection) {
  for (const driver::InspectedInput& input : inspection.inputs) {
    if (input.is_tensor && input.type.dtype == DType::kUnknown) return input.name + ":DTYPE[SIZES]";
  }
  return "DTYPE[SIZES]";
}

void PrintOperators(const driver::Inspection& inspection) {
  const auto any = [&](const auto& condition) { return std::ranges::any_of(inspection.layers, condition); };
  const bool perhaps = any([](const driver::Layer& layer) { return layer.perhaps; });
  const bool support = any([](const driver::Layer& layer) {
    return !layer.supported.empty() && layer.supported.at(Dialect::kQdq) != driver::Support::kYes;
  });
  if (inspection.listing == driver::Listing::kCode && !inspection.layers.empty()) {
    std::string text = fmt::format(
        "\nThese operators were found in the model's code, without evaluating all of it; --input '{}' "
        "evaluates "
        "it.",
        ExampleInput(inspection));
    if (perhaps) text += "\nThose marked \"perhaps\" are in branches that may not be taken.";
    Print(text);
  }
  std::vector<std::string> headers = {">#", "operator"};
  if (perhaps) headers.emplace_back("runs");
  if (support) headers.emplace_back("converts");
  for (const char* header : {"place", "output", ">scale", ">zero", "weights", ">parameters", ">bytes"}) {
    headers.emplace_back(header);
  }
  Table table(std::move(headers));
  for (std::size_t i = 0; i < inspection.layers.size(); ++i) {
    const driver::Layer& layer = inspection.layers[i];
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
    std::vector<Cell> cells = {std::to_string(i + 1), layer.op};
    if (perhaps) cells.emplace_back(layer.perhaps ? "perhaps" : "");
    if (support) cells.push_back(SupportCell(layer.supported.at(Dialect::kQdq), inspection.inputs_known));
    for (std::string cell : {layer.module_path.empty() ? layer.place : layer.module_path, shape, scale, zero,
                             LayerWeights(layer), layer.parameters ? std::to_string(layer.parameters) : "",
                             layer.parameter_bytes ? HumanBytes(layer.parameter_bytes) : ""}) {
      cells.push_back(std::move(cell));
    }
    table.Add(std::move(cells));
  }
  std::printf("\n%s\n", table.ToString().c_str());
}

void PrintUnread(const driver::Inspection& inspection) {
  if (inspection.unread.empty()) return;
  Print(fmt::format("{} more tensor{} in the file that no operator above reads:", inspection.unread.size(),
                    inspection.unread.size() == 1 ? "" : "s"));
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < inspection.unread.size() && i < kShown; ++i) {
    PrintLine(fmt::format("  {}  {}", inspection.unread[i].name, WeightText(inspection.unread[i].type)));
  }
  if (inspection.unread.size() > kShown)
    Print(fmt::format("  and {} more", inspection.unread.size() - kShown));
}

// A reason that holds for all dialects is given once.
void PrintAnswers(const driver::Inspection& inspection) {
  using enum driver::Convertibility::Answer;
  const std::vector<driver::Convertibility>& answers = inspection.converts;
  const bool assumed = std::ranges::any_of(inspection.inputs, [](const driver::InspectedInput& input) {
    return input.is_tensor && input.type.dtype == DType::kUnknown;
  });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const driver::Convertibility& answer = answers[i];
    std::string dialects(octavo::Name(answer.dialect));
    if (answer.answer == kYes) {
      std::printf("%s %s%s\n", Colored("converts to", Color::kGreen).c_str(), dialects.c_str(),
                  assumed ? ", if the assumed types are right" : "");
      continue;
    }
    const std::string why = answer.obstacle->ToString();
    while (i + 1 < answers.size() && answers[i + 1].answer == answer.answer &&
           answers[i + 1].obstacle->ToString() == why) {
      dialects += fmt::format(" or {}", octavo::Name(answers[++i].dialect));
    }
    const std::string verdict = answer.answer == kNo
                                    ? Colored("does not convert to", Color::kRed)
                                    : Colored("needs --input to tell whether it converts to", Color::kYellow);
    std::printf("%s %s: %s\n", verdict.c_str(), dialects.c_str(), PrintableLine(why).c_str());
  }
}

void PrintInspection(const InspectArguments& arguments, const driver::Inspection& inspection) {
  Print(
      fmt::format("{} ({}), {}", inspection.format, inspection.producer, HumanBytes(inspection.file_bytes)));
  for (const driver::InspectedInput& v : inspection.inputs) {
    PrintLine(fmt::format("input  {}  {}", v.name, InputText(v, inspection.format == "ONNX")));
  }
  for (const ValueReport& v : inspection.outputs) {
    PrintLine(fmt::format("output {}  {}", v.name, OutputText(v.type)));
  }
  std::fflush(stdout);
  PrintWarnings(inspection.warnings);
  if (arguments.graph) {
    std::printf("\n%s", Printable(inspection.graph_text).c_str());
    return;
  }
  PrintOperators(inspection);
  Print(fmt::format("{} operator{}, {} parameter{}, {}", inspection.layers.size(),
                    inspection.layers.size() == 1 ? "" : "s", inspection.parameters,
                    inspection.parameters == 1 ? "" : "s", HumanBytes(inspection.parameter_bytes)));
  PrintUnread(inspection);
  PrintAnswers(inspection);
  if (inspection.as_qdq) PrintClaims(*inspection.as_qdq, Dialect::kQdq, Target::kOnnxRuntime);
}

nlohmann::ordered_json LayerJson(const driver::Layer& layer) {
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array(), weights = nlohmann::ordered_json::array();
  for (const TensorType& type : layer.outputs) outputs.push_back(TypeJson(type));
  for (const TensorType& type : layer.weights) weights.push_back(TypeJson(type));
  nlohmann::ordered_json json = {{"operator", layer.op},
                                 {"module", layer.module_path},
                                 {"place", layer.place},
                                 {"outputs", outputs},
                                 {"weights", weights},
                                 {"parameters", layer.parameters},
                                 {"bytes", layer.parameter_bytes}};
  if (layer.supported.empty()) return json;
  json["perhaps"] = layer.perhaps;
  for (const auto& [dialect, support] : layer.supported) {
    nlohmann::ordered_json& entry = json["supported"][std::string(octavo::Name(dialect))];
    if (support != driver::Support::kNeedsInput) entry = support == driver::Support::kYes;
  }
  return json;
}

nlohmann::ordered_json InputJson(const driver::InspectedInput& input) {
  nlohmann::ordered_json json = {{"name", input.name}};
  json.update(TypeJson(input.type));
  if (!input.declared.empty()) json["declared"] = input.declared;
  json["tensor"] = input.is_tensor;
  return json;
}

nlohmann::ordered_json Json(const driver::Inspection& inspection) {
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array(), layers = nlohmann::ordered_json::array();
  for (const driver::InspectedInput& input : inspection.inputs) inputs.push_back(InputJson(input));
  for (const driver::Layer& layer : inspection.layers) layers.push_back(LayerJson(layer));
  nlohmann::ordered_json converts = nlohmann::ordered_json::object();
  for (const driver::Convertibility& answer : inspection.converts) {
    nlohmann::ordered_json& entry = converts[std::string(octavo::Name(answer.dialect))];
    // null: needs --input to tell.
    entry["converts"] = nullptr;
    if (answer.answer != driver::Convertibility::Answer::kNeedsInput) {
      entry["converts"] = answer.answer == driver::Convertibility::Answer::kYes;
    }
    if (answer.obstacle) entry["error"] = ErrorJson(*answer.obstacle);
    if (answer.dialect == Dialect::kQdq && inspection.as_qdq) {
      AddClaimsJson(*inspection.as_qdq, Target::kOnnxRuntime, entry);
    }
  }
  nlohmann::ordered_json json = {
      {"format", inspection.format},
      {"producer", inspection.producer},
      {"bytes", inspection.file_bytes},
      {"inputs", inputs},
      {"inputs_known", inspection.inputs_known},
      {"outputs", ValuesJson(inspection.outputs)},
      {"listing", inspection.listing == driver::Listing::kEvaluated ? "evaluated" : "code"},
      {"layers", layers},
      {"unread", ValuesJson(inspection.unread)},
      {"parameters", inspection.parameters},
      {"parameter_bytes", inspection.parameter_bytes},
      {"dialects", converts},
      {"warnings", inspection.warnings}};
  if (!inspection.graph_text.empty()) json["graph"] = inspection.graph_text;
  return json;
}

// What --check says: 1 unless the model converts to the dialect.
int Check(const InspectArguments& arguments, const driver::Inspection& inspection) {
  if (!arguments.check) return kDone;
  for (const driver::Convertibility& answer : inspection.converts) {
    if (answer.dialect == arguments.dialect && answer.obstacle) return kDiffer;
  }
  return kDone;
}

// What --audit says: 1 if there is anything.
int RunAudit(const InspectArguments& arguments) {
  const Result<driver::Audit> audit = driver::AuditFile(arguments.file);
  if (!audit) return Fail(audit.error(), arguments.common, "audit " + arguments.file);
  if (arguments.common.json) {
    nlohmann::ordered_json findings = nlohmann::ordered_json::array();
    for (const driver::Finding& finding : audit->findings) {
      findings.push_back({{"where", finding.where}, {"what", finding.what}});
    }
    PrintJson({{"format", audit->format}, {"findings", findings}});
  } else if (!arguments.common.quiet) {
    for (const driver::Finding& finding : audit->findings) {
      PrintLine(finding.where.empty() ? finding.what : finding.where + ": " + finding.what);
    }
    if (audit->findings.empty()) Print(fmt::format("nothing found in this file ({})", audit->format));
  }
  return audit->findings.empty() ? kDone : kDiffer;
}

Status CheckInspect(const InspectArguments& arguments) {
  OCTAVO_TRY(CheckInputFile(arguments.file));
  if (arguments.audit) {
    for (const char* option : {"--check", "--dialect", "--graph", "--input", "--plugin"}) {
      if (arguments.common.Given(option))
        return UsageError(fmt::format("{} does not go with --audit", option));
    }
    return {};
  }
  if (arguments.common.Given("--dialect") && !arguments.check) {
    return UsageError("--dialect is for --check: inspect always tells of each dialect");
  }
  if (arguments.graph && arguments.common.quiet) {
    return UsageError("--graph does not go with --quiet: it prints the graph");
  }
  return CheckRunner(*arguments.common.command, arguments.file);
}

int RunInspect(InspectArguments& arguments) {
  if (const Status status = CheckInspect(arguments); !status)
    return FailUsage(status.error(), arguments.common);
  if (arguments.audit) return RunAudit(arguments);
  const std::string doing = "inspect " + arguments.file;
  driver::InspectOptions options;
  for (const std::string& text : arguments.inputs) {
    auto spec = InputSpec::Parse(text);
    if (!spec) return Fail(spec.error(), arguments.common, doing);
    options.inputs.push_back(std::move(*spec));
  }
  options.plugins = arguments.plugins;
  options.limits = arguments.limits;
  options.graph_text = arguments.graph;
  const Result<driver::Inspection> inspection = [&] {
    Progress progress(!arguments.common.quiet && !arguments.common.json, arguments.file);
    options.progress = [&progress](std::string_view stage, double share) { progress.Stage(stage, share); };
    return driver::Inspect(arguments.file, options);
  }();
  if (!inspection) return Fail(inspection.error(), arguments.common, doing);
  if (arguments.common.json) {
    PrintJson(Json(*inspection));
  } else if (!arguments.common.quiet) {
    PrintInspection(arguments, *inspection);
  }
  return Check(arguments, *inspection);
}

}  // namespace

void AddInspect(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("inspect", "List what a model contains, and what does not convert");
  auto arguments = std::make_shared<InspectArguments>();
  AddText(*command, "FILE", arguments->file, "", "Saved PyTorch model or ONNX model")->required();
  command->add_flag("--graph", arguments->graph, "Print the graph as text (docs/ir.md) instead of the table");
  command->add_flag(
      "--check", arguments->check,
      "Exit with 1 if the model does not convert to the dialect, or if that needs --input to tell");
  command->add_flag(
      "--audit", arguments->audit,
      "Tell what the file would do to a program that opens it with Python or PyTorch; exit with 1 if "
      "anything.  Also takes files of torch.save");
  AddDialect(*command, arguments->dialect);
  AddSpecs(*command, arguments->inputs);
  AddPlugins(*command, arguments->plugins);
  AddLimits(*command, arguments->limits);
  arguments->common.AddTo(*command);
  command->footer(kInspectFooter);
  command->callback([arguments, &run] { run = [arguments] { return RunInspect(*arguments); }; });
}

}  // namespace octavo::cli
