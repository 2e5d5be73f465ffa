#pragma once

#include <string>

#include "octavo/octavo.h"
#include <nlohmann/json.hpp>

namespace octavo::cli {

// What export and convert say of the file that they wrote.
struct Written {
  std::string output;
  Dialect dialect = Dialect::kQdq;
  Target target = Target::kOnnxRuntime;
  bool target_given = true;  // Convert() keeps the file's target, whatever it is, if none is given
  Numbers numbers = Numbers::kExact;
  bool optimize = false;
  bool converted = false;  // by convert, not by export
  double seconds = 0;
};

// How much of the model runs in int8, and what is exact.
void PrintClaims(const ExportReport& report, Dialect dialect, Target target);
// The same, for --json: adds to `json`.
void AddClaimsJson(const ExportReport& report, Target target, nlohmann::ordered_json& json);

void PrintReport(const Written& written, const ExportReport& report);
void PrintReportAsJson(const Written& written, const ExportReport& report);

}  // namespace octavo::cli
