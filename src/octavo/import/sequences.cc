#include <algorithm>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

// Functions over sequences that are not methods of one.

namespace octavo::import {
namespace {

List* FirstSequence(const CallArguments& call) {
  return call.positional.empty() ? nullptr : call.positional[0].Get<List*>();
}

// Sorts numbers or strings; sizes that cannot be ordered are an error.
Status SortItems(Evaluator& evaluator, std::vector<Value>& items, bool descending) {
  OCTAVO_TRY(evaluator.Charge(items.size() * 20));
  bool strings = true, numbers = true;
  for (const Value& item : items) {
    if (const auto* text = item.Get<const std::string*>())
      OCTAVO_TRY(evaluator.ChargeText(20 * text->size()));
    strings = strings && item.Is<const std::string*>();
    numbers = numbers && item.is_number() && !item.Is<const Dim*>();
  }
  if (!strings && !numbers) return Unsupported("only constant numbers and strings can be sorted");
  // NaN has no place in an order.
  for (const Value& item : items) {
    if (item.Is<double>() && item.As<double>() != item.As<double>())
      return Unsupported("NaN cannot be sorted");
  }
  const auto less = [strings](const Value& a, const Value& b) {
    if (strings) return *a.As<const std::string*>() < *b.As<const std::string*>();
    if (a.Is<std::int64_t>() && b.Is<std::int64_t>()) return a.As<std::int64_t>() < b.As<std::int64_t>();
    return ToDouble(a) < ToDouble(b);
  };
  if (descending) {
    std::stable_sort(items.begin(), items.end(),
                     [&less](const Value& a, const Value& b) { return less(b, a); });
  } else {
    std::stable_sort(items.begin(), items.end(), less);
  }
  return {};
}

BuiltinResult Sort(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstSequence(call);
  if (!list) return NotMine();
  const Value* reverse = call.Find(1, "reverse");
  const bool descending = reverse && OCTAVO_TRY(evaluator.Truth(*reverse, "this sort"));
  OCTAVO_TRY(SortItems(evaluator, list->items, descending));
  return Done(Value());
}

BuiltinResult Sorted(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.empty() || call.positional[0].Is<TensorBox*>()) return NotMine();
  std::vector<Value> items = OCTAVO_TRY(evaluator.Iterate(call.positional[0]));
  const Value* reverse = call.Find(1, "reverse");
  const bool descending = reverse && OCTAVO_TRY(evaluator.Truth(*reverse, "this sort"));
  OCTAVO_TRY(SortItems(evaluator, items, descending));
  return Done(Value(evaluator.arena().NewList(std::move(items))));
}

// sum(list), any(list), all(list) of numbers and bools.
BuiltinResult Sum(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstSequence(call);
  if (!list || call.size() != 1) return NotMine();
  Value total(std::int64_t{0});
  for (const Value& item : list->items) {
    if (!item.is_number()) return NotMine();
    OCTAVO_TRY(evaluator.Step());
    total = OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kAdd, total, item));
  }
  return Done(total);
}

template <bool all>
BuiltinResult AllOrAny(Evaluator& evaluator, const CallArguments& call) {
  List* list = FirstSequence(call);
  if (!list || call.size() != 1) return NotMine();
  for (const Value& item : list->items) {
    OCTAVO_TRY(evaluator.Step());
    if (OCTAVO_TRY(evaluator.Truth(item, "this condition")) != all) return Done(Value(!all));
  }
  return Done(Value(all));
}

Result<std::int64_t> RangeLength(std::int64_t start, std::int64_t stop, std::int64_t step) {
  if (step == 0) return Unsupported("the step of a range must not be 0");
  if (step > 0 ? start >= stop : start <= stop) return std::int64_t{0};
  const std::uint64_t span = step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                                      : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
  const std::uint64_t stride =
      step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t length = (span - 1) / stride + 1;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(length, INT64_MAX));
}

