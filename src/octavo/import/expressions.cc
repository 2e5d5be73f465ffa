#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "octavo/import/evaluator.h"

namespace octavo::import {

using source::Expr;
using source::ExprKind;

Result<Value> Evaluator::Evaluate(const Expr& expr, Frame& frame) {
  DepthGuard depth(*this);
  const Expr* const outer = current_;
  current_ = &expr;
  Status status = depth.Check();
  if (status) status = Step();
  Result<Value> value = status ? EvaluateKind(expr, frame) : Result<Value>(std::move(status).error());
  if (!value && value.error().where().empty()) {
    value.error().SetWhere(FullPlace(expr.range, frame_), expr.range.Excerpt());
  }
  current_ = outer;
  return value;
}

Result<Value> Evaluator::EvaluateKind(const Expr& expr, Frame& frame) {
  switch (expr.kind) {
    case ExprKind::kName:
      return EvaluateName(expr, frame);
    case ExprKind::kAttribute:
      return EvaluateAttribute(expr, frame);
    case ExprKind::kCall:
      return EvaluateCall(expr, frame);
    case ExprKind::kSubscript:
      return EvaluateSubscript(expr, frame);
    case ExprKind::kInt:
      return Value(expr.integer);
    case ExprKind::kFloat:
      return Value(expr.number);
    case ExprKind::kString:
      return Value(&expr.text);
    case ExprKind::kTrue:
      return Value(true);
    case ExprKind::kFalse:
      return Value(false);
    case ExprKind::kNone:
      return Value();
    case ExprKind::kUnary:
    case ExprKind::kBinary:
      return EvaluateBinary(expr, frame);
    case ExprKind::kCompare:
      return EvaluateCompare(expr, frame);
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return EvaluateLogical(expr, frame);
    case ExprKind::kTernary: {
      const Value condition = OCTAVO_TRY(Evaluate(*expr.children[1], frame));
      const std::optional<bool> truth = OCTAVO_TRY(Decide(condition, "this choice"));
      if (truth) return Evaluate(*expr.children[*truth ? 0 : 2], frame);
      ++perhaps_;
      Result<Value> first = Evaluate(*expr.children[0], frame);
      Result<Value> second = first ? Evaluate(*expr.children[2], frame) : first;
      --perhaps_;
      return first && second ? Either(*first, *second) : second;
    }
    case ExprKind::kList:
    case ExprKind::kTuple:
    case ExprKind::kDict:
      return EvaluateDisplay(expr, frame);
    case ExprKind::kListComprehension:
      return EvaluateComprehension(expr, frame);
    case ExprKind::kComplex:
      return Unsupported("complex numbers are not supported");
    case ExprKind::kEllipsis:
      return Unsupported("an ellipsis is not supported here");
    case ExprKind::kSlice:
      return Unsupported("a slice is not supported here");
  }
  return Unsupported("this expression is not supported");
}

Result<Value> Evaluator::EvaluateName(const Expr& expr, Frame& frame) {
  const auto local = frame.locals.find(expr.text);
  // What was never set may be handed on; only to use it is an error.
  if (local != frame.locals.end()) return local->second;
  if (expr.text == "inf") return Value(std::numeric_limits<double>::infinity());
  if (expr.text == "nan") return Value(std::numeric_limits<double>::quiet_NaN());
  return InvalidFile("the name " + expr.text + " is not defined");
}

std::optional<std::string> Evaluator::QualifiedName(const Expr& expr, const Frame& frame) const {
  const Expr* parts[64];
  std::size_t count = 0;
  const Expr* at = &expr;
  for (; at->kind == ExprKind::kAttribute && count < std::size(parts); at = at->children[0].get()) {
    parts[count++] = at;
  }
  if (at->kind != ExprKind::kName) return std::nullopt;
  const std::string& root = at->text;
  if (root != "torch" && root != "ops" && root != "__torch__" && root != "CONSTANTS" && root != "math" &&
      root != "warnings") {
    return std::nullopt;
  }
  if (frame.locals.count(root) != 0) return std::nullopt;
  std::string name = root;
  while (count > 0) {
    name += '.';
    name += parts[--count]->text;
  }
  return name;
}

namespace {

// "torch.channels_last" and the like, which TorchScript holds as numbers.
std::optional<Value> TorchConstant(std::string_view name) {
  static const std::unordered_map<std::string_view, std::int64_t> kNumbers = {
      {"strided", 0},
      {"contiguous_format", 0},
      {"preserve_format", 1},
      {"channels_last", 2},
      {"channels_last_3d", 3},
      {"per_tensor_affine", 0},
      {"per_channel_affine", 1},
      {"per_tensor_symmetric", 2},
      {"per_channel_symmetric", 3},
      {"per_channel_affine_float_qparams", 4},
      {"float", 6},
      {"double", 7},
      {"half", 5},
      {"int", 3},
      {"long", 4},
      {"short", 2}};
  const auto found = kNumbers.find(name);
  if (found != kNumbers.end()) return Value(found->second);
  if (name == "inf") return Value(std::numeric_limits<double>::infinity());
  if (name == "nan") return Value(std::numeric_limits<double>::quiet_NaN());
  if (name == "pi") return Value(3.14159265358979323846);
  if (name == "e") return Value(2.71828182845904523536);
  if (const auto dtype = DTypeFromName(name)) return Value(std::int64_t{ScalarTypeNumber(*dtype)});
  return std::nullopt;
}

}  // namespace

Result<Value> Evaluator::EvaluateAttribute(const Expr& expr, Frame& frame) {
  if (const auto name = QualifiedName(expr, frame)) {
    const std::size_t dot = name->find('.');
    const std::string root = name->substr(0, dot);
    const std::string rest = name->substr(dot + 1);
    if (root == "CONSTANTS") {
      if (rest.find('.') == std::string::npos) return Constant(rest);
    } else if (root == "__torch__") {
      if (const auto global = OCTAVO_TRY(Global(*name))) return *global;
      return InvalidFile("the model's code has no " + *name);
    } else {
      if (const auto constant = TorchConstant(rest)) return *constant;
      return Unsupported("the name " + *name + " is not supported");
    }
  }
  const Value object = OCTAVO_TRY(Evaluate(*expr.children[0], frame));
  return Attribute(object, expr.text, {.expr = &expr});
}

Result<Value> Evaluator::EvaluateSubscript(const Expr& expr, Frame& frame) {
  const Value container = OCTAVO_TRY(Evaluate(*expr.children[0], frame));
  if (expr.children.size() != 2) return Unsupported("a subscript with several indices is not supported");
  const Expr& index = *expr.children[1];
  if (index.kind == ExprKind::kSlice) return EvaluateSlice(index, container, frame);
  const Value at = OCTAVO_TRY(Evaluate(index, frame));
  return Subscript(container, at, {.expr = &expr});
}

Result<Value> Evaluator::EvaluateSlice(const Expr& slice, const Value& container, Frame& frame) {
  CallArguments arguments{.expr = &slice, .positional = {container}};
  if (container.Is<TensorBox*>()) arguments.positional.push_back(Value(std::int64_t{0}));
  for (std::size_t i = 0; i < 3; ++i) {
    const Expr* bound = i < slice.children.size() ? slice.children[i].get() : nullptr;
    Value value = bound ? OCTAVO_TRY(Evaluate(*bound, frame)) : Value();
    if (i == 2 && value.is_none()) value = Value(std::int64_t{1});
    arguments.positional.push_back(value);
  }
  return CallNamed("aten::slice", std::move(arguments));
}

Result<Value> Evaluator::EvaluateBinary(const Expr& expr, Frame& frame) {
  static const std::unordered_map<std::string_view, const char*> kBinary = {
      {"+", "aten::add"},        {"-", "aten::sub"},       {"*", "aten::mul"},     {"/", "aten::div"},
      {"//", "aten::floordiv"},  {"%", "aten::remainder"}, {"**", "aten::pow"},    {"@", "aten::matmul"},
      {"&", "aten::__and__"},    {"|", "aten::__or__"},    {"^", "aten::__xor__"}, {"<<", "aten::__lshift__"},
      {">>", "aten::__rshift__"}};
  CallArguments arguments{.expr = &expr};
  for (const source::ExprPtr& child : expr.children) {
    arguments.positional.push_back(OCTAVO_TRY(Evaluate(*child, frame)));
  }
  if (expr.kind == ExprKind::kUnary) {
    if (expr.text == "+") return arguments.positional[0];
    if (expr.text == "-") return CallNamed("aten::neg", std::move(arguments));
    if (expr.text == "not") return CallNamed("aten::__not__", std::move(arguments));
    return CallNamed("aten::bitwise_not", std::move(arguments));
  }
  const auto name = kBinary.find(expr.text);
  if (name == kBinary.end()) return Unsupported("the operator " + expr.text + " is not supported");
  return CallNamed(name->second, std::move(arguments));
}

Result<Value> Evaluator::EvaluateCompare(const Expr& expr, Frame& frame) {
  static const std::unordered_map<std::string_view, const char*> kCompare = {
      {"==", "aten::eq"}, {"!=", "aten::ne"}, {"<", "aten::lt"},      {"<=", "aten::le"},
      {">", "aten::gt"},  {">=", "aten::ge"}, {"is", "aten::__is__"}, {"is not", "aten::__isnot__"}};
  CallArguments arguments{.expr = &expr};
  for (const source::ExprPtr& child : expr.children) {
    arguments.positional.push_back(OCTAVO_TRY(Evaluate(*child, frame)));
  }
  if (expr.text == "in" || expr.text == "not in") {
    std::swap(arguments.positional[0], arguments.positional[1]);
    const Value found = OCTAVO_TRY(CallNamed("aten::__contains__", std::move(arguments)));
    if (expr.text == "in") return found;
    return CallNamed("aten::__not__", {.expr = &expr, .positional = {found}});
  }
  const auto name = kCompare.find(expr.text);
  if (name == kCompare.end()) return Unsupported("the comparison " + expr.text + " is not supported");
  return CallNamed(name->second, std::move(arguments));
}

Result<Value> Evaluator::EvaluateLogical(const Expr& expr, Frame& frame) {
  const Value left = OCTAVO_TRY(Evaluate(*expr.children[0], frame));
  const bool is_and = expr.kind == ExprKind::kAnd;
  if (left.Is<const Undecided*>()) {
    // "N == 1 and False" is decided by its other side.
    const Value right = OCTAVO_TRY(Evaluate(*expr.children[1], frame));
    return CallNamed(is_and ? "aten::__and__" : "aten::__or__", {.expr = &expr, .positional = {left, right}});
  }
  if (left.Is<Unknown>()) return left;
  const std::optional<bool> truth = OCTAVO_TRY(Decide(left, "this condition"));
  if (!truth) return Value(Unknown{});
  // TorchScript makes bools of both.
  if (*truth != is_and) return Value(*truth);
  const Value right = OCTAVO_TRY(Evaluate(*expr.children[1], frame));
  if (right.Is<const Undecided*>() || right.Is<Unknown>()) return right;
  const std::optional<bool> other = OCTAVO_TRY(Decide(right, "this condition"));
  return other ? Value(*other) : Value(Unknown{});
}

Result<Value> Evaluator::EvaluateDisplay(const Expr& expr, Frame& frame) {
  std::vector<Value> items;
  items.reserve(expr.children.size());
  for (const source::ExprPtr& child : expr.children) items.push_back(OCTAVO_TRY(Evaluate(*child, frame)));
  if (expr.kind == ExprKind::kList) return Value(arena_.NewList(std::move(items)));
  if (expr.kind == ExprKind::kTuple) return Value(arena_.NewTuple(std::move(items)));
  const Value dict(arena_.NewDict());
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    OCTAVO_TRY(CallNamed("aten::_set_item", {.expr = &expr, .positional = {dict, items[i], items[i + 1]}}));
  }
  return dict;
}

