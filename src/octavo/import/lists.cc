#include <algorithm>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

namespace octavo::import {
namespace {

std::vector<Value>* ItemsOf(const Value& value) {
  if (List* list = value.Get<List*>()) return &list->items;
  if (Tuple* tuple = value.Get<Tuple*>()) return &tuple->items;
  return nullptr;
}

List* FirstList(const CallArguments& call) {
  return call.positional.empty() ? nullptr : call.positional[0].Get<List*>();
}

// Room for `more` items.
Status Grow(Evaluator& evaluator, const List& list, std::size_t more) {
  const auto limit = static_cast<std::size_t>(evaluator.limits().max_list_length);
  if (more > limit || list.items.size() > limit - more) {
    return Unsupported(fmt::format("a list in the model's code has more than {} items", limit),
                       LimitHint("list-length"));
  }
  OCTAVO_TRY(evaluator.Charge(more));
  evaluator.arena().Count(more);
  return {};
}

// For the items behind a place, which move on by one.
Status ChargeMove(Evaluator& evaluator, std::size_t items) { return evaluator.ChargeText(items); }

// Python's index into a sequence of `size`, negative from the end; an error outside.
Result<std::size_t> IndexInto(const Value& index, std::size_t size, std::string_view what) {
  std::int64_t at = OCTAVO_TRY(KnownInt(index, "an index"));
  const auto count = static_cast<std::int64_t>(size);
  if (at < 0) at += count;
  if (at < 0 || at >= count) {
    return Unsupported(
        fmt::format("index {} is out of range for {} of {} items", at < 0 ? at - count : at, what, size));
  }
  return static_cast<std::size_t>(at);
}

struct Range {
  std::vector<std::size_t> indices;
};

// start:stop:step of a sequence of `size`, as Python's slice.indices.
Result<Range> SliceOf(const CallArguments& call, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  const auto bound = [&call](std::size_t position,
                             std::string_view name) -> Result<std::optional<std::int64_t>> {
    const Value* value = call.Find(position, name);
    if (!value || value->is_none()) return std::optional<std::int64_t>();
    return std::optional<std::int64_t>(OCTAVO_TRY(KnownInt(*value, "a slice bound")));
  };
  const std::int64_t step = OCTAVO_TRY(bound(3, "step")).value_or(1);
  if (step == 0) return Unsupported("the step of a slice must not be 0");
  std::int64_t start = OCTAVO_TRY(bound(1, "start")).value_or(step > 0 ? 0 : count - 1);
  const auto stop_given = OCTAVO_TRY(bound(2, "end"));
  std::int64_t stop = stop_given.value_or(step > 0 ? count : -1);
  if (start < 0) start += count;
  if (stop_given && stop < 0) stop += count;
  start = std::clamp<std::int64_t>(start, step > 0 ? 0 : -1, step > 0 ? count : count - 1);
  stop = std::clamp<std::int64_t>(stop, step > 0 ? 0 : -1, step > 0 ? count : count - 1);
  Range range;
  if (step > 0) {
    for (std::int64_t i = start; i < stop; i += std::min(step, count)) {
      range.indices.push_back(static_cast<std::size_t>(i));
    }
  } else {
    for (std::int64_t i = start; i > stop; i += std::max(step, -count)) {
      range.indices.push_back(static_cast<std::size_t>(i));
    }
  }
  return range;
}

BuiltinResult Length(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const Value& value = call.positional[0];
  if (const auto* items = ItemsOf(value)) return Done(Value(static_cast<std::int64_t>(items->size())));
  if (const Dict* dict = value.Get<Dict*>())
    return Done(Value(static_cast<std::int64_t>(dict->items.size())));
  if (const auto* text = value.Get<const std::string*>()) {
    return Done(Value(static_cast<std::int64_t>(text->size())));
  }
  if (value.Is<TensorBox*>()) {
    return Done(OCTAVO_TRY(evaluator.CallNamed(
        "aten::size", {.expr = call.expr, .positional = {value, Value(std::int64_t{0})}})));
  }
  if (Object* object = value.Get<Object*>()) {
    const Frame nowhere;
    return Done(OCTAVO_TRY(evaluator.CallMethod(object, "__len__", {.expr = call.expr},
                                                evaluator.frame() ? *evaluator.frame() : nowhere)));
  }
  return NotMine();
}

BuiltinResult Repeat(Evaluator& evaluator, const Value& list, const Value& times) {
  const auto* items = ItemsOf(list);
  const std::int64_t count =
      std::max<std::int64_t>(OCTAVO_TRY(KnownInt(times, "the repeat count of a list")), 0);
  if (count > evaluator.limits().max_list_length)
    return Unsupported("the repeat count of a list is too large", LimitHint("list-length"));
  std::vector<Value> out;
  List room;
  if (items->empty()) return Done(list.Is<Tuple*>() ? list : Value(evaluator.arena().NewList()));
  if (items->size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) {
    return Unsupported("the repeated list is too long");
  }
  OCTAVO_TRY(Grow(evaluator, room, items->size() * static_cast<std::size_t>(count)));
  for (std::int64_t i = 0; i < count; ++i) out.insert(out.end(), items->begin(), items->end());
  if (list.Is<Tuple*>()) return Done(Value(evaluator.arena().NewTuple(std::move(out))));
  return Done(Value(evaluator.arena().NewList(std::move(out))));
}

// Strings grow by copying: the length counts against the same limit as a list's.
BuiltinResult NewString(Evaluator& evaluator, std::string text) {
  if (text.size() > static_cast<std::size_t>(evaluator.limits().max_list_length)) {
    return Unsupported("a string in the model's code grows too long", LimitHint("list-length"));
  }
  OCTAVO_TRY(evaluator.ChargeText(text.size()));
  return Done(evaluator.arena().String(std::move(text)));
}

BuiltinResult Add(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() < 2) return NotMine();
  const Value& a = call.positional[0];
  const Value& b = call.positional[1];
  const auto* s = a.Get<const std::string*>();
  const auto* t = b.Get<const std::string*>();
  if (s && t) return NewString(evaluator, *s + *t);
  const auto* x = ItemsOf(a);
  const auto* y = ItemsOf(b);
  if (x && y && a.Is<List*>() == b.Is<List*>()) {
    OCTAVO_TRY(evaluator.Charge(x->size()));
    List out{.items = *x};
    OCTAVO_TRY(Grow(evaluator, out, y->size()));
    out.items.insert(out.items.end(), y->begin(), y->end());
    if (a.Is<Tuple*>()) return Done(Value(evaluator.arena().NewTuple(std::move(out.items))));
    List* list = evaluator.arena().NewList(std::move(out.items));
    list->of_tensors = a.As<List*>()->of_tensors || b.As<List*>()->of_tensors;
    return Done(Value(list));
  }
  return NumberBinary(evaluator, call, BinaryOp::kAdd);
}

BuiltinResult Multiply(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  const Value& a = call.positional[0];
  const Value& b = call.positional[1];
  if (ItemsOf(a) && b.is_integer()) return Repeat(evaluator, a, b);
  if (a.is_integer() && ItemsOf(b)) return Repeat(evaluator, b, a);
  if (const auto* text = a.Get<const std::string*>(); text && b.is_integer()) {
    const std::int64_t times =
        std::max<std::int64_t>(OCTAVO_TRY(KnownInt(b, "the repeat count of a string")), 0);
    const auto limit = static_cast<std::uint64_t>(evaluator.limits().max_list_length);
    if (static_cast<std::uint64_t>(times) > limit / std::max<std::size_t>(text->size(), 1)) {
      return Unsupported("a string in the model's code grows too long", LimitHint("list-length"));
    }
    std::string out;
    for (std::int64_t i = 0; i < times && !text->empty(); ++i) out += *text;
    return NewString(evaluator, std::move(out));
  }
  return NumberBinary(evaluator, call, BinaryOp::kMul);
}

BuiltinResult GetItem(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  const Value& container = call.positional[0];
  const Value& index = call.positional[1];
  if (const auto* items = ItemsOf(container)) {
    return Done((*items)[OCTAVO_TRY(IndexInto(index, items->size(), "a list"))]);
  }
  if (const auto* text = container.Get<const std::string*>()) {
    const std::size_t at = OCTAVO_TRY(IndexInto(index, text->size(), "a string"));
    return Done(evaluator.arena().String(std::string(1, (*text)[at])));
  }
  if (container.Is<Dict*>()) {
    return Done(OCTAVO_TRY(evaluator.CallNamed("dict::at", call)));
  }
  return NotMine();
}

BuiltinResult SetItem(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 3) return NotMine();
  const Value& container = call.positional[0];
  if (List* list = container.Get<List*>()) {
    const std::size_t at = OCTAVO_TRY(IndexInto(call.positional[1], list->items.size(), "a list"));
    list->items[at] = call.positional[2];
    return Done(container);
  }
  if (container.Is<Dict*>()) return Done(OCTAVO_TRY(evaluator.CallNamed("dict::set", call)));
  if (container.Is<TensorBox*>()) {
    const Value target = OCTAVO_TRY(evaluator.Subscript(container, call.positional[1], call));
    return Done(OCTAVO_TRY(
        evaluator.CallNamed("aten::copy_", {.expr = call.expr, .positional = {target, call.positional[2]}})));
  }
  return NotMine();
}

