#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "octavo/base/limits.h"
#include "octavo/result.h"
#include "octavo/source/lexer.h"
#include "octavo/source/parser.h"
#include "octavo/source/syntax.h"

namespace octavo::source {

// An expression under construction.  The height is bounded, not only the nesting of brackets, because whoever
// walks or destroys the tree recurses into long chains (a.b.c, a + b + c) as well.
struct Tree {
  std::unique_ptr<Expr, InArena> expr;
  int height = 0;

  explicit operator bool() const { return expr != nullptr; }
};

// Recursive descent.  A function that fails has called Fail and returns something empty; its callers return
// at once. Operators bind as in PyTorch's own parser, which differs from Python in a few places that the
// printer's parentheses hide ("and" and "or" bind alike).
class Parser {
 public:
  Parser(std::shared_ptr<const SourceText> source, const Limits& limits, Parts parts,
         std::shared_ptr<Arena> arena);

  std::unique_ptr<const File> ParseFile();
  // Valid after ParseFile returned null.
  Error TakeError() { return std::move(*error_); }

 private:
  // Definitions: parser_definition.cc.
  bool ParseTopLevel(File* file);
  bool ParseImport();
  std::unique_ptr<const Class> ParseClass();
  bool ParseClassBody(Class* result);
  std::unique_ptr<const Function> ParseFunction(bool is_method);
  bool ParseParameters(Function* function);
  bool ParseParameter(Function* function, bool keyword_only);
  bool ParseTypeComment(std::uint32_t begin, Function* function, bool is_method);

  // Statements: parser_statement.cc.
  bool ParseBlock(Block* block);
  bool SkipBlock();
  StatementPtr ParseStatement();
  StatementPtr ParseIf();
  StatementPtr ParseWhile();
  StatementPtr ParseFor();
  StatementPtr ParseWith();
  StatementPtr ParseSimpleStatement();
  StatementPtr ParseAssignmentOrExpression();
  bool ParseAnnotation(Statement* statement);
  bool CheckTarget(const Expr& target);
  std::unique_ptr<Statement, InArena> NewStatement(StatementKind kind, std::uint32_t begin);

  // Expressions: parser_expression.cc.
  ExprPtr ParseExpression() { return std::move(ParseOperators(0).expr); }
  // "a", or "a, b", "a, b," as a tuple.
  ExprPtr ParseExpressionOrTuple() { return std::move(ParseTuple(false).expr); }
  // Up to an "in"; `tuple`: a comma makes a tuple.
  ExprPtr ParseTarget(bool tuple);
  Tree ParseTuple(bool target);
  // Operators that bind more tightly than `precedence`.
  Tree ParseOperators(int precedence);
  Tree ParseBinary(Tree left, int precedence, std::uint32_t begin);
  Tree ParseUnary(TokenKind op);
  Tree ParseTernary(Tree value, std::uint32_t begin);
  Tree ParsePrimary();
  Tree ParsePostfix(Tree primary, std::uint32_t begin);
  Tree ParseParenthesized();
  Tree ParseList();
  Tree ParseComprehension(Tree element, std::uint32_t begin);
  Tree ParseDict();
  Tree ParseStrings();
  Tree ParseNumberLiteral(bool after_minus, std::uint32_t begin);
  Tree ParseCall(Tree callee, std::uint32_t begin);
  Tree ParseSubscript(Tree value, std::uint32_t begin);
  Tree ParseSubscriptIndex();
  Tree NewExpr(ExprKind kind, std::uint32_t begin);
  bool AddChild(Tree* parent, Tree child);

  // Fails if there are more nodes than are allowed.
  bool CountNode();

  // Tokens.
  void Advance();
  bool Take(TokenKind kind);
  bool Expect(TokenKind kind, const char* after);
  bool ExpectLineEnd();
  std::string_view TextOf(const Token& token) const;
  SourceRange RangeOf(std::uint32_t begin, std::uint32_t end) const { return {source_, begin, end}; }

  // Failure.  All return false.
  bool Fail(std::uint32_t begin, std::uint32_t end, std::string what, std::string hint = {});
  bool FailHere(std::string what, std::string hint = {});
  bool FailExpected(std::string_view wanted);
  bool FailTooDeep();

  // Counts one level of recursion for as long as it lives.
  class Level {
   public:
    explicit Level(Parser* parser) : parser_(parser) { ++parser_->depth_; }
    ~Level() { --parser_->depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    // Fails if there are more levels than are allowed.
    bool TooDeep() const {
      return parser_->depth_ > parser_->limits_.max_source_depth && !parser_->FailTooDeep();
    }

   private:
    Parser* parser_;
  };

  // A node in the arena of the file.
  template <typename T>
  std::unique_ptr<T, InArena> New() {
    std::pmr::memory_resource* arena = file_->arena.get();
    return std::unique_ptr<T, InArena>(::new (arena->allocate(sizeof(T), alignof(T))) T(arena));
  }

  std::shared_ptr<const SourceText> source_;
  std::unique_ptr<File> file_;
  std::string_view text_;
  Limits limits_;
  Parts parts_;
  Lexer lexer_;
  Token token_;                 // the next one, not yet taken
  std::uint32_t last_end_ = 0;  // where the last taken token ended
  int depth_ = 0;
  std::size_t nodes_ = 0;
  std::optional<Error> error_;
};

}  // namespace octavo::source
