#include "octavo/import/signature.h"

#include <algorithm>

#include <fmt/format.h>

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

std::string DefaultText(const source::Parameter& parameter) {
  constexpr std::size_t kLongest = 60;
  if (!parameter.default_value) return {};
  const SourceRange& range = parameter.default_value->range;
  if (!range.source || range.begin > range.end || range.end > range.source->text.size()) return "?";
  std::string text = range.source->text.substr(range.begin, range.end - range.begin);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

std::string SignatureText(const source::Function& forward) {
  std::string text;
  for (std::size_t i = 1; i < forward.parameters.size(); ++i) {
    const source::Parameter& p = forward.parameters[i];
    text += fmt::format("{}{}: {}", i > 1 ? ", " : "", p.name, TypeText(p.annotation.get()));
    if (p.default_value) text += " = " + DefaultText(p);
  }
  return text.empty() ? "nothing" : text;
}

bool IsGeneric(const Expr* type, std::string_view name) {
  return type && type->kind == ExprKind::kSubscript && type->children[0]->text == name;
}

const Expr* WithoutOptional(const Expr* type) {
  while (IsGeneric(type, "Optional") && type->children.size() == 2) type = type->children[1].get();
  return type;
}

bool HoldsTensors(const Expr* type) {
  if (!type) return true;
  if (type->kind == ExprKind::kName) return type->text == "Tensor";
  if (type->kind != ExprKind::kSubscript) return false;
  return std::any_of(type->children.begin() + 1, type->children.end(),
                     [](const source::ExprPtr& t) { return HoldsTensors(t.get()); });
}

namespace {

// What a type allows besides tensors and the like.
struct Kinds {
  bool integer = false, real = false, flag = false, none = false;
  bool any() const { return integer || real || flag; }
};

Kinds KindsOf(const Expr* type) {
  Kinds kinds;
  if (!type) return kinds;
  if (type->kind == ExprKind::kNone) kinds.none = true;
  if (type->kind == ExprKind::kName) {
    const bool number = type->text == "number" || type->text == "Scalar";
    kinds.integer = number || type->text == "int";
    kinds.real = number || type->text == "float";
    kinds.flag = number || type->text == "bool";
    kinds.none = type->text == "NoneType";
  }
  if (IsGeneric(type, "Optional")) kinds.none = true;
  if (IsGeneric(type, "Optional") || IsGeneric(type, "Union")) {
    for (std::size_t i = 1; i < type->children.size(); ++i) {
      const Kinds member = KindsOf(type->children[i].get());
      kinds.integer |= member.integer;
      kinds.real |= member.real;
      kinds.flag |= member.flag;
      kinds.none |= member.none;
    }
  }
  return kinds;
}

std::string LiteralText(const InputLiteral& literal) {
  if (std::holds_alternative<std::monostate>(literal)) return "None";
  if (const bool* flag = std::get_if<bool>(&literal)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) return std::to_string(*integer);
  return fmt::format("{}", std::get<double>(literal));
}

}  // namespace

bool TakesLiteral(const Expr* type) { return KindsOf(type).any(); }

const char* ExampleValue(const Expr* type) {
  const Kinds kinds = KindsOf(type);
  return kinds.integer ? "3" : kinds.real ? "0.5" : kinds.flag ? "true" : "None";
}

std::string KindText(const std::string& name, const Expr* type) {
  const std::string text = TypeText(type);
  if (text == "int") return name + " is an int";
  if (text == "float" || text == "bool" || text == "number" || text == "str")
    return fmt::format("{} is a {}", name, text);
  if (text == "Tensor") return name + " is a tensor";
  return fmt::format("{} is of type {}", name, text);
}

Result<Value> LiteralValue(const std::string& name, const Expr* type, const InputLiteral& literal) {
  const Kinds kinds = KindsOf(type);
  if (std::holds_alternative<std::monostate>(literal)) {
    if (kinds.none) return Value();
  } else if (const bool* flag = std::get_if<bool>(&literal)) {
    if (kinds.flag) return Value(*flag);
  } else if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    if (kinds.integer) return Value(*integer);
    if (kinds.real) return Value(static_cast<double>(*integer));
  } else if (kinds.real) {
    return Value(std::get<double>(literal));
  }
  std::string hint;
  if (kinds.any()) {
    hint = fmt::format("It takes a value such as --input {}={}{}.", name, ExampleValue(type),
                       kinds.none ? fmt::format(" or --input {}=None", name) : "");
  } else if (HoldsTensors(type)) {
    const Expr* plain = WithoutOptional(type);
    const char* item = IsGeneric(plain, "Tuple") || IsGeneric(plain, "List") ? ".0"
                       : IsGeneric(plain, "Dict")                            ? ".KEY"
                                                                             : "";
    hint = fmt::format("Describe a tensor by its type and shape: --input '{}{}:float32[1,3,224,224]'.", name,
                       item);
    if (kinds.none) hint += fmt::format(" --input {}=None leaves it out.", name);
  } else {
    hint = kinds.none ? fmt::format("--input {}=None is the only value that it takes.", name)
                      : "--input name=value is for int, float and bool arguments, and for None.";
  }
  return UsageError(
      fmt::format("--input {}={}: forward's argument {}", name, LiteralText(literal), KindText(name, type)),
      std::move(hint));
}

}  // namespace octavo::import
