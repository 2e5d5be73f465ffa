#include "octavo/source/parser_impl.h"

namespace octavo::source {
namespace {

// The operator of "+=" and so on; empty for anything else.
std::string_view AugmentedOperator(TokenKind kind, std::string_view text) {
  const bool augmented = kind >= TokenKind::kPlusAssign && kind <= TokenKind::kRightShiftAssign;
  return augmented ? text.substr(0, text.size() - 1) : std::string_view();
}

}  // namespace

std::unique_ptr<Statement, InArena> Parser::NewStatement(StatementKind kind, std::uint32_t begin) {
  if (!CountNode()) return nullptr;
  auto statement = New<Statement>();
  statement->kind = kind;
  statement->range = RangeOf(begin, last_end_);
  return statement;
}

bool Parser::ParseBlock(Block* block) {
  const Level level(this);
  if (level.TooDeep()) return false;
  if (token_.kind != TokenKind::kIndent) {
    if (token_.kind == TokenKind::kNewline || token_.kind == TokenKind::kEof) {
      return FailExpected(Describe(TokenKind::kIndent));
    }
    // "def f(x): return x"
    StatementPtr statement = ParseSimpleStatement();
    if (!statement) return false;
    block->push_back(std::move(statement));
    return true;
  }
  Advance();
  while (!Take(TokenKind::kDedent)) {
    StatementPtr statement = ParseStatement();
    if (!statement) return false;
    block->push_back(std::move(statement));
  }
  return true;
}

bool Parser::SkipBlock() {
  int levels = 0;
  do {
    if (token_.kind == TokenKind::kError || token_.kind == TokenKind::kEof)
      return FailExpected("a statement");
    levels += token_.kind == TokenKind::kIndent ? 1 : 0;
    levels -= token_.kind == TokenKind::kDedent ? 1 : 0;
    Advance();
  } while (levels > 0);
  return true;
}

StatementPtr Parser::ParseStatement() {
  switch (token_.kind) {
    case TokenKind::kIf:
      return ParseIf();
    case TokenKind::kWhile:
      return ParseWhile();
    case TokenKind::kFor:
      return ParseFor();
    case TokenKind::kWith:
      return ParseWith();
    case TokenKind::kDef: {
      auto statement = NewStatement(StatementKind::kFunction, token_.begin);
      if (!statement) return nullptr;
      statement->function = ParseFunction(false);
      if (!statement->function) return nullptr;
      statement->range = statement->function->range;
      return statement;
    }
    case TokenKind::kIndent:
      FailHere("unexpected indentation");
      return nullptr;
    default:
      return ParseSimpleStatement();
  }
}

// At "if" or "elif".
StatementPtr Parser::ParseIf() {
  auto statement = NewStatement(StatementKind::kIf, token_.begin);
  if (!statement) return nullptr;
  Advance();
  statement->value = ParseExpression();
  if (!statement->value || !Expect(TokenKind::kColon, "after the condition")) return nullptr;
  statement->range.end = last_end_;
  if (!ParseBlock(&statement->body)) return nullptr;
  if (token_.kind == TokenKind::kElif) {
    const Level level(this);
    StatementPtr nested = level.TooDeep() ? nullptr : ParseIf();
    if (!nested) return nullptr;
    statement->otherwise.push_back(std::move(nested));
  } else if (Take(TokenKind::kElse)) {
    if (!Expect(TokenKind::kColon, "after 'else'") || !ParseBlock(&statement->otherwise)) return nullptr;
  }
  return statement;
}

StatementPtr Parser::ParseWhile() {
  auto statement = NewStatement(StatementKind::kWhile, token_.begin);
  if (!statement) return nullptr;
  Advance();
  statement->value = ParseExpression();
  if (!statement->value || !Expect(TokenKind::kColon, "after the condition")) return nullptr;
  statement->range.end = last_end_;
  if (!ParseBlock(&statement->body)) return nullptr;
  return statement;
}

StatementPtr Parser::ParseFor() {
  auto statement = NewStatement(StatementKind::kFor, token_.begin);
  if (!statement) return nullptr;
  Advance();
  ExprPtr target = ParseTarget(true);
  if (!target) return nullptr;
  statement->targets.push_back(std::move(target));
  if (!Expect(TokenKind::kIn, "after the loop variable")) return nullptr;
  statement->value = ParseExpression();
  if (!statement->value || !Expect(TokenKind::kColon, "after the loop's iterable")) return nullptr;
  statement->range.end = last_end_;
  if (!ParseBlock(&statement->body)) return nullptr;
  return statement;
}

// "with a as b, c as d:" is two statements, one inside the other.  At "with" or behind the comma.
StatementPtr Parser::ParseWith() {
  auto statement = NewStatement(StatementKind::kWith, token_.begin);
  if (!statement) return nullptr;
  Advance();
  statement->value = ParseExpression();
  if (!statement->value) return nullptr;
  if (Take(TokenKind::kAs)) {
    ExprPtr target = ParseTarget(false);
    if (!target) return nullptr;
    statement->targets.push_back(std::move(target));
  }
  statement->range.end = last_end_;
  if (token_.kind == TokenKind::kComma) {
    const Level level(this);
    StatementPtr nested = level.TooDeep() ? nullptr : ParseWith();
    if (!nested) return nullptr;
    statement->body.push_back(std::move(nested));
    return statement;
  }
  if (!Expect(TokenKind::kColon, "after 'with'") || !ParseBlock(&statement->body)) return nullptr;
  return statement;
}

StatementPtr Parser::ParseSimpleStatement() {
  std::unique_ptr<Statement, InArena> statement;
  switch (token_.kind) {
    case TokenKind::kReturn:
    case TokenKind::kRaise:
      statement = NewStatement(
          token_.kind == TokenKind::kReturn ? StatementKind::kReturn : StatementKind::kRaise, token_.begin);
      if (!statement) return nullptr;
      Advance();
      if (token_.kind == TokenKind::kNewline) break;
      statement->value = ParseExpressionOrTuple();
      if (!statement->value) return nullptr;
      break;
    case TokenKind::kAssert:
      statement = NewStatement(StatementKind::kAssert, token_.begin);
      if (!statement) return nullptr;
      Advance();
      statement->value = ParseExpression();
      if (!statement->value) return nullptr;
      if (Take(TokenKind::kComma)) {
        statement->annotation = ParseExpression();
        if (!statement->annotation) return nullptr;
      }
      break;
    case TokenKind::kDel: {
      statement = NewStatement(StatementKind::kDelete, token_.begin);
      if (!statement) return nullptr;
      Advance();
      do {
        ExprPtr target = ParseExpression();
        if (!target || !CheckTarget(*target)) return nullptr;
        statement->targets.push_back(std::move(target));
      } while (Take(TokenKind::kComma));
      break;
    }
    case TokenKind::kPass:
    case TokenKind::kBreak:
    case TokenKind::kContinue:
      statement = NewStatement(token_.kind == TokenKind::kPass    ? StatementKind::kPass
                               : token_.kind == TokenKind::kBreak ? StatementKind::kBreak
                                                                  : StatementKind::kContinue,
                               token_.begin);
      if (!statement) return nullptr;
      Advance();
      break;
    case TokenKind::kGlobal:
    case TokenKind::kImport:
    case TokenKind::kClass:
      FailHere("'" + std::string(TextOf(token_)) + "' is not allowed here");
      return nullptr;
    default:
      return ParseAssignmentOrExpression();
  }
  statement->range.end = last_end_;
  if (!ExpectLineEnd()) return nullptr;
  return statement;
}

StatementPtr Parser::ParseAssignmentOrExpression() {
  auto statement = NewStatement(StatementKind::kExpression, token_.begin);
  if (!statement) return nullptr;
  ExprPtr first = ParseExpressionOrTuple();
  if (!first) return nullptr;
  if (const std::string_view op = AugmentedOperator(token_.kind, TextOf(token_)); !op.empty()) {
    if (!CheckTarget(*first)) return nullptr;
    if (first->kind == ExprKind::kTuple) {
      FailHere("an augmented assignment must have a single target");
      return nullptr;
    }
    statement->kind = StatementKind::kAugmentedAssign;
    statement->text = op;
    statement->targets.push_back(std::move(first));
    Advance();
    statement->value = ParseExpressionOrTuple();
    if (!statement->value) return nullptr;
  } else if (token_.kind == TokenKind::kColon || token_.kind == TokenKind::kAssign) {
    if (!CheckTarget(*first)) return nullptr;
    statement->kind = StatementKind::kAssign;
    const bool tuple = first->kind == ExprKind::kTuple;
    statement->targets.push_back(std::move(first));
    if (token_.kind == TokenKind::kColon) {
      if (tuple) {
        FailHere("a type annotation must have a single target");
        return nullptr;
      }
      if (!ParseAnnotation(statement.get())) return nullptr;
    }
    while (Take(TokenKind::kAssign)) {
      if (statement->value) {
        // What was read as the value is a further target: "a = b = x".
        if (!CheckTarget(*statement->value)) return nullptr;
        if (statement->annotation) {
          Fail(statement->value->range.begin, statement->value->range.end,
               "a type annotation must have a single target");
          return nullptr;
        }
        statement->targets.push_back(std::move(statement->value));
      }
      statement->value = ParseExpressionOrTuple();
      if (!statement->value) return nullptr;
    }
  } else {
    statement->value = std::move(first);
  }
  statement->range.end = last_end_;
  if (!ExpectLineEnd()) return nullptr;
  return statement;
}

bool Parser::ParseAnnotation(Statement* statement) {
  Advance();
  statement->annotation = ParseExpression();
  if (!statement->annotation) return false;
  if (token_.kind != TokenKind::kAssign) statement->kind = StatementKind::kDeclare;
  return true;
}

bool Parser::CheckTarget(const Expr& target) {
  switch (target.kind) {
    case ExprKind::kName:
    case ExprKind::kAttribute:
    case ExprKind::kSubscript:
      return true;
    case ExprKind::kTuple:
      for (const ExprPtr& element : target.children) {
        if (!CheckTarget(*element)) return false;
      }
      if (!target.children.empty()) return true;
      break;
    default:
      break;
  }
  return Fail(target.range.begin, target.range.end, "assignment to this expression is not supported");
}

}  // namespace octavo::source
