#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "octavo/octavo.h"
#include <nlohmann/json.hpp>

namespace octavo::cli {

// "11.8 MB": decimal units, three digits.
std::string HumanBytes(std::uint64_t bytes);

// Names come from the model file: control characters, which could drive a terminal, become "?".  Newlines
// stay.
std::string Printable(std::string text);

// Columns padded to the widest cell, two spaces between them; numbers are the caller's to align: a column
// whose header begins with ">" is set flush right.
class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string ToString() const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

void PrintJson(const nlohmann::ordered_json& json);
nlohmann::ordered_json ErrorJson(const Error& error);
// {"dtype": "quint8", "shape": [1, 3, "N"], "scale": 0.5, "zero_point": 3}; what is unknown is left out.
nlohmann::ordered_json TypeJson(const TensorType& type);
nlohmann::ordered_json ValuesJson(const std::vector<ValueReport>& values);

}  // namespace octavo::cli
