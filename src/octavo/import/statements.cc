#include <fmt/format.h>

#include "octavo/import/evaluator.h"

namespace octavo::import {

using source::Expr;
using source::ExprKind;
using source::Statement;
using source::StatementKind;

Result<Flow> Evaluator::Execute(const source::Block& block, Frame& frame, Value* returned) {
  DepthGuard depth(*this);
  OCTAVO_TRY(depth.Check());
  for (const source::StatementPtr& statement : block) {
    OCTAVO_TRY(Step());
    Result<Flow> flow = ExecuteStatement(*statement, frame, returned);
    if (!flow) {
      flow.error().SetWhere(FullPlace(statement->range, frame_), statement->range.Excerpt());
      if (!goes_on()) return flow;
      flow = Skip(*statement, flow.error(), frame, returned);
    }
    if (*flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Flow> Evaluator::ExecuteStatement(const Statement& statement, Frame& frame, Value* returned) {
  switch (statement.kind) {
    case StatementKind::kAssign: {
      const Value value = OCTAVO_TRY(Evaluate(*statement.value, frame));
      for (const source::ExprPtr& target : statement.targets) OCTAVO_TRY(Assign(*target, value, frame));
      return Flow::kNext;
    }
    case StatementKind::kAugmentedAssign: {
      CallArguments arguments{.expr = statement.targets[0].get()};
      arguments.positional.push_back(OCTAVO_TRY(Evaluate(*statement.targets[0], frame)));
      arguments.positional.push_back(OCTAVO_TRY(Evaluate(*statement.value, frame)));
      static const std::unordered_map<std::string_view, const char*> kNames = {
          {"+", "aten::add"},        {"-", "aten::sub"},       {"*", "aten::mul"},
          {"/", "aten::div"},        {"//", "aten::floordiv"}, {"%", "aten::remainder"},
          {"**", "aten::pow"},       {"@", "aten::matmul"},    {"&", "aten::__and__"},
          {"|", "aten::__or__"},     {"^", "aten::__xor__"},   {"<<", "aten::__lshift__"},
          {">>", "aten::__rshift__"}};
      const auto name = kNames.find(statement.text);
      if (name == kNames.end()) return Unsupported("the operator " + statement.text + "= is not supported");
      // On a tensor or a list this is a write in place, which every alias sees.
      const Value& left = arguments.positional[0];
      if (left.Is<List*>() && statement.text == "+") {
        OCTAVO_TRY(CallNamed("aten::extend", arguments));
        return Flow::kNext;
      }
      std::string function = name->second;
      if (left.Is<TensorBox*>()) function += "_";
      const Value value = OCTAVO_TRY(CallNamed(function, std::move(arguments)));
      OCTAVO_TRY(Assign(*statement.targets[0], value, frame));
      return Flow::kNext;
    }
    case StatementKind::kExpression:
      OCTAVO_TRY(Evaluate(*statement.value, frame));
      return Flow::kNext;
    case StatementKind::kIf:
      return ExecuteIf(statement, frame, returned);
    case StatementKind::kWhile:
      return ExecuteWhile(statement, frame, returned);
    case StatementKind::kFor:
      return ExecuteFor(statement, frame, returned);
    case StatementKind::kWith:
      return ExecuteWith(statement, frame, returned);
    case StatementKind::kReturn:
      if (!frame.caller) returned_expr_ = statement.value.get();
      *returned = statement.value ? OCTAVO_TRY(Evaluate(*statement.value, frame)) : Value();
      return Flow::kReturn;
    case StatementKind::kRaise:
      OCTAVO_TRY(Raise(statement, frame));
      return Flow::kNext;
    case StatementKind::kAssert:
      OCTAVO_TRY(Assert(statement, frame));
      return Flow::kNext;
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    case StatementKind::kDelete:
      for (const source::ExprPtr& target : statement.targets) {
        OCTAVO_TRY(Step());
        if (target->kind == ExprKind::kName) {
          frame.locals.erase(target->text);
        } else if (target->kind == ExprKind::kSubscript && target->children.size() == 2) {
          CallArguments arguments{.expr = target.get()};
          arguments.positional.push_back(OCTAVO_TRY(Evaluate(*target->children[0], frame)));
          arguments.positional.push_back(OCTAVO_TRY(Evaluate(*target->children[1], frame)));
          OCTAVO_TRY(CallNamed("aten::Delete", std::move(arguments)));
        } else {
          return Unsupported("this form of del is not supported");
        }
      }
      return Flow::kNext;
    case StatementKind::kFunction: {
      OCTAVO_TRY(Charge(frame.locals.size()));
      arena_.Count(2 * frame.locals.size());
      frame.locals[statement.function->name] = Value(arena_.NewCallable(
          {.function = statement.function.get(),
           .name = statement.function->name,
           .captured = std::make_shared<const std::unordered_map<std::string_view, Value>>(frame.locals)}));
      return Flow::kNext;
    }
    case StatementKind::kDeclare:
    case StatementKind::kPass:
      return Flow::kNext;
  }
  return Flow::kNext;
}

namespace {

// Does the block begin by raising?  A condition that is not known is assumed not to lead there.
bool Raises(const source::Block& block) {
  for (const source::StatementPtr& statement : block) {
    if (statement->kind == StatementKind::kRaise) return true;
    if (statement->kind != StatementKind::kExpression) continue;
    const Expr& call = *statement->value;
    if (call.kind == ExprKind::kCall && call.children[0]->text == "RaiseException") return true;
  }
  return false;
}

}  // namespace

Result<Flow> Evaluator::ExecuteIf(const Statement& statement, Frame& frame, Value* returned) {
  const Value condition = OCTAVO_TRY(EvaluateOrUnknown(*statement.value, frame));
  Result<std::optional<bool>> truth = Decide(condition, "this branch");
  if (!truth) {
    truth.error().SetWhere(FullPlace(statement.value->range, frame_), statement.value->range.Excerpt());
    return std::move(truth).error();
  }
  if (truth->has_value()) return Execute(**truth ? statement.body : statement.otherwise, frame, returned);
  OCTAVO_TRY(Charge(statement.body.size() + statement.otherwise.size()));
  if (Raises(statement.body)) return Execute(statement.otherwise, frame, returned);
  if (Raises(statement.otherwise)) return Execute(statement.body, frame, returned);
  return ExecutePerhaps(statement.body, &statement.otherwise, frame, returned);
}

Result<Flow> Evaluator::ExecuteWhile(const Statement& statement, Frame& frame, Value* returned) {
  for (;;) {
    OCTAVO_TRY(Step());
    const Value condition = OCTAVO_TRY(EvaluateOrUnknown(*statement.value, frame));
    const std::optional<bool> truth = OCTAVO_TRY(Decide(condition, "this loop"));
    if (!truth) return ExecutePerhaps(statement.body, nullptr, frame, returned);
    if (!*truth) return Flow::kNext;
    const Flow flow = OCTAVO_TRY(Execute(statement.body, frame, returned));
    if (flow == Flow::kReturn) return flow;
    if (flow == Flow::kBreak) return Flow::kNext;
  }
}

Result<Flow> Evaluator::ExecuteFor(const Statement& statement, Frame& frame, Value* returned) {
  const Value value = OCTAVO_TRY(EvaluateOrUnknown(*statement.value, frame));
  const Result<std::vector<Value>> items = Iterate(value);
  if (!items) {
    if (!goes_on()) return items.error();
    NoteSkipped(items.error());
    Forget(*statement.targets[0], frame);
    return ExecutePerhaps(statement.body, nullptr, frame, returned);
  }
  for (const Value& item : *items) {
    OCTAVO_TRY(Step());
    OCTAVO_TRY(Assign(*statement.targets[0], item, frame));
    const Flow flow = OCTAVO_TRY(Execute(statement.body, frame, returned));
    if (flow == Flow::kReturn) return flow;
    if (flow == Flow::kBreak) return Flow::kNext;
  }
  return Flow::kNext;
}

Result<Flow> Evaluator::ExecuteWith(const Statement& statement, Frame& frame, Value* returned) {
  const Value manager = OCTAVO_TRY(EvaluateOrUnknown(*statement.value, frame));
  Object* object = manager.Get<Object*>();
  Value entered = manager;
  if (object) entered = OCTAVO_TRY(CallMethod(object, "__enter__", {.expr = statement.value.get()}, frame));
  if (!statement.targets.empty()) OCTAVO_TRY(Assign(*statement.targets[0], entered, frame));
  const Flow flow = OCTAVO_TRY(Execute(statement.body, frame, returned));
  if (object) {
    CallArguments none{.expr = statement.value.get(), .positional = {Value(), Value(), Value()}};
    OCTAVO_TRY(CallMethod(object, "__exit__", none, frame));
  }
  return flow;
}

Status Evaluator::Raise(const Statement& statement, Frame& frame) {
  std::string text = "an exception";
  if (statement.value) {
    // "raise ValueError(message)": the class is not a value of the program.
    const Expr& value = *statement.value;
    if (value.kind == ExprKind::kCall && !value.arguments.empty()) {
      const Value message = OCTAVO_TRY(Evaluate(*value.arguments[0].value, frame));
      text = value.children[0]->text;
      if (const auto* s = message.Get<const std::string*>()) text += ": " + *s;
    } else if (value.kind == ExprKind::kName || value.kind == ExprKind::kAttribute) {
      text = value.text;
    }
  }
  return Unsupported("the model raises " + text);
}

Status Evaluator::Assert(const Statement& statement, Frame& frame) {
  const Value condition = OCTAVO_TRY(Evaluate(*statement.value, frame));
  if (condition.Is<Unknown>() || OCTAVO_TRY(Truth(condition, "this assertion"))) return {};
  std::string text = "an assertion of the model fails";
  if (statement.annotation) {
    const Value message = OCTAVO_TRY(Evaluate(*statement.annotation, frame));
    if (const auto* s = message.Get<const std::string*>()) text += ": " + *s;
  }
  return Unsupported(text);
}

Status Evaluator::Assign(const Expr& target, Value value, Frame& frame) {
  OCTAVO_TRY(Step());
  switch (target.kind) {
    case ExprKind::kName:
      frame.locals[target.text] = value;
      return {};
    case ExprKind::kAttribute: {
      const Value object = OCTAVO_TRY(Evaluate(*target.children[0], frame));
      return SetAttribute(object, target.text, value);
    }
    case ExprKind::kSubscript:
      return AssignSubscript(target, value, frame);
    case ExprKind::kTuple:
    case ExprKind::kList:
      return Unpack(target, value, frame);
    default:
      return Unsupported("assignment to this expression is not supported");
  }
}

Status Evaluator::Unpack(const Expr& target, Value value, Frame& frame) {
  const std::size_t wanted = target.children.size();
  std::vector<Value> items;
  if (value.Is<Unknown>()) {
    items.assign(wanted, Value(Unknown{}));
  } else if (TensorBox* box = value.Get<TensorBox*>(); box && box->tainted) {
    items.assign(wanted, value);
  } else {
    items = OCTAVO_TRY(Iterate(value));
  }
  if (items.size() != wanted) {
    return Unsupported(fmt::format("{} values cannot be unpacked into {} names", items.size(), wanted));
  }
  for (std::size_t i = 0; i < wanted; ++i) OCTAVO_TRY(Assign(*target.children[i], items[i], frame));
  return {};
}

Status Evaluator::AssignSubscript(const Expr& target, Value value, Frame& frame) {
  if (target.children.size() != 2 || target.children[1]->kind == ExprKind::kSlice) {
    return Unsupported("assignment to this form of subscript is not supported");
  }
  CallArguments arguments{.expr = &target};
  arguments.positional.push_back(OCTAVO_TRY(Evaluate(*target.children[0], frame)));
  arguments.positional.push_back(OCTAVO_TRY(Evaluate(*target.children[1], frame)));
  arguments.positional.push_back(value);
  OCTAVO_TRY(CallNamed("aten::_set_item", std::move(arguments)));
  return {};
}

}  // namespace octavo::import
