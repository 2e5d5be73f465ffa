#include <algorithm>

#include <fmt/format.h>

#include "octavo/import/evaluator.h"
#include "octavo/module/weights.h"

// Going on where something is not known: in a survey, and after an operator that is not supported.

namespace octavo::import {

using source::ExprKind;
using source::Statement;
using source::StatementKind;

namespace {

constexpr std::size_t kMaxSkipped = 100;
// Weights inside an object that an operator reads, such as an LSTM's.
constexpr std::size_t kMaxGathered = 10'000;
constexpr int kMaxGatherDepth = 32;
constexpr int kMaxGatherVisits = 100'000;  // shared values are met again and again

// The same value for sure: equal numbers and texts, or one object.
bool Same(const Value& a, const Value& b) {
  // Long texts that are equal, but not one, are not worth a comparison.
  constexpr std::size_t kLongest = 256;
  if (a.variant().index() != b.variant().index()) return false;
  return std::visit(
      [&b]<typename T>(const T& value) {
        if constexpr (std::is_same_v<T, Unknown> || std::is_same_v<T, Uninitialized> ||
                      std::is_same_v<T, ir::None>) {
          return true;
        } else if constexpr (std::is_same_v<T, const std::string*>) {
          const std::string* other = b.As<const std::string*>();
          return value == other || (value->size() <= kLongest && *value == *other);
        } else {
          return value == b.As<T>();
        }
      },
      a.variant());
}

// What is the same in both types.
TensorType Common(const TensorType& a, const TensorType& b) {
  TensorType common;
  if (a.dtype == b.dtype && a.quantization == b.quantization) {
    common.dtype = a.dtype;
    common.quantization = a.quantization;
  }
  if (a.shape == b.shape) common.shape = a.shape;
  return common;
}

// `visits`: how many more values may be looked at.
void GatherFrom(const module::Value& value, int depth, int& visits,
                std::vector<const module::Value*>& found) {
  if (depth > kMaxGatherDepth || found.size() >= kMaxGathered || --visits < 0) return;
  const auto each = [&](const std::vector<module::Value>& items) {
    for (const module::Value& item : items) GatherFrom(item, depth + 1, visits, found);
  };
  if (std::holds_alternative<Tensor>(value.v) ||
      std::holds_alternative<std::shared_ptr<const ir::PackedWeights>>(value.v)) {
    found.push_back(&value);
  } else if (const auto* list = std::get_if<std::shared_ptr<module::List>>(&value.v)) {
    each((*list)->items);
  } else if (const auto* tuple = std::get_if<std::shared_ptr<module::Tuple>>(&value.v)) {
    each((*tuple)->items);
  } else if (const auto* object = std::get_if<std::shared_ptr<module::Object>>(&value.v)) {
    if ((*object)->state) GatherFrom(*(*object)->state, depth + 1, visits, found);
    for (const auto& [name, item] : (*object)->attributes) GatherFrom(item, depth + 1, visits, found);
  }
}

}  // namespace

bool Evaluator::IsOperator(const std::string& name) const {
  const auto bound = rules_.Bind(imported_->graph, name, {});
  return !bound || bound->has_value();
}

Result<Value> Evaluator::EvaluateOrUnknown(const source::Expr& expr, Frame& frame) {
  Result<Value> value = Evaluate(expr, frame);
  if (!value && goes_on()) {
    NoteSkipped(value.error());
    return Value(Unknown{});
  }
  return value;
}

Result<std::optional<bool>> Evaluator::Decide(const Value& condition, std::string_view what) {
  if (!condition.Is<Unknown>()) {
    Result<bool> truth = Truth(condition, what);
    if (truth) return std::optional<bool>(*truth);
    if (!goes_on()) return std::move(truth).error();
    NoteSkipped(At(std::move(truth).error()));
  }
  imported_->complete = false;
  return std::optional<bool>();
}

void Evaluator::NoteSkipped(const Error& error) {
  imported_->complete = false;
  if (perhaps_ == 0 && imported_->skipped.size() < kMaxSkipped) imported_->skipped.push_back(error);
}

Result<Flow> Evaluator::Skip(const Statement& statement, const Error& error, Frame& frame, Value* returned) {
  NoteSkipped(error);
  if (statement.kind == StatementKind::kReturn) {
    *returned = Value(Unknown{});
    return Flow::kReturn;
  }
  if (statement.kind == StatementKind::kAssign) {
    for (const source::ExprPtr& target : statement.targets) Forget(*target, frame);
  }
  return Flow::kNext;
}

void Evaluator::Forget(const source::Expr& target, Frame& frame) {
  if (target.kind == ExprKind::kName) {
    frame.locals[target.text] = Value(Unknown{});
  } else if (target.kind == ExprKind::kTuple || target.kind == ExprKind::kList) {
    for (const source::ExprPtr& item : target.children) Forget(*item, frame);
  } else if (target.kind == ExprKind::kAttribute && target.children[0]->kind == ExprKind::kName) {
    const auto owner = frame.locals.find(target.children[0]->text);
    Object* object = owner == frame.locals.end() ? nullptr : owner->second.Get<Object*>();
    if (object) object->attributes[target.text] = Value(Unknown{});
  }
}

Value Evaluator::Either(const Value& a, const Value& b) {
  if (a.Is<Uninitialized>()) return b;
  if (b.Is<Uninitialized>() || Same(a, b)) return a;
  // Tuples can be nested deeply, and share their items.
  const DepthGuard depth(*this);
  if (!depth.Check() || !Charge(1)) return Value(Unknown{});
  TensorBox* x = a.Get<TensorBox*>();
  TensorBox* y = b.Get<TensorBox*>();
  if (x && y) {
    const Result<ir::ValueId> first = Materialise(x), second = Materialise(y);
    if (!first || !second) return Value(Unknown{});
    const ir::NodeId node = graph().AddNode(kEither, {{"", *first}, {"", *second}},
                                            {Common(graph().type(*first), graph().type(*second))});
    const Value either = NewTensorValue(graph().node(node).outputs[0]);
    either.As<TensorBox*>()->tainted = x->tainted || y->tainted;
    return either;
  }
  const auto merge = [this](const std::vector<Value>& left, const std::vector<Value>& right) {
    std::vector<Value> items;
    items.reserve(left.size());
    for (std::size_t i = 0; i < left.size(); ++i) items.push_back(Either(left[i], right[i]));
    return items;
  };
  const Tuple* left_tuple = a.Get<Tuple*>();
  const Tuple* right_tuple = b.Get<Tuple*>();
  if (left_tuple && right_tuple && left_tuple->items.size() == right_tuple->items.size()) {
    std::vector<std::string_view> fields = left_tuple->fields;
    return Value(arena_.NewTuple(merge(left_tuple->items, right_tuple->items), std::move(fields)));
  }
  return Value(Unknown{});
}

Result<Flow> Evaluator::ExecutePerhaps(const source::Block& body, const source::Block* otherwise,
                                       Frame& frame, Value* returned) {
  OCTAVO_TRY(Charge(2 * frame.locals.size()));
  arena_.Count(2 * frame.locals.size());
  const auto before = frame.locals;
  Value body_returned = *returned, otherwise_returned = *returned;
  ++perhaps_;
  Result<Flow> body_flow = Execute(body, frame, &body_returned);
  auto after_body = std::move(frame.locals);
  frame.locals = before;
  Result<Flow> otherwise_flow = Flow::kNext;
  if (body_flow && otherwise) otherwise_flow = Execute(*otherwise, frame, &otherwise_returned);
  --perhaps_;
  if (!body_flow) return body_flow;
  if (!otherwise_flow) return otherwise_flow;
  for (auto& [name, value] : after_body) {
    const auto [entry, added] = frame.locals.try_emplace(name, value);
    if (!added) entry->second = Either(value, entry->second);
  }
  if (*body_flow == Flow::kReturn && *otherwise_flow == Flow::kReturn) {
    *returned = Either(body_returned, otherwise_returned);
    return Flow::kReturn;
  }
  return Flow::kNext;
}

void Evaluator::Note(const ir::Origin* origin, bool bound) {
  if (perhaps_ > 0 || !bound) imported_->notes[origin] = {.perhaps = perhaps_ > 0, .bound = bound};
}

void Evaluator::NoteRead(const Tensor& tensor) {
  if (const void* elements = module::ElementsOf(tensor)) imported_->read.insert(elements);
}

void Evaluator::NoteUnread(const Value& value) {
  const auto note = [this](const Value& item) {
    const TensorBox* box = item.Get<TensorBox*>();
    if (box && box->constant && !box->id.valid()) imported_->read.erase(module::ElementsOf(*box->constant));
  };
  note(value);
  if (const List* list = value.Get<List*>(); list && !Charge(list->items.size())) return;
  if (const List* list = value.Get<List*>()) std::for_each(list->items.begin(), list->items.end(), note);
}

void Evaluator::Miss(const std::string& name, std::shared_ptr<const ir::Origin> origin) {
  const auto [entry, added] = missing_index_.emplace(name, imported_->missing.size());
  if (added) imported_->missing.push_back({.op = name});
  MissingOperator& missing = imported_->missing[entry->second];
  (perhaps_ > 0 ? missing.perhaps : missing.uses).push_back(std::move(origin));
}

void Evaluator::GatherWeights(const Value& value, std::vector<ir::Argument>& arguments) {
  std::vector<const module::Value*> found;
  std::vector<const std::vector<Value>*> lists;
  if (const List* list = value.Get<List*>()) lists.push_back(&list->items);
  if (const Tuple* tuple = value.Get<Tuple*>()) lists.push_back(&tuple->items);
  std::string path;
  int visits = kMaxGatherVisits;
  const auto gather = [&](const Value& item) {
    const Object* object = item.Get<Object*>();
    if (PackedBox* packed = item.Get<PackedBox*>()) {
      arguments.push_back({"", packed->packed});
    } else if (TensorBox* box = item.Get<TensorBox*>(); box && box->constant) {
      if (const auto id = Materialise(box)) arguments.push_back({"", *id});
    } else if (object && object->source) {
      if (path.empty()) path = object->path;
      if (object->source->state) GatherFrom(*object->source->state, 0, visits, found);
      for (const auto& [name, attribute] : object->source->attributes)
        GatherFrom(attribute, 0, visits, found);
    }
  };
  gather(value);
  for (const std::vector<Value>* items : lists) std::for_each(items->begin(), items->end(), gather);
  // At the limit of steps, the next statement ends the evaluation.
  if (!Charge(static_cast<std::size_t>(kMaxGatherVisits - std::max(visits, 0)))) return;
  for (const module::Value* weight : found) {
    const Result<Value> converted = Convert(*weight, path);
    if (!converted) continue;
    if (const Result<ir::Operand> operand = ToOperand(*converted, "this operator")) {
      arguments.push_back({"", *operand});
    }
  }
}

Value Evaluator::UnknownResult(const std::string& name, std::vector<ir::Argument> arguments,
                               std::shared_ptr<const ir::Origin> origin, bool bound) {
  Note(origin.get(), bound);
  const ir::NodeId node = graph().AddNode(name, std::move(arguments), {TensorType{}}, std::move(origin));
  const Value result = NewTensorValue(graph().node(node).outputs[0]);
  result.As<TensorBox*>()->tainted = true;
  return result;
}

}  // namespace octavo::import