Result<Value> Evaluator::EvaluateComprehension(const Expr& expr, Frame& frame) {
  const Value source = OCTAVO_TRY(Evaluate(*expr.children[2], frame));
  if (source.Is<Unknown>()) {
    ++perhaps_;
    Forget(*expr.children[1], frame);
    Result<Value> item = Evaluate(*expr.children[0], frame);
    --perhaps_;
    return item ? Value(Unknown{}) : item;
  }
  const std::vector<Value> items = OCTAVO_TRY(Iterate(source));
  std::vector<Value> results;
  results.reserve(items.size());
  for (const Value& item : items) {
    OCTAVO_TRY(Assign(*expr.children[1], item, frame));
    results.push_back(OCTAVO_TRY(Evaluate(*expr.children[0], frame)));
  }
  return Value(arena_.NewList(std::move(results)));
}

Result<bool> Evaluator::Truth(const Value& value, std::string_view what) {
  if (value.Is<bool>()) return value.As<bool>();
  if (value.is_none()) return false;
  if (value.Is<std::int64_t>()) return value.As<std::int64_t>() != 0;
  if (value.Is<double>()) return value.As<double>() != 0;
  if (const auto* text = value.Get<const std::string*>()) return !text->empty();
  if (const List* list = value.Get<List*>()) return !list->items.empty();
  if (const Tuple* tuple = value.Get<Tuple*>()) return !tuple->items.empty();
  if (const Dict* dict = value.Get<Dict*>()) return !dict->items.empty();
  const char* const hint = "Give the input's sizes as numbers, as in --input 'x:float32[1,3,224,224]'.";
  if (const Undecided* undecided = value.Get<const Undecided*>()) {
    return NeedsInput(
        fmt::format("{} depends on the open size {} ({})", what, undecided->size, undecided->text), hint);
  }
  if (const Dim* dim = value.Get<const Dim*>()) {
    if (const auto zero = Dim::Equal(*dim, Dim(0))) return !*zero;
    return NeedsInput(fmt::format("{} depends on the open size {}", what, dim->ToString()), hint);
  }
  if (TensorBox* box = value.Get<TensorBox*>()) {
    OCTAVO_TRY(CheckFresh(*box));
    if (const auto number = NumberOf(*box, kMaxRank)) return Truth(*number, what);
    return Unsupported(
        fmt::format("{} depends on tensor data, which is known at run time only", what),
        "Make the condition a constant: Octavo does not write the ONNX operators If and Loop.");
  }
  if (value.Is<Unknown>()) {
    return Unsupported(fmt::format("{} depends on the result of an operator that is not supported", what));
  }
  if (value.Is<Uninitialized>())
    return Unsupported(fmt::format("{} uses a value that was never assigned", what));
  return true;
}