BuiltinResult Slice(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.empty()) return NotMine();
  const Value& value = call.positional[0];
  if (const auto* items = ItemsOf(value)) {
    const Range range = OCTAVO_TRY(SliceOf(call, items->size()));
    OCTAVO_TRY(evaluator.Charge(range.indices.size()));
    std::vector<Value> out;
    out.reserve(range.indices.size());
    for (const std::size_t i : range.indices) out.push_back((*items)[i]);
    if (value.Is<Tuple*>()) return Done(Value(evaluator.arena().NewTuple(std::move(out))));
    return Done(Value(evaluator.arena().NewList(std::move(out))));
  }
  if (const auto* text = value.Get<const std::string*>()) {
    const Range range = OCTAVO_TRY(SliceOf(call, text->size()));
    std::string out;
    for (const std::size_t i : range.indices) out += (*text)[i];
    return NewString(evaluator, std::move(out));
  }
  return NotMine();
}

BuiltinResult Append(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstList(call);
  if (!list || call.positional.size() != 2) return NotMine();
  OCTAVO_TRY(Grow(evaluator, *list, 1));
  list->items.push_back(call.positional[1]);
  return Done(call.positional[0]);
}

BuiltinResult Extend(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstList(call);
  if (!list || call.positional.size() != 2) return NotMine();
  const std::vector<Value> more = OCTAVO_TRY(evaluator.Iterate(call.positional[1]));
  OCTAVO_TRY(Grow(evaluator, *list, more.size()));
  list->items.insert(list->items.end(), more.begin(), more.end());
  return Done(Value());
}

