#include <algorithm>

#include "octavo/source/parser_impl.h"

namespace octavo::source {

bool Parser::ParseTopLevel(File* file) {
  switch (token_.kind) {
    case TokenKind::kClass: {
      auto parsed = ParseClass();
      if (!parsed) return false;
      file->classes.push_back(std::move(parsed));
      return true;
    }
    case TokenKind::kDef: {
      auto parsed = ParseFunction(false);
      if (!parsed) return false;
      file->functions.push_back(std::move(parsed));
      return true;
    }
    case TokenKind::kImport:
      return ParseImport();
    case TokenKind::kIndent:
      return FailHere("unexpected indentation");
    case TokenKind::kNewline:
      Advance();
      return true;
    case TokenKind::kName: {
      StatementPtr statement = ParseAssignmentOrExpression();
      if (!statement) return false;
      if (statement->kind != StatementKind::kAssign) {
        return Fail(statement->range.begin, statement->range.end, "expected a class or a function");
      }
      file->statements.push_back(std::move(statement));
      return true;
    }
    default:
      return FailExpected("a class or a function");
  }
}

bool Parser::ParseImport() {
  Advance();
  do {
    if (!Expect(TokenKind::kName, "after 'import'")) return false;
  } while (Take(TokenKind::kDot));
  return ExpectLineEnd();
}

std::unique_ptr<const Class> Parser::ParseClass() {
  if (!CountNode()) return nullptr;
  auto result = std::make_unique<Class>();
  const std::uint32_t begin = token_.begin;
  Advance();
  result->name = TextOf(token_);
  if (!Expect(TokenKind::kName, "after 'class'")) return nullptr;
  if (Take(TokenKind::kLeftParenthesis)) {
    while (token_.kind != TokenKind::kRightParenthesis) {
      ExprPtr base = ParseExpression();
      if (!base) return nullptr;
      result->bases.push_back(std::move(base));
      if (!Take(TokenKind::kComma)) break;
    }
    if (!Expect(TokenKind::kRightParenthesis, "after the base class")) return nullptr;
  }
  if (!Expect(TokenKind::kColon, "after the class's name")) return nullptr;
  result->range = RangeOf(begin, last_end_);
  if (token_.kind != TokenKind::kIndent) {
    FailExpected(Describe(TokenKind::kIndent));
    return nullptr;
  }
  Advance();
  if (!ParseClassBody(result.get())) return nullptr;
  return result;
}

bool Parser::ParseClassBody(Class* result) {
  while (!Take(TokenKind::kDedent)) {
    if (token_.kind == TokenKind::kDef) {
      auto method = ParseFunction(true);
      if (!method) return false;
      result->methods.push_back(std::move(method));
      continue;
    }
    StatementPtr statement = ParseStatement();
    if (!statement) return false;
    if (statement->kind != StatementKind::kAssign && statement->kind != StatementKind::kDeclare &&
        statement->kind != StatementKind::kPass) {
      return Fail(statement->range.begin, statement->range.end,
                  "only attributes and methods are allowed in a class");
    }
    result->body.push_back(std::move(statement));
  }
  return true;
}

std::unique_ptr<const Function> Parser::ParseFunction(bool is_method) {
  if (!CountNode()) return nullptr;
  auto function = std::make_unique<Function>();
  const std::uint32_t begin = token_.begin;
  Advance();
  function->name = TextOf(token_);
  if (!Expect(TokenKind::kName, "after 'def'")) return nullptr;
  if (!ParseParameters(function.get())) return nullptr;
  if (Take(TokenKind::kArrow)) {
    function->return_annotation = ParseExpression();
    if (!function->return_annotation) return nullptr;
  }
  const Token colon = token_;
  if (!Expect(TokenKind::kColon, "after the function's parameters")) return nullptr;
  function->range = RangeOf(begin, last_end_);
  const auto comment = lexer_.type_comment();
  if (comment && *comment > colon.begin && !ParseTypeComment(*comment, function.get(), is_method)) {
    return nullptr;
  }
  if (is_method && parts_ == Parts::kWithoutSaving && function->name == "__getstate__" &&
      token_.kind == TokenKind::kIndent) {
    function->skipped = true;
    if (!SkipBlock()) return nullptr;
  } else if (!ParseBlock(&function->body)) {
    return nullptr;
  }
  return function;
}

bool Parser::ParseParameters(Function* function) {
  if (!Expect(TokenKind::kLeftParenthesis, "after the function's name")) return false;
  bool keyword_only = false;
  while (token_.kind != TokenKind::kRightParenthesis) {
    if (!keyword_only && Take(TokenKind::kStar)) {
      if (token_.kind != TokenKind::kComma) {
        return FailHere("expected ',' after '*'; TorchScript does not support variadic arguments");
      }
      keyword_only = true;
    } else if (!ParseParameter(function, keyword_only)) {
      return false;
    }
    if (!Take(TokenKind::kComma)) break;
  }
  return Expect(TokenKind::kRightParenthesis, "after the parameters");
}

bool Parser::ParseParameter(Function* function, bool keyword_only) {
  if (!CountNode()) return false;
  const std::uint32_t begin = token_.begin;
  Parameter parameter;
  parameter.name = TextOf(token_);
  parameter.keyword_only = keyword_only;
  if (token_.kind != TokenKind::kName) return FailExpected("a parameter's name");
  Advance();
  if (Take(TokenKind::kColon)) {
    parameter.annotation = ParseExpression();
    if (!parameter.annotation) return false;
  }
  if (Take(TokenKind::kAssign)) {
    parameter.default_value = ParseExpression();
    if (!parameter.default_value) return false;
  }
  parameter.range = RangeOf(begin, last_end_);
  function->parameters.push_back(std::move(parameter));
  return true;
}

// "# type: (int, Tensor) -> Tensor": replaces the parameters' types, but for that of a method's self.
bool Parser::ParseTypeComment(std::uint32_t begin, Function* function, bool is_method) {
  constexpr std::string_view kPrefix = "# type:";
  const std::size_t line_end = std::min(text_.find('\n', begin), text_.size());
  const Lexer saved_lexer = lexer_;
  const Token saved_token = token_;
  const std::uint32_t saved_end = last_end_;
  // A lexer that sees no further than this line; its offsets are those of the whole text.
  lexer_ = Lexer(text_.substr(0, line_end), begin + kPrefix.size());
  Advance();
  // Other comments of this kind ("# type: ignore") are for other readers.
  bool ok = true;
  if (token_.kind == TokenKind::kLeftParenthesis) {
    Advance();
    std::size_t next = is_method ? 1 : 0;
    while (ok && token_.kind != TokenKind::kRightParenthesis) {
      ExprPtr type = ParseExpression();
      ok = type != nullptr;
      if (ok && next < function->parameters.size()) function->parameters[next].annotation = std::move(type);
      ++next;
      if (!Take(TokenKind::kComma)) break;
    }
    ok = ok && Expect(TokenKind::kRightParenthesis, "after the types");
    if (ok && next != function->parameters.size()) {
      ok = Fail(begin, last_end_, "the type comment has another number of parameters than the function");
    }
    if (ok && Take(TokenKind::kArrow)) {
      function->return_annotation = ParseExpression();
      ok = function->return_annotation != nullptr;
    }
    ok = ok && ExpectLineEnd();
  }
  lexer_ = saved_lexer;
  token_ = saved_token;
  last_end_ = saved_end;
  return ok;
}

}  // namespace octavo::source
