#pragma once

// Splits TorchScript's source into tokens, and indentation into kIndent and kDedent.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace octavo::source {

enum class TokenKind : std::uint8_t {
  kEof,
  kNewline,
  kIndent,  // in place of the kNewline before it
  kDedent,  // one for each block that ends, after the kNewline
  kError,   // Lexer::error() says what
  kName,
  kNumber,
  kString,
  // Keywords.
  kAnd,
  kAs,
  kAssert,
  kBreak,
  kClass,
  kContinue,
  kDef,
  kDel,
  kElif,
  kElse,
  kFalse,
  kFor,
  kGlobal,
  kIf,
  kImport,
  kIn,
  kIs,
  kLambda,
  kNone,
  kNot,
  kOr,
  kPass,
  kRaise,
  kReturn,
  kTrue,
  kWhile,
  kWith,
  // Punctuation.
  kLeftParenthesis,
  kRightParenthesis,
  kLeftBracket,
  kRightBracket,
  kLeftBrace,
  kRightBrace,
  kComma,
  kColon,
  kDot,
  kEllipsis,
  kArrow,
  kAssign,
  kPlus,
  kMinus,
  kStar,
  kDoubleStar,
  kSlash,
  kDoubleSlash,
  kPercent,
  kAt,
  kAmpersand,
  kPipe,
  kCaret,
  kTilde,
  kLeftShift,
  kRightShift,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  kPlusAssign,
  kMinusAssign,
  kStarAssign,
  kDoubleStarAssign,
  kSlashAssign,
  kDoubleSlashAssign,
  kPercentAssign,
  kAmpersandAssign,
  kPipeAssign,
  kCaretAssign,
  kLeftShiftAssign,
  kRightShiftAssign,
};

struct Token {
  TokenKind kind = TokenKind::kEof;
  bool has_escape = false;  // of a kString: it holds a backslash
  std::uint32_t begin = 0, end = 0;
};

// Line breaks inside brackets do not count, as in Python; blank lines and comments never do.  After a kError
// the lexer must not be asked again.
class Lexer {
 public:
  // Begins at the offset `position`; tokens are given by their offsets in `text`.
  Lexer(std::string_view text, std::size_t position);

  // Writes into `token` in place: returned by value, the parts of a token were read together right after they
  // were written one by one, for which the processor waits; a quarter of the lexer's time.
  void Next(Token& token);

  // What is wrong at the kError token.
  const char* error() const { return error_; }
  // Where the last "# type:" comment begins, "#" included, that was passed over.
  std::optional<std::uint32_t> type_comment() const { return type_comment_; }

 private:
  void LineBreak(Token& token);
  void Name(std::size_t begin, Token& token);
  void Number(std::size_t begin, Token& token);
  void String(std::size_t begin, Token& token);
  void Punctuation(std::size_t begin, Token& token);
  void Make(TokenKind kind, std::size_t begin, std::size_t end, Token& token);
  void Fail(const char* error, std::size_t begin, std::size_t end, Token& token);
  void PassComment();
  // The byte at `at`, 0 behind the end.
  char At(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t nesting_ = 0;  // open brackets
  std::vector<std::size_t> indents_;
  std::size_t dedents_ = 0;  // still to be given out
  bool line_open_ = false;   // tokens since the last line break
  std::optional<std::uint32_t> type_comment_;
  const char* error_ = nullptr;
};

// "')'", "a name", "the end of the line": for messages.
std::string_view Describe(TokenKind kind);

}  // namespace octavo::source