// list += list; on a tensor it is an operator.
BuiltinResult AddInPlace(Evaluator& evaluator, const CallArguments& call) {
  if (!FirstList(call)) return NotMine();
  OCTAVO_TRY(Extend(evaluator, call));
  return Done(call.positional[0]);
}

BuiltinResult Insert(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstList(call);
  if (!list || call.positional.size() != 3) return NotMine();
  OCTAVO_TRY(Grow(evaluator, *list, 1));
  const auto count = static_cast<std::int64_t>(list->items.size());
  std::int64_t at = OCTAVO_TRY(KnownInt(call.positional[1], "an index"));
  if (at < 0) at += count;
  at = std::clamp<std::int64_t>(at, 0, count);
  OCTAVO_TRY(ChargeMove(evaluator, static_cast<std::size_t>(count - at)));
  list->items.insert(list->items.begin() + at, call.positional[2]);
  return Done(Value());
}

BuiltinResult Pop(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstList(call);
  if (!list) {
    if (!call.positional.empty() && call.positional[0].Is<Dict*>()) {
      return Done(OCTAVO_TRY(evaluator.CallNamed("dict::pop", call)));
    }
    return NotMine();
  }
  const Value last(std::int64_t{-1});
  const std::size_t at = OCTAVO_TRY(
      IndexInto(call.positional.size() > 1 ? call.positional[1] : last, list->items.size(), "a list"));
  OCTAVO_TRY(ChargeMove(evaluator, list->items.size() - at));
  const Value item = list->items[at];
  list->items.erase(list->items.begin() + static_cast<std::ptrdiff_t>(at));
  return Done(item);
}

BuiltinResult Clear(Evaluator&, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  if (List* list = call.positional[0].Get<List*>()) {
    list->items.clear();
    return Done(Value());
  }
  if (Dict* dict = call.positional[0].Get<Dict*>()) {
    *dict = Dict();
    return Done(Value());
  }
  return NotMine();
}

BuiltinResult Copy(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const Value& value = call.positional[0];
  if (const Dict* dict = value.Get<Dict*>()) {
    OCTAVO_TRY(evaluator.Charge(dict->items.size()));
    evaluator.arena().Count(2 * dict->items.size());
    Dict* copy = evaluator.arena().NewDict();
    copy->items = dict->items;
    return Done(Value(copy));
  }
  if (const List* list = value.Get<List*>()) {
    List* copy = evaluator.arena().NewList(OCTAVO_TRY(evaluator.Iterate(value)));
    copy->of_tensors = list->of_tensors;
    return Done(Value(copy));
  }
  return NotMine();
}

// list(x): a new list of what x gives.
BuiltinResult MakeList(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  return Done(Value(evaluator.arena().NewList(OCTAVO_TRY(evaluator.Iterate(call.positional[0])))));
}

BuiltinResult Reverse(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstList(call);
  if (!list) return NotMine();
  OCTAVO_TRY(evaluator.Charge(list->items.size()));
  std::reverse(list->items.begin(), list->items.end());
  return Done(Value());
}

// The position of the first item that equals the argument, or -1.
Result<std::int64_t> Position(Evaluator& evaluator, const std::vector<Value>& items, const Value& wanted) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto equal = OCTAVO_TRY(Equal(evaluator, items[i], wanted));
    if (!equal) return Unsupported("comparing tensors in a list is not supported");
    if (OCTAVO_TRY(evaluator.Truth(*equal, "this search"))) return static_cast<std::int64_t>(i);
  }
  return std::int64_t{-1};
}

