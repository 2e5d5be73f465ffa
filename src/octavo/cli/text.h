#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/cli/table.h"
#include "octavo/octavo.h"
#include <nlohmann/json.hpp>

namespace octavo::cli {

// "11.8 MB": decimal units, three digits.
std::string HumanBytes(std::uint64_t bytes);

// Names come from the model file: control characters, which could drive a terminal, become "?".  Newlines
// stay.
std::string Printable(std::string text);
// The same without newlines, which a name could make lines of its own with.
std::string PrintableLine(std::string text);

// "warning: ..." on standard error, a line each.
void PrintWarnings(const std::vector<std::string>& warnings);

// "1,234,567", "1 layer", "3 layers".
std::string Grouped(std::int64_t number);
std::string Count(std::int64_t number, std::string_view one, std::string_view many);

void PrintJson(const nlohmann::ordered_json& json);
nlohmann::ordered_json ErrorJson(const Error& error);
// {"dtype": "quint8", "shape": [1, 3, "N"], "scale": 0.5, "zero_point": 3}; what is unknown is left out.
nlohmann::ordered_json TypeJson(const TensorType& type);
nlohmann::ordered_json ValuesJson(const std::vector<ValueReport>& values);

}  // namespace octavo::cli