Result<std::vector<Value>> Evaluator::Iterate(const Value& value) {
  const std::vector<Value>* items = nullptr;
  if (const List* list = value.Get<List*>()) items = &list->items;
  if (const Tuple* tuple = value.Get<Tuple*>()) items = &tuple->items;
  if (items) {
    OCTAVO_TRY(Charge(items->size()));
    return *items;
  }
  std::vector<Value> out;
  if (const Dict* dict = value.Get<Dict*>()) {
    OCTAVO_TRY(Charge(dict->items.size()));
    for (const auto& [key, item] : dict->items) out.push_back(key);
    return out;
  }
  if (const auto* text = value.Get<const std::string*>()) {
    OCTAVO_TRY(Charge(text->size()));
    for (const char c : *text) out.push_back(arena_.String(std::string(1, c)));
    return out;
  }
  if (value.Is<std::int64_t>()) {  // "for i in 5" is what the printer once wrote for range
    const std::int64_t count = std::max<std::int64_t>(value.As<std::int64_t>(), 0);
    if (count > limits().max_list_length) {
      return Unsupported("a loop has too many iterations to be unrolled", LimitHint("list-length"));
    }
    OCTAVO_TRY(Charge(static_cast<std::size_t>(count)));
    for (std::int64_t i = 0; i < count; ++i) out.emplace_back(i);
    return out;
  }
  if (Object* object = value.Get<Object*>()) {
    // A ModuleList: its items are the attributes "0", "1", ...
    for (std::size_t i = 0;; ++i) {
      OCTAVO_TRY(Step());
      const auto item = OCTAVO_TRY(FindAttribute(object, std::to_string(i)));
      if (!item) break;
      out.push_back(*item);
    }
    if (!out.empty()) return out;
  }
  if (value.Is<TensorBox*>()) {
    const Value slices = OCTAVO_TRY(
        CallNamed("aten::unbind", {.expr = current_, .positional = {value, Value(std::int64_t{0})}}));
    if (const List* list = slices.Get<List*>()) return list->items;
    if (slices.Is<TensorBox*>()) return std::vector<Value>{slices};  // it goes on: one stands for all
  }
  if (const Dim* dim = value.Get<const Dim*>()) {
    return NeedsInput("the number of iterations depends on the open size " + dim->ToString(),
                      "Give the input's sizes as numbers, as in --input 'x:float32[1,3,224,224]'.");
  }
  return Unsupported(Describe(value) + " is not iterable");
}

Result<Value> Evaluator::Subscript(const Value& container, const Value& index, const CallArguments& call) {
  if (container.Is<Unknown>() || index.Is<Unknown>()) return Value(Unknown{});
  if (TensorBox* box = container.Get<TensorBox*>()) {
    if (box->tainted) return container;
    return CallNamed("aten::select",
                     {.expr = call.expr, .positional = {container, Value(std::int64_t{0}), index}});
  }
  if (Object* object = container.Get<Object*>()) {
    std::string name;
    if (const auto* text = index.Get<const std::string*>()) name = *text;
    if (index.Is<std::int64_t>()) name = std::to_string(index.As<std::int64_t>());
    if (const auto item = OCTAVO_TRY(FindAttribute(object, name))) return *item;
    return Unsupported(Describe(container) + " has no item " + name);
  }
  return CallNamed("aten::__getitem__", {.expr = call.expr, .positional = {container, index}});
}

}  // namespace octavo::import
