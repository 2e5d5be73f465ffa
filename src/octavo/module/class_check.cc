#include "octavo/module/class_check.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>

#include <fmt/format.h>

namespace octavo::module {
namespace {

using source::Expr;
using source::ExprKind;
using source::StatementKind;

constexpr int kDeepestType = 16;

struct Attribute {
  std::string_view name;
  const Expr* type = nullptr;
};

// Of "name : type" and "__annotations__["0"] = type".
std::optional<Attribute> AttributeOf(const source::Statement& statement) {
  if (statement.targets.size() != 1) return std::nullopt;
  const Expr& target = *statement.targets[0];
  if (statement.kind == StatementKind::kDeclare && target.kind == ExprKind::kName) {
    return Attribute{target.text, statement.annotation.get()};
  }
  if (statement.kind == StatementKind::kAssign && target.kind == ExprKind::kSubscript && statement.value &&
      target.children.size() == 2 && target.children[0]->text == "__annotations__" &&
      target.children[1]->kind == ExprKind::kString) {
    return Attribute{target.children[1]->text, statement.value.get()};
  }
  return std::nullopt;
}

// "__torch__.net.Net" of nested attributes; empty: no name.
std::string DottedName(const Expr& expression) {
  if (expression.kind == ExprKind::kName) return expression.text;
  if (expression.kind != ExprKind::kAttribute || expression.children.empty()) return {};
  const std::string left = DottedName(*expression.children[0]);
  return left.empty() ? left : left + "." + expression.text;
}

bool HasBase(const ClassDefinition& definition, std::string_view base) {
  return std::ranges::any_of(definition.syntax->bases,
                             [base](const auto& expression) { return expression->text == base; });
}

template <typename... T>
bool IsOneOf(const Value& value) {
  return (std::holds_alternative<T>(value.v) || ...);
}

Error Twice(std::string_view what, std::string_view name, const SourceRange& range) {
  return InvalidFile(fmt::format("the code defines the {} {} twice", what, name),
                     "Save the model again with torch.jit.save: the file was written by another program.")
      .SetWhere(range.Place(), range.Excerpt());
}

}  // namespace

bool ClassCheck::TakesState(const ClassDefinition& definition) {
  return definition.FindMethod("__getstate__") != nullptr && definition.FindMethod("__setstate__") != nullptr;
}

Status ClassCheck::Check(const ClassDefinition& definition, const Object& object) const {
  for (const auto& statement : definition.syntax->body) {
    const std::optional<Attribute> declared = AttributeOf(*statement);
    if (!declared) continue;
    const Value* value = object.Find(declared->name);
    const auto fail = [&](std::string_view what) {
      return InvalidFile(
          fmt::format("attribute {} of an object of {} {}", declared->name, object.class_name, what),
          "Save the model again with torch.jit.save: PyTorch reads no such object.");
    };
    if (value == nullptr) return fail("is missing, but its class declares it");
    if (declared->type && !Fits(*declared->type, *value, 0))
      return fail("is not of the type that its class declares");
  }
  return {};
}

bool ClassCheck::FitsClass(std::string_view name, const Value& value) const {
  const auto* object = std::get_if<std::shared_ptr<Object>>(&value.v);
  if (object != nullptr && (*object)->class_name == name) return true;
  const auto found = program_.FindClass(name);
  if (!found || *found == nullptr) return true;
  const bool interface = HasBase(**found, "Interface") || HasBase(**found, "ModuleInterface");
  if (object != nullptr) {
    if (!interface) return false;
    const auto made = program_.FindClass((*object)->class_name);
    return !made || *made == nullptr ||
           std::ranges::all_of((*found)->syntax->methods, [&](const auto& method) {
             return (*made)->FindMethod(method->name) != nullptr;
           });
  }
  return !HasBase(**found, "Module") && !interface;
}

bool ClassCheck::Fits(const Expr& type, const Value& value, int depth) const {
  using ListPointer = std::shared_ptr<List>;
  using TuplePointer = std::shared_ptr<Tuple>;
  using DictPointer = std::shared_ptr<Dict>;
  if (depth > kDeepestType) return true;
  const std::string name = DottedName(type);
  // PyTorch reads a bool as an int and an int as a float, and None as a tensor that is not there.
  if (name == "Tensor") return IsOneOf<Tensor, std::monostate>(value);
  if (name == "int") return IsOneOf<std::int64_t, bool, Symbol>(value);
  if (name == "float") return IsOneOf<double, std::int64_t>(value);
  if (name == "bool") return IsOneOf<bool, std::int64_t>(value);
  if (name == "str") return IsOneOf<std::string>(value);
  if (name.starts_with("__torch__.")) return FitsClass(name, value);
  if (type.kind != ExprKind::kSubscript || type.children.empty()) return true;
  const std::string container = DottedName(*type.children[0]);
  const auto items = std::span(type.children).subspan(1);
  const auto all = [&](const Expr& item, const std::vector<Value>& values) {
    return std::ranges::all_of(values, [&](const Value& v) { return Fits(item, v, depth + 1); });
  };
  if (container == "Optional" && items.size() == 1)
    return value.is_none() || Fits(*items[0], value, depth + 1);
  if (container == "List" && items.size() == 1) {
    const auto* list = std::get_if<ListPointer>(&value.v);
    return list != nullptr && all(*items[0], (*list)->items);
  }
  if (container == "Dict") return IsOneOf<DictPointer>(value);
  if (container == "Tuple") return IsOneOf<TuplePointer>(value);
  return true;
}

Status CheckDefinedOnce(const source::File& file) {
  std::set<std::string_view> names;
  for (const auto& definition : file.classes) {
    if (!names.insert(definition->name).second) return Twice("name", definition->name, definition->range);
    std::set<std::string_view> members;
    for (const auto& method : definition->methods) {
      if (!members.insert(method->name).second) return Twice("method", method->name, method->range);
    }
    for (const auto& statement : definition->body) {
      const std::optional<Attribute> attribute = AttributeOf(*statement);
      if (attribute && !members.insert(attribute->name).second) {
        return Twice("attribute", attribute->name, statement->range);
      }
    }
  }
  for (const auto& function : file.functions) {
    if (!names.insert(function->name).second) return Twice("name", function->name, function->range);
  }
  return {};
}

}  // namespace octavo::module
