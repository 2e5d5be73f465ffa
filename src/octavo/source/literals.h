#pragma once

// The values of literals as PyTorch's printer writes them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace octavo::source {

enum class LiteralError : std::uint8_t {
  kNone,
  kLeadingZero,    // 007, which Python 2 and C read as octal
  kOutOfRange,     // beyond 2^63 (that one can follow a minus), or beyond double
  kHexFloat,       // 0x without digits
  kUnknownEscape,  // a backslash before anything but \ ' " newline a b f n r t v, x and two hex digits, octal
                   // digits
  kOctalRange,     // \400 and above
};

// Static text for a message, such as "a whole number begins with 0".
const char* Describe(LiteralError error);

struct Number {
  enum class Kind : std::uint8_t { kInt, kFloat, kImaginary } kind = Kind::kInt;
  std::uint64_t magnitude = 0;  // at most 2^63
  double value = 0;
  LiteralError error = LiteralError::kNone;
};

// `text` is a whole kNumber token.
Number ParseNumber(std::string_view text);

// Appends the bytes that a whole kString token with its quotes stands for.  On an error, *at is the offset of
// the escape inside `text`.
LiteralError AppendString(std::string_view text, std::string* value, std::size_t* at);

}  // namespace octavo::source
