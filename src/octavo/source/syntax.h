#pragma once

// The syntax tree of TorchScript's serialized source, the subset of Python that PyTorch's printer emits.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "octavo/base/source_range.h"

namespace octavo::source {

// What expressions and statements lie in; it frees them all at once.
using Arena = std::pmr::monotonic_buffer_resource;
struct InArena {
  template <typename T>
  void operator()(const T* node) const {
    node->~T();
  }
};

struct Expr;
using ExprPtr = std::unique_ptr<const Expr, InArena>;

// name=value; an empty name: by position.
struct CallArgument {
  std::string name;
  ExprPtr value;
  bool starred = false;  // *value
};

enum class ExprKind : std::uint8_t {
  kName,       // text
  kAttribute,  // children[0] . text
  kCall,       // children[0] ( arguments )
  kSubscript,  // children[0] [ children[1], ... ]; a slice among them is a kSlice
  kSlice,      // children[0] : children[1] : children[2]; null where left out
  kInt,        // integer, negative where a minus precedes the literal; beyond int64 is an error
  kFloat,      // number, likewise; inf and nan are written as names and stay so
  kComplex,    // number: the imaginary part, likewise; 1.+2.j is a kBinary of both
  kString,     // text, escapes resolved
  kTrue,
  kFalse,
  kNone,
  kEllipsis,  // ...
  kUnary,     // op: "-" "~" "not" "+"; children[0]
  kBinary,    // op: "+" "-" "*" "/" "//" "%" "**" "@" "&" "|" "^" "<<" ">>"; children[0], children[1]
  kCompare,   // op: "==" "!=" "<" "<=" ">" ">=" "is" "is not" "in" "not in"; children[0], children[1]
  kAnd,       // children[0], children[1]
  kOr,
  kTernary,            // children[0] if children[1] else children[2]
  kList,               // [children...]
  kTuple,              // (children...)
  kDict,               // {children[0]: children[1], children[2]: children[3], ...}
  kListComprehension,  // [children[0] for children[1] in children[2]]
};

struct Expr {
  explicit Expr(std::pmr::memory_resource* arena) : children(arena), arguments(arena) {}

  ExprKind kind = ExprKind::kNone;
  SourceRange range;
  std::string text;  // kName, kAttribute, kString, and the operator of kUnary, kBinary, kCompare
  std::int64_t integer = 0;
  double number = 0;
  std::pmr::vector<ExprPtr> children;
  std::pmr::vector<CallArgument> arguments;
};

struct Function;
struct Statement;
using StatementPtr = std::unique_ptr<const Statement, InArena>;
using Block = std::pmr::vector<StatementPtr>;

enum class StatementKind : std::uint8_t {
  // targets[0] = targets[1] = value; a target is a kName, kAttribute, kSubscript, or kTuple of those ("a, b,
  // = x" is
  // a kTuple target, "a, = x" one of length 1); annotation where "a : int = 1"
  kAssign,
  kAugmentedAssign,  // targets[0] op= value; text is the operator: "+" ...
  kDeclare,          // targets[0] : annotation, without a value (class attributes)
  kExpression,       // value
  kIf,               // value; body, otherwise (elif is an if inside otherwise)
  kWhile,            // value; body
  kFor,              // for targets[0] in value; body
  kWith,             // with value as targets[0] (may be missing); body
  kReturn,           // value, may be null
  kRaise,            // value, may be null
  kAssert,           // value; message in `annotation`, may be null
  kPass,
  kBreak,
  kContinue,
  kDelete,    // targets
  kFunction,  // function: a def inside a body, as written for torch.jit.fork
};

struct Statement {
  explicit Statement(std::pmr::memory_resource* arena);
  ~Statement();

  StatementKind kind = StatementKind::kPass;
  SourceRange range;
  std::string text;
  std::pmr::vector<ExprPtr> targets;
  ExprPtr value;
  ExprPtr annotation;
  Block body, otherwise;
  std::unique_ptr<const Function> function;
};

struct Parameter {
  std::string name;
  ExprPtr annotation;     // a type, null where none was written
  ExprPtr default_value;  // null where none
  bool keyword_only = false;
  SourceRange range;
};

struct Function {
  std::string name;
  std::vector<Parameter> parameters;
  ExprPtr return_annotation;  // may be null
  Block body;
  bool skipped = false;  // the body was not asked for and is empty here (Parts::kWithoutSaving)
  SourceRange range;
};

struct Class {
  std::string name;
  std::pmr::vector<ExprPtr> bases;  // Module, NamedTuple, Enum, Interface, ModuleInterface, or nothing
  // Attribute declarations ("scale : float"), constants ("PAD : Final[int] = 3"), enum values, and
  // "__parameters__ = [...]" and the like, in order.
  Block body;
  std::vector<std::unique_ptr<const Function>> methods;
  SourceRange range;
};

// One file of the code/ folder.
struct File {
  std::shared_ptr<Arena> arena;  // first, so that it outlives what lies in it
  std::shared_ptr<const SourceText> source;
  std::vector<std::unique_ptr<const Class>> classes;
  std::vector<std::unique_ptr<const Function>> functions;
  // Assignments at the top level ("op_version_set = 1").  Imports are left out: every name is written in
  // full.
  Block statements;
  std::size_t nodes = 0;  // expressions, arguments, statements and parameters of the tree
};

}  // namespace octavo::source
