#include <fmt/format.h>

#include "octavo/import/builtins.h"
#include "octavo/import/evaluator.h"

namespace octavo::import {

using source::ExprKind;
using source::StatementKind;

namespace {

std::string JoinPath(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

bool HasBase(const module::ClassDefinition& definition, std::string_view base) {
  for (const source::ExprPtr& b : definition.syntax->bases) {
    if (b->text == base) return true;
  }
  return false;
}

std::vector<std::string_view> TupleFields(const module::ClassDefinition& definition) {
  std::vector<std::string_view> fields;
  for (const source::StatementPtr& statement : definition.syntax->body) {
    if ((statement->kind == StatementKind::kDeclare || statement->kind == StatementKind::kAssign) &&
        !statement->targets.empty() && statement->targets[0]->kind == ExprKind::kName) {
      fields.push_back(statement->targets[0]->text);
    }
  }
  return fields;
}

// Of an object with many attributes, whose search from the beginning takes long.
const module::Value* SavedAttribute(Object& object, const std::string& name) {
  constexpr std::size_t kIndexed = 16;
  const auto& attributes = object.source->attributes;
  if (attributes.size() < kIndexed) return object.source->Find(name);
  if (object.saved.empty()) {
    for (const auto& [attribute, value] : attributes) object.saved.try_emplace(attribute, &value);
  }
  const auto found = object.saved.find(name);
  return found == object.saved.end() ? nullptr : found->second;
}

}  // namespace

Object* Evaluator::ConvertObject(const std::shared_ptr<module::Object>& object, const std::string& path) {
  const auto found = converted_.find(object.get());
  if (found != converted_.end()) return found->second.As<Object*>();
  Object* converted = arena_.NewObject();
  converted->source = object.get();
  converted->class_name = object->class_name;
  converted->path = path;
  converted->named = true;
  converted->state = object->state ? Object::State::kPending : Object::State::kReady;
  converted_.emplace(object.get(), Value(converted));
  return converted;
}

Result<Value> Evaluator::Convert(const module::Value& value, const std::string& path) {
  DepthGuard depth(*this);
  OCTAVO_TRY(depth.Check());
  OCTAVO_TRY(Step());
  const auto& v = value.v;
  if (value.is_none()) return Value();
  if (const bool* b = std::get_if<bool>(&v)) return Value(*b);
  if (const auto* i = std::get_if<std::int64_t>(&v)) return Value(*i);
  if (const auto* d = std::get_if<double>(&v)) return Value(*d);
  if (const auto* s = std::get_if<std::string>(&v)) return Value(s);
  if (const auto* t = std::get_if<Tensor>(&v)) {
    NoteRead(*t);
    return NewConstant(*t, path);
  }
  if (const auto* device = std::get_if<module::Device>(&v)) {
    return Value(arena_.Intern(Symbol::Kind::kDevice, device->name));
  }
  if (const auto* symbol = std::get_if<module::Symbol>(&v)) {
    if (symbol->name.starts_with("__torch__.")) {
      if (const auto global = OCTAVO_TRY(Global(symbol->name))) return *global;
    }
    return Value(arena_.Intern(Symbol::Kind::kOther, symbol->name));
  }
  if (const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&v)) {
    const auto found = converted_.find(packed->get());
    if (found != converted_.end()) return found->second;
    NoteRead((*packed)->weight);
    if ((*packed)->bias) NoteRead(*(*packed)->bias);
    std::shared_ptr<const ir::PackedWeights> named = *packed;
    if (named->name.empty() && !path.empty()) {
      auto copy = std::make_shared<ir::PackedWeights>(*named);
      copy->name = path;
      named = std::move(copy);
    }
    const Value box(arena_.NewPacked(std::move(named)));
    converted_.emplace(packed->get(), box);
    return box;
  }
  if (const auto* object = std::get_if<std::shared_ptr<module::Object>>(&v)) {
    return Value(ConvertObject(*object, path));
  }
  // Containers are entered before their items: a list may hold itself.
  if (const auto* list = std::get_if<std::shared_ptr<module::List>>(&v)) {
    const auto [entry, added] = converted_.try_emplace(list->get());
    if (!added) return entry->second;
    List* converted = arena_.NewList();
    entry->second = Value(converted);
    arena_.Count((*list)->items.size());
    for (std::size_t i = 0; i < (*list)->items.size(); ++i) {
      converted->items.push_back(OCTAVO_TRY(Convert((*list)->items[i], JoinPath(path, std::to_string(i)))));
    }
    return Value(converted);
  }
  if (const auto* tuple = std::get_if<std::shared_ptr<module::Tuple>>(&v)) {
    const auto [entry, added] = converted_.try_emplace(tuple->get());
    if (!added) return entry->second;
    Tuple* converted = arena_.NewTuple({});
    entry->second = Value(converted);
    arena_.Count((*tuple)->items.size());
    for (std::size_t i = 0; i < (*tuple)->items.size(); ++i) {
      converted->items.push_back(OCTAVO_TRY(Convert((*tuple)->items[i], JoinPath(path, std::to_string(i)))));
    }
    return Value(converted);
  }
  if (const auto* dict = std::get_if<std::shared_ptr<module::Dict>>(&v)) {
    const auto [entry, added] = converted_.try_emplace(dict->get());
    if (!added) return entry->second;
    Dict* converted = arena_.NewDict();
    entry->second = Value(converted);
    arena_.Count(2 * (*dict)->items.size());
    for (const auto& [key, item] : (*dict)->items) {
      const Value converted_key = OCTAVO_TRY(Convert(key, path));
      OCTAVO_TRY(CheckKey(converted_key));
      const auto* text = converted_key.Get<const std::string*>();
      const Value converted_item = OCTAVO_TRY(Convert(item, text ? JoinPath(path, *text) : path));
      converted->items.emplace_back(converted_key, converted_item);
    }
    return Value(converted);
  }
  return Unsupported("this attribute cannot be read");
}

Result<const module::ClassDefinition*> Evaluator::DefinitionOf(Object* object) {
  if (!object->definition) {
    object->definition = OCTAVO_TRY(module_.program->FindClass(object->class_name));
    if (!object->definition && object->class_name.starts_with(kClassesOfPyTorch)) {
      const std::string name = object->class_name.substr(kPrefixOfNames);
      Miss(name, MakeOrigin(name));
      return Unsupported(name + " is not supported");
    }
    if (!object->definition) return InvalidFile("the model's code has no class " + object->class_name);
  }
  return object->definition;
}

Status Evaluator::EnsureState(Object* object) {
  if (object->state != Object::State::kPending) return {};
  object->state = Object::State::kRunning;
  const module::ClassDefinition* definition = OCTAVO_TRY(DefinitionOf(object));
  const source::Function* function = definition->FindMethod("__setstate__");
  if (!function) return InvalidFile("the class " + object->class_name + " has no __setstate__");
  CallArguments arguments{.expr = current_};
  arguments.positional.push_back(OCTAVO_TRY(Convert(*object->source->state, object->path)));
  const Frame nowhere;
  OCTAVO_TRY(Call({.function = function,
                   .definition = definition,
                   .self = object,
                   .file = definition->file,
                   .name = "__setstate__"},
                  arguments, frame_ ? *frame_ : nowhere));
  object->state = Object::State::kReady;
  return {};
}

Result<std::optional<Value>> Evaluator::FindAttribute(Object* object, const std::string& name) {
  OCTAVO_TRY(EnsureState(object));
  const auto found = object->attributes.find(name);
  if (found != object->attributes.end()) return std::optional<Value>(found->second);
  if (object->source) {
    if (const module::Value* value = SavedAttribute(*object, name)) {
      const Value converted = OCTAVO_TRY(Convert(*value, JoinPath(object->path, name)));
      object->attributes.emplace(name, converted);
      return std::optional<Value>(converted);
    }
  }
  if (object->class_name.empty()) return std::nullopt;
  const module::ClassDefinition* definition = OCTAVO_TRY(DefinitionOf(object));
  if (const source::Expr* constant = definition->FindConstant(name)) {
    Frame empty;
    const Value value = OCTAVO_TRY(Evaluate(*constant, empty));
    object->attributes.emplace(name, value);
    return std::optional<Value>(value);
  }
  if (const source::Function* method = definition->FindMethod(name)) {
    return std::optional<Value>(Value(arena_.NewCallable({.function = method,
                                                          .definition = definition,
                                                          .self = object,
                                                          .file = definition->file,
                                                          .name = name})));
  }
  return std::nullopt;
}

Result<Value> Evaluator::Attribute(const Value& value, const std::string& name, const CallArguments& call) {
  if (value.Is<Unknown>()) return value;
  if (Object* object = value.Get<Object*>()) {
    if (const auto found = OCTAVO_TRY(FindAttribute(object, name))) return *found;
    return InvalidFile(fmt::format("{} has no attribute {}", Describe(value), name));
  }
  if (const Tuple* tuple = value.Get<Tuple*>()) {
    OCTAVO_TRY(Charge(tuple->fields.size()));
    for (std::size_t i = 0; i < tuple->fields.size() && i < tuple->items.size(); ++i) {
      if (tuple->fields[i] == name) return tuple->items[i];
    }
  }
  if (const Symbol* symbol = value.Get<const Symbol*>()) {
    if (symbol->kind == Symbol::Kind::kEnum) {
      if (name == "name") return Value(&symbol->name);
      if (name == "value") return symbol->value;
    }
    if (symbol->kind == Symbol::Kind::kDevice) {
      const std::size_t colon = symbol->name.find(':');
      if (name == "type") return arena_.String(symbol->name.substr(0, colon));
      if (name == "index") return colon == std::string::npos ? Value() : Value(std::int64_t{0});
    }
  }
  if (const Callable* callable = value.Get<const Callable*>(); callable && callable->definition) {
    if (const auto member = OCTAVO_TRY(Global(callable->name + "." + name))) return *member;
  }
  if (value.Is<TensorBox*>()) {
    const std::string prim = "prim::" + name;
    return CallNamed(Builtins().count(prim) != 0 ? prim : "aten::" + name,
                     {.expr = call.expr, .positional = {value}});
  }
  return Unsupported(fmt::format("{} has no attribute {}", Describe(value), name));
}

Status Evaluator::SetAttribute(const Value& value, const std::string& name, Value item) {
  Object* object = value.Get<Object*>();
  if (!object) return Unsupported("an attribute of " + Describe(value) + " cannot be set");
  arena_.Count(4);
  if (object->named) {
    const std::string path = JoinPath(object->path, name);
    if (PackedBox* box = item.Get<PackedBox*>(); box && box->packed->name.empty()) {
      auto named = std::make_shared<ir::PackedWeights>(*box->packed);
      named->name = path;
      box->packed = std::move(named);
    }
    if (Object* child = item.Get<Object*>(); child && !child->named) {
      child->path = path;
      child->named = true;
    }
    if (TensorBox* box = item.Get<TensorBox*>(); box && box->name.empty()) box->name = path;
  }
  object->attributes[name] = item;
  return {};
}

Result<Value> Evaluator::NewInstance(const module::ClassDefinition* definition) {
  Object* object = arena_.NewObject();
  object->definition = definition;
  object->class_name = definition->name;
  return Value(object);
}

Result<Value> Evaluator::Instantiate(const Callable& callee, const CallArguments& arguments,
                                     const Frame& caller) {
  const module::ClassDefinition& definition = *callee.definition;
  if (HasBase(definition, "NamedTuple")) {
    OCTAVO_TRY(Charge(definition.syntax->body.size() + arguments.size()));
    std::vector<std::string_view> fields = TupleFields(definition);
    std::vector<Value> items = arguments.positional;
    const std::unordered_map<std::string_view, Value> keywords(arguments.keywords.begin(),
                                                               arguments.keywords.end());
    for (std::size_t i = items.size(); i < fields.size(); ++i) {
      const auto given = keywords.find(fields[i]);
      if (given != keywords.end()) {
        items.push_back(given->second);
      } else if (const source::Expr* fallback = definition.FindConstant(fields[i])) {
        Frame empty;
        items.push_back(OCTAVO_TRY(Evaluate(*fallback, empty)));
      }
    }
    if (items.size() != fields.size()) {
      return InvalidFile(
          fmt::format("{} takes {} values, but {} were given", definition.name, fields.size(), items.size()));
    }
    return Value(arena_.NewTuple(std::move(items), std::move(fields)));
  }
  const Value object = OCTAVO_TRY(NewInstance(&definition));
  if (definition.FindMethod("__init__")) {
    OCTAVO_TRY(CallMethod(object.As<Object*>(), "__init__", arguments, caller));
  } else if (arguments.size() != 0) {
    return InvalidFile("the class " + definition.name + " does not take arguments");
  }
  return object;
}

Result<std::optional<Value>> Evaluator::Global(const std::string& name) {
  const auto found = globals_.find(name);
  if (found != globals_.end()) return found->second;
  std::optional<Value> value;
  if (const auto* function = OCTAVO_TRY(module_.program->FindFunction(name))) {
    value = Value(arena_.NewCallable({.function = function->syntax, .file = function->file, .name = name}));
  } else if (const auto* definition = OCTAVO_TRY(module_.program->FindClass(name))) {
    value = Value(arena_.NewCallable({.definition = definition, .file = definition->file, .name = name}));
  } else if (const std::size_t dot = name.rfind('.'); dot != std::string::npos) {
    // A member of an enum, or a class's constant or method.
    const std::string member = name.substr(dot + 1);
    const auto* owner = OCTAVO_TRY(module_.program->FindClass(name.substr(0, dot)));
    if (const source::Expr* constant = owner ? owner->FindConstant(member) : nullptr) {
      Frame empty;
      const Value item = OCTAVO_TRY(Evaluate(*constant, empty));
      if (HasBase(*owner, "Enum")) {
        Symbol* symbol = arena_.InternMutable(Symbol::Kind::kEnum, member, owner->name);
        symbol->value = item;
        const Symbol* shared = symbol;
        value = Value(shared);
      } else {
        value = item;
      }
    } else if (const source::Function* method = owner ? owner->FindMethod(member) : nullptr) {
      value = Value(arena_.NewCallable({.function = method, .file = owner->file, .name = name}));
    }
  }
  globals_.emplace(name, value);
  return value;
}

Result<Value> Evaluator::Constant(const std::string& name) {
  std::size_t index = 0;
  bool number = name.size() > 1 && name.size() < 9 && name[0] == 'c';
  for (std::size_t i = 1; number && i < name.size(); ++i) {
    number = name[i] >= '0' && name[i] <= '9';
    index = index * 10 + static_cast<std::size_t>(name[i] - '0');
  }
  if (!number || index >= module_.constants.size()) {
    return InvalidFile("the model's constants have no " + name);
  }
  return Convert(module_.constants[index], "CONSTANTS." + name);
}

}  // namespace octavo::import
