#pragma once

#include <string>

#include "octavo/octavo.h"

namespace octavo::cli {

// What export and convert say of the file that they wrote.
struct Written {
  std::string output;
  Dialect dialect = Dialect::kQdq;
  Target target = Target::kOnnxRuntime;
  Numbers numbers = Numbers::kExact;
  bool optimize = false;
  double seconds = 0;
};

void PrintReport(const Written& written, const ExportReport& report);
void PrintReportAsJson(const Written& written, const ExportReport& report);

}  // namespace octavo::cli
