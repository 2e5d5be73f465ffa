#include "octavo/import/inputs.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "octavo/base/closest.h"
#include "octavo/import/signature.h"

namespace octavo::import {

using source::Expr;

namespace {

// What one tensor of an argument takes, in values of the evaluation.
constexpr std::size_t kValuesOfLeaf = 8;

bool IsTensorSpec(const InputSpec& spec) { return !spec.value; }

bool IsTensor(const Expr* type) {
  return !type || (type->kind == source::ExprKind::kName && type->text == "Tensor");
}

// Is `name` the argument or item `whole`, or a part of it?
bool IsWithin(const std::string& name, const std::string& whole) {
  return name == whole || name.starts_with(whole + ".");
}

// Walks forward's parameters twice: first to list the tensors and numbers that they hold and to match them
// with --input, then to make the graph's inputs.
class InputMaker {
 public:
  InputMaker(Evaluator& evaluator, const source::Function& forward)
      : evaluator_(evaluator), forward_(forward), specs_(evaluator.options().inputs) {}

  Result<std::vector<Value>> Make() {
    if (forward_.parameters.empty()) return InvalidFile("forward has no argument self");
    NameHints();
    SortNames();
    OCTAVO_TRY(AddAllLeaves());
    OCTAVO_TRY(MatchValues());
    OCTAVO_TRY(MatchSpecs());
    SortGiven();
    std::vector<Value> values;
    for (std::size_t i = 1; i < forward_.parameters.size(); ++i) {
      parameter_ = &forward_.parameters[i];
      values.push_back(OCTAVO_TRY(MakeArgument()));
    }
    return values;
  }

 private:
  // A tensor, or something without tensors, that forward takes by itself or inside a tuple, list or dict.
  struct Leaf {
    std::string name;            // "x", "p.0", "d.key"
    const Expr* type = nullptr;  // with Optional[...] around it where it is written there
    bool tensor = false;
    const InputSpec* spec = nullptr;
    const TensorType* hint = nullptr;
  };

  Error Usage(std::string what, std::string hint = {}) const {
    if (!hint.empty()) hint += ' ';
    return UsageError(std::move(what), hint + fmt::format("forward takes {}.", SignatureText(forward_)));
  }

  // ---- Leaves

  // Traced inputs of another number of arguments are of something else than this forward.
  void NameHints() {
    const auto& hints = evaluator_.module().traced_inputs;
    const std::size_t count = forward_.parameters.size() - 1;
    if (std::ranges::any_of(hints, [count](const auto& hint) { return hint.argument >= count; })) return;
    for (const module::InputHint& hint : hints) {
      hints_.emplace_back(forward_.parameters[hint.argument + 1].name + hint.item, &hint.type);
    }
  }

  // The first words behind "prefix." in names that --input or the traced inputs give: the keys of a dict, the
  // numbers of a list's items.  The keys of a dict of tensors may have dots.
  std::vector<std::string> NamesUnder(const std::string& prefix, const Expr* element) const {
    std::vector<std::string> names;
    const auto candidates = names_.find(FirstWord(prefix));
    if (candidates == names_.end()) return names;
    const std::string dotted = prefix + ".";
    const bool whole = IsTensor(WithoutOptional(element));
    std::unordered_set<std::string_view> seen;
    for (const std::string* name : candidates->second) {
      if (!name->starts_with(dotted)) continue;
      std::string_view rest = std::string_view(*name).substr(dotted.size());
      if (!whole) rest = rest.substr(0, rest.find('.'));
      if (seen.insert(rest).second) names.emplace_back(rest);
    }
    return names;
  }

  static std::string_view FirstWord(std::string_view name) { return name.substr(0, name.find('.')); }

  void SortNames() {
    for (const auto& [name, type] : hints_) names_[FirstWord(name)].push_back(&name);
    for (const InputSpec& spec : specs_) names_[FirstWord(spec.name)].push_back(&spec.name);
  }

