#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/text.h"
#include "octavo/driver/pipeline.h"

namespace octavo::cli {
namespace {

struct OpsArguments {
  Common common;
  std::string filter;
  std::vector<std::string> plugins;
};

std::string ArgumentList(const OperatorRow& row) {
  std::string text;
  bool keyword_only = false;
  for (const ArgumentSpec& spec : row.arguments) {
    if (!text.empty()) text += ", ";
    if (spec.keyword_only && !keyword_only) text += "*, ";
    keyword_only |= spec.keyword_only;
    text += spec.name;
    if (spec.default_value) text += "?";
  }
  return text;
}

nlohmann::ordered_json Describe(const ArgumentSpec& spec) {
  nlohmann::ordered_json described = {{"name", spec.name},
                                      {"kind", Name(spec.kind)},
                                      {"optional", spec.default_value.has_value()},
                                      {"keyword_only", spec.keyword_only}};
  if (spec.length != 0) described["length"] = spec.length;
  return described;
}

int RunOps(OpsArguments& arguments) {
  const std::vector<std::filesystem::path> plugins(arguments.plugins.begin(), arguments.plugins.end());
  const auto operators = driver::LoadOperators(plugins);
  if (!operators) return Fail(operators.error(), arguments.common, "list operators");
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  Table table({"operator", "arguments (? may be left out)", "dialects"});
  std::size_t count = 0;
  for (const OperatorRow* row : (*operators)->registry.rows()) {
    if (row->name.find(arguments.filter) == std::string::npos) continue;
    ++count;
    std::vector<std::string> dialects;
    nlohmann::ordered_json described = nlohmann::ordered_json::array();
    if (row->qdq) dialects.emplace_back(Name(Dialect::kQdq));
    if (row->caffe2) dialects.emplace_back(Name(Dialect::kCaffe2));
    for (const ArgumentSpec& spec : row->arguments) described.push_back(Describe(spec));
    table.Add({row->name, ArgumentList(*row), fmt::format("{}", fmt::join(dialects, " "))});
    nlohmann::ordered_json entry = {
        {"operator", row->name}, {"arguments", described}, {"dialects", dialects}};
    if (row->exactness.exactness != Exactness::kUnknown) {
      entry["exactness"] = {{"by", Name(row->exactness.exactness)}, {"how", row->exactness.bound}};
    }
    json.push_back(std::move(entry));
  }
  if (arguments.common.json) {
    PrintJson({{"operators", json}});
  } else if (!arguments.common.quiet) {
    std::printf("%s\n%zu operators\n", table.ToString().c_str(), count);
  }
  return kDone;
}

}  // namespace

void AddOps(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("ops", "List every operator that converts, with its dialects");
  auto arguments = std::make_shared<OpsArguments>();
  command->add_option("FILTER", arguments->filter, "Only operators whose name contains this");
  command->add_option("--plugin", arguments->plugins, "A shared library with operators of your own")
      ->option_text("LIB ...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  arguments->common.AddTo(*command);
  command->callback([arguments, &run] { run = [arguments] { return RunOps(*arguments); }; });
}

}  // namespace octavo::cli
