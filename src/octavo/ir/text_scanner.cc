#include "octavo/ir/text_scanner.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include <fmt/format.h>

#include "octavo/base/source_range.h"
#include "octavo/ir/text_words.h"

namespace octavo::ir {
namespace {

// The value of a hexadecimal digit, or -1.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void TextScanner::Skip() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else {
      return;
    }
  }
}

bool TextScanner::AtEnd() {
  Skip();
  return at_ >= text_.size();
}

std::size_t TextScanner::position() {
  Skip();
  return at_;
}

char TextScanner::Peek() { return AtEnd() ? '\0' : text_[at_]; }

bool TextScanner::Eat(char c) {
  if (AtEnd() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool TextScanner::EatText(std::string_view text) {
  Skip();
  if (text_.substr(at_, text.size()) != text) return false;
  at_ += text.size();
  return true;
}

bool TextScanner::EatWord(std::string_view word) {
  Skip();
  const std::size_t end = at_ + word.size();
  if (end < text_.size() && IsNameCharacter(text_[end])) return false;
  return EatText(word);
}

Status TextScanner::Expect(char c) {
  if (Eat(c)) return {};
  return Failure(at_, fmt::format("'{}' is expected here", c));
}

Result<std::string> TextScanner::Word(std::string_view what) {
  const std::size_t begin = position();
  while (at_ < text_.size() && IsNameCharacter(text_[at_])) ++at_;
  if (at_ == begin) return Failure(begin, fmt::format("{} is expected here", what));
  return std::string(text_.substr(begin, at_ - begin));
}

Result<std::string> TextScanner::Operator() {
  std::string op = OCTAVO_TRY(Word("a statement"));
  while (text_.substr(at_, 2) == "::") {
    at_ += 2;
    if (at_ >= text_.size() || !IsNameCharacter(text_[at_]))
      return Failure(at_, "an operator is expected here");
    op += "::" + OCTAVO_TRY(Word("an operator"));
  }
  return op;
}

Result<std::string> TextScanner::String() {
  const std::size_t begin = position();
  OCTAVO_TRY(Expect('"'));
  std::string out;
  while (at_ < text_.size() && text_[at_] != '"') {
    const char c = text_[at_++];
    if (c == '\n') break;
    if (c != '\\') {
      out += c;
      continue;
    }
    const char escape = at_ < text_.size() ? text_[at_++] : '\0';
    if (escape == '"' || escape == '\\') {
      out += escape;
    } else if (escape == 'n') {
      out += '\n';
    } else if (escape == 'x' && at_ + 2 <= text_.size() && HexDigit(text_[at_]) >= 0 &&
               HexDigit(text_[at_ + 1]) >= 0) {
      out += static_cast<char>(HexDigit(text_[at_]) * 16 + HexDigit(text_[at_ + 1]));
      at_ += 2;
    } else {
      return Failure(at_ - 1, "unknown escape sequence");
    }
  }
  if (at_ >= text_.size() || text_[at_] != '"')
    return Failure(begin, "this string is not closed on its line");
  ++at_;
  return out;
}

Result<std::string> TextScanner::WordOrString(std::string_view what) {
  if (Peek() == '"') return String();
  return Word(what);
}

Result<std::vector<std::byte>> TextScanner::HexBytes() {
  std::vector<std::byte> bytes;
  while (at_ + 2 <= text_.size() && HexDigit(text_[at_]) >= 0) {
    const int low = HexDigit(text_[at_ + 1]);
    if (low < 0) return Failure(at_, "a byte needs two hexadecimal digits");
    bytes.push_back(static_cast<std::byte>(HexDigit(text_[at_]) * 16 + low));
    at_ += 2;
  }
  return bytes;
}

std::string_view TextScanner::Expression() {
  const std::size_t begin = position();
  int depth = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '(') {
      ++depth;
    } else if (c == ')') {
      if (depth-- == 0) break;
    } else if (c == ',' || c == ']' || c == '}' || c == '\n' || c == '#') {
      break;
    }
  }
  std::size_t end = at_;
  while (end > begin && (text_[end - 1] == ' ' || text_[end - 1] == '\t' || text_[end - 1] == '\r')) --end;
  return text_.substr(begin, end - begin);
}

Error TextScanner::Failure(std::size_t position, std::string what, std::string hint) const {
  auto source = std::make_shared<const SourceText>(SourceText{"graph", std::string(text_)});
  const auto at = static_cast<std::uint32_t>(std::min<std::size_t>(position, UINT32_MAX - 1));
  const SourceRange range{std::move(source), at, at + 1};
  Error error = InvalidFile(std::move(what), std::move(hint));
  error.SetWhere(range.Place(), range.Excerpt());
  return error;
}

}  // namespace octavo::ir