  Status AddAllLeaves() {
    for (std::size_t i = 1; i < forward_.parameters.size(); ++i) {
      parameter_ = &forward_.parameters[i];
      const Expr* type = parameter_->annotation.get();
      if (!HoldsTensors(type) && parameter_->default_value) {
        leaves_.push_back({.name = parameter_->name, .type = type});
      } else {
        OCTAVO_TRY(AddLeaves(parameter_->name, type));
      }
    }
    FillOpenList();
    for (std::size_t i = 0; i < leaves_.size(); ++i) index_.try_emplace(leaves_[i].name, i);
    return {};
  }

  Status AddLeaves(const std::string& name, const Expr* annotated) {
    // A list of a few items may be one of wide tuples.
    evaluator_.arena().Count(kValuesOfLeaf);
    OCTAVO_TRY(evaluator_.Step());
    if (IsGeneric(annotated, "Optional")) optional_.push_back(name);
    const Expr* type = WithoutOptional(annotated);
    if (IsGeneric(type, "Tuple")) {
      for (std::size_t i = 1; i < type->children.size(); ++i)
        OCTAVO_TRY(AddLeaves(fmt::format("{}.{}", name, i - 1), type->children[i].get()));
    } else if (IsGeneric(type, "List") && HoldsTensors(type)) {
      const Expr* element = type->children[1].get();
      const std::size_t count = NamesUnder(name, element).size();
      if (!open_list_ && std::ranges::none_of(specs_, [&](const InputSpec& spec) {
            return spec.name.starts_with(name + ".");
          })) {
        open_list_ = {name, element, leaves_.size(), count};
      }
      for (std::size_t i = 0; i < count; ++i) {
        OCTAVO_TRY(AddLeaves(fmt::format("{}.{}", name, i), element));
      }
    } else if (IsGeneric(type, "Dict") && type->children.size() == 3 && HoldsTensors(type)) {
      const Expr* element = type->children[2].get();
      for (const std::string& key : NamesUnder(name, element)) {
        OCTAVO_TRY(AddLeaves(fmt::format("{}.{}", name, key), element));
      }
    } else {
      leaves_.push_back({.name = name, .type = annotated, .tensor = HoldsTensors(type)});
    }
    return {};
  }

  // A list of tensors of which --input gives no names takes as many as there are unnamed SPECs left for it.
  void FillOpenList() {
    if (!open_list_ || !IsTensor(open_list_->element)) return;
    const auto unnamed = static_cast<std::size_t>(std::ranges::count_if(
        specs_, [](const InputSpec& spec) { return IsTensorSpec(spec) && spec.name.empty(); }));
    const auto others = static_cast<std::size_t>(std::ranges::count_if(leaves_, [this](const Leaf& leaf) {
      return leaf.tensor && !IsWithin(leaf.name, open_list_->name) && !Given(leaf.name);
    }));
    if (unnamed <= others + open_list_->count) return;
    const auto at = leaves_.begin() + static_cast<std::ptrdiff_t>(open_list_->at);
    std::vector<Leaf> items;
    for (std::size_t i = open_list_->count; i < unnamed - others; ++i) {
      items.push_back(
          {.name = fmt::format("{}.{}", open_list_->name, i), .type = open_list_->element, .tensor = true});
    }
    leaves_.insert(at + static_cast<std::ptrdiff_t>(open_list_->count), items.begin(), items.end());
  }

  // Does --input name it, or fix it or a whole that it is part of at a value?
  bool Given(const std::string& name) const {
    return std::ranges::any_of(specs_, [&name](const InputSpec& spec) {
      return !spec.name.empty() && (spec.name == name || (spec.value && IsWithin(name, spec.name)));
    });
  }

  // ---- What --input says of them

  Leaf* Find(const std::string& name) {
    const auto leaf = index_.find(name);
    return leaf == index_.end() ? nullptr : &leaves_[leaf->second];
  }

  // forward has it, but it is a tuple, list or dict.
  std::optional<Error> Container(const std::string& name) const {
    const auto item = std::ranges::find_if(
        leaves_, [&name](const Leaf& leaf) { return leaf.tensor && leaf.name.starts_with(name + "."); });
    const source::Parameter* parameter = FindParameter(name);
    if (item == leaves_.end() && !parameter) return std::nullopt;
    const std::string kind = parameter ? " of type " + TypeText(parameter->annotation.get()) : std::string();
    return Usage(fmt::format("--input {}: forward's argument {}{} holds tensors by name", name, name, kind),
                 fmt::format("Give each of them, such as --input '{}:float32[1,3,224,224]'.",
                             item == leaves_.end() ? name + ".KEY" : item->name));
  }

