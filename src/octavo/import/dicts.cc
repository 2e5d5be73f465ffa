#include <fmt/format.h>

#include "octavo/import/builtins.h"

namespace octavo::import {
namespace {

// A dict with fewer items is searched from its beginning.
constexpr std::size_t kIndexed = 16;

// Items that were added since the last search.
Status UpdateIndex(Evaluator& evaluator, Dict& dict) {
  for (; dict.indexed < dict.items.size(); ++dict.indexed) {
    const Value& key = dict.items[dict.indexed].first;
    if (const auto* text = key.Get<const std::string*>()) {
      OCTAVO_TRY(evaluator.ChargeText(text->size()));
      evaluator.arena().Count(4);
      dict.strings.try_emplace(*text, dict.indexed);
    } else if (key.Is<std::int64_t>()) {
      evaluator.arena().Count(4);
      dict.integers.try_emplace(key.As<std::int64_t>(), dict.indexed);
    }
  }
  return {};
}

// An item that is not the last one moves those behind it, which the index has to learn.
Status Erase(Evaluator& evaluator, Dict& dict, std::size_t at) {
  const bool last = at + 1 == dict.items.size();
  if (!last) OCTAVO_TRY(evaluator.Charge((dict.items.size() - at) / 2));
  const Value key = dict.items[at].first;
  if (dict.indexed > at) {
    if (!last) {
      dict.strings.clear();
      dict.integers.clear();
      dict.indexed = 0;
    } else {
      if (const auto* text = key.Get<const std::string*>()) dict.strings.erase(*text);
      if (key.Is<std::int64_t>()) dict.integers.erase(key.As<std::int64_t>());
      dict.indexed = at;
    }
  }
  dict.items.erase(dict.items.begin() + static_cast<std::ptrdiff_t>(at));
  return {};
}

}  // namespace

// PyTorch tells tensors apart by their identity, which values of a graph do not have.
Status CheckKey(const Value& key) {
  if (!key.Is<TensorBox*>()) return {};
  return Unsupported("a dictionary whose keys are tensors is not supported");
}

Result<std::size_t> Locate(Evaluator& evaluator, Dict& dict, const Value& key) {
  OCTAVO_TRY(evaluator.Step());
  OCTAVO_TRY(CheckKey(key));
  const auto* text = key.Get<const std::string*>();
  if (text) OCTAVO_TRY(evaluator.ChargeText(text->size()));
  if (dict.items.size() >= kIndexed && (text || key.Is<std::int64_t>())) {
    OCTAVO_TRY(UpdateIndex(evaluator, dict));
    if (text) {
      const auto found = dict.strings.find(*text);
      return found == dict.strings.end() ? dict.items.size() : found->second;
    }
    const auto found = dict.integers.find(key.As<std::int64_t>());
    // Among keys of other kinds, one may be equal to an int: a float, or an open size.
    if (found != dict.integers.end()) return found->second;
    if (dict.integers.size() == dict.items.size()) return dict.items.size();
  }
  for (std::size_t i = 0; i < dict.items.size(); ++i) {
    const auto equal = OCTAVO_TRY(Equal(evaluator, dict.items[i].first, key));
    if (equal && equal->Is<bool>() && equal->As<bool>()) return i;
  }
  return dict.items.size();
}

namespace {

Dict* FirstDict(const CallArguments& call) {
  return call.positional.empty() ? nullptr : call.positional[0].Get<Dict*>();
}

Result<std::string> KeyText(Evaluator& evaluator, const Value& key) { return ToText(evaluator, key, true); }

BuiltinResult At(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.positional.size() != 2) return NotMine();
  const std::size_t at = OCTAVO_TRY(Locate(evaluator, *dict, call.positional[1]));
  if (at == dict->items.size()) {
    return Unsupported("the dict has no key " + OCTAVO_TRY(KeyText(evaluator, call.positional[1])));
  }
  return Done(dict->items[at].second);
}

Status Store(Evaluator& evaluator, Dict& dict, const Value& key, const Value& item) {
  const std::size_t at = OCTAVO_TRY(Locate(evaluator, dict, key));
  if (at < dict.items.size()) {
    dict.items[at].second = item;
    return {};
  }
  if (dict.items.size() >= static_cast<std::size_t>(evaluator.limits().max_list_length)) {
    return Unsupported("a dict in the model's code has too many items", LimitHint("list-length"));
  }
  evaluator.arena().Count(2);
  dict.items.emplace_back(key, item);
  return {};
}

BuiltinResult Set(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.positional.size() != 3) return NotMine();
  OCTAVO_TRY(Store(evaluator, *dict, call.positional[1], call.positional[2]));
  return Done(call.positional[0]);
}

