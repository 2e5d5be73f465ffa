#include "octavo/import/value.h"

namespace octavo::import {

Symbol* Arena::InternMutable(Symbol::Kind kind, const std::string& name, const std::string& of) {
  std::string key = std::to_string(static_cast<int>(kind)) + of + "\n" + name;
  const auto found = symbol_index_.find(key);
  if (found != symbol_index_.end()) return found->second;
  used_ += 16;
  Symbol* symbol = &symbols_.emplace_back(Symbol{.kind = kind, .name = name, .of = of});
  symbol_index_.emplace(std::move(key), symbol);
  return symbol;
}

const Symbol* Arena::Intern(Symbol::Kind kind, const std::string& name, const std::string& of) {
  return InternMutable(kind, name, of);
}

namespace {

struct Describer {
  std::string operator()(const ir::None&) const { return "None"; }
  std::string operator()(const Uninitialized&) const { return "a value that was never assigned"; }
  std::string operator()(const Unknown&) const { return "an unknown value"; }
  std::string operator()(bool v) const { return v ? "True" : "False"; }
  std::string operator()(std::int64_t v) const { return "the number " + std::to_string(v); }
  std::string operator()(double) const { return "a float"; }
  std::string operator()(const Dim* v) const { return "the open size " + v->ToString(); }
  std::string operator()(const std::string*) const { return "a string"; }
  std::string operator()(const Undecided* v) const { return "the comparison " + v->text; }
  std::string operator()(const Symbol* v) const {
    return v->kind == Symbol::Kind::kDevice ? "the device " + v->name : v->name;
  }
  std::string operator()(const List*) const { return "a list"; }
  std::string operator()(const Tuple*) const { return "a tuple"; }
  std::string operator()(const Dict*) const { return "a dict"; }
  std::string operator()(const Object* v) const { return "an object of class " + v->class_name; }
  std::string operator()(const TensorBox*) const { return "a tensor"; }
  std::string operator()(const PackedBox*) const { return "packed weights"; }
  std::string operator()(const Callable* v) const { return "the function " + v->name; }
};

}  // namespace

std::string Describe(const Value& value) { return std::visit(Describer{}, value.variant()); }

Dim ToDim(const Value& value) {
  if (const Dim* dim = value.Get<const Dim*>()) return *dim;
  if (value.Is<bool>()) return Dim(value.As<bool>() ? 1 : 0);
  return Dim(value.As<std::int64_t>());
}

double ToDouble(const Value& value) {
  if (value.Is<double>()) return value.As<double>();
  if (value.Is<bool>()) return value.As<bool>() ? 1 : 0;
  return static_cast<double>(value.As<std::int64_t>());
}

}  // namespace octavo::import