  Error UnknownName(const std::string& name) const {
    if (auto container = Container(name)) return *std::move(container);
    const std::size_t dot = name.rfind('.');
    const source::Parameter* list = dot == std::string::npos ? nullptr : FindParameter(name.substr(0, dot));
    if (list && IsGeneric(WithoutOptional(list->annotation.get()), "List")) {
      return Usage(fmt::format("--input {}: an item before it in the list {} is missing", name, list->name),
                   "Number the items from 0.");
    }
    std::vector<std::string> names = optional_;
    for (const Leaf& leaf : leaves_) names.push_back(leaf.name);
    for (std::size_t i = 1; i < forward_.parameters.size(); ++i) names.push_back(forward_.parameters[i].name);
    const std::string near = Closest(name, names);
    return Usage(fmt::format("--input {}: forward has no argument {}{}", name, name,
                             near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
  }

  const source::Parameter* FindParameter(const std::string& name) const {
    const auto& parameters = forward_.parameters;
    const auto at = std::find_if(parameters.begin() + 1, parameters.end(),
                                 [&name](const source::Parameter& p) { return p.name == name; });
    return at == parameters.end() ? nullptr : &*at;
  }

  Status CheckGivenOnce() const {
    for (auto spec = specs_.begin(); spec != specs_.end(); ++spec) {
      if (spec->name.empty()) continue;
      const auto same = [&](const InputSpec& other) {
        return other.name == spec->name || (other.value && IsWithin(spec->name, other.name)) ||
               (spec->value && IsWithin(other.name, spec->name));
      };
      if (std::any_of(spec + 1, specs_.end(), same))
        return Usage(fmt::format("--input {} is given twice", spec->name));
    }
    return {};
  }

  Status MatchValues() {
    OCTAVO_TRY(CheckGivenOnce());
    for (const InputSpec& spec : specs_) {
      if (!spec.value) continue;
      if (Leaf* leaf = Find(spec.name)) {
        OCTAVO_TRY(LiteralValue(spec.name, leaf->type, *spec.value));
        leaf->spec = &spec;
      } else if (const source::Parameter* parameter = FindParameter(spec.name)) {
        OCTAVO_TRY(LiteralValue(spec.name, parameter->annotation.get(), *spec.value));
      } else if (std::ranges::find(optional_, spec.name) == optional_.end()) {
        return UnknownName(spec.name);
      }
    }
    return {};
  }

  // A SPEC for something that is no tensor.
  Error NoTensor(const Leaf& leaf) const {
    std::string hint;
    if (TakesLiteral(leaf.type)) {
      hint = fmt::format(
          "A number can be fixed, as in --input {}={}; numbers as inputs of the converted model are for a "
          "later version.",
          leaf.name, ExampleValue(leaf.type));
    }
    return Usage(fmt::format("--input {}: {}, not a tensor", leaf.name, KindText(leaf.name, leaf.type)),
                 hint);
  }

  Status MatchSpecs() {
    const auto unnamed = [this](const Leaf& leaf) { return leaf.tensor && !leaf.spec && !Given(leaf.name); };
    for (const InputSpec& spec : specs_) {
      if (spec.value) continue;
      if (spec.name.empty()) {
        const auto leaf = std::ranges::find_if(leaves_, unnamed);
        if (leaf == leaves_.end()) {
          return Usage(fmt::format("--input is given for {} tensors, but forward takes {} by position",
                                   std::ranges::count_if(specs_, IsTensorSpec),
                                   std::ranges::count_if(leaves_, &Leaf::tensor)));
        }
        leaf->spec = &spec;
        continue;
      }
      Leaf* leaf = Find(spec.name);
      if (!leaf) return UnknownName(spec.name);
      if (!leaf->tensor) return NoTensor(*leaf);
      leaf->spec = &spec;
    }
    for (const auto& [name, type] : hints_) {
      Leaf* leaf = Find(name);
      if (!leaf || !leaf->tensor) continue;
      leaf->hint = type;
      if (leaf->spec && leaf->spec->type.shape && type->shape)
        NameTracedSizes(*leaf->spec->type.shape, *type->shape);
    }
    return {};
  }

  void NameTracedSizes(const Shape& given, const Shape& traced) {
    for (std::size_t i = 0; i < given.size() && given.size() == traced.size(); ++i) {
      const std::vector<std::string> symbols = given[i].symbols();
      if (symbols.size() == 1 && given[i] == Dim::Symbol(symbols[0]))
        evaluator_.imported().traced_sizes.emplace(symbols[0], traced[i].value());
    }
  }

  // ---- Values

  void Warn(std::string text) { evaluator_.imported().warnings.push_back(std::move(text)); }

  const InputSpec* LiteralFor(const std::string& name) const {
    for (const InputSpec& spec : specs_) {
      if (spec.value && spec.name == name) return &spec;
    }
    return nullptr;
  }

  void SortGiven() {
    for (const Leaf& leaf : leaves_) {
      if (leaf.spec || leaf.hint) given_.push_back(leaf.name);
    }
    std::ranges::sort(given_);
  }

  bool AnyGiven(const std::string& name) const {
    const auto begins = [this, &name](const std::string& whole) {
      const auto at = std::ranges::lower_bound(given_, whole);
      return at != given_.end() && IsWithin(std::string(*at), name);
    };
    return begins(name) || begins(name + ".");
  }

  Result<Value> MakeArgument() {
    const source::Parameter& p = *parameter_;
    const Expr* type = p.annotation.get();
    const bool either = IsGeneric(type, "Union") && !AnyGiven(p.name);  // a tensor or a number
    if ((HoldsTensors(type) && !either) || !p.default_value) return MakeValue(p.name, type);
    if (const InputSpec* spec = LiteralFor(p.name)) return LiteralValue(p.name, type, *spec->value);
    const std::string fixed =
        fmt::format("forward's argument {} is fixed at its default {}", p.name, DefaultText(p));
    if (TakesLiteral(type)) {
      Warn(fmt::format("{}; --input {}=VALUE fixes it at another value", fixed, p.name));
    } else {
      Warn(fmt::format("{}; a wrapper module around the model can pass another value", fixed));
    }
    Frame empty;
    return evaluator_.Evaluate(*p.default_value, empty);
  }

  Result<Value> MakeValue(const std::string& name, const Expr* annotated) {
    const Expr* type = WithoutOptional(annotated);
    if (const InputSpec* spec = LiteralFor(name)) return LiteralValue(name, annotated, *spec->value);
    if (IsGeneric(annotated, "Optional") && !AnyGiven(name) && HoldsTensors(type)) {
      const std::string input = IsTensor(type)
                                    ? fmt::format("--input '{}:float32[...]' makes it an input", name)
                                    : "an --input for each of its tensors makes them inputs";
      Warn(fmt::format("forward's argument {} is left out (None); --input {}=None confirms this, {}", name,
                       name, input));
      return Value();
    }
    std::vector<Value> items;
    if (IsGeneric(type, "Tuple")) {
      for (std::size_t i = 1; i < type->children.size(); ++i)
        items.push_back(OCTAVO_TRY(MakeValue(fmt::format("{}.{}", name, i - 1), type->children[i].get())));
      return Value(evaluator_.arena().NewTuple(std::move(items)));
    }
    if (IsGeneric(type, "List") && HoldsTensors(type)) {
      while (AnyGiven(fmt::format("{}.{}", name, items.size()))) {
        items.push_back(
            OCTAVO_TRY(MakeValue(fmt::format("{}.{}", name, items.size()), type->children[1].get())));
      }
      if (items.empty()) return Missing(name, type, "0");
      return Value(evaluator_.arena().NewList(std::move(items)));
    }
    if (IsGeneric(type, "Dict") && type->children.size() == 3 && HoldsTensors(type)) {
      Dict* dict = evaluator_.arena().NewDict();
      for (const std::string& key : NamesUnder(name, type->children[2].get())) {
        const Value item = OCTAVO_TRY(MakeValue(fmt::format("{}.{}", name, key), type->children[2].get()));
        dict->items.emplace_back(evaluator_.arena().String(key), item);
      }
      if (dict->items.empty()) return Missing(name, type, "key");
      return Value(dict);
    }
    const Leaf* leaf = Find(name);
    const bool either = IsGeneric(annotated, "Union") && !AnyGiven(name);
    if (!leaf || !leaf->tensor || either) return NotGiven(name, annotated);
    TensorType tensor;
    if (leaf->hint) tensor = *leaf->hint;
    if (leaf->spec) tensor = leaf->spec->type;
    if (leaf->hint && !leaf->spec && tensor.rank() != 0 && AnyOpenSize()) {
      Warn(fmt::format(
          "the input {} keeps the shape {} that it was traced with, while --input leaves sizes of other "
          "inputs open; --input '{}:{}[...]' gives it another",
          name, tensor.ToString(), name, Name(tensor.dtype)));
    }
    if (tensor.dtype == DType::kUnknown) AssumeFloat(name, tensor);
    return evaluator_.NewTensorValue(evaluator_.graph().AddInput(name, std::move(tensor)));
  }

  bool AnyOpenSize() const {
    return std::ranges::any_of(specs_, [](const InputSpec& spec) {
      return !spec.value && spec.type.shape &&
             std::ranges::any_of(*spec.type.shape, [](const Dim& size) { return !size.known(); });
    });
  }

  // Most models take float32; a survey leaves the type unknown.
  void AssumeFloat(const std::string& name, TensorType& type) {
    evaluator_.imported().untyped.push_back(name);
    if (!evaluator_.options().survey) type.dtype = DType::kFloat32;
  }

  Result<Value> Missing(const std::string& name, const Expr* type, const char* item) const {
    if (evaluator_.options().survey) return Value(Unknown{});
    Error error = UsageError(
        fmt::format("forward's argument {} is a {}, and --input does not name its tensors", name,
                    TypeText(type)),
        fmt::format("Give each of its tensors, such as --input {}.{}:float32[1,3,224,224].", name, item));
    error.SetNeedsInput();
    return error;
  }

  // Of what is no tensor and has neither a default nor a value from --input.
  Result<Value> NotGiven(const std::string& name, const Expr* type) const {
    if (evaluator_.options().survey) return Value(Unknown{});
    const std::string what =
        fmt::format("forward's argument {}, and has no default value", KindText(name, type));
    if (TakesLiteral(type)) {
      return Usage(what, fmt::format("Fix it at a value with --input {}={}.", name, ExampleValue(type)))
          .SetNeedsInput()
          .SetWhere(parameter_->range.Place(), parameter_->range.Excerpt());
    }
    return Unsupported(what, "Give it a default value or fix it in a wrapper module before saving.")
        .SetWhere(parameter_->range.Place(), parameter_->range.Excerpt());
  }

  struct OpenList {
    std::string name;
    const Expr* element;
    std::size_t at;     // of its first leaf
    std::size_t count;  // of its items that the traced inputs have
  };

  Evaluator& evaluator_;
  const source::Function& forward_;
  const std::vector<InputSpec>& specs_;
  const source::Parameter* parameter_ = nullptr;  // the one that is being looked at
  std::vector<std::pair<std::string, const TensorType*>> hints_;
  // All names that the traced inputs and --input give, by their first words.
  std::unordered_map<std::string_view, std::vector<const std::string*>> names_;
  std::vector<Leaf> leaves_;                                 // in the order of forward's arguments
  std::unordered_map<std::string_view, std::size_t> index_;  // the first leaf of a name
  std::vector<std::string_view> given_;                      // sorted: leaves of which something is known
  std::vector<std::string> optional_;                        // what may be None
  std::optional<OpenList> open_list_;
};

}  // namespace

Result<std::vector<Value>> MakeInputs(Evaluator& evaluator, const source::Function& forward) {
  return InputMaker(evaluator, forward).Make();
}

}  // namespace octavo::import
