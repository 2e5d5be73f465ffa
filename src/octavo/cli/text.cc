#include "octavo/cli/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

namespace octavo::cli {
namespace {

// Columns of a UTF-8 text, counting each code point as one.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string HumanBytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  static constexpr std::array<const char*, 4> kUnits = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return value < 9.995   ? fmt::format("{:.2f} {}", value, kUnits[unit])
         : value < 99.95 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                         : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string Printable(std::string text) {
  for (char& c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\n') || u == 0x7f) c = '?';
  }
  return text;
}

std::string Table::ToString() const {
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  std::vector<std::string> titles;
  for (const std::string& header : headers_) {
    right.push_back(!header.empty() && header[0] == '>');
    titles.push_back(right.back() ? header.substr(1) : header);
    widths.push_back(Width(titles.back()));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  auto append = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - Width(cells[i]), ' ');
      line += (i ? "  " : "") + (right[i] ? padding + cells[i] : cells[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += Printable(line) + "\n";
  };
  append(titles);
  for (const auto& row : rows_) append(row);
  return out;
}

void PrintJson(const nlohmann::ordered_json& json) {
  // Names from a file need not be UTF-8.
  const std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  std::fprintf(stdout, "%s\n", text.c_str());
}

nlohmann::ordered_json TypeJson(const TensorType& type) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (type.dtype != DType::kUnknown) json["dtype"] = Name(type.dtype);
  if (type.shape) {
    nlohmann::ordered_json sizes = nlohmann::ordered_json::array();
    for (const Dim& d : *type.shape) {
      if (d.known()) {
        sizes.push_back(d.value());
      } else {
        sizes.push_back(d.ToString());
      }
    }
    json["shape"] = std::move(sizes);
  }
  if (type.quantization) {
    const Quantization& q = *type.quantization;
    if (q.per_tensor()) {
      json["scale"] = q.scale();
      json["zero_point"] = q.zero_point();
    } else {
      json["axis"] = *q.axis;
      json["scales"] = q.scales;
      json["zero_points"] = q.zero_points;
    }
  }
  return json;
}

nlohmann::ordered_json ValuesJson(const std::vector<ValueReport>& values) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const ValueReport& value : values) {
    nlohmann::ordered_json entry = {{"name", value.name}};
    entry.update(TypeJson(value.type));
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace octavo::cli
