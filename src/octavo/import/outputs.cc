#include <set>

#include <fmt/format.h>

#include "octavo/import/builtins.h"
#include "octavo/import/inputs.h"

namespace octavo::import {
namespace {

using source::Expr;
using source::ExprKind;

// The variable's name as the model's author wrote it: the printer adds digits to tell values apart, and
// begins the names of its own with an underscore.
std::string VariableName(const Expr* expr) {
  if (!expr || expr->kind != ExprKind::kName || expr->text.starts_with('_')) return {};
  std::string name = expr->text;
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.pop_back();
  return name;
}

class OutputMaker {
  static constexpr std::size_t kValuesOfOutput = 8;

 public:
  explicit OutputMaker(Evaluator& evaluator) : evaluator_(evaluator) {
    for (const ir::ValueId input : evaluator.graph().inputs())
      taken_.insert(evaluator.graph().value(input).name);
  }

  // `name` is what the value is called where it is returned; `fallback` what it is called otherwise.
  Status Add(const Value& value, const std::string& name, const std::string& fallback, const Expr* expr) {
    DepthGuard depth(evaluator_);
    OCTAVO_TRY(depth.Check());
    OCTAVO_TRY(evaluator_.Step());
    // An output is a name at least, and a tuple may hold another one many times.
    evaluator_.arena().Count(kValuesOfOutput + fallback.size() / sizeof(Value));
    TensorBox* box = value.Get<TensorBox*>();
    if (box && box->number && box->number->Is<const Dim*>()) {
      return LeaveOut(*box->number);
    }
    if (box) {
      const ir::ValueId id = OCTAVO_TRY(evaluator_.Materialise(box));
      evaluator_.graph().AddOutput(Unique(name, fallback), id);
      return {};
    }
    if (const Tuple* tuple = value.Get<Tuple*>()) {
      const bool written =
          expr && expr->kind == ExprKind::kTuple && expr->children.size() == tuple->items.size();
      for (std::size_t i = 0; i < tuple->items.size(); ++i) {
        const Expr* item = written ? expr->children[i].get() : nullptr;
        const std::string field =
            i < tuple->fields.size() ? std::string(tuple->fields[i]) : VariableName(item);
        OCTAVO_TRY(Add(tuple->items[i], field, fmt::format("{}_{}", fallback, i), item));
      }
      return {};
    }
    if (const List* list = value.Get<List*>()) {
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        OCTAVO_TRY(Add(list->items[i], {}, fmt::format("{}_{}", fallback, i), nullptr));
      }
      return {};
    }
    if (const Dict* dict = value.Get<Dict*>()) {
      for (std::size_t i = 0; i < dict->items.size(); ++i) {
        const auto& [key, item] = dict->items[i];
        const std::string name_of_key = OCTAVO_TRY(ToText(evaluator_, key));
        OCTAVO_TRY(Add(item, name_of_key, fmt::format("{}_{}", fallback, i), nullptr));
      }
      return {};
    }
    if (value.Is<Unknown>()) return {};
    if (value.is_none() || value.is_number() || value.Is<const std::string*>() || value.Is<const Symbol*>()) {
      return LeaveOut(value);
    }
    return Unsupported(fmt::format("forward returns {}, which an ONNX model cannot return", Describe(value)));
  }

 private:
  Status LeaveOut(const Value& value) {
    evaluator_.Warn(fmt::format("forward returns {}, which is not a tensor; the converted model omits it",
                                Describe(value)));
    return {};
  }

  std::string Unique(const std::string& name, const std::string& fallback) {
    std::string unique = name.empty() || taken_.count(name) != 0 ? fallback : name;
    const std::string stem = unique;
    for (int i = 1; taken_.count(unique) != 0; ++i) unique = fmt::format("{}_{}", stem, i);
    taken_.insert(unique);
    return unique;
  }

  Evaluator& evaluator_;
  std::set<std::string> taken_;
};

}  // namespace

Status MakeOutputs(Evaluator& evaluator, const Value& returned, const Expr* expr) {
  Status added = OutputMaker(evaluator).Add(returned, VariableName(expr), "output", expr);
  if (!added) {
    if (expr) added.error().SetWhere(expr->range.Place(), expr->range.Excerpt());
    return added;
  }
  if (evaluator.graph().outputs().empty() && evaluator.imported().missing.empty()) {
    return Unsupported("forward returns no tensor");
  }
  return {};
}

}  // namespace octavo::import