BuiltinResult IndexOf(Evaluator& evaluator, const CallArguments& call) {
  const auto* items = call.positional.size() == 2 ? ItemsOf(call.positional[0]) : nullptr;
  if (!items) return NotMine();
  const std::int64_t at = OCTAVO_TRY(Position(evaluator, *items, call.positional[1]));
  if (at < 0) return Unsupported(Describe(call.positional[1]) + " is not in the list");
  return Done(Value(at));
}

BuiltinResult Remove(Evaluator& evaluator, const CallArguments& call) {
  List* list = call.positional.size() == 2 ? FirstList(call) : nullptr;
  if (!list) return NotMine();
  const std::int64_t at = OCTAVO_TRY(Position(evaluator, list->items, call.positional[1]));
  if (at < 0) return Unsupported(Describe(call.positional[1]) + " is not in the list");
  OCTAVO_TRY(ChargeMove(evaluator, list->items.size() - static_cast<std::size_t>(at)));
  list->items.erase(list->items.begin() + at);
  return Done(Value());
}

BuiltinResult CountOf(Evaluator& evaluator, const CallArguments& call) {
  const auto* items = call.positional.size() == 2 ? ItemsOf(call.positional[0]) : nullptr;
  if (!items) return NotMine();
  std::int64_t count = 0;
  for (const Value& item : *items) {
    const auto equal = OCTAVO_TRY(Equal(evaluator, item, call.positional[1]));
    if (equal && OCTAVO_TRY(evaluator.Truth(*equal, "this count"))) ++count;
  }
  return Done(Value(count));
}

BuiltinResult Contains(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  const Value& container = call.positional[0];
  if (const auto* items = ItemsOf(container)) {
    return Done(Value(OCTAVO_TRY(Position(evaluator, *items, call.positional[1])) >= 0));
  }
  if (container.Is<Dict*>()) return Done(OCTAVO_TRY(evaluator.CallNamed("dict::has", call)));
  const auto* text = container.Get<const std::string*>();
  const auto* part = call.positional[1].Get<const std::string*>();
  if (text && part) {
    OCTAVO_TRY(evaluator.ChargeText(text->size()));
    return Done(Value(FindIn(*text, *part, 0) != std::string::npos));
  }
  return NotMine();
}

BuiltinResult TupleOf(Evaluator& evaluator, const CallArguments& call) {
  return Done(Value(evaluator.arena().NewTuple(call.positional)));
}
BuiltinResult ListOf(Evaluator& evaluator, const CallArguments& call) {
  return Done(Value(evaluator.arena().NewList(call.positional)));
}

// ops.prim.TupleUnpack(x), TupleIndex(x, i): a tuple is what an assignment unpacks anyway.
BuiltinResult First(Evaluator&, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  return Done(call.positional[0]);
}

// Of a list; of a tensor it is an operator.
BuiltinResult Select(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2 || !call.positional[0].Is<List*>()) return NotMine();
  return GetItem(evaluator, call);
}

BuiltinResult Delete(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  if (call.positional[0].Is<Dict*>()) return Done(OCTAVO_TRY(evaluator.CallNamed("dict::pop", call)));
  return Pop(evaluator, call);
}

}  // namespace

void AddListBuiltins(BuiltinTable& table) {
  table["aten::add"] = table["aten::__add__"] = Add;
  table["aten::mul"] = table["aten::multiply"] = table["aten::__mul__"] = Multiply;
  table["aten::len"] = table["len"] = table["aten::__len__"] = Length;
  table["aten::__getitem__"] = table["prim::TupleIndex"] = table["prim::StringIndex"] = GetItem;
  table["aten::_set_item"] = table["aten::__setitem__"] = SetItem;
  table["aten::slice"] = Slice;
  table["aten::select"] = Select;
  table["aten::append"] = Append;
  table["aten::extend"] = Extend;
  table["aten::add_"] = AddInPlace;
  table["aten::insert"] = Insert;
  table["aten::pop"] = Pop;
  table["aten::clear"] = Clear;
  table["aten::copy"] = Copy;
  table["aten::list"] = table["list"] = MakeList;
  table["aten::reverse"] = Reverse;
  table["aten::index"] = IndexOf;
  table["aten::remove"] = Remove;
  table["aten::count"] = CountOf;
  table["aten::__contains__"] = Contains;
  table["prim::TupleConstruct"] = TupleOf;
  table["prim::ListConstruct"] = ListOf;
  table["prim::TupleUnpack"] = table["prim::ListUnpack"] = First;
  table["aten::Delete"] = Delete;
}

}  // namespace octavo::import
