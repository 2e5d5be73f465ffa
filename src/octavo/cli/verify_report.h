#pragma once

#include <string>

#include "octavo/driver/verify.h"
#include <nlohmann/json.hpp>

namespace octavo::cli {

// The summary, the layers that differ by themselves and the worst end to end; `all`: every layer.
std::string VerifyText(const driver::VerifyReport& report, const verify::Tolerance& tolerance, bool all,
                       double seconds);
nlohmann::ordered_json VerifyJson(const driver::VerifyReport& report, const verify::Tolerance& tolerance,
                                  double seconds);

}  // namespace octavo::cli