BuiltinResult Has(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.positional.size() != 2) return NotMine();
  return Done(Value(OCTAVO_TRY(Locate(evaluator, *dict, call.positional[1])) < dict->items.size()));
}

BuiltinResult Get(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.positional.size() < 2) return NotMine();
  const std::size_t at = OCTAVO_TRY(Locate(evaluator, *dict, call.positional[1]));
  if (at < dict->items.size()) return Done(dict->items[at].second);
  const Value* fallback = call.Find(2, "default_value");
  return Done(fallback ? *fallback : Value());
}

BuiltinResult SetDefault(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.positional.size() != 3) return NotMine();
  const std::size_t at = OCTAVO_TRY(Locate(evaluator, *dict, call.positional[1]));
  if (at < dict->items.size()) return Done(dict->items[at].second);
  OCTAVO_TRY(Store(evaluator, *dict, call.positional[1], call.positional[2]));
  return Done(call.positional[2]);
}

BuiltinResult PopKey(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.positional.size() < 2) return NotMine();
  const std::size_t at = OCTAVO_TRY(Locate(evaluator, *dict, call.positional[1]));
  if (at == dict->items.size()) {
    if (call.positional.size() > 2) return Done(call.positional[2]);
    return Unsupported("the dict has no key " + OCTAVO_TRY(KeyText(evaluator, call.positional[1])));
  }
  const Value item = dict->items[at].second;
  OCTAVO_TRY(Erase(evaluator, *dict, at));
  return Done(item);
}

BuiltinResult PopItem(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict) return NotMine();
  if (dict->items.empty()) return Unsupported("popitem() was called on an empty dict");
  // Python takes the last one, PyTorch the first.
  const auto [key, item] = dict->items.front();
  OCTAVO_TRY(Erase(evaluator, *dict, 0));
  return Done(Value(evaluator.arena().NewTuple({key, item})));
}

enum class Part { kKeys, kValues, kItems };

template <Part part>
BuiltinResult PartsOf(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  if (!dict || call.size() != 1) return NotMine();
  OCTAVO_TRY(evaluator.Charge(dict->items.size()));
  std::vector<Value> out;
  out.reserve(dict->items.size());
  for (const auto& [key, item] : dict->items) {
    if constexpr (part == Part::kKeys) {
      out.push_back(key);
    } else if constexpr (part == Part::kValues) {
      out.push_back(item);
    } else {
      out.emplace_back(evaluator.arena().NewTuple({key, item}));
    }
  }
  return Done(Value(evaluator.arena().NewList(std::move(out))));
}

BuiltinResult Update(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = FirstDict(call);
  const Dict* other = call.positional.size() == 2 ? call.positional[1].Get<Dict*>() : nullptr;
  if (!dict || !other) return NotMine();
  OCTAVO_TRY(evaluator.Charge(other->items.size()));
  const auto items = other->items;
  for (const auto& [key, item] : items) OCTAVO_TRY(Store(evaluator, *dict, key, item));
  return Done(Value());
}

// dict(), dict(dict), dict(list of pairs).
BuiltinResult Make(Evaluator& evaluator, const CallArguments& call) {
  Dict* dict = evaluator.arena().NewDict();
  if (!call.positional.empty()) {
    if (const Dict* other = FirstDict(call)) {
      OCTAVO_TRY(evaluator.Charge(other->items.size()));
      evaluator.arena().Count(2 * other->items.size());
      dict->items = other->items;
    } else {
      for (const Value& pair : OCTAVO_TRY(evaluator.Iterate(call.positional[0]))) {
        const std::vector<Value> parts = OCTAVO_TRY(evaluator.Iterate(pair));
        if (parts.size() != 2) return Unsupported("dict() needs pairs of key and value");
        OCTAVO_TRY(Store(evaluator, *dict, parts[0], parts[1]));
      }
    }
  }
  return Done(Value(dict));
}

}  // namespace

void AddDictBuiltins(BuiltinTable& table) {
  table["dict::at"] = At;
  table["dict::set"] = Set;
  table["dict::has"] = Has;
  table["dict::pop"] = PopKey;
  table["aten::get"] = Get;
  table["aten::setdefault"] = SetDefault;
  table["aten::popitem"] = PopItem;
  table["aten::keys"] = PartsOf<Part::kKeys>;
  table["aten::values"] = PartsOf<Part::kValues>;
  table["aten::items"] = PartsOf<Part::kItems>;
  table["aten::update"] = Update;
  table["aten::dict"] = table["dict"] = Make;
}

}  // namespace octavo::import
