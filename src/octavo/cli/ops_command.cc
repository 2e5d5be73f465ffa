#include <algorithm>
#include <cctype>
#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/model_options.h"
#include "octavo/cli/options.h"
#include "octavo/cli/text.h"
#include "octavo/driver/pipeline.h"

namespace octavo::cli {
namespace {

struct OpsArguments {
  Common common;
  std::string filter;
  std::vector<std::filesystem::path> plugins;
};

constexpr const char* kOpsFooter =
    R"(Examples:
  octavo ops
  octavo ops conv
  octavo ops quantized:: --json)";

bool SameLetter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool Contains(const std::string& name, const std::string& filter) {
  return std::search(name.begin(), name.end(), filter.begin(), filter.end(), SameLetter) != name.end();
}

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
  const auto operators = driver::LoadOperators(arguments.plugins);
  if (!operators) return Fail(operators.error(), arguments.common, "list operators");
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  Table table({"operator", "arguments (? is optional)", "dialects"});
  std::size_t count = 0;
  for (const OperatorRow* row : (*operators)->registry.rows()) {
    if (!Contains(row->name, arguments.filter)) continue;
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
  } else if (arguments.common.quiet) {
    return kDone;
  } else if (count == 0) {
    std::printf("no operator has \"%s\" in its name\n", Printable(arguments.filter).c_str());
  } else {
    std::printf("%s\n%s\n", table.ToString().c_str(),
                Count(static_cast<std::int64_t>(count), "operator", "operators").c_str());
  }
  return kDone;
}

}  // namespace

void AddOps(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("ops", "List the PyTorch operators that Octavo supports");
  auto arguments = std::make_shared<OpsArguments>();
  AddText(*command, "FILTER", arguments->filter, "",
          "List only operators whose name contains this text, in upper or lower case");
  AddPlugins(*command, arguments->plugins);
  arguments->common.AddTo(*command);
  command->footer(kOpsFooter);
  command->callback([arguments, &run] { run = [arguments] { return RunOps(*arguments); }; });
}

}  // namespace octavo::cli
