#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "octavo/import/builtins.h"
#include "octavo/import/evaluator.h"

namespace octavo::import {

using source::Expr;
using source::ExprKind;

Result<CallArguments> Evaluator::EvaluateArguments(const Expr& expr, Frame& frame, std::size_t skip) {
  CallArguments out{.expr = &expr};
  out.positional.reserve(expr.arguments.size());
  for (std::size_t i = skip; i < expr.arguments.size(); ++i) {
    const source::CallArgument& argument = expr.arguments[i];
    const Value value = OCTAVO_TRY(Evaluate(*argument.value, frame));
    if (argument.starred) {
      const std::vector<Value> items = OCTAVO_TRY(Iterate(value));
      out.positional.insert(out.positional.end(), items.begin(), items.end());
    } else if (argument.name.empty()) {
      out.positional.push_back(value);
    } else {
      out.keywords.emplace_back(argument.name, value);
    }
  }
  return out;
}

namespace {

// "torch.add" -> "aten::add", "ops.quantized.linear" -> "quantized::linear", "math.floor" -> "math::floor".
// Overload names that some printers add are dropped: "ops.aten.add.Tensor" -> "aten::add".
std::string OperatorName(const std::string& qualified) {
  std::vector<std::string_view> parts;
  std::string_view rest = qualified;
  for (;;) {
    const std::size_t dot = rest.find('.');
    parts.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (parts[0] == "torch") {
    if (parts.size() > 2 && Builtins().count(qualified) != 0) return qualified;
    return "aten::" + std::string(parts.size() > 1 ? parts[1] : "");
  }
  if (parts[0] == "ops") {
    if (parts.size() < 3) return qualified;
    return std::string(parts[1]) + "::" + std::string(parts[2]);
  }
  if (parts[0] == "math") return "math::" + std::string(parts.back());
  return "aten::" + std::string(parts.back());
}

}  // namespace

Result<Value> Evaluator::EvaluateCall(const Expr& expr, Frame& frame) {
  const Expr& callee = *expr.children[0];
  if (callee.kind == ExprKind::kName) return CallBareName(expr, frame);
  if (callee.kind == ExprKind::kAttribute) {
    if (const auto name = QualifiedName(callee, frame)) {
      if (name->starts_with("__torch__.")) {
        if (name->ends_with(".__new__")) {
          const std::string class_name = name->substr(0, name->size() - 8);
          const auto cls = OCTAVO_TRY(Global(class_name));
          if (!cls && class_name.starts_with(kClassesOfPyTorch)) {
            Miss(class_name.substr(kPrefixOfNames), MakeOrigin(class_name));
            return Value(Unknown{});
          }
          const Callable* callable = cls ? cls->Get<const Callable*>() : nullptr;
          if (!callable || !callable->definition)
            return InvalidFile("the model's code has no class " + *name);
          return NewInstance(callable->definition);
        }
        if (const auto global = OCTAVO_TRY(Global(*name))) {
          const CallArguments arguments = OCTAVO_TRY(EvaluateArguments(expr, frame));
          return CallValue(*global, arguments, frame);
        }
        return InvalidFile("the model's code has no " + *name);
      }
      if (!name->starts_with("CONSTANTS.")) {
        CallArguments arguments = OCTAVO_TRY(EvaluateArguments(expr, frame));
        return CallNamed(OperatorName(*name), std::move(arguments));
      }
    }
    const Value object = OCTAVO_TRY(Evaluate(*callee.children[0], frame));
    CallArguments arguments = OCTAVO_TRY(EvaluateArguments(expr, frame));
    return CallMethodOf(object, callee.text, std::move(arguments), frame);
  }
  const Value function = OCTAVO_TRY(Evaluate(callee, frame));
  const CallArguments arguments = OCTAVO_TRY(EvaluateArguments(expr, frame));
  return CallValue(function, arguments, frame);
}

Result<Value> Evaluator::CallBareName(const Expr& expr, Frame& frame) {
  const std::string& name = expr.children[0]->text;
  const auto local = frame.locals.find(name);
  if (local != frame.locals.end()) {
    const Value function = local->second;
    const CallArguments arguments = OCTAVO_TRY(EvaluateArguments(expr, frame));
    return CallValue(function, arguments, frame);
  }
  if (const auto special = OCTAVO_TRY(CallSpecialForm(expr, frame))) return *special;
  CallArguments arguments = OCTAVO_TRY(EvaluateArguments(expr, frame));
  if (Builtins().count(name) == 0) return InvalidFile("the function " + name + " is not defined");
  return CallNamed(name, std::move(arguments));
}

namespace {

bool IsListOfTensors(const Expr& type) {
  if (type.kind != ExprKind::kSubscript || type.children.size() < 2) return false;
  if (type.children[0]->text == "Optional") return IsListOfTensors(*type.children[1]);
  if (type.children[0]->text != "List") return false;
  const Expr& element = *type.children[1];
  return element.text == "Tensor" ||
         (element.kind == ExprKind::kSubscript && element.children.size() == 2 &&
          element.children[0]->text == "Optional" && element.children[1]->text == "Tensor");
}

}  // namespace

// Forms whose arguments are types and not values.
Result<std::optional<Value>> Evaluator::CallSpecialForm(const Expr& expr, Frame& frame) {
  const std::string& name = expr.children[0]->text;
  const auto& arguments = expr.arguments;
  if (name == "annotate" || name == "unchecked_cast") {
    if (arguments.size() != 2) return InvalidFile(name + " takes a type and a value");
    const Expr& type = *arguments[0].value;
    Value value = OCTAVO_TRY(Evaluate(*arguments[1].value, frame));
    if (List* list = value.Get<List*>(); list && list->items.empty() && IsListOfTensors(type)) {
      list->of_tensors = true;
    }
    if (value.Is<TensorBox*>() && type.kind == ExprKind::kName) {
      // What the printer writes for an implicit conversion of a tensor to a number.
      const char* conversion = type.text == "int"      ? "aten::IntImplicit"
                               : type.text == "float"  ? "aten::FloatImplicit"
                               : type.text == "number" ? "aten::ScalarImplicit"
                               : type.text == "Scalar" ? "aten::ScalarImplicit"
                                                       : nullptr;
      if (conversion) value = OCTAVO_TRY(CallNamed(conversion, {.expr = &expr, .positional = {value}}));
    }
    return std::optional<Value>(value);
  }
  if (name == "uninitialized") return std::optional<Value>(Value(Uninitialized{}));
  if (name == "isinstance") {
    if (arguments.size() != 2) return InvalidFile("isinstance takes a value and a type");
    const Value value = OCTAVO_TRY(Evaluate(*arguments[0].value, frame));
    if (value.Is<Unknown>()) return std::optional<Value>(value);
    return std::optional<Value>(Value(OCTAVO_TRY(IsInstance(value, *arguments[1].value, frame))));
  }
  if (name == "getattr" || name == "hasattr") {
    if (arguments.size() < 2 || arguments[1].value->kind != ExprKind::kString) {
      return InvalidFile(name + " takes an object and the name of an attribute");
    }
    const Value object = OCTAVO_TRY(Evaluate(*arguments[0].value, frame));
    const std::string& attribute = arguments[1].value->text;
    if (Object* instance = object.Get<Object*>()) {
      const auto found = OCTAVO_TRY(FindAttribute(instance, attribute));
      if (name == "hasattr") return std::optional<Value>(Value(found.has_value()));
      if (found) return found;
      if (arguments.size() > 2) {
        return std::optional<Value>(OCTAVO_TRY(Evaluate(*arguments[2].value, frame)));
      }
    }
    return std::optional<Value>(OCTAVO_TRY(Attribute(object, attribute, {.expr = &expr})));
  }
  if (name == "fork") {
    // Nothing runs at once here: a future is its result.
    if (arguments.empty()) return InvalidFile("fork takes a function");
    const Value function = OCTAVO_TRY(Evaluate(*arguments[0].value, frame));
    const CallArguments rest = OCTAVO_TRY(EvaluateArguments(expr, frame, 1));
    return std::optional<Value>(OCTAVO_TRY(CallValue(function, rest, frame)));
  }
  return std::nullopt;
}

Result<bool> Evaluator::IsInstance(const Value& value, const Expr& type, Frame& frame) {
  OCTAVO_TRY(Step());
  if (type.kind == ExprKind::kTuple) {
    for (const source::ExprPtr& one : type.children) {
      if (OCTAVO_TRY(IsInstance(value, *one, frame))) return true;
    }
    return false;
  }
  std::string name = type.text;
  const Expr* element = nullptr;
  if (type.kind == ExprKind::kSubscript) {
    name = type.children[0]->text;
    if (type.children.size() == 2) element = type.children[1].get();
  }
  if (name == "Optional" && element) {
    if (value.is_none()) return true;
    return IsInstance(value, *element, frame);
  }
  if (name == "NoneType") return value.is_none();
  if (name == "int") return value.is_integer();
  if (name == "float") return value.Is<double>();
  if (name == "bool") return value.Is<bool>();
  if (name == "str") return value.Is<const std::string*>();
  if (name == "number" || name == "Scalar") return value.is_number();
  if (name == "Tensor") return value.Is<TensorBox*>();
  if (name == "Device") return value.Is<const Symbol*>();
  if (name == "Any") return true;
  if (name == "tuple" || name == "Tuple") {
    const Tuple* tuple = value.Get<Tuple*>();
    if (!tuple || type.kind != ExprKind::kSubscript) return tuple != nullptr;
    if (tuple->items.size() + 1 != type.children.size()) return false;
    for (std::size_t i = 0; i < tuple->items.size(); ++i) {
      if (!OCTAVO_TRY(IsInstance(tuple->items[i], *type.children[i + 1], frame))) return false;
    }
    return true;
  }
  if (name == "list" || name == "List") {
    const List* list = value.Get<List*>();
    if (!list || !element || list->items.empty()) return list != nullptr;
    return IsInstance(list->items[0], *element, frame);
  }
  if (name == "dict" || name == "Dict") {
    const Dict* dict = value.Get<Dict*>();
    if (!dict || dict->items.empty() || type.children.size() != 3) return dict != nullptr;
    return OCTAVO_TRY(IsInstance(dict->items[0].first, *type.children[1], frame)) &&
           OCTAVO_TRY(IsInstance(dict->items[0].second, *type.children[2], frame));
  }
  if (const Object* object = value.Get<Object*>()) {
    const auto qualified = QualifiedName(type, frame);
    return qualified && *qualified == object->class_name;
  }
  return false;
}

Result<Value> Evaluator::CallValue(const Value& callee, const CallArguments& arguments, const Frame& frame) {
  if (callee.Is<Unknown>()) return callee;
  if (const Callable* callable = callee.Get<const Callable*>()) {
    if (!callable->function) return Instantiate(*callable, arguments, frame);
    return Call(*callable, arguments, frame);
  }
  if (Object* object = callee.Get<Object*>()) {
    const module::ClassDefinition* definition = OCTAVO_TRY(DefinitionOf(object));
    if (definition && definition->FindMethod("__call__")) {
      return CallMethod(object, "__call__", arguments, frame);
    }
    return CallMethod(object, "forward", arguments, frame);
  }
  return Unsupported(Describe(callee) + " cannot be called");
}

Result<Value> Evaluator::CallMethodOf(const Value& object, const std::string& method, CallArguments arguments,
                                      const Frame& frame) {
  if (object.Is<Unknown>()) {
    for (const Value& value : arguments.positional) NoteUnread(value);
    return object;
  }
  if (Object* instance = object.Get<Object*>()) return CallMethod(instance, method, arguments, frame);
  if (object.Is<const Callable*>()) {
    const Value member = OCTAVO_TRY(Attribute(object, method, arguments));
    return CallValue(member, arguments, frame);
  }
  if (object.Is<PackedBox*>()) {
    arguments.positional.insert(arguments.positional.begin(), object);
    return CallNamed("packed::" + method, std::move(arguments));
  }
  // The methods of tensors, lists, dicts and strings are the functions of their names.
  arguments.positional.insert(arguments.positional.begin(), object);
  return CallNamed("aten::" + method, std::move(arguments));
}

Result<Value> Evaluator::CallMethod(Object* self, std::string_view method, const CallArguments& arguments,
                                    const Frame& caller) {
  OCTAVO_TRY(EnsureState(self));
  const module::ClassDefinition* definition = OCTAVO_TRY(DefinitionOf(self));
  const source::Function* function = definition ? definition->FindMethod(method) : nullptr;
  if (!function) {
    // An attribute may hold a function.
    if (const auto attribute = OCTAVO_TRY(FindAttribute(self, std::string(method)))) {
      return CallValue(*attribute, arguments, caller);
    }
    return InvalidFile(fmt::format("{} has no method {}", Describe(Value(self)), method));
  }
  return Call({.function = function,
               .definition = definition,
               .self = self,
               .file = definition->file,
               .name = std::string(method)},
              arguments, caller);
}

Status Evaluator::BindParameters(const source::Function& function, const CallArguments& arguments,
                                 Frame& frame, bool has_self) {
  const auto& parameters = function.parameters;
  std::size_t next = 0;
  if (has_self) {
    if (parameters.empty()) return InvalidFile("the method " + function.name + " has no parameter self");
    frame.locals[parameters[0].name] = Value(frame.self);
    next = 1;
  }
  OCTAVO_TRY(Charge(parameters.size() + arguments.size()));
  std::vector<bool> given(parameters.size());
  const std::size_t first = next;
  for (const Value& value : arguments.positional) {
    if (next >= parameters.size() || parameters[next].keyword_only) {
      return InvalidFile(fmt::format("{} takes {} arguments, but {} were given", function.name,
                                     parameters.size() - first, arguments.positional.size()));
    }
    frame.locals[parameters[next].name] = value;
    given[next++] = true;
  }
  std::unordered_map<std::string_view, std::size_t> named;
  for (std::size_t i = first; i < parameters.size() && !arguments.keywords.empty(); ++i) {
    named.try_emplace(parameters[i].name, i);
  }
  for (const auto& [name, value] : arguments.keywords) {
    const auto at = named.find(name);
    if (at == named.end()) return InvalidFile(fmt::format("{} has no argument {}", function.name, name));
    const std::size_t index = at->second;
    if (given[index]) return InvalidFile(fmt::format("the argument {} is given twice", name));
    frame.locals[parameters[index].name] = value;
    given[index] = true;
  }
  for (std::size_t i = first; i < parameters.size(); ++i) {
    if (given[i]) continue;
    if (!parameters[i].default_value) {
      return InvalidFile(fmt::format("{} needs the argument {}", function.name, parameters[i].name));
    }
    Frame empty;
    frame.locals[parameters[i].name] = OCTAVO_TRY(Evaluate(*parameters[i].default_value, empty));
  }
  return {};
}

bool Evaluator::HasControlFlow(const source::Function& function) {
  const auto [known, added] = has_control_flow_.try_emplace(&function, false);
  if (added) {
    known->second = std::ranges::any_of(function.body, [](const source::StatementPtr& statement) {
      using enum source::StatementKind;
      const source::StatementKind kind = statement->kind;
      return kind == kIf || kind == kWhile || kind == kFor || kind == kWith || kind == kAssert ||
             kind == kRaise;
    });
  }
  return known->second;
}

Result<Value> Evaluator::Call(const Callable& callee, const CallArguments& arguments, const Frame& caller) {
  // TorchScript forbids recursion, so a call cycle is a broken file.  A method may meet itself on another
  // object: a Sequential inside a Sequential.
  for (const Frame* frame = &caller; frame; frame = frame->caller) {
    if (frame->syntax == callee.function && frame->self == callee.self && callee.function) {
      return InvalidFile(
          fmt::format("{} calls itself, but TorchScript does not allow recursion", callee.name));
    }
  }
  if (call_depth_ >= limits().max_call_depth) {
    stopped_ = true;
    return Unsupported(fmt::format("calls are nested more than {} deep", limits().max_call_depth),
                       LimitHint("call-depth"));
  }
  DepthGuard depth(*this);
  OCTAVO_TRY(depth.Check());
  if (callee.function->skipped) {
    return Unsupported(
        fmt::format("{} is called, but it serves only to save a model", callee.function->name));
  }
  Frame frame;
  if (callee.captured) {
    OCTAVO_TRY(Charge(callee.captured->size()));
    frame.locals = *callee.captured;
  }
  frame.function = callee.function->name;
  frame.syntax = callee.function;
  frame.self = callee.self;
  frame.caller = caller.function.empty() ? nullptr : &caller;
  frame.module_path = callee.self && callee.self->named ? callee.self->path : caller.module_path;
  frame.scripted = caller.scripted || HasControlFlow(*callee.function);
  const Expr* const call_expr = current_;
  if (call_expr) frame.call_site = call_expr->range;
  Value returned;
  const Frame* const outer = frame_;
  ++call_depth_;
  Status status = BindParameters(*callee.function, arguments, frame, callee.self != nullptr);
  if (status) {
    frame_ = &frame;
    Result<Flow> flow = Execute(callee.function->body, frame, &returned);
    if (!flow) {
      status = std::move(flow).error();
      AddCallContext(status.error(), frame, call_expr ? FullPlace(call_expr->range, outer) : std::string());
    }
  }
  --call_depth_;
  frame_ = outer;
  current_ = call_expr;
  if (!status) return std::move(status).error();
  return returned;
}

namespace {

bool IsOfContainers(std::string_view name) {
  static const std::set<std::string_view> kNames = {
      "aten::len",     "aten::__getitem__", "aten::__contains__", "aten::_set_item", "aten::Delete",
      "aten::keys",    "aten::values",      "aten::items",        "aten::get",       "aten::pop",
      "aten::popitem", "aten::append",      "aten::extend",       "aten::insert",    "aten::remove",
      "aten::reverse", "aten::clear",       "aten::count",        "aten::update",    "aten::setdefault",
      "aten::dict",    "aten::list",        "aten::sorted"};
  return kNames.count(name) != 0;
}

}  // namespace

Result<Value> Evaluator::CallNamed(const std::string& name, CallArguments arguments) {
  const auto builtin = Builtins().find(name);
  if (builtin != Builtins().end()) {
    static const std::unordered_map<std::string_view, bool> kTakesUnknown = {
        {"aten::append", true}, {"aten::_set_item", true},      {"aten::insert", true},
        {"aten::warn", true},   {"prim::RaiseException", true}, {"aten::wait", true},
        {"print", true},        {"aten::extend", true}};
    const auto is_unknown = [](const Value& v) { return v.Is<Unknown>(); };
    const auto is_tensor = [](const Value& v) { return v.Is<TensorBox*>(); };
    if (std::any_of(arguments.positional.begin(), arguments.positional.end(), is_unknown) &&
        kTakesUnknown.count(name) == 0) {
      if (std::any_of(arguments.positional.begin(), arguments.positional.end(), is_tensor) &&
          IsOperator(name)) {
        return Operator(name, arguments);
      }
      return Value(Unknown{});
    }
    static const std::unordered_set<std::string_view> kTakesOpenText = {
        "aten::format", "aten::percentFormat", "aten::__mod__", "aten::remainder", "aten::str",
        "str",          "aten::add",           "aten::join",    "aten::warn",      "prim::RaiseException",
        "print",        "prim::Print"};
    const auto is_open_text = [this](const Value& v) {
      const auto* text = v.Get<const std::string*>();
      return text != nullptr && IsOpenText(text);
    };
    const bool open = !open_texts_.empty() && std::ranges::any_of(arguments.positional, is_open_text);
    if (open && !kTakesOpenText.contains(name)) {
      return NeedsInput(fmt::format("{} depends on a text of an open size or of a tensor", name), kGiveSize);
    }
    text_is_open = open;
    if (const auto value = OCTAVO_TRY(builtin->second(*this, arguments))) {
      const auto* text = value->Get<const std::string*>();
      if (text_is_open && text != nullptr) open_texts_.insert(text);
      return *value;
    }
    // What an operator that is not supported gave may be a list or a dict.
    const TensorBox* first =
        arguments.positional.empty() ? nullptr : arguments.positional[0].Get<TensorBox*>();
    if (first && first->tainted && IsOfContainers(name)) return Value(Unknown{});
  }
  const bool known = builtin != Builtins().end();
  if (name.find("::") == std::string::npos || (name.starts_with("prim::") && known) ||
      name.starts_with("math::") || name.starts_with("packed::")) {
    std::string given;
    for (const Value& value : arguments.positional) given += (given.empty() ? "" : ", ") + Describe(value);
    return Unsupported(fmt::format("{} is not supported for the arguments ({})", name, given));
  }
  return Operator(name, arguments);
}

}  // namespace octavo::import
