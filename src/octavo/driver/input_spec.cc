#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "octavo/base/closest.h"
#include "octavo/octavo.h"

namespace octavo {
namespace {

constexpr const char* kHint =
    "Expected [name:]dtype[d0,d1,...][(scale,zero_point)], such as x:float32[1,3,224,224], "
    "float32[N,3,224,224] (a name stands for a size that stays open) or quint8[1,4,2,3](0.26,128); or "
    "name=value for an argument that is not a tensor, such as k=3, alpha=0.5, flag=false or mask=None.";

Error Bad(std::string_view text, const std::string& why) {
  return UsageError(fmt::format("--input \"{}\": {}", text, why), kHint);
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

bool IsWord(std::string_view s) {
  for (const char c : s) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return !s.empty();
}

bool IsName(std::string_view s) { return IsWord(s) && !std::isdigit(static_cast<unsigned char>(s[0])); }

template <typename T>
std::optional<T> Number(std::string_view s) {
  s = Trim(s);
  T value{};
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

Result<Shape> ParseShape(std::string_view whole, std::string_view inner) {
  Shape shape;
  if (Trim(inner).empty()) return shape;
  while (true) {
    const std::size_t comma = inner.find(',');
    const std::string_view item = Trim(inner.substr(0, comma));
    if (const auto size = Number<std::int64_t>(item)) {
      if (*size < 0) return Bad(whole, fmt::format("the size {} must not be negative", *size));
      shape.emplace_back(*size);
    } else if (IsName(item)) {
      shape.push_back(Dim::Symbol(std::string(item)));
    } else if (item == "...") {
      return Bad(whole, "write the sizes in place of \"...\"");
    } else {
      return Bad(whole, fmt::format("\"{}\" is neither a size nor a name", item));
    }
    if (comma == std::string_view::npos) return shape;
    inner.remove_prefix(comma + 1);
  }
}

Result<Quantization> ParseQuantization(std::string_view whole, std::string_view inner, DType dtype) {
  const std::size_t comma = inner.find(',');
  if (comma == std::string_view::npos) return Bad(whole, "the quantization needs a scale and a zero point");
  const auto scale = Number<double>(inner.substr(0, comma));
  const auto zero_point = Number<std::int64_t>(inner.substr(comma + 1));
  if (!scale || !zero_point) return Bad(whole, "the scale and the zero point must be numbers");
  if (!std::isfinite(*scale) || static_cast<float>(*scale) <= 0 ||
      !std::isfinite(static_cast<float>(*scale))) {
    return Bad(whole, "the scale must be a positive float32 number");
  }
  const std::int64_t low = dtype == DType::kQUint8 ? 0 : dtype == DType::kQInt8 ? -128 : INT32_MIN;
  const std::int64_t high = dtype == DType::kQUint8 ? 255 : dtype == DType::kQInt8 ? 127 : INT32_MAX;
  if (*zero_point < low || *zero_point > high) {
    return Bad(whole, fmt::format("the zero point must be from {} to {}", low, high));
  }
  return Quantization::PerTensor(*scale, *zero_point);
}

// Names that PyTorch, NumPy or C++ use.
std::string_view DTypeOfAlias(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
      {"float", "float32"}, {"fp32", "float32"}, {"f32", "float32"},  {"double", "float64"},
      {"fp64", "float64"},  {"half", "float16"}, {"fp16", "float16"}, {"bf16", "bfloat16"},
      {"long", "int64"},    {"int", "int32"},    {"short", "int16"},  {"char", "int8"},
      {"byte", "uint8"},    {"boolean", "bool"}};
  if (name.starts_with("torch.")) name.remove_prefix(6);
  for (const auto& [alias, dtype] : kAliases) {
    if (alias == name) return dtype;
  }
  return DTypeFromName(name) ? name : std::string_view();
}

std::string UnknownDType(std::string_view name) {
  if (name.empty()) return "the dtype is missing";
  std::string suggestion(DTypeOfAlias(name));
  if (suggestion.empty()) {
    constexpr std::int64_t kScalarTypes = 32;
    std::vector<std::string> names;
    for (std::int64_t number = 0; number < kScalarTypes; ++number) {
      if (const auto dtype = DTypeFromScalarType(number)) names.emplace_back(Name(*dtype));
    }
    suggestion = Closest(name, names);
  }
  return suggestion.empty() ? fmt::format("unknown dtype \"{}\"", name)
                            : fmt::format("unknown dtype \"{}\" (did you mean {}?)", name, suggestion);
}

// "k", and "p.1" for an item of a tuple.
bool IsPath(std::string_view s) {
  std::size_t dot = s.find('.');
  if (!IsName(s.substr(0, dot))) return false;
  while (dot != std::string_view::npos) {
    s.remove_prefix(dot + 1);
    dot = s.find('.');
    if (!IsWord(s.substr(0, dot))) return false;
  }
  return true;
}

std::optional<InputLiteral> ParseLiteral(std::string_view s) {
  if (s == "None") return std::monostate();
  if (s == "true" || s == "True") return true;
  if (s == "false" || s == "False") return false;
  if (s.starts_with('+') && !s.starts_with("+-")) s.remove_prefix(1);
  if (const auto number = Number<std::int64_t>(s)) return *number;
  const bool only_digits = s.find_first_not_of("-0123456789") == std::string_view::npos;
  if (const auto number = Number<double>(s); number && !only_digits) return *number;
  return std::nullopt;
}

// "name=value"; nullopt: the text is of another form.
Result<std::optional<InputSpec>> ParseValue(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::optional<InputSpec>();
  const std::string_view name = Trim(text.substr(0, equals)), value = Trim(text.substr(equals + 1));
  if (!IsPath(name)) return std::optional<InputSpec>();
  const auto literal = ParseLiteral(value);
  if (literal) return std::optional<InputSpec>({.name = std::string(name), .type = {}, .value = *literal});
  // The keys of a dict may be any text: "d.a=b:float32[1]".
  if (value.find(':') != std::string_view::npos) return std::optional<InputSpec>();
  if (value.find_first_not_of("+-0123456789") == std::string_view::npos && value.size() > 18) {
    return Bad(text, fmt::format("{} is too large: an integer has 64 bits", value));
  }
  return Bad(text, fmt::format("\"{}\" is neither None, true, false nor a number", value));
}

}  // namespace

Result<InputSpec> InputSpec::Parse(std::string_view text) {
  if (auto value = OCTAVO_TRY(ParseValue(text))) return *std::move(value);
  InputSpec spec;
  std::string_view rest = Trim(text);
  const std::size_t bracket = rest.find('[');
  if (const std::size_t colon = rest.substr(0, bracket).rfind(':'); colon != std::string_view::npos) {
    spec.name = std::string(Trim(rest.substr(0, colon)));
    if (spec.name.empty()) return Bad(text, "the name before the colon is missing");
    rest.remove_prefix(colon + 1);
  }
  const std::size_t end = rest.find_first_of("[(");
  const std::string_view dtype_name = Trim(rest.substr(0, end));
  const auto dtype = DTypeFromName(dtype_name);
  if (!dtype) return Bad(text, UnknownDType(dtype_name));
  spec.type.dtype = *dtype;
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
  if (!rest.empty() && rest.front() == '[') {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return Bad(text, "the bracket is not closed");
    spec.type.shape = OCTAVO_TRY(ParseShape(text, rest.substr(1, close - 1)));
    rest = Trim(rest.substr(close + 1));
  }
  if (!rest.empty() && rest.front() == '(') {
    if (rest.back() != ')') return Bad(text, "the parenthesis is not closed");
    if (!IsQuantized(*dtype))
      return Bad(text, fmt::format("{} does not take a scale and a zero point", Name(*dtype)));
    spec.type.quantization = OCTAVO_TRY(ParseQuantization(text, rest.substr(1, rest.size() - 2), *dtype));
    rest = {};
  }
  if (!rest.empty()) return Bad(text, fmt::format("unexpected text \"{}\" at the end", rest));
  if (IsQuantized(*dtype) && !spec.type.quantization) {
    return Bad(text, fmt::format("{} needs a scale and a zero point", Name(*dtype)));
  }
  return spec;
}

}  // namespace octavo
