#include "octavo/source/literals.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace octavo::source {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

constexpr std::uint64_t kMaxMagnitude = std::uint64_t{1} << 63;

// The byte for "\c", or -1.
int SimpleEscape(char c) {
  switch (c) {
    case '\\':
    case '\'':
    case '"':
    case '\n':
      return static_cast<unsigned char>(c);
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return -1;
  }
}

}  // namespace

const char* Describe(LiteralError error) {
  switch (error) {
    case LiteralError::kNone:
      break;
    case LiteralError::kLeadingZero:
      return "an integer must not begin with 0";
    case LiteralError::kOutOfRange:
      return "the number is out of range";
    case LiteralError::kHexFloat:
      return "a hexadecimal number needs digits";
    case LiteralError::kUnknownEscape:
      return "unknown escape sequence in a string";
    case LiteralError::kOctalRange:
      return "an octal escape sequence must be at most \\377";
  }
  return "";
}

Number ParseNumber(std::string_view text) {
  Number number;
  if (text.size() >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    text.remove_prefix(2);
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number.magnitude, 16);
    if (text.empty()) {
      number.error = LiteralError::kHexFloat;
    } else if (result.ec != std::errc{} || number.magnitude > kMaxMagnitude) {
      number.error = LiteralError::kOutOfRange;
    }
    return number;
  }
  const bool imaginary = text.back() == 'j';
  if (imaginary) text.remove_suffix(1);
  const char* const last = text.data() + text.size();
  if (!imaginary && text.find_first_of(".eE") == std::string_view::npos) {
    const auto result = std::from_chars(text.data(), last, number.magnitude);
    if (text.size() > 1 && text[0] == '0') {
      number.error = LiteralError::kLeadingZero;
    } else if (result.ec != std::errc{} || number.magnitude > kMaxMagnitude) {
      number.error = LiteralError::kOutOfRange;
    }
    return number;
  }
  number.kind = imaginary ? Number::Kind::kImaginary : Number::Kind::kFloat;
  const auto result = std::from_chars(text.data(), last, number.value);
  if (result.ec != std::errc{} || result.ptr != last) number.error = LiteralError::kOutOfRange;
  return number;
}

LiteralError AppendString(std::string_view text, std::string* value, std::size_t* at) {
  const bool triple = text.size() >= 6 && text[1] == text[0] && text[2] == text[0];
  const std::size_t quotes = triple ? 3 : 1;
  const std::size_t end = text.size() - quotes;
  std::size_t i = quotes;
  while (i < end) {
    const std::size_t backslash = std::min(text.find('\\', i), end);
    value->append(text.substr(i, backslash - i));
    i = backslash;
    if (i == end) break;
    // The lexer has seen to it that a character follows inside the quotes.
    const char c = text[i + 1];
    if (const int simple = SimpleEscape(c); simple >= 0) {
      value->push_back(static_cast<char>(simple));
      i += 2;
    } else if (c == 'x' && i + 3 < end && HexValue(text[i + 2]) >= 0 && HexValue(text[i + 3]) >= 0) {
      value->push_back(static_cast<char>(HexValue(text[i + 2]) * 16 + HexValue(text[i + 3])));
      i += 4;
    } else if (IsOctal(c)) {
      int byte = 0;
      std::size_t digit = i + 1;
      while (digit < end && digit < i + 4 && IsOctal(text[digit])) byte = byte * 8 + (text[digit++] - '0');
      *at = i;
      if (byte > 255) return LiteralError::kOctalRange;
      value->push_back(static_cast<char>(byte));
      i = digit;
    } else {
      *at = i;
      return LiteralError::kUnknownEscape;
    }
  }
  return LiteralError::kNone;
}

}  // namespace octavo::source
