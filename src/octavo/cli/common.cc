#include <cstdio>

#include <fmt/format.h>

#include "octavo/cli/commands.h"
#include "octavo/cli/text.h"
#include <nlohmann/json.hpp>

namespace octavo::cli {
namespace {

int ExitCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return kUsage;
    case ErrorCode::kInvalidFile:
    case ErrorCode::kUnsupported:
      return kInvalid;
    case ErrorCode::kIo:
      return kInputOutput;
  }
  return kInvalid;
}

const char* CodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
      return "usage";
    case ErrorCode::kInvalidFile:
      return "invalid_file";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kIo:
      return "io";
  }
  return "?";
}

void PrintError(const std::string& text) {
  std::fprintf(stderr, "%s %s\n", Colored("octavo:", Color::kRed, Stream::kError).c_str(),
               Printable(text).c_str());
}

}  // namespace

void Common::AddTo(CLI::App& added_to) {
  AddCommon(added_to, json, quiet);
  command = &added_to;
}

void AddCommon(CLI::App& command, bool& json, bool& quiet) {
  constexpr const char* kGroup = "General options";
  command.add_flag("--json", json, "Print one JSON object on standard output, also for an error")
      ->group(kGroup);
  command.add_flag("-q,--quiet", quiet, "Print errors only")->group(kGroup);
  command.set_help_flag("-h,--help", "Print this help")->group(kGroup);
}

nlohmann::ordered_json ErrorJson(const Error& error) {
  nlohmann::ordered_json details = nlohmann::ordered_json::array();
  for (const ErrorDetail& detail : error.details()) {
    nlohmann::ordered_json entry = {{"message", detail.message}};
    if (!detail.op.empty()) entry["operator"] = detail.op;
    if (detail.count > 0) entry["count"] = detail.count;
    if (!detail.place.empty()) entry["place"] = detail.place;
    if (!detail.module_path.empty()) entry["module"] = detail.module_path;
    if (!detail.excerpt.empty()) entry["excerpt"] = detail.excerpt;
    details.push_back(std::move(entry));
  }
  // An error about a single operator is a list of one.
  if (details.empty() && !error.subject().empty()) {
    nlohmann::ordered_json entry = {{"message", error.what()}, {"operator", error.subject()}, {"count", 1}};
    if (!error.where().empty()) entry["place"] = error.where();
    details.push_back(std::move(entry));
  }
  return {{"code", CodeName(error.code())},
          {"message", error.what()},
          {"where", error.where()},
          {"excerpt", error.excerpt()},
          {"details", details},
          {"calls", error.context()},
          {"hint", error.hint()}};
}

int Fail(const Error& error, const Common& common, const std::string& doing) {
  if (common.json) PrintJson({{"error", ErrorJson(error)}});
  PrintError(fmt::format("cannot {}: {}", doing, error.ToString()));
  return ExitCode(error.code());
}

int FailUsage(const Error& error, bool json) {
  if (json) PrintJson({{"error", ErrorJson(error)}});
  PrintError(error.ToString());
  return ExitCode(error.code());
}

int FailUsage(Error error, const Common& common) {
  if (error.code() == ErrorCode::kUsage)
    error.SetHint(fmt::format("See `octavo {} --help`.", common.command->get_name()));
  return FailUsage(error, common.json);
}

}  // namespace octavo::cli
