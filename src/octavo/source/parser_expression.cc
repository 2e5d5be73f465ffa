#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "octavo/source/literals.h"
#include "octavo/source/parser_impl.h"

namespace octavo::source {
namespace {

// PyTorch's own table.
constexpr int kConditional = 1, kLogical = 2, kNegation = 3, kComparison = 4, kUnaryMinus = 10, kPower = 11;

struct Operator {
  int precedence = 0;  // 0: not a binary operator
  ExprKind kind = ExprKind::kBinary;
};

constexpr std::size_t kTokenKinds = static_cast<std::size_t>(TokenKind::kRightShiftAssign) + 1;

constexpr std::array<Operator, kTokenKinds> MakeOperators() {
  std::array<Operator, kTokenKinds> table{};
  const auto set = [&table](TokenKind token, int precedence, ExprKind kind) {
    table[static_cast<std::size_t>(token)] = {precedence, kind};
  };
  set(TokenKind::kIf, kConditional, ExprKind::kTernary);
  set(TokenKind::kAnd, kLogical, ExprKind::kAnd);
  set(TokenKind::kOr, kLogical, ExprKind::kOr);
  for (const TokenKind token :
       {TokenKind::kIn, TokenKind::kNot, TokenKind::kIs, TokenKind::kLess, TokenKind::kLessEqual,
        TokenKind::kGreater, TokenKind::kGreaterEqual, TokenKind::kEqual, TokenKind::kNotEqual}) {
    set(token, kComparison, ExprKind::kCompare);
  }
  set(TokenKind::kPipe, 5, ExprKind::kBinary);
  set(TokenKind::kCaret, 6, ExprKind::kBinary);
  set(TokenKind::kAmpersand, 7, ExprKind::kBinary);
  set(TokenKind::kLeftShift, 8, ExprKind::kBinary);
  set(TokenKind::kRightShift, 8, ExprKind::kBinary);
  set(TokenKind::kPlus, 9, ExprKind::kBinary);
  set(TokenKind::kMinus, 9, ExprKind::kBinary);
  set(TokenKind::kStar, 10, ExprKind::kBinary);
  set(TokenKind::kSlash, 10, ExprKind::kBinary);
  set(TokenKind::kDoubleSlash, 10, ExprKind::kBinary);
  set(TokenKind::kPercent, 10, ExprKind::kBinary);
  set(TokenKind::kAt, 10, ExprKind::kBinary);
  set(TokenKind::kDoubleStar, kPower, ExprKind::kBinary);
  return table;
}

constexpr std::array<Operator, kTokenKinds> kOperators = MakeOperators();

bool StartsPostfix(TokenKind kind) {
  return kind == TokenKind::kDot || kind == TokenKind::kLeftParenthesis || kind == TokenKind::kLeftBracket;
}

// What may follow a comma that ends a tuple without parentheses.
bool EndsTuple(TokenKind kind) {
  return kind == TokenKind::kNewline || kind == TokenKind::kEof || kind == TokenKind::kAssign ||
         kind == TokenKind::kRightParenthesis || kind == TokenKind::kColon || kind == TokenKind::kIn ||
         (kind >= TokenKind::kPlusAssign && kind <= TokenKind::kRightShiftAssign);
}

constexpr const char* kGroupingHint =
    "Add parentheses: PyTorch and Python group such expressions differently.";

// False for "a < b < c" and "a or b and c".  A left operand in parentheses does not begin where the
// expression does.
bool CheckGrouping(const Expr& left, ExprKind op, std::uint32_t begin) {
  if (left.range.begin != begin) return true;
  if (op == ExprKind::kCompare) return left.kind != ExprKind::kCompare;
  if (op == ExprKind::kAnd) return left.kind != ExprKind::kOr;
  if (op == ExprKind::kOr) return left.kind != ExprKind::kAnd;
  return true;
}

}  // namespace

Tree Parser::NewExpr(ExprKind kind, std::uint32_t begin) {
  if (!CountNode()) return {};
  auto expr = New<Expr>();
  expr->kind = kind;
  expr->range = RangeOf(begin, last_end_);
  return {std::move(expr), 1};
}

bool Parser::AddChild(Tree* parent, Tree child) {
  if (!child) return false;
  if (child.height >= parent->height) {
    parent->height = child.height + 1;
    if (parent->height > limits_.max_source_depth) return FailTooDeep();
  }
  parent->expr->children.push_back(std::move(child.expr));
  return true;
}

Tree Parser::ParseTuple(bool target) {
  const std::uint32_t begin = token_.begin;
  // A target ends before "in", which is a comparison everywhere else.
  const int precedence = target ? kComparison : 0;
  Tree first = ParseOperators(precedence);
  if (!first || token_.kind != TokenKind::kComma) return first;
  Tree tuple = NewExpr(ExprKind::kTuple, begin);
  if (!tuple || !AddChild(&tuple, std::move(first))) return {};
  while (Take(TokenKind::kComma)) {
    if (EndsTuple(token_.kind)) break;
    if (!AddChild(&tuple, ParseOperators(precedence))) return {};
  }
  tuple.expr->range.end = last_end_;
  return tuple;
}

ExprPtr Parser::ParseTarget(bool tuple) {
  ExprPtr target = std::move((tuple ? ParseTuple(true) : ParseOperators(kComparison)).expr);
  return target && CheckTarget(*target) ? std::move(target) : nullptr;
}

Tree Parser::ParseOperators(int precedence) {
  const Level level(this);
  if (level.TooDeep()) return {};
  const std::uint32_t begin = token_.begin;
  Tree left;
  switch (token_.kind) {
    case TokenKind::kMinus:
    case TokenKind::kPlus:
    case TokenKind::kTilde:
    case TokenKind::kNot:
      left = ParseUnary(token_.kind);
      break;
    case TokenKind::kStar:
      FailHere("'*' before a value is allowed only in a call");
      return {};
    case TokenKind::kLambda:
      FailHere("lambda is not part of TorchScript");
      return {};
    default:
      left = ParsePrimary();
  }
  if (left && kOperators[static_cast<std::size_t>(token_.kind)].precedence > precedence) {
    left = ParseBinary(std::move(left), precedence, begin);
  }
  return left;
}

Tree Parser::ParseBinary(Tree left, int precedence, std::uint32_t begin) {
  while (left) {
    const Token token = token_;
    const Operator op = kOperators[static_cast<std::size_t>(token.kind)];
    if (op.precedence <= precedence) break;
    Advance();
    if (op.kind == ExprKind::kTernary) {
      left = ParseTernary(std::move(left), begin);
      continue;
    }
    if (!CheckGrouping(*left.expr, op.kind, begin)) {
      Fail(token.begin, token.end, fmt::format("'{}' needs parentheses here", TextOf(token)), kGroupingHint);
      return {};
    }
    std::string text;
    if (op.kind == ExprKind::kCompare) {
      text = TextOf(token);
      if (token.kind == TokenKind::kNot) {
        if (!Expect(TokenKind::kIn, "after 'not'")) return {};
        text = "not in";
      } else if (token.kind == TokenKind::kIs && Take(TokenKind::kNot)) {
        text = "is not";
      }
    } else if (op.kind == ExprKind::kBinary) {
      text = TextOf(token);
    }
    // Of the binary operators ** alone groups from the right.
    Tree right = ParseOperators(op.precedence == kPower ? kPower - 1 : op.precedence);
    if (!right) return {};
    Tree both = NewExpr(op.kind, begin);
    if (!both) return {};
    both.expr->text = std::move(text);
    both.expr->children.reserve(2);
    if (!AddChild(&both, std::move(left)) || !AddChild(&both, std::move(right))) return {};
    left = std::move(both);
  }
  return left;
}

Tree Parser::ParseUnary(TokenKind op) {
  const Token token = token_;
  Advance();
  if (op == TokenKind::kMinus && token_.kind == TokenKind::kNumber) {
    Tree literal = ParseNumberLiteral(true, token.begin);
    // In "-2 ** 2" and "-1 .real" the minus comes last.
    if (literal && token_.kind != TokenKind::kDoubleStar && !StartsPostfix(token_.kind)) return literal;
    if (literal) Fail(token.begin, last_end_, "a negative number needs parentheses here");
    return {};
  }
  const std::uint32_t begin = token_.begin;
  const bool negation = op == TokenKind::kNot || op == TokenKind::kTilde;
  Tree operand = ParseOperators(negation ? kNegation : kUnaryMinus);
  if (!operand) return {};
  if (op == TokenKind::kTilde && operand.expr->kind >= ExprKind::kBinary &&
      operand.expr->range.begin == begin && operand.expr->kind <= ExprKind::kCompare) {
    Fail(token.begin, token.end, "the operand of '~' needs parentheses", kGroupingHint);
    return {};
  }
  Tree unary = NewExpr(ExprKind::kUnary, token.begin);
  if (!unary) return {};
  unary.expr->text = TextOf(token);
  unary.expr->children.reserve(1);
  if (!AddChild(&unary, std::move(operand))) return {};
  return unary;
}

Tree Parser::ParseTernary(Tree value, std::uint32_t begin) {
  Tree condition = ParseOperators(0);
  if (!condition || !Expect(TokenKind::kElse, "after the condition")) return {};
  Tree otherwise = ParseOperators(0);
  if (!otherwise) return {};
  Tree ternary = NewExpr(ExprKind::kTernary, begin);
  if (!ternary) return {};
  ternary.expr->children.reserve(3);
  if (!AddChild(&ternary, std::move(value)) || !AddChild(&ternary, std::move(condition)) ||
      !AddChild(&ternary, std::move(otherwise))) {
    return {};
  }
  return ternary;
}

Tree Parser::ParsePrimary() {
  const Token token = token_;
  Tree primary;
  switch (token.kind) {
    case TokenKind::kName:
      Advance();
      primary = NewExpr(ExprKind::kName, token.begin);
      if (!primary) return {};
      primary.expr->text = TextOf(token);
      break;
    case TokenKind::kNumber:
      primary = ParseNumberLiteral(false, token.begin);
      break;
    case TokenKind::kString:
      primary = ParseStrings();
      break;
    case TokenKind::kLeftParenthesis:
      primary = ParseParenthesized();
      break;
    case TokenKind::kLeftBracket:
      primary = ParseList();
      break;
    case TokenKind::kLeftBrace:
      primary = ParseDict();
      break;
    case TokenKind::kTrue:
      Advance();
      primary = NewExpr(ExprKind::kTrue, token.begin);
      break;
    case TokenKind::kFalse:
      Advance();
      primary = NewExpr(ExprKind::kFalse, token.begin);
      break;
    case TokenKind::kNone:
      Advance();
      primary = NewExpr(ExprKind::kNone, token.begin);
      break;
    case TokenKind::kEllipsis:
      Advance();
      primary = NewExpr(ExprKind::kEllipsis, token.begin);
      break;
    case TokenKind::kCaret:
      FailHere("the model calls a Python function (marked '^'), which is not part of the saved file",
               "Remove the call or script the function, and save the model again.");
      return {};
    default:
      FailExpected("an expression");
      return {};
  }
  return primary && StartsPostfix(token_.kind) ? ParsePostfix(std::move(primary), token.begin)
                                               : std::move(primary);
}

Tree Parser::ParsePostfix(Tree primary, std::uint32_t begin) {
  while (primary) {
    if (Take(TokenKind::kDot)) {
      const Token name = token_;
      if (!Expect(TokenKind::kName, "after '.'")) return {};
      Tree attribute = NewExpr(ExprKind::kAttribute, begin);
      if (!attribute) return {};
      attribute.expr->text = TextOf(name);
      attribute.expr->children.reserve(1);
      if (!AddChild(&attribute, std::move(primary))) return {};
      primary = std::move(attribute);
    } else if (token_.kind == TokenKind::kLeftParenthesis) {
      primary = ParseCall(std::move(primary), begin);
    } else if (token_.kind == TokenKind::kLeftBracket) {
      primary = ParseSubscript(std::move(primary), begin);
    } else {
      break;
    }
  }
  return primary;
}

Tree Parser::ParseParenthesized() {
  const std::uint32_t begin = token_.begin;
  Advance();
  if (Take(TokenKind::kRightParenthesis)) return NewExpr(ExprKind::kTuple, begin);
  Tree first = ParseOperators(0);
  if (!first) return {};
  if (token_.kind != TokenKind::kComma) {
    if (!Expect(TokenKind::kRightParenthesis, "to close the '('")) return {};
    return first;
  }
  Tree tuple = NewExpr(ExprKind::kTuple, begin);
  if (!tuple || !AddChild(&tuple, std::move(first))) return {};
  while (Take(TokenKind::kComma)) {
    if (token_.kind == TokenKind::kRightParenthesis) break;
    if (!AddChild(&tuple, ParseOperators(0))) return {};
  }
  if (!Expect(TokenKind::kRightParenthesis, "to close the '('")) return {};
  tuple.expr->range.end = last_end_;
  return tuple;
}

Tree Parser::ParseList() {
  const std::uint32_t begin = token_.begin;
  Advance();
  Tree list = NewExpr(ExprKind::kList, begin);
  if (!list) return {};
  while (token_.kind != TokenKind::kRightBracket) {
    Tree element = ParseOperators(0);
    if (!element) return {};
    if (token_.kind == TokenKind::kFor && list.expr->children.empty()) {
      return ParseComprehension(std::move(element), begin);
    }
    if (!AddChild(&list, std::move(element))) return {};
    if (!Take(TokenKind::kComma)) break;
  }
  if (!Expect(TokenKind::kRightBracket, "to close the '['")) return {};
  list.expr->range.end = last_end_;
  return list;
}

Tree Parser::ParseComprehension(Tree element, std::uint32_t begin) {
  Advance();
  Tree target = ParseTuple(true);
  if (!target || !CheckTarget(*target.expr)) return {};
  if (!Expect(TokenKind::kIn, "after the loop variable")) return {};
  Tree iterated = ParseOperators(0);
  if (!iterated) return {};
  if (token_.kind == TokenKind::kFor || token_.kind == TokenKind::kIf) {
    FailHere("TorchScript supports one 'for' and no 'if' in a comprehension");
    return {};
  }
  if (!Expect(TokenKind::kRightBracket, "to close the '['")) return {};
  Tree comprehension = NewExpr(ExprKind::kListComprehension, begin);
  if (!comprehension) return {};
  comprehension.expr->children.reserve(3);
  if (!AddChild(&comprehension, std::move(element)) || !AddChild(&comprehension, std::move(target)) ||
      !AddChild(&comprehension, std::move(iterated))) {
    return {};
  }
  return comprehension;
}

Tree Parser::ParseDict() {
  const std::uint32_t begin = token_.begin;
  Advance();
  Tree dict = NewExpr(ExprKind::kDict, begin);
  if (!dict) return {};
  while (token_.kind != TokenKind::kRightBrace) {
    if (!AddChild(&dict, ParseOperators(0))) return {};
    if (!Expect(TokenKind::kColon, "after a dictionary's key")) return {};
    if (!AddChild(&dict, ParseOperators(0))) return {};
    if (token_.kind == TokenKind::kFor) {
      FailHere("dictionary comprehensions are not supported");
      return {};
    }
    if (!Take(TokenKind::kComma)) break;
  }
  if (!Expect(TokenKind::kRightBrace, "to close the '{'")) return {};
  dict.expr->range.end = last_end_;
  return dict;
}

Tree Parser::ParseStrings() {
  Tree string = NewExpr(ExprKind::kString, token_.begin);
  if (!string) return {};
  std::string& value = string.expr->text;
  while (token_.kind == TokenKind::kString) {
    const std::string_view text = TextOf(token_);
    if (token_.has_escape || text[1] == text[0]) {
      std::size_t at = 0;
      const LiteralError error = AppendString(text, &value, &at);
      if (error != LiteralError::kNone) {
        const auto begin = token_.begin + static_cast<std::uint32_t>(at);
        Fail(begin, begin + 2, Describe(error));
        return {};
      }
    } else {
      value.append(text.substr(1, text.size() - 2));
    }
    Advance();
  }
  string.expr->range.end = last_end_;
  return string;
}

Tree Parser::ParseNumberLiteral(bool after_minus, std::uint32_t begin) {
  constexpr std::uint64_t kMinMagnitude = std::uint64_t{1} << 63;
  Number number = ParseNumber(TextOf(token_));
  const bool is_int = number.kind == Number::Kind::kInt;
  if (is_int && number.magnitude == kMinMagnitude && !after_minus) number.error = LiteralError::kOutOfRange;
  if (number.error != LiteralError::kNone) {
    FailHere(Describe(number.error));
    return {};
  }
  Advance();
  Tree literal = NewExpr(is_int                                ? ExprKind::kInt
                         : number.kind == Number::Kind::kFloat ? ExprKind::kFloat
                                                               : ExprKind::kComplex,
                         begin);
  if (!literal) return {};
  literal.expr->integer = static_cast<std::int64_t>(after_minus ? ~number.magnitude + 1 : number.magnitude);
  literal.expr->number = after_minus ? -number.value : number.value;
  if (!is_int) literal.expr->integer = 0;
  return literal;
}

Tree Parser::ParseCall(Tree callee, std::uint32_t begin) {
  Advance();
  Tree call = NewExpr(ExprKind::kCall, begin);
  if (!call) return {};
  call.expr->children.reserve(1);
  if (!AddChild(&call, std::move(callee))) return {};
  while (token_.kind != TokenKind::kRightParenthesis) {
    if (!CountNode()) return {};
    CallArgument argument;
    argument.starred = Take(TokenKind::kStar);
    const Token first = token_;
    Tree value = ParseOperators(0);
    if (value && !argument.starred && token_.kind == TokenKind::kAssign &&
        value.expr->kind == ExprKind::kName && first.kind == TokenKind::kName) {
      Advance();
      argument.name = std::move(value.expr->text);
      value = ParseOperators(0);
    }
    if (!value) return {};
    call.height = std::max(call.height, value.height + 1);
    if (call.height > limits_.max_source_depth) {
      FailTooDeep();
      return {};
    }
    argument.value = std::move(value.expr);
    call.expr->arguments.push_back(std::move(argument));
    if (!Take(TokenKind::kComma)) break;
  }
  if (!Expect(TokenKind::kRightParenthesis, "to close the call")) return {};
  call.expr->range.end = last_end_;
  return call;
}

Tree Parser::ParseSubscript(Tree value, std::uint32_t begin) {
  Advance();
  Tree subscript = NewExpr(ExprKind::kSubscript, begin);
  if (!subscript) return {};
  subscript.expr->children.reserve(2);
  if (!AddChild(&subscript, std::move(value))) return {};
  while (token_.kind != TokenKind::kRightBracket) {
    if (!AddChild(&subscript, ParseSubscriptIndex())) return {};
    if (!Take(TokenKind::kComma)) break;
  }
  if (subscript.expr->children.size() == 1) {
    FailExpected("an index");
    return {};
  }
  if (!Expect(TokenKind::kRightBracket, "to close the '['")) return {};
  subscript.expr->range.end = last_end_;
  return subscript;
}

Tree Parser::ParseSubscriptIndex() {
  const std::uint32_t begin = token_.begin;
  std::array<Tree, 3> parts;
  if (token_.kind != TokenKind::kColon) {
    parts[0] = ParseOperators(0);
    if (!parts[0] || token_.kind != TokenKind::kColon) return std::move(parts[0]);
  }
  for (std::size_t i = 1; i < 3 && Take(TokenKind::kColon); ++i) {
    if (token_.kind == TokenKind::kColon || token_.kind == TokenKind::kComma ||
        token_.kind == TokenKind::kRightBracket) {
      continue;
    }
    parts[i] = ParseOperators(0);
    if (!parts[i]) return {};
  }
  Tree slice = NewExpr(ExprKind::kSlice, begin);
  if (!slice) return {};
  slice.expr->children.reserve(3);
  for (Tree& part : parts) {
    if (part) {
      if (!AddChild(&slice, std::move(part))) return {};
    } else {
      slice.expr->children.push_back(nullptr);
    }
  }
  return slice;
}

}  // namespace octavo::source
