#include "octavo/source/lexer.h"

#include <algorithm>
#include <array>

namespace octavo::source {
namespace {

enum CharClass : std::uint8_t { kOther, kBlank, kLetter, kDigit };

constexpr std::array<CharClass, 256> MakeCharClasses() {
  std::array<CharClass, 256> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[static_cast<std::size_t>(c)] = kLetter;
  for (int c = 'A'; c <= 'Z'; ++c) classes[static_cast<std::size_t>(c)] = kLetter;
  for (int c = '0'; c <= '9'; ++c) classes[static_cast<std::size_t>(c)] = kDigit;
  classes['_'] = kLetter;
  for (const char c : {' ', '\t', '\r', '\f', '\v'}) classes[static_cast<unsigned char>(c)] = kBlank;
  return classes;
}

constexpr std::array<CharClass, 256> kCharClasses = MakeCharClasses();

CharClass ClassOf(char c) { return kCharClasses[static_cast<unsigned char>(c)]; }
bool IsDigit(char c) { return ClassOf(c) == kDigit; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsNameChar(char c) { return ClassOf(c) >= kLetter; }

struct Spelling {
  std::string_view text;
  TokenKind kind;
};

constexpr Spelling kKeywords[] = {
    {"and", TokenKind::kAnd},       {"as", TokenKind::kAs},
    {"assert", TokenKind::kAssert}, {"break", TokenKind::kBreak},
    {"class", TokenKind::kClass},   {"continue", TokenKind::kContinue},
    {"def", TokenKind::kDef},       {"del", TokenKind::kDel},
    {"elif", TokenKind::kElif},     {"else", TokenKind::kElse},
    {"False", TokenKind::kFalse},   {"for", TokenKind::kFor},
    {"global", TokenKind::kGlobal}, {"if", TokenKind::kIf},
    {"import", TokenKind::kImport}, {"in", TokenKind::kIn},
    {"is", TokenKind::kIs},         {"lambda", TokenKind::kLambda},
    {"None", TokenKind::kNone},     {"not", TokenKind::kNot},
    {"or", TokenKind::kOr},         {"pass", TokenKind::kPass},
    {"raise", TokenKind::kRaise},   {"return", TokenKind::kReturn},
    {"True", TokenKind::kTrue},     {"while", TokenKind::kWhile},
    {"with", TokenKind::kWith},     {"Ellipsis", TokenKind::kEllipsis},
};

constexpr std::size_t kLongestKeyword = 8;

// Longest first among those with a common beginning.
constexpr Spelling kPunctuation[] = {
    {"**=", TokenKind::kDoubleStarAssign},
    {"//=", TokenKind::kDoubleSlashAssign},
    {"<<=", TokenKind::kLeftShiftAssign},
    {">>=", TokenKind::kRightShiftAssign},
    {"...", TokenKind::kEllipsis},
    {"->", TokenKind::kArrow},
    {"**", TokenKind::kDoubleStar},
    {"//", TokenKind::kDoubleSlash},
    {"<<", TokenKind::kLeftShift},
    {">>", TokenKind::kRightShift},
    {"<=", TokenKind::kLessEqual},
    {">=", TokenKind::kGreaterEqual},
    {"==", TokenKind::kEqual},
    {"!=", TokenKind::kNotEqual},
    {"+=", TokenKind::kPlusAssign},
    {"-=", TokenKind::kMinusAssign},
    {"*=", TokenKind::kStarAssign},
    {"/=", TokenKind::kSlashAssign},
    {"%=", TokenKind::kPercentAssign},
    {"&=", TokenKind::kAmpersandAssign},
    {"|=", TokenKind::kPipeAssign},
    {"^=", TokenKind::kCaretAssign},
    {"=", TokenKind::kAssign},
    {"+", TokenKind::kPlus},
    {"-", TokenKind::kMinus},
    {"*", TokenKind::kStar},
    {"/", TokenKind::kSlash},
    {"%", TokenKind::kPercent},
    {"@", TokenKind::kAt},
    {"&", TokenKind::kAmpersand},
    {"|", TokenKind::kPipe},
    {"^", TokenKind::kCaret},
    {"~", TokenKind::kTilde},
    {"<", TokenKind::kLess},
    {">", TokenKind::kGreater},
};

constexpr std::array<bool, 256> MakeKeywordStarts() {
  std::array<bool, 256> starts{};
  for (const Spelling& keyword : kKeywords) starts[static_cast<unsigned char>(keyword.text[0])] = true;
  return starts;
}

constexpr std::array<bool, 256> kKeywordStarts = MakeKeywordStarts();

TokenKind KeywordOrName(std::string_view text) {
  if (text.size() < 2 || text.size() > kLongestKeyword) return TokenKind::kName;
  if (!kKeywordStarts[static_cast<unsigned char>(text[0])]) return TokenKind::kName;
  for (const Spelling& keyword : kKeywords) {
    if (keyword.text[0] == text[0] && keyword.text == text) return keyword.kind;
  }
  return TokenKind::kName;
}

void Set(Token& token, TokenKind kind, std::size_t begin, std::size_t end) {
  token.kind = kind;
  token.has_escape = false;
  token.begin = static_cast<std::uint32_t>(begin);
  token.end = static_cast<std::uint32_t>(end);
}

}  // namespace

Lexer::Lexer(std::string_view text, std::size_t position) : text_(text), position_(position) {
  // The first line's indentation is the outermost one, whatever it is.
  std::size_t indent = 0;
  while (position_ < text_.size()) {
    const std::size_t line = position_;
    while (ClassOf(At(position_)) == kBlank) ++position_;
    indent = position_ - line;
    if (At(position_) == '#') PassComment();
    if (At(position_) != '\n') break;
    ++position_;
  }
  indents_.push_back(indent);
}

void Lexer::Make(TokenKind kind, std::size_t begin, std::size_t end, Token& token) {
  position_ = end;
  line_open_ = true;
  Set(token, kind, begin, end);
}

void Lexer::Fail(const char* error, std::size_t begin, std::size_t end, Token& token) {
  error_ = error;
  Set(token, TokenKind::kError, begin, end);
}

void Lexer::PassComment() {
  const std::size_t begin = position_;
  position_ = std::min(text_.find('\n', position_), text_.size());
  if (text_.substr(begin).starts_with("# type:")) type_comment_ = static_cast<std::uint32_t>(begin);
}

void Lexer::Next(Token& token) {
  if (dedents_ > 0) {
    --dedents_;
    return Set(token, TokenKind::kDedent, position_, position_);
  }
  while (true) {
    const char c = At(position_);
    switch (ClassOf(c)) {
      case kBlank:
        ++position_;
        continue;
      case kLetter:
        return Name(position_, token);
      case kDigit:
        return Number(position_, token);
      case kOther:
        break;
    }
    switch (c) {
      case '\n':
        if (nesting_ == 0) return LineBreak(token);
        ++position_;
        continue;
      case '#':
        PassComment();
        continue;
      case '\\': {
        const std::size_t next = position_ + (At(position_ + 1) == '\r' ? 2 : 1);
        if (At(next) != '\n') return Fail("unexpected character '\\'", position_, position_ + 1, token);
        position_ = next + 1;
        continue;
      }
      case '"':
      case '\'':
        return String(position_, token);
      case '\0':
        if (position_ >= text_.size()) {
          if (line_open_ && nesting_ == 0) return LineBreak(token);
          return Set(token, TokenKind::kEof, text_.size(), text_.size());
        }
        return Fail("unexpected zero byte", position_, position_ + 1, token);
      default:
        return Punctuation(position_, token);
    }
  }
}

void Lexer::LineBreak(Token& token) {
  const std::size_t begin = position_;
  std::size_t line = begin, indent = 0;
  while (true) {
    if (At(position_) == '\n') {
      line = ++position_;
    } else if (ClassOf(At(position_)) == kBlank) {
      ++position_;
    } else if (At(position_) == '#') {
      PassComment();
    } else {
      break;
    }
  }
  line_open_ = false;
  // The end of the text closes every block.
  indent = position_ >= text_.size() ? indents_.front() : position_ - line;
  if (indent > indents_.back()) {
    indents_.push_back(indent);
    return Set(token, TokenKind::kIndent, position_, position_);
  }
  while (indent < indents_.back() && indents_.size() > 1) {
    indents_.pop_back();
    ++dedents_;
  }
  if (indent != indents_.back()) {
    return Fail("the indentation of this line does not match any enclosing block", position_, position_ + 1,
                token);
  }
  Set(token, TokenKind::kNewline, begin, begin);
}

void Lexer::Name(std::size_t begin, Token& token) {
  std::size_t end = begin + 1;
  while (end < text_.size() && IsNameChar(text_[end])) ++end;
  return Make(KeywordOrName(text_.substr(begin, end - begin)), begin, end, token);
}

void Lexer::Number(std::size_t begin, Token& token) {
  std::size_t end = begin;
  if (At(end) == '0' && (At(end + 1) == 'x' || At(end + 1) == 'X')) {
    end += 2;
    while (IsHexDigit(At(end))) ++end;
  } else {
    while (IsDigit(At(end))) ++end;
    if (At(end) == '.') {
      ++end;
      while (IsDigit(At(end))) ++end;
    }
    if (At(end) == 'e' || At(end) == 'E') {
      const std::size_t sign = At(end + 1) == '+' || At(end + 1) == '-' ? 1 : 0;
      if (IsDigit(At(end + 1 + sign))) {
        end += 1 + sign;
        while (IsDigit(At(end))) ++end;
      }
    }
    if (At(end) == 'j') ++end;
  }
  if (IsNameChar(At(end))) {
    while (IsNameChar(At(end))) ++end;
    return Fail("not a number", begin, end, token);
  }
  return Make(TokenKind::kNumber, begin, end, token);
}

void Lexer::String(std::size_t begin, Token& token) {
  const char quote = text_[begin];
  const bool triple = At(begin + 1) == quote && At(begin + 2) == quote;
  std::size_t end = begin + (triple ? 3 : 1);
  bool has_escape = false;
  while (end < text_.size()) {
    const char c = text_[end];
    if (c == quote && (!triple || (At(end + 1) == quote && At(end + 2) == quote))) {
      Make(TokenKind::kString, begin, end + (triple ? 3 : 1), token);
      token.has_escape = has_escape;
      return;
    }
    if (c == '\n' && !triple) break;
    if (c == '\\') {
      has_escape = true;
      ++end;
    }
    ++end;
  }
  return Fail("the string is not closed", begin, begin + (triple ? 3 : 1), token);
}

void Lexer::Punctuation(std::size_t begin, Token& token) {
  switch (text_[begin]) {
    case '(':
      ++nesting_;
      return Make(TokenKind::kLeftParenthesis, begin, begin + 1, token);
    case '[':
      ++nesting_;
      return Make(TokenKind::kLeftBracket, begin, begin + 1, token);
    case '{':
      ++nesting_;
      return Make(TokenKind::kLeftBrace, begin, begin + 1, token);
    case ')':
      nesting_ -= nesting_ > 0 ? 1 : 0;
      return Make(TokenKind::kRightParenthesis, begin, begin + 1, token);
    case ']':
      nesting_ -= nesting_ > 0 ? 1 : 0;
      return Make(TokenKind::kRightBracket, begin, begin + 1, token);
    case '}':
      nesting_ -= nesting_ > 0 ? 1 : 0;
      return Make(TokenKind::kRightBrace, begin, begin + 1, token);
    case ',':
      return Make(TokenKind::kComma, begin, begin + 1, token);
    case ':':
      return Make(TokenKind::kColon, begin, begin + 1, token);
    case '=':
      if (At(begin + 1) != '=') return Make(TokenKind::kAssign, begin, begin + 1, token);
      break;
    case '.':
      if (IsDigit(At(begin + 1))) return Number(begin, token);
      if (text_.substr(begin, 3) != "...") return Make(TokenKind::kDot, begin, begin + 1, token);
      return Make(TokenKind::kEllipsis, begin, begin + 3, token);
    default:
      break;
  }
  const std::string_view rest = text_.substr(begin, 3);
  for (const Spelling& punctuation : kPunctuation) {
    if (rest.starts_with(punctuation.text)) {
      return Make(punctuation.kind, begin, begin + punctuation.text.size(), token);
    }
  }
  // All bytes of a character beyond ASCII belong to the message's range.
  std::size_t end = begin + 1;
  while ((static_cast<unsigned char>(At(end)) & 0xC0U) == 0x80U) ++end;
  return Fail("unexpected character", begin, end, token);
}

std::string_view Describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEof:
      return "the end of the file";
    case TokenKind::kNewline:
      return "the end of the line";
    case TokenKind::kIndent:
      return "an indented block";
    case TokenKind::kDedent:
      return "the end of the block";
    case TokenKind::kError:
      return "an error";
    case TokenKind::kName:
      return "a name";
    case TokenKind::kNumber:
      return "a number";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kLeftParenthesis:
      return "(";
    case TokenKind::kRightParenthesis:
      return ")";
    case TokenKind::kLeftBracket:
      return "[";
    case TokenKind::kRightBracket:
      return "]";
    case TokenKind::kLeftBrace:
      return "{";
    case TokenKind::kRightBrace:
      return "}";
    case TokenKind::kComma:
      return ",";
    case TokenKind::kColon:
      return ":";
    case TokenKind::kDot:
      return ".";
    default:
      break;
  }
  for (const Spelling& keyword : kKeywords) {
    if (keyword.kind == kind) return keyword.text;
  }
  for (const Spelling& punctuation : kPunctuation) {
    if (punctuation.kind == kind) return punctuation.text;
  }
  return "a token";
}

}  // namespace octavo::source
