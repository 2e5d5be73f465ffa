#include <algorithm>

#include <fmt/format.h>

#include "octavo/base/checked.h"
#include "octavo/import/aliases.h"
#include "octavo/import/evaluator.h"

namespace octavo::import {
namespace {

// "aten::add_" -> "aten::add"; empty where the operator does not write in place.  Whether another library's
// "mylib::f_" does is not known, so its name stays.
std::string FunctionalName(const std::string& name) {
  static const std::unordered_map<std::string_view, const char*> kOperators = {
      {"aten::__iadd__", "aten::add"},
      {"aten::__isub__", "aten::sub"},
      {"aten::__imul__", "aten::mul"},
      {"aten::__itruediv__", "aten::div"},
      {"aten::__ifloordiv__", "aten::floor_divide"},
      {"aten::__iand__", "aten::__and__"},
      {"aten::__ior__", "aten::__or__"},
      {"aten::__ixor__", "aten::__xor__"}};
  const auto found = kOperators.find(name);
  if (found != kOperators.end()) return found->second;
  if (!name.starts_with("aten::") && !name.starts_with("quantized::")) return {};
  if (!name.ends_with('_') || name.ends_with("__")) return {};
  return name.substr(0, name.size() - 1);
}

TensorBox* FirstTensor(const CallArguments& arguments) {
  for (const Value& value : arguments.positional) {
    if (TensorBox* box = value.Get<TensorBox*>()) return box;
    if (const List* list = value.Get<List*>(); list && !list->items.empty()) {
      if (TensorBox* box = list->items[0].Get<TensorBox*>()) return box;
    }
  }
  return nullptr;
}

bool Tainted(const Value& value) {
  if (value.Is<Unknown>()) return true;
  if (const TensorBox* box = value.Get<TensorBox*>()) return box->tainted;
  if (const List* list = value.Get<List*>()) {
    return std::any_of(list->items.begin(), list->items.end(), [](const Value& item) {
      const TensorBox* box = item.Get<TensorBox*>();
      return item.Is<Unknown>() || (box && box->tainted);
    });
  }
  return false;
}

bool AnyTainted(const CallArguments& arguments) {
  return std::any_of(arguments.positional.begin(), arguments.positional.end(), Tainted) ||
         std::any_of(arguments.keywords.begin(), arguments.keywords.end(),
                     [](const auto& keyword) { return Tainted(keyword.second); });
}

// Tensors of one number that stand where the functional form of an operator takes that number.
void TensorsToNumbers(const Evaluator& evaluator, const std::string& name, CallArguments& arguments) {
  std::size_t first = 0, last = 0;
  if (name == "aten::quantize_per_tensor") {
    first = 1;
    last = 3;
  } else if (name.starts_with("quantized::add_scalar") || name.starts_with("quantized::mul_scalar")) {
    first = 1;
    last = 2;
  }
  for (std::size_t i = first; i < last && i < arguments.positional.size(); ++i) {
    const TensorBox* box = arguments.positional[i].Get<TensorBox*>();
    if (!box) continue;
    if (const auto number = evaluator.NumberOf(*box, 1)) arguments.positional[i] = *number;
  }
}

// Before version 5 torch.full made floats of every number, unless a dtype was given.
void MakeFloat(CallArguments& full) {
  const Value dtype(std::int64_t{ScalarTypeNumber(DType::kFloat32)});
  for (auto& [keyword, value] : full.keywords) {
    if (keyword != "dtype") continue;
    if (value.is_none()) value = dtype;
    return;
  }
  full.keywords.emplace_back("dtype", dtype);
}

// What an operator meant when the file was written, in the words of today.
Status Upgrade(Evaluator& evaluator, const std::string& name, CallArguments& arguments) {
  static const std::string kTruncate = "trunc";
  if (name == "aten::div" && evaluator.format_version() < 4 && arguments.size() == 2) {
    for (const Value& value : arguments.positional) {
      if (value.Is<double>()) return {};
      TensorBox* box = value.Get<TensorBox*>();
      if (!box) continue;
      const TensorType type = OCTAVO_TRY(evaluator.TypeOf(box));
      if (!IsInteger(type.dtype) && type.dtype != DType::kBool) return {};
    }
    arguments.keywords.emplace_back("rounding_mode", Value(&kTruncate));
  }
  if (name == "aten::full" && evaluator.format_version() < 5) MakeFloat(arguments);
  return {};
}

// Where the dtype of `out` says what an operator computes, and not only how that is stored.
Status ComputeAs(Evaluator& evaluator, const std::string& name, TensorBox* out, CallArguments& arguments) {
  if (name != "aten::full" && name != "aten::div") return {};
  const DType dtype = OCTAVO_TRY(evaluator.TypeOf(out)).dtype;
  if (dtype == DType::kUnknown) return {};
  if (name == "aten::full") {
    arguments.keywords.emplace_back("dtype", Value(std::int64_t{ScalarTypeNumber(dtype)}));
  } else if (evaluator.format_version() < 4 && arguments.size() == 2 && IsFloat(dtype)) {
    // Integers were divided as floats, too, if the quotients went into floats.
    arguments.keywords.emplace_back("rounding_mode", Value());
  }
  return {};
}

}  // namespace

Result<Value> Evaluator::Operator(const std::string& name, const CallArguments& arguments) {
  const std::string functional = FunctionalName(name);
  if (!functional.empty()) {
    TensorBox* target = arguments.positional.empty() ? nullptr : arguments.positional[0].Get<TensorBox*>();
    if (!target) {
      return Unsupported(fmt::format("{} writes to its first argument, which is not a tensor", name));
    }
    return WriteInPlace(name, functional, arguments, target);
  }
  for (std::size_t i = 0; i < arguments.keywords.size(); ++i) {
    if (arguments.keywords[i].first != "out") continue;
    TensorBox* target = arguments.keywords[i].second.Get<TensorBox*>();
    if (!target) break;
    CallArguments rest = arguments;
    rest.keywords.erase(rest.keywords.begin() + static_cast<std::ptrdiff_t>(i));
    OCTAVO_TRY(ComputeAs(*this, name, target, rest));
    return WriteInPlace(name, name, rest, target);
  }
  // quantized::add_out(a, b, out): quantized as `out` is.
  static const std::unordered_map<std::string_view, const char*> kQuantizedOut = {
      {"quantized::add_out", "quantized::add"},
      {"quantized::mul_out", "quantized::mul"},
      {"quantized::add_relu_out", "quantized::add_relu"},
      {"quantized::mul_relu_out", "quantized::mul_relu"}};
  const auto out_form = kQuantizedOut.find(name);
  if (out_form != kQuantizedOut.end() && arguments.positional.size() == 3) {
    if (TensorBox* target = arguments.positional[2].Get<TensorBox*>()) {
      const TensorType type = OCTAVO_TRY(TypeOf(target));
      TensorBox* operand = arguments.positional[0].Get<TensorBox*>();
      const bool same_dtype = operand && OCTAVO_TRY(TypeOf(operand)).dtype == type.dtype;
      if (same_dtype && type.quantized() && type.quantization->per_tensor()) {
        CallArguments rest = arguments;
        rest.positional[2] = Value(type.quantization->scale());
        rest.positional.emplace_back(type.quantization->zero_point());
        return WriteInPlace(name, out_form->second, rest, target);
      }
    }
  }
  return AddOperator(name, arguments);
}

Result<Value> Evaluator::WriteInPlace(const std::string& name, const std::string& functional,
                                      const CallArguments& arguments, TensorBox* target) {
  const TensorType before = OCTAVO_TRY(TypeOf(target));
  Value result;
  const auto like = [&](const char* op, std::vector<Value> positional) {
    return CallNamed(op, {.expr = arguments.expr, .positional = std::move(positional)});
  };
  if (functional == "aten::copy") {
    if (arguments.positional.size() < 2) return Unsupported("aten::copy_ needs argument src");
    result = arguments.positional[1];
    TensorBox* source = result.Get<TensorBox*>();
    if (!source) {
      result = OCTAVO_TRY(like("aten::full_like", {arguments.positional[0], result}));
    } else {
      const TensorType type = OCTAVO_TRY(TypeOf(source));
      const bool known = type.dtype != DType::kUnknown && before.dtype != DType::kUnknown;
      if (type.dtype != before.dtype && (known || !Unknowable(*source))) {
        result = OCTAVO_TRY(like("aten::to", {result, Value(std::int64_t{ScalarTypeNumber(before.dtype)})}));
      }
      if (!type.shape || !before.shape || *type.shape != *before.shape) {
        result = OCTAVO_TRY(like("aten::expand_as", {result, arguments.positional[0]}));
      }
    }
  } else if (functional == "aten::zero") {
    result = OCTAVO_TRY(like("aten::zeros_like", {arguments.positional[0]}));
  } else if (functional == "aten::fill") {
    std::vector<Value> rest = arguments.positional;
    if (rest.size() > 1) {
      TensorBox* fill = rest[1].Get<TensorBox*>();
      if (const auto number = fill ? NumberOf(*fill, 0) : std::nullopt) rest[1] = *number;
    }
    result = OCTAVO_TRY(like("aten::full_like", std::move(rest)));
  } else {
    result = OCTAVO_TRY(CallNamed(functional, arguments));
    TensorBox* box = result.Get<TensorBox*>();
    if (box && !box->tainted) {
      // The result takes the dtype of what it is written into.
      const TensorType after = OCTAVO_TRY(TypeOf(box));
      if (after.dtype != before.dtype && after.dtype != DType::kUnknown && before.dtype != DType::kUnknown &&
          !after.quantized() && !before.quantized()) {
        result = OCTAVO_TRY(like("aten::to", {result, Value(std::int64_t{ScalarTypeNumber(before.dtype)})}));
      }
    }
  }
  const TensorBox* box = result.Get<TensorBox*>();
  if (!box) return Unsupported(fmt::format("{} must return a single tensor", name));
  Overwrite(target, *box, name);
  return Value(target);
}

void Evaluator::MarkTrace(ir::NodeId node) {
  imported_->traced.resize(static_cast<std::size_t>(node) + 1);
  const module::AuthorLine* line =
      current_ && module_.program ? module_.program->FindAuthorLine(current_->range) : nullptr;
  imported_->traced.back() = line ? line->traced : !(frame_ && frame_->scripted);
}

void Evaluator::ShareMemory(const std::string& name, const CallArguments& arguments, const Value& result) {
  if (!MayAlias(name)) return;
  const TensorBox* source = FirstTensor(arguments);
  if (!source) return;
  const auto share = [](const Value& value, const TensorBox* with) {
    if (TensorBox* box = value.Get<TensorBox*>()) {
      box->aliases = with->aliases;
      box->version = with->version;
    }
  };
  share(result, source);
  const std::vector<Value>* results = nullptr;
  if (const List* list = result.Get<List*>()) results = &list->items;
  if (const Tuple* tuple = result.Get<Tuple*>()) results = &tuple->items;
  if (!results) return;
  // Of several tensors (meshgrid, broadcast_tensors), each result is a view of its own one.
  const List* given = arguments.positional.empty() ? nullptr : arguments.positional[0].Get<List*>();
  const bool pairwise = given && given->items.size() == results->size();
  for (std::size_t i = 0; i < results->size(); ++i) {
    const TensorBox* with = pairwise ? given->items[i].Get<TensorBox*>() : source;
    if (with) share((*results)[i], with);
  }
}

namespace {

// By the sizes that are known.
bool IsTooLarge(const TensorType& type) {
  if (!type.shape) return false;
  std::vector<std::int64_t> sizes;
  for (const Dim& size : *type.shape) {
    if (size.known() && size.value() > 0) sizes.push_back(size.value());
  }
  return !CountElements(sizes);
}

}  // namespace

Result<Value> Evaluator::AddOperator(const std::string& name, const CallArguments& given) {
  CallArguments arguments = given;
  TensorsToNumbers(*this, name, arguments);
  OCTAVO_TRY(Upgrade(*this, name, arguments));
  const bool tainted = AnyTainted(arguments);
  bool unknown = false, refused = false;
  std::vector<ir::Argument> operands;
  operands.reserve(arguments.size());
  Status converted;
  const auto convert = [&](std::string keyword, const Value& value) {
    Result<ir::Operand> operand = value.Is<Unknown>() ? ir::Operand(ir::None{}) : ToOperand(value, name);
    unknown |= value.Is<Unknown>() || !operand;
    operands.push_back({std::move(keyword), operand ? std::move(*operand) : ir::Operand(ir::None{})});
    if (operand) return;
    // A list that holds something unknown is no operand; a tensor that is none is an error of its own.
    refused |= value.Is<TensorBox*>();
    if (converted) converted = std::move(operand).error();
  };
  for (const Value& value : arguments.positional) convert({}, value);
  for (const auto& [keyword, value] : arguments.keywords) convert(std::string(keyword), value);

  // Arguments that are not known are no arguments to bind.
  Result<std::optional<OperatorRules::Call>> bound =
      unknown ? rules_.Bind(graph(), name, {}) : rules_.Bind(graph(), name, operands);
  const bool missing = bound && !bound->has_value();
  if (bound && !missing) {
    for (const TensorType& type : (**bound).results) {
      if (!IsTooLarge(type)) continue;
      bound =
          Unsupported(fmt::format("{}: the result {} is larger than a tensor can be", name, type.ToString()));
      break;
    }
  }
  if (missing || unknown || !bound) {
    // Neither is set where an unknown argument alone is the reason.
    const Error* why = !converted ? &converted.error() : !bound ? &bound.error() : nullptr;
    if (!missing && !goes_on() && why) return *why;
    if ((refused || (!missing && !tainted)) && why) NoteSkipped(At(*why));
    std::shared_ptr<const ir::Origin> origin = MakeOrigin(name);
    if (missing) Miss(name, origin);
    if (!converted) {
      for (const Value& value : arguments.positional) GatherWeights(value, operands);
    }
    return UnknownResult(name, std::move(operands), std::move(origin), missing);
  }

  OperatorRules::Call& call = **bound;
  std::shared_ptr<const ir::Origin> origin = MakeOrigin(name);
  Note(origin.get(), true);
  const ir::NodeId node =
      graph().AddNode(name, std::move(call.arguments), std::move(call.results), std::move(origin));
  MarkTrace(node);
  const std::vector<ir::ValueId> outputs = graph().node(node).outputs;
  std::vector<Value> results;
  results.reserve(outputs.size());
  for (const ir::ValueId id : outputs) {
    results.push_back(NewTensorValue(id));
    const TensorType& type = graph().type(id);
    results.back().As<TensorBox*>()->tainted = tainted && (!type.shape || type.dtype == DType::kUnknown);
  }
  Value result;
  switch (call.returns) {
    case OperatorRules::Returns::kTensor:
      if (results.size() != 1) return Unsupported(fmt::format("{} must return a single tensor", name));
      result = results[0];
      break;
    case OperatorRules::Returns::kTensorList:
      result = Value(arena_.NewList(std::move(results)));
      break;
    case OperatorRules::Returns::kTuple:
      result = Value(arena_.NewTuple(std::move(results)));
      break;
  }
  ShareMemory(name, arguments, result);
  return result;
}

}  // namespace octavo::import
