#include "octavo/source/parser.h"

#include <limits>

#include <fmt/format.h>

#include "octavo/source/parser_impl.h"

namespace octavo::source {

Parser::Parser(std::shared_ptr<const SourceText> source, const Limits& limits, Parts parts,
               std::shared_ptr<Arena> arena)
    : source_(std::move(source)),
      file_(std::make_unique<File>()),
      text_(source_->text),
      limits_(limits),
      parts_(parts),
      lexer_(text_, 0) {
  file_->arena = arena ? std::move(arena) : std::make_shared<Arena>();
  file_->source = source_;
}

std::unique_ptr<const File> Parser::ParseFile() {
  Advance();
  while (token_.kind != TokenKind::kEof) {
    if (!ParseTopLevel(file_.get())) return nullptr;
  }
  file_->nodes = nodes_;
  return std::move(file_);
}

void Parser::Advance() {
  last_end_ = token_.end;
  lexer_.Next(token_);
}

bool Parser::Take(TokenKind kind) {
  if (token_.kind != kind) return false;
  Advance();
  return true;
}

bool Parser::Expect(TokenKind kind, const char* after) {
  if (Take(kind)) return true;
  const std::string_view wanted = Describe(kind);
  const bool spelled = kind > TokenKind::kString;
  return FailExpected(spelled ? fmt::format("'{}' {}", wanted, after) : fmt::format("{} {}", wanted, after));
}

bool Parser::ExpectLineEnd() {
  if (Take(TokenKind::kNewline)) return true;
  return FailExpected(Describe(TokenKind::kNewline));
}

std::string_view Parser::TextOf(const Token& token) const {
  return text_.substr(token.begin, token.end - token.begin);
}

bool Parser::Fail(std::uint32_t begin, std::uint32_t end, std::string what, std::string hint) {
  if (error_) return false;
  const SourceRange range = RangeOf(begin, end);
  error_ = InvalidFile(std::move(what), std::move(hint));
  error_->SetWhere(range.Place(), range.Excerpt());
  return false;
}

bool Parser::FailHere(std::string what, std::string hint) {
  if (token_.kind == TokenKind::kError) return Fail(token_.begin, token_.end, lexer_.error());
  return Fail(token_.begin, token_.end, std::move(what), std::move(hint));
}

bool Parser::FailExpected(std::string_view wanted) {
  if (token_.kind == TokenKind::kIndent) {
    if (wanted == Describe(TokenKind::kNewline)) return FailHere("unexpected indentation");
    return Fail(last_end_, last_end_, fmt::format("expected {}, found the end of the line", wanted));
  }
  const bool spelled = token_.kind > TokenKind::kString;
  std::string found(Describe(token_.kind));
  if (spelled) found = fmt::format("'{}'", found);
  return FailHere(fmt::format("expected {}, found {}", wanted, found));
}

bool Parser::FailTooDeep() {
  return FailHere(fmt::format("the code is nested more than {} levels deep", limits_.max_source_depth),
                  LimitHint("source-depth"));
}

bool Parser::CountNode() {
  if (++nodes_ <= limits_.max_syntax_nodes) return true;
  return FailHere(fmt::format("the source file has more than {} syntax nodes", limits_.max_syntax_nodes),
                  LimitHint("syntax-nodes"));
}

Result<std::unique_ptr<const File>> Parse(std::shared_ptr<const SourceText> source, const Limits& limits,
                                          Parts parts, std::shared_ptr<Arena> arena) {
  if (source->text.size() >= std::numeric_limits<std::uint32_t>::max()) {
    return InvalidFile("the source file is 4 GiB or larger").SetWhere(source->name);
  }
  Parser parser(std::move(source), limits, parts, std::move(arena));
  auto file = parser.ParseFile();
  if (!file) return parser.TakeError();
  return file;
}

}  // namespace octavo::source
