#pragma once

// The values of the imported program while it is evaluated.  Containers, objects and tensors are shared by
// reference, as in Python; all of them belong to an Arena and live as long as the evaluation, so that values
// are two words and cycles that a hostile program builds cost nothing.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "octavo/graph.h"
#include "octavo/module/value.h"
#include "octavo/result.h"
#include "octavo/source/syntax.h"

namespace octavo::import {

class Value;
struct List;
struct Tuple;
struct Dict;
struct Object;
struct TensorBox;
struct PackedBox;
struct Symbol;
struct Callable;
struct Undecided;

// What `uninitialized(T)` gives: to use it is an error.
struct Uninitialized {};
// What follows from a tensor whose type is not known because its operator has no row.  It spreads, so that
// the evaluation reaches, and reports, the other missing operators.
struct Unknown {};

template <typename T, typename Variant>
struct IsOneOf;
template <typename T, typename... Kinds>
struct IsOneOf<T, std::variant<Kinds...>> : std::bool_constant<(std::is_same_v<T, Kinds> || ...)> {};

class Value {
 public:
  using Variant =
      std::variant<ir::None, Uninitialized, Unknown, bool, std::int64_t, double,
                   const Dim* /* never a known number */, const std::string*, const Undecided*, const Symbol*,
                   List*, Tuple*, Dict*, Object*, TensorBox*, PackedBox*, const Callable*>;

  Value() = default;
  template <typename T>
  requires IsOneOf<T, Variant>::value Value(T v)
      : v_(std::in_place_type<T>, v) {}  // NOLINT(google-explicit-constructor)
  Value(const char*) = delete;

  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(v_);
  }
  // Needs Is<T>().
  template <typename T>
  T As() const {
    return *std::get_if<T>(&v_);
  }
  // Null where it is another kind; T is a pointer type.
  template <typename T>
  T Get() const {
    const T* p = std::get_if<T>(&v_);
    return p ? *p : nullptr;
  }
  bool is_none() const { return Is<ir::None>(); }
  bool is_integer() const { return Is<std::int64_t>() || Is<const Dim*>(); }
  // An int, a symbolic int, a float or a bool.
  bool is_number() const { return is_integer() || Is<double>() || Is<bool>(); }
  const Variant& variant() const { return v_; }

 private:
  Variant v_;
};

struct List {
  std::vector<Value> items;
  bool of_tensors = false;  // stated by an annotation: tells an empty list of tensors from one of numbers
};

struct Tuple {
  std::vector<Value> items;
  std::vector<std::string_view> fields;  // of a named tuple
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in order of insertion, as in Python
  // Of the first `indexed` items, those whose keys are strings or ints: where each lies.  Empty for small
  // dicts.
  std::unordered_map<std::string_view, std::size_t> strings;
  std::unordered_map<std::int64_t, std::size_t> integers;
  std::size_t indexed = 0;
};

// A comparison that holds for some sizes and not for others.  Only a branch that depends on it is an error.
struct Undecided {
  std::string text;  // "N == 1"
  std::string size;  // "N"
};

// A device, a member of an enum, or another name of PyTorch's.  One object for each name.
struct Symbol {
  enum class Kind { kDevice, kEnum, kOther };
  Kind kind = Kind::kOther;
  std::string name;  // "cpu", "RED"
  std::string of;    // an enum's class
  Value value;       // of an enum's member
};

// Tensors that may share memory.  A write to one of them makes the others stale.
struct AliasSet {
  std::uint32_t version = 0;
  std::string last_write;  // "aten::relu_ at code/...:3:1"
};

// A tensor of the program: what every alias of the Python object shares.  It is one of: a value of the graph,
// a constant that becomes a value when an operator reads it, or a single number that the importer computes.
struct TensorBox {
  ir::ValueId id;
  const Tensor* constant = nullptr;
  // 0-dimensional, computed by the importer: int, symbolic int, float or bool.
  std::optional<Value> number;
  DType number_dtype = DType::kUnknown;
  std::string name;  // of a constant: its attribute's path
  AliasSet* aliases = nullptr;
  std::uint32_t version = 0;
  bool tainted = false;  // its type is unknown because of an operator that has no row
};

struct PackedBox {
  std::shared_ptr<const ir::PackedWeights> packed;
};

