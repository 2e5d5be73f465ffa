#include "octavo/import/inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

namespace octavo::import {

using source::Expr;
using source::ExprKind;

std::string TypeText(const Expr* annotation) {
  if (!annotation) return "Tensor";
  if (annotation->kind == ExprKind::kNone) return "None";
  if (annotation->kind == ExprKind::kSubscript) {
    std::string text = TypeText(annotation->children[0].get()) + "[";
    for (std::size_t i = 1; i < annotation->children.size(); ++i) {
      text += (i > 1 ? ", " : "") + TypeText(annotation->children[i].get());
    }
    return text + "]";
  }
  return annotation->text;
}

namespace {

bool IsGeneric(const Expr* type, std::string_view name) {
  return type && type->kind == ExprKind::kSubscript && type->children[0]->text == name;
}

// Walks forward's parameters twice: first to count the tensors that they hold and to match them with --input,
// then to make the graph's inputs.
class InputMaker {
 public:
  InputMaker(Evaluator& evaluator, const source::Function& forward)
      : evaluator_(evaluator), forward_(forward) {}

  Result<std::vector<Value>> Make() {
    OCTAVO_TRY(MatchSpecs());
    std::vector<Value> values;
    const auto& parameters = forward_.parameters;
    for (std::size_t i = 1; i < parameters.size(); ++i) {
      Frame empty;
      if (TakesNothing(parameters[i])) {
        if (!parameters[i].default_value) {
          return Unsupported(
                     fmt::format("forward's argument {} is of type {}, which the converted model cannot take",
                                 parameters[i].name, TypeText(parameters[i].annotation.get())),
                     "Give it a default value or fix it in a wrapper module before saving.")
              .SetWhere(parameters[i].range.Place(), parameters[i].range.Excerpt());
        }
        values.push_back(OCTAVO_TRY(evaluator_.Evaluate(*parameters[i].default_value, empty)));
        continue;
      }
      values.push_back(OCTAVO_TRY(MakeValue(parameters[i].name, parameters[i].annotation.get())));
    }
    return values;
  }

 private:
  struct Slot {
    std::string name;
    bool optional = false;
    const InputSpec* spec = nullptr;
    const module::InputHint* hint = nullptr;
  };

  // Is the parameter without tensors?
  static bool HoldsTensors(const Expr* type) {
    if (!type) return true;
    if (type->kind == ExprKind::kName) return type->text == "Tensor";
    if (type->kind != ExprKind::kSubscript) return false;
    return std::any_of(type->children.begin() + 1, type->children.end(),
                       [](const source::ExprPtr& t) { return HoldsTensors(t.get()); });
  }
  static bool TakesNothing(const source::Parameter& parameter) {
    return !HoldsTensors(parameter.annotation.get());
  }

  // "x: Tensor, mask: Optional[Tensor]"
  std::string Signature() const {
    std::string text;
    for (std::size_t i = 1; i < forward_.parameters.size(); ++i) {
      const source::Parameter& p = forward_.parameters[i];
      text += fmt::format("{}{}: {}", i > 1 ? ", " : "", p.name, TypeText(p.annotation.get()));
    }
    return text.empty() ? "nothing" : text;
  }

  // The names that --input gives under "prefix.", such as the keys of a dict.
  std::vector<std::string> NamesUnder(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const InputSpec& spec : evaluator_.options().inputs) {
      if (spec.name.starts_with(prefix + ".")) names.push_back(spec.name.substr(prefix.size() + 1));
    }
    return names;
  }

  void AddSlots(const std::string& name, const Expr* type, bool optional) {
    if (IsGeneric(type, "Optional") && type->children.size() == 2) {
      AddSlots(name, type->children[1].get(), true);
    } else if (IsGeneric(type, "Tuple")) {
      for (std::size_t i = 1; i < type->children.size(); ++i) {
        AddSlots(fmt::format("{}.{}", name, i - 1), type->children[i].get(), optional);
      }
    } else if (IsGeneric(type, "List")) {
      const std::size_t count = NamesUnder(name).size();
      for (std::size_t i = 0; i < count; ++i) {
        AddSlots(fmt::format("{}.{}", name, i), type->children[1].get(), optional);
      }
      if (count == 0 && !open_list_) open_list_ = {name, type->children[1].get(), slots_.size()};
    } else if (IsGeneric(type, "Dict") && type->children.size() == 3) {
      for (const std::string& key : NamesUnder(name)) {
        AddSlots(fmt::format("{}.{}", name, key), type->children[2].get(), optional);
      }
    } else if (HoldsTensors(type)) {
      slots_.push_back({.name = name, .optional = optional});
    }
  }

  // A list of which --input says no names holds what is left of the unnamed ones.
  void FillOpenList(std::size_t count) {
    std::vector<Slot> items;
    for (std::size_t i = 0; i < count; ++i) {
      items.push_back({.name = fmt::format("{}.{}", open_list_->name, i)});
    }
    slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(open_list_->at), items.begin(), items.end());
  }

