#include "octavo/cli/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

namespace octavo::cli {
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
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto u = static_cast<unsigned char>(text[i]);
    if ((u < 0x20 && text[i] != '\n') || u == 0x7f) text[i] = '?';
    // U+0080 to U+009F, which some terminals take for the start of a command.
    if (u != 0xc2 || i + 1 == text.size()) continue;
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (next >= 0x80 && next < 0xa0) text[i] = text[i + 1] = '?';
  }
  return text;
}

std::string PrintableLine(std::string text) {
  text = Printable(std::move(text));
  std::ranges::replace(text, '\n', ' ');
  return text;
}

void PrintWarnings(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    std::string text = Printable(warning);
    // No line begins as another message does.
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3)
      text.insert(at + 1, "  ");
    std::fprintf(stderr, "%s %s\n", Colored("warning:", Color::kYellow, Stream::kError).c_str(),
                 text.c_str());
  }
}

std::string Grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::ptrdiff_t digits_begin = number < 0 ? 1 : 0;
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > digits_begin; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string Count(std::int64_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", Grouped(number), number == 1 ? one : many);
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