// An instance of a class, module or not.
struct Object {
  const module::Object* source = nullptr;  // null: made by the program
  const module::ClassDefinition* definition = nullptr;
  std::string class_name;
  std::string path;  // "layer1.0"; empty for the root
  bool named = false;
  enum class State { kPending, kRunning, kReady } state = State::kReady;
  std::unordered_map<std::string, Value> attributes;
  std::unordered_map<std::string_view, const module::Value*> saved;  // the source's, where there are many
};

// A function, a class, or a method bound to its object.
struct Callable {
  const source::Function* function = nullptr;
  const module::ClassDefinition* definition = nullptr;  // of a class that is called, or the method's
  Object* self = nullptr;
  const source::File* file = nullptr;
  std::string name;
  // Of a function inside a function: the variables around it.
  std::shared_ptr<const std::unordered_map<std::string_view, Value>> captured;
};

// Owns the values of one evaluation and counts what they take.
class Arena {
 public:
  explicit Arena(std::size_t max_values) : max_values_(max_values) {}

  List* NewList(std::vector<Value> items = {}) {
    used_ += items.size() + 4;
    return &lists_.emplace_back(List{std::move(items)});
  }
  Tuple* NewTuple(std::vector<Value> items, std::vector<std::string_view> fields = {}) {
    used_ += items.size() + fields.size() + 4;
    return &tuples_.emplace_back(Tuple{std::move(items), std::move(fields)});
  }
  Dict* NewDict() {
    used_ += 4;
    return &dicts_.emplace_back();
  }
  Object* NewObject() {
    used_ += 16;
    return &objects_.emplace_back();
  }
  TensorBox* NewTensor() {
    used_ += 8;
    aliases_.emplace_back();
    TensorBox* box = &tensors_.emplace_back();
    box->aliases = &aliases_.back();
    return box;
  }
  AliasSet* NewAliasSet() { return &aliases_.emplace_back(); }
  PackedBox* NewPacked(std::shared_ptr<const ir::PackedWeights> packed) {
    used_ += 8;
    return &packed_.emplace_back(PackedBox{std::move(packed)});
  }
  const Callable* NewCallable(Callable callable) {
    used_ += 8;
    return &callables_.emplace_back(std::move(callable));
  }
  const Tensor* Keep(Tensor tensor) {
    used_ += 8;
    return &constants_.emplace_back(std::move(tensor));
  }
  Value String(std::string text) {
    used_ += 2 + text.size() / sizeof(Value);
    const std::string* kept = &strings_.emplace_back(std::move(text));
    return Value(kept);
  }
  Value Number(const Dim& dim) {
    if (dim.known()) return Value(dim.value());
    used_ += 8;
    const Dim* kept = &dims_.emplace_back(dim);
    return Value(kept);
  }
  Value NewUndecided(Undecided undecided) {
    used_ += 8 + (undecided.text.size() + undecided.size.size()) / sizeof(Value);
    const Undecided* kept = &undecided_.emplace_back(std::move(undecided));
    return Value(kept);
  }
  const Symbol* Intern(Symbol::Kind kind, const std::string& name, const std::string& of = {});
  Symbol* InternMutable(Symbol::Kind kind, const std::string& name, const std::string& of = {});

  void Count(std::size_t values) { used_ += values; }
  bool exhausted() const { return used_ > max_values_; }
  bool HasRoomFor(std::size_t values) const { return used_ <= max_values_ && values <= max_values_ - used_; }
  std::size_t max_values() const { return max_values_; }

 private:
  std::size_t max_values_, used_ = 0;
  std::deque<List> lists_;
  std::deque<Tuple> tuples_;
  std::deque<Dict> dicts_;
  std::deque<Object> objects_;
  std::deque<TensorBox> tensors_;
  std::deque<AliasSet> aliases_;
  std::deque<PackedBox> packed_;
  std::deque<Callable> callables_;
  std::deque<Tensor> constants_;
  std::deque<std::string> strings_;
  std::deque<Dim> dims_;
  std::deque<Undecided> undecided_;
  std::deque<Symbol> symbols_;
  std::unordered_map<std::string, Symbol*> symbol_index_;
};

// "int", "a list", "a tensor": for messages.
std::string Describe(const Value& value);

// Needs is_integer(), or a bool, which counts as 0 or 1.
Dim ToDim(const Value& value);
// Needs is_number() and not a symbolic size.
double ToDouble(const Value& value);

}  // namespace octavo::import