  Status MatchSpecs() {
    if (forward_.parameters.empty()) return InvalidFile("forward has no argument self");
    for (std::size_t i = 1; i < forward_.parameters.size(); ++i) {
      AddSlots(forward_.parameters[i].name, forward_.parameters[i].annotation.get(), false);
    }
    const auto& specs = evaluator_.options().inputs;
    const auto& hints = evaluator_.module().traced_inputs;
    if (open_list_) {
      const auto unnamed = static_cast<std::size_t>(
          std::count_if(specs.begin(), specs.end(), [](const InputSpec& s) { return s.name.empty(); }));
      const std::size_t given = unnamed > 0 ? unnamed : hints.size();
      if (given > slots_.size()) FillOpenList(given - slots_.size());
    }
    for (const InputSpec& spec : specs) {
      auto slot =
          std::find_if(slots_.begin(), slots_.end(), [&spec](const Slot& s) { return s.name == spec.name; });
      if (spec.name.empty()) {
        slot = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& s) {
          return !s.spec && std::none_of(specs.begin(), specs.end(),
                                         [&s](const InputSpec& other) { return other.name == s.name; });
        });
      }
      if (slot == slots_.end()) {
        return UsageError(spec.name.empty()
                              ? fmt::format("--input is given {} times, forward takes {} tensors",
                                            specs.size(), slots_.size())
                              : fmt::format("--input {}: forward has no such tensor", spec.name),
                          fmt::format("forward takes {}.", Signature()));
      }
      if (slot->spec) {
        return UsageError(fmt::format("--input {} is given twice", spec.name),
                          fmt::format("forward takes {}.", Signature()));
      }
      slot->spec = &spec;
    }
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      for (const module::InputHint& hint : hints) {
        if (!hint.name.empty() && hint.name == slots_[i].name) slots_[i].hint = &hint;
      }
      if (!slots_[i].hint && hints.size() == slots_.size() && hints[i].name.empty())
        slots_[i].hint = &hints[i];
    }
    return {};
  }

  const Slot* Find(const std::string& name) const {
    const auto slot =
        std::find_if(slots_.begin(), slots_.end(), [&name](const Slot& s) { return s.name == name; });
    return slot == slots_.end() ? nullptr : &*slot;
  }

  bool AnyGiven(const std::string& name) const {
    return std::any_of(slots_.begin(), slots_.end(), [&name](const Slot& slot) {
      return (slot.spec || slot.hint) && (slot.name == name || slot.name.starts_with(name + "."));
    });
  }

  Result<Value> MakeValue(const std::string& name, const Expr* type) {
    if (IsGeneric(type, "Optional") && type->children.size() == 2) {
      if (!AnyGiven(name)) return Value();
      return MakeValue(name, type->children[1].get());
    }
    std::vector<Value> items;
    if (IsGeneric(type, "Tuple")) {
      for (std::size_t i = 1; i < type->children.size(); ++i) {
        items.push_back(OCTAVO_TRY(MakeValue(fmt::format("{}.{}", name, i - 1), type->children[i].get())));
      }
      return Value(evaluator_.arena().NewTuple(std::move(items)));
    }
    if (IsGeneric(type, "List")) {
      while (AnyGiven(fmt::format("{}.{}", name, items.size()))) {
        items.push_back(
            OCTAVO_TRY(MakeValue(fmt::format("{}.{}", name, items.size()), type->children[1].get())));
      }
      if (items.empty()) return Missing(name, type, "0");
      return Value(evaluator_.arena().NewList(std::move(items)));
    }
    if (IsGeneric(type, "Dict") && type->children.size() == 3) {
      Dict* dict = evaluator_.arena().NewDict();
      for (const std::string& key : NamesUnder(name)) {
        const Value item = OCTAVO_TRY(MakeValue(fmt::format("{}.{}", name, key), type->children[2].get()));
        dict->items.emplace_back(evaluator_.arena().String(key), item);
      }
      if (dict->items.empty()) return Missing(name, type, "key");
      return Value(dict);
    }
    const Slot* slot = Find(name);
    if (!slot) {
      return Unsupported(
          fmt::format("forward's argument {} is of type {}, which the converted model cannot take", name,
                      TypeText(type)));
    }
    TensorType tensor{.dtype = DType::kFloat32};
    if (slot->hint && slot->hint->type.dtype != DType::kUnknown) tensor = slot->hint->type;
    if (slot->spec) tensor = slot->spec->type;
    return evaluator_.NewTensorValue(evaluator_.graph().AddInput(name, std::move(tensor)));
  }

  static Error Missing(const std::string& name, const Expr* type, const char* item) {
    return UsageError(
        fmt::format("forward's argument {} is a {}: what it holds must be known", name, TypeText(type)),
        fmt::format("Give each of its tensors, such as --input {}.{}:float32[1,3,224,224].", name, item));
  }

  struct OpenList {
    std::string name;
    const Expr* element;
    std::size_t at;
  };

  Evaluator& evaluator_;
  const source::Function& forward_;
  std::vector<Slot> slots_;
  std::optional<OpenList> open_list_;
};

}  // namespace

Result<std::vector<Value>> MakeInputs(Evaluator& evaluator, const source::Function& forward) {
  return InputMaker(evaluator, forward).Make();
}

}  // namespace octavo::import
