#include <cstdio>

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

}  // namespace

void Common::AddTo(CLI::App& command) {
  command.add_flag("--json", json, "Print one JSON object on standard output and nothing else");
  command.add_flag("-q,--quiet", quiet, "Print nothing but errors");
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
  std::fprintf(stderr, "octavo: cannot %s: %s\n", doing.c_str(), Printable(error.ToString()).c_str());
  return ExitCode(error.code());
}

}  // namespace octavo::cli
