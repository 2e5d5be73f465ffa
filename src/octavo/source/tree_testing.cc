#include "octavo/source/tree_testing.h"

#include <bit>
#include <string_view>

#include <fmt/format.h>

namespace octavo::source {
namespace {

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\b') {
      quoted += "\\b";
    } else if (c == '\f') {
      quoted += "\\f";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\u{:04x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string Bits(double number) { return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(number)); }

std::string_view KindName(ExprKind kind) {
  switch (kind) {
    case ExprKind::kName:
      return "name";
    case ExprKind::kAttribute:
      return "attribute";
    case ExprKind::kCall:
      return "call";
    case ExprKind::kSubscript:
      return "subscript";
    case ExprKind::kSlice:
      return "slice";
    case ExprKind::kInt:
      return "int";
    case ExprKind::kFloat:
      return "float";
    case ExprKind::kComplex:
      return "complex";
    case ExprKind::kString:
      return "string";
    case ExprKind::kTrue:
      return "true";
    case ExprKind::kFalse:
      return "false";
    case ExprKind::kNone:
      return "none";
    case ExprKind::kEllipsis:
      return "ellipsis";
    case ExprKind::kUnary:
      return "unary";
    case ExprKind::kBinary:
      return "binary";
    case ExprKind::kCompare:
      return "compare";
    case ExprKind::kAnd:
      return "and";
    case ExprKind::kOr:
      return "or";
    case ExprKind::kTernary:
      return "ternary";
    case ExprKind::kList:
      return "list";
    case ExprKind::kTuple:
      return "tuple";
    case ExprKind::kDict:
      return "dict";
    case ExprKind::kListComprehension:
      return "comprehension";
  }
  return "?";
}

std::string DumpOptional(const ExprPtr& expr) { return expr ? DumpExpr(*expr) : "-"; }

std::string DumpAll(const std::pmr::vector<ExprPtr>& exprs) {
  std::string text;
  for (const ExprPtr& expr : exprs) text += " " + DumpOptional(expr);
  return text;
}

class Dumper {
 public:
  std::string text;

  void Dump(const Function& function, int depth) {
    Line(depth, "def " + Quote(function.name) + " " + DumpOptional(function.return_annotation));
    for (const Parameter& parameter : function.parameters) {
      Line(depth + 2,
           fmt::format("{} {} {} {}", parameter.keyword_only ? "keyword" : "parameter", Quote(parameter.name),
                       DumpOptional(parameter.annotation), DumpOptional(parameter.default_value)));
    }
    Dump(function.body, depth + 1);
  }

  void Dump(const Class& parsed, int depth) {
    Line(depth, "class " + Quote(parsed.name) + DumpAll(parsed.bases));
    Dump(parsed.body, depth + 1);
    for (const auto& method : parsed.methods) Dump(*method, depth + 1);
  }

  void Dump(const Block& block, int depth) {
    for (const StatementPtr& statement : block) Dump(*statement, depth);
  }

 private:
  void Dump(const Statement& statement, int depth) {
    const std::string value = " " + DumpOptional(statement.value);
    const std::string annotation = " " + DumpOptional(statement.annotation);
    const std::string targets = DumpAll(statement.targets);
    switch (statement.kind) {
      case StatementKind::kAssign:
        return Line(depth, "assign" + targets + annotation + value);
      case StatementKind::kAugmentedAssign:
        return Line(depth, "augmented " + Quote(statement.text) + targets + value);
      case StatementKind::kDeclare:
        return Line(depth, "declare" + targets + annotation + value);
      case StatementKind::kExpression:
        return Line(depth, "expression" + value);
      case StatementKind::kIf:
        Line(depth, "if" + value);
        Dump(statement.body, depth + 1);
        if (!statement.otherwise.empty()) Line(depth, "else");
        return Dump(statement.otherwise, depth + 1);
      case StatementKind::kWhile:
        Line(depth, "while" + value);
        return Dump(statement.body, depth + 1);
      case StatementKind::kFor:
        Line(depth, "for" + targets + value);
        return Dump(statement.body, depth + 1);
      case StatementKind::kWith:
        Line(depth, "with" + value + (statement.targets.empty() ? " -" : targets));
        return Dump(statement.body, depth + 1);
      case StatementKind::kReturn:
        return Line(depth, "return" + value);
      case StatementKind::kRaise:
        return Line(depth, "raise" + value);
      case StatementKind::kAssert:
        return Line(depth, "assert" + value + annotation);
      case StatementKind::kPass:
        return Line(depth, "pass");
      case StatementKind::kBreak:
        return Line(depth, "break");
      case StatementKind::kContinue:
        return Line(depth, "continue");
      case StatementKind::kDelete:
        return Line(depth, "delete" + targets);
      case StatementKind::kFunction:
        return Dump(*statement.function, depth);
    }
  }

  void Line(int depth, const std::string& line) {
    text += std::string(static_cast<std::size_t>(depth) * 2, ' ') + line + "\n";
  }
};

}  // namespace

std::string DumpExpr(const Expr& expr) {
  std::string text = fmt::format("({}@{}-{}", KindName(expr.kind), expr.range.begin, expr.range.end);
  switch (expr.kind) {
    case ExprKind::kName:
    case ExprKind::kAttribute:
    case ExprKind::kString:
    case ExprKind::kUnary:
    case ExprKind::kBinary:
    case ExprKind::kCompare:
      text += " " + Quote(expr.text);
      break;
    case ExprKind::kInt:
      text += fmt::format(" {}", expr.integer);
      break;
    case ExprKind::kFloat:
    case ExprKind::kComplex:
      text += " " + Bits(expr.number);
      break;
    default:
      break;
  }
  text += DumpAll(expr.children);
  for (const CallArgument& argument : expr.arguments) {
    text += " ";
    if (argument.starred) text += "*";
    if (!argument.name.empty()) text += argument.name + "=";
    text += DumpExpr(*argument.value);
  }
  return text + ")";
}

std::string DumpTree(const File& file) {
  Dumper dumper;
  for (const auto& parsed : file.classes) dumper.Dump(*parsed, 0);
  for (const auto& function : file.functions) dumper.Dump(*function, 0);
  dumper.Dump(file.statements, 0);
  return dumper.text;
}

}  // namespace octavo::source