BuiltinResult PythonRange(Evaluator& evaluator, const CallArguments& call) {
  const std::size_t n = call.positional.size();
  if (n == 0 || n > 3) return NotMine();
  constexpr std::string_view kWhat = "the number of iterations";
  const std::int64_t start = n > 1 ? OCTAVO_TRY(KnownInt(call.positional[0], kWhat)) : 0;
  const std::int64_t stop = OCTAVO_TRY(KnownInt(call.positional[n > 1 ? 1 : 0], kWhat));
  const std::int64_t step = n > 2 ? OCTAVO_TRY(KnownInt(call.positional[2], kWhat)) : 1;
  const std::int64_t length = OCTAVO_TRY(RangeLength(start, stop, step));
  if (length > evaluator.limits().max_list_length) {
    return Unsupported(fmt::format("a range of {} numbers is too long", length), LimitHint("list-length"));
  }
  OCTAVO_TRY(evaluator.Charge(static_cast<std::size_t>(length)));
  std::vector<Value> items;
  items.reserve(static_cast<std::size_t>(length));
  // Within the bounds, but the product may pass 2^63 on the way.
  for (std::int64_t i = 0; i < length; ++i) {
    items.emplace_back(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                  static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(step)));
  }
  return Done(Value(evaluator.arena().NewList(std::move(items))));
}

// torch.__range_length(lo, hi, step): how often a for loop over a range runs.
BuiltinResult LoopLength(Evaluator&, const CallArguments& call) {
  if (call.positional.size() != 3) return NotMine();
  constexpr std::string_view kWhat = "the number of iterations";
  const std::int64_t start = OCTAVO_TRY(KnownInt(call.positional[0], kWhat));
  const std::int64_t stop = OCTAVO_TRY(KnownInt(call.positional[1], kWhat));
  const std::int64_t step = OCTAVO_TRY(KnownInt(call.positional[2], kWhat));
  return Done(Value(OCTAVO_TRY(RangeLength(start, stop, step))));
}

// torch.__derive_index(i, start, step) = start + i * step.
BuiltinResult LoopIndex(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 3) return NotMine();
  const Value offset =
      OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kMul, call.positional[0], call.positional[2]));
  return Done(OCTAVO_TRY(Arithmetic(evaluator, BinaryOp::kAdd, call.positional[1], offset)));
}

BuiltinResult Zip(Evaluator& evaluator, const CallArguments& call) {
  std::vector<std::vector<Value>> columns;
  columns.reserve(call.positional.size());
  std::size_t length = SIZE_MAX;
  for (const Value& value : call.positional) {
    columns.push_back(OCTAVO_TRY(evaluator.Iterate(value)));
    evaluator.arena().Count(columns.back().size());
    length = std::min(length, columns.back().size());
  }
  if (columns.empty()) return NotMine();
  std::vector<Value> rows;
  rows.reserve(length);
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<Value> row;
    row.reserve(columns.size());
    for (const auto& column : columns) row.push_back(column[i]);
    rows.emplace_back(evaluator.arena().NewTuple(std::move(row)));
  }
  return Done(Value(evaluator.arena().NewList(std::move(rows))));
}

BuiltinResult Enumerate(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.empty()) return NotMine();
  const std::vector<Value> items = OCTAVO_TRY(evaluator.Iterate(call.positional[0]));
  const Value* start = call.Find(1, "start");
  auto number =
      static_cast<std::uint64_t>(start ? OCTAVO_TRY(KnownInt(*start, "argument start of enumerate()")) : 0);
  std::vector<Value> rows;
  rows.reserve(items.size());
  for (const Value& item : items) {
    rows.emplace_back(evaluator.arena().NewTuple({Value(static_cast<std::int64_t>(number++)), item}));
  }
  return Done(Value(evaluator.arena().NewList(std::move(rows))));
}

}  // namespace

void AddSequenceBuiltins(BuiltinTable& table) {
  table["aten::sort"] = Sort;
  table["aten::sorted"] = table["sorted"] = Sorted;
  table["aten::sum"] = table["sum"] = Sum;
  table["aten::any"] = table["any"] = AllOrAny<false>;
  table["aten::all"] = table["all"] = AllOrAny<true>;
  table["range"] = table["prim::rangelist"] = PythonRange;
  table["aten::__range_length"] = LoopLength;
  table["aten::__derive_index"] = LoopIndex;
  table["zip"] = Zip;
  table["enumerate"] = Enumerate;
}

}  // namespace octavo::import
