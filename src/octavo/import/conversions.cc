#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/import/builtins.h"

namespace octavo::import {

Result<std::int64_t> KnownInt(const Value& value, std::string_view what) {
  if (value.Is<std::int64_t>()) return value.As<std::int64_t>();
  if (value.Is<bool>()) return std::int64_t{value.As<bool>()};
  if (const Dim* dim = value.Get<const Dim*>()) {
    return NeedsInput(fmt::format("{} depends on the open size {}", what, dim->ToString()), kGiveSize);
  }
  return Unsupported(fmt::format("{} must be an int, not {}", what, Describe(value)));
}

namespace {

// As TorchScript prints a float, which is not as Python does: whole numbers as "1.", others with 17 digits.
std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (std::abs(value) < 0x1p63 && std::trunc(value) == value)
    return std::to_string(static_cast<std::int64_t>(value)) + ".";
  return fmt::format("{:.17g}", value);
}

struct ToTextVisitor {
  Evaluator& evaluator;
  bool quoted;
  Result<std::string> operator()(const ir::None&) const { return std::string("None"); }
  Result<std::string> operator()(bool v) const { return std::string(v ? "True" : "False"); }
  Result<std::string> operator()(std::int64_t v) const { return std::to_string(v); }
  Result<std::string> operator()(double v) const { return FloatText(v); }
  Result<std::string> operator()(const Dim* v) const {
    evaluator.text_is_open = true;
    return v->ToString();
  }
  Result<std::string> operator()(const std::string* v) const {
    evaluator.text_is_open |= evaluator.IsOpenText(v);
    return quoted ? "'" + *v + "'" : *v;
  }
  Result<std::string> operator()(const Symbol* v) const { return v->name; }
  Result<std::string> operator()(List* v) const { return Items(v->items, "[", "]"); }
  Result<std::string> operator()(Tuple* v) const {
    return Items(v->items, "(", v->items.size() == 1 ? ",)" : ")");
  }
  Result<std::string> operator()(Dict* v) const {
    OCTAVO_TRY(evaluator.Charge(v->items.size()));
    std::string text = "{";
    for (const auto& [key, item] : v->items) {
      if (text.size() > 1) text += ", ";
      text += OCTAVO_TRY(ToText(evaluator, key, quoted)) + ": " + OCTAVO_TRY(ToText(evaluator, item, quoted));
      OCTAVO_TRY(CheckLength(text));
    }
    return text + "}";
  }
  template <typename Other>
  Result<std::string> operator()(const Other& v) const {
    evaluator.text_is_open = true;
    return "<" + Describe(Value(v)) + ">";
  }
  Result<std::string> Items(const std::vector<Value>& items, const char* open, const char* close) const {
    OCTAVO_TRY(evaluator.Charge(items.size()));
    std::string text = open;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text += ", ";
      text += OCTAVO_TRY(ToText(evaluator, items[i], quoted));
      OCTAVO_TRY(CheckLength(text));
    }
    return text + close;
  }
  Status CheckLength(const std::string& text) const {
    if (text.size() <= static_cast<std::size_t>(evaluator.limits().max_list_length)) return {};
    return Unsupported("a string in the model's code grows too long", LimitHint("list-length"));
  }
};

}  // namespace

Result<std::string> ToText(Evaluator& evaluator, const Value& value, bool quoted) {
  DepthGuard depth(evaluator);
  OCTAVO_TRY(depth.Check());
  Result<std::string> text = std::visit(ToTextVisitor{evaluator, quoted}, value.variant());
  if (text) OCTAVO_TRY(evaluator.ChargeText(text->size()));
  return text;
}

Result<std::optional<Value>> Equal(Evaluator& evaluator, const Value& a, const Value& b) {
  DepthGuard depth(evaluator);
  OCTAVO_TRY(depth.Check());
  OCTAVO_TRY(evaluator.Step());
  if (a.is_number() && b.is_number()) return Done(CompareNumbers(evaluator, CompareOp::kEqual, a, b));
  if (a.variant().index() != b.variant().index()) return Done(Value(false));
  if (a.is_none()) return Done(Value(true));
  if (const auto* s = a.Get<const std::string*>()) {
    const std::string& t = *b.As<const std::string*>();
    if (s->size() != t.size()) return Done(Value(false));
    OCTAVO_TRY(evaluator.ChargeText(t.size()));
    return Done(Value(*s == t));
  }
  if (const Symbol* s = a.Get<const Symbol*>()) return Done(Value(s == b.As<const Symbol*>()));
  if (Object* o = a.Get<Object*>()) {
    Object* other = b.As<Object*>();
    if (o == other) return Done(Value(true));
    const auto* definition = OCTAVO_TRY(evaluator.DefinitionOf(o));
    if (!definition || !definition->FindMethod("__eq__")) return Done(Value(false));
    const Frame nowhere;
    return Done(OCTAVO_TRY(evaluator.CallMethod(o, "__eq__", {.positional = {b}},
                                                evaluator.frame() ? *evaluator.frame() : nowhere)));
  }
  const auto items = [](const Value& v) -> const std::vector<Value>* {
    if (const List* list = v.Get<List*>()) return &list->items;
    if (const Tuple* tuple = v.Get<Tuple*>()) return &tuple->items;
    return nullptr;
  };
  const auto* x = items(a);
  const auto* y = items(b);
  if (x && y) {
    if (x->size() != y->size()) return Done(Value(false));
    std::optional<Value> undecided;
    for (std::size_t i = 0; i < x->size(); ++i) {
      const auto equal = OCTAVO_TRY(Equal(evaluator, (*x)[i], (*y)[i]));
      if (!equal) return NotMine();
      if (equal->Is<const Undecided*>()) {
        undecided = equal;
      } else if (!equal->As<bool>()) {
        return Done(Value(false));
      }
    }
    return Done(undecided ? *undecided : Value(true));
  }
  if (const Dict* d = a.Get<Dict*>()) {
    Dict* other = b.As<Dict*>();
    if (d->items.size() != other->items.size()) return Done(Value(false));
    for (const auto& [key, item] : d->items) {
      const std::size_t at = OCTAVO_TRY(Locate(evaluator, *other, key));
      if (at == other->items.size()) return Done(Value(false));
      const auto same = OCTAVO_TRY(Equal(evaluator, item, other->items[at].second));
      if (!same || !same->Is<bool>()) return NotMine();
      if (!same->As<bool>()) return Done(Value(false));
    }
    return Done(Value(true));
  }
  return NotMine();
}

namespace {

Error DataDependent(std::string_view what) {
  return Unsupported(fmt::format("{} needs the data of a tensor, which is known at run time only", what),
                     "Make the value a constant: models whose sizes, scales or branches depend on tensor "
                     "data are not supported.");
}

// The number in a tensor of one element.
Result<Value> Item(Evaluator& evaluator, const Value& value, std::string_view what) {
  TensorBox* box = value.Get<TensorBox*>();
  if (!box) return value;
  OCTAVO_TRY(evaluator.CheckFresh(*box));
  if (box->tainted) return Value(Unknown{});
  if (const auto number = evaluator.NumberOf(*box, kMaxRank)) return *number;
  return DataDependent(what);
}

BuiltinResult ToInt(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const Value value = OCTAVO_TRY(Item(evaluator, call.positional[0], "int()"));
  if (value.is_integer() || value.Is<Unknown>()) return Done(value);
  if (value.Is<bool>()) return Done(Value(std::int64_t{value.As<bool>()}));
  if (value.Is<double>()) {
    const double real = value.As<double>();
    if (!(std::abs(real) < 9.2e18)) return Unsupported("int() cannot convert " + FloatText(real));
    return Done(Value(static_cast<std::int64_t>(real)));
  }
  if (const auto* text = value.Get<const std::string*>()) {
    std::int64_t number = 0;
    OCTAVO_TRY(evaluator.ChargeText(text->size()));
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) {
      return Unsupported("int() cannot convert the string \"" + *text + "\"");
    }
    return Done(Value(number));
  }
  return NotMine();
}

BuiltinResult ToFloat(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const Value value = OCTAVO_TRY(Item(evaluator, call.positional[0], "float()"));
  if (value.Is<double>() || value.Is<Unknown>()) return Done(value);
  // A symbolic size stays a polynomial; it is a whole number either way.
  if (value.Is<const Dim*>()) return Done(value);
  if (value.is_number()) return Done(Value(ToDouble(value)));
  if (const auto* text = value.Get<const std::string*>()) {
    if (*text == "inf" || *text == "nan" || *text == "-inf") {
      return Done(Value(*text == "nan" ? std::nan("") : (*text == "inf" ? HUGE_VAL : -HUGE_VAL)));
    }
    double number = 0;
    OCTAVO_TRY(evaluator.ChargeText(8 * text->size()));
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) {
      return Unsupported("float() cannot convert the string \"" + *text + "\"");
    }
    return Done(Value(number));
  }
  return NotMine();
}

BuiltinResult ToBool(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  const Value value = OCTAVO_TRY(Item(evaluator, call.positional[0], "bool()"));
  if (value.Is<Unknown>() || value.Is<const Undecided*>()) return Done(value);
  if (const Dim* dim = value.Get<const Dim*>()) {
    return Done(CompareNumbers(evaluator, CompareOp::kNotEqual, Value(dim), Value(std::int64_t{0})));
  }
  return Done(Value(OCTAVO_TRY(evaluator.Truth(value, "this condition"))));
}

BuiltinResult ToScalar(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  return Done(OCTAVO_TRY(Item(evaluator, call.positional[0], "item()")));
}

BuiltinResult ToString(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  return Done(evaluator.arena().String(OCTAVO_TRY(ToText(evaluator, call.positional[0]))));
}

DType DTypeOfNumber(const Value& number) {
  if (number.Is<bool>() || number.Is<const Undecided*>()) return DType::kBool;
  return number.Is<double>() ? DType::kFloat32 : DType::kInt64;
}

BuiltinResult NumberToTensor(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.empty()) return NotMine();
  const Value& value = call.positional[0];
  if (!value.is_number() && !value.Is<const Undecided*>()) return NotMine();
  DType dtype = DTypeOfNumber(value);
  // prim::NumToTensor keeps a float as a double.
  if (value.Is<double>()) dtype = DType::kFloat64;
  return Done(evaluator.NewNumberTensor(value, dtype));
}

// Appends the numbers of a nested list in row-major order.
Status Flatten(Evaluator& evaluator, const Value& value, std::size_t depth, std::vector<std::int64_t>& sizes,
               std::vector<Value>& numbers) {
  DepthGuard guard(evaluator);
  OCTAVO_TRY(guard.Check());
  OCTAVO_TRY(evaluator.Step());
  const List* list = value.Get<List*>();
  const Tuple* tuple = value.Get<Tuple*>();
  if (!list && !tuple) {
    Value number = value;
    if (TensorBox* box = value.Get<TensorBox*>()) {
      const auto known = evaluator.NumberOf(*box, 0);
      if (!known) return DataDependent("torch.tensor()");
      number = *known;
    }
    if (!number.is_number()) return Unsupported("torch.tensor() is not supported for " + Describe(value));
    if (const Dim* dim = number.Get<const Dim*>()) {
      return NeedsInput("torch.tensor() is not supported for the open size " + dim->ToString(), kGiveSize);
    }
    if (depth != sizes.size()) return Unsupported("torch.tensor() needs lists of equal depth");
    evaluator.arena().Count(1);
    numbers.push_back(number);
    return {};
  }
  const std::vector<Value>& items = list ? list->items : tuple->items;
  const auto count = static_cast<std::int64_t>(items.size());
  if (depth == sizes.size() && numbers.empty()) sizes.push_back(count);
  if (depth >= sizes.size() || sizes[depth] != count) {
    return Unsupported("torch.tensor() needs lists of equal length");
  }
  for (const Value& item : items) OCTAVO_TRY(Flatten(evaluator, item, depth + 1, sizes, numbers));
  return {};
}

// The argument dtype, if the call has one.
Result<std::optional<DType>> GivenDType(const CallArguments& call) {
  const Value* number = call.Find(1, "dtype");
  if (!number || number->is_none()) return std::optional<DType>();
  const std::int64_t scalar_type = OCTAVO_TRY(KnownInt(*number, "a dtype"));
  const std::optional<DType> dtype = DTypeFromScalarType(scalar_type);
  if (!dtype)
    return Unsupported(
        fmt::format("torch.tensor() of dtype {} is not supported", ScalarTypeName(scalar_type)));
  return dtype;
}

// torch.scalar_tensor(): float32 where no dtype is given, whatever the number.
BuiltinResult ScalarTensor(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.empty() || !call.positional[0].is_number()) return NotMine();
  const DType dtype = OCTAVO_TRY(GivenDType(call)).value_or(DType::kFloat32);
  return Done(evaluator.NewNumberTensor(RoundToDType(call.positional[0], dtype), dtype));
}

BuiltinResult MakeTensor(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.empty()) return NotMine();
  std::optional<DType> dtype = OCTAVO_TRY(GivenDType(call));
  const Value& data = call.positional[0];
  if (data.is_number()) {
    const DType own = DTypeOfNumber(data), chosen = dtype.value_or(own);
    // A float is a float32 first, whatever dtype is asked for.
    return Done(evaluator.NewNumberTensor(RoundToDType(RoundToDType(data, own), chosen), chosen));
  }
  if (data.Is<TensorBox*>()) return NotMine();
  std::vector<std::int64_t> sizes;
  std::vector<Value> numbers;
  OCTAVO_TRY(Flatten(evaluator, data, 0, sizes, numbers));
  DType own = numbers.empty() ? DType::kFloat32 : DType::kBool;
  for (const Value& number : numbers) {
    const DType one = DTypeOfNumber(number);
    if (one == DType::kFloat32 || own == DType::kBool) own = one;
  }
  if (!dtype) dtype = own;
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  for (const Value& number : numbers) {
    const Value rounded = RoundToDType(RoundToDType(number, own), *dtype);
    if (IsFloat(*dtype)) {
      reals.push_back(ToDouble(rounded));
    } else {
      integers.push_back(ToDim(rounded).value());
    }
  }
  Tensor tensor;
  if (*dtype == DType::kFloat32) {
    tensor = Tensor::Floats(sizes, std::vector<float>(reals.begin(), reals.end()));
  } else if (*dtype == DType::kFloat64) {
    tensor = Tensor::From(*dtype, sizes, reals);
  } else if (*dtype == DType::kInt64) {
    tensor = Tensor::From(*dtype, sizes, integers);
  } else if (*dtype == DType::kInt32) {
    tensor = Tensor::From(*dtype, sizes, std::vector<std::int32_t>(integers.begin(), integers.end()));
  } else if (*dtype == DType::kBool || *dtype == DType::kUint8) {
    tensor = Tensor::From(*dtype, sizes, std::vector<std::uint8_t>(integers.begin(), integers.end()));
  } else {
    return Unsupported(fmt::format("torch.tensor() of dtype {} is not supported", Name(*dtype)));
  }
  return Done(evaluator.NewConstant(std::move(tensor), ""));
}

// x.tolist() of a constant.
BuiltinResult ToList(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  if (!box) return NotMine();
  if (const auto number = evaluator.NumberOf(*box, 0)) return Done(*number);
  if (!box->constant || box->constant->rank() != 1 || box->constant->quantization) {
    return DataDependent("tolist()");
  }
  const Tensor& tensor = *box->constant;
  if (!IsFloat(tensor.dtype) && !IsInteger(tensor.dtype)) return DataDependent("tolist()");
  OCTAVO_TRY(evaluator.Charge(static_cast<std::size_t>(tensor.num_elements())));
  std::vector<Value> items;
  if (IsFloat(tensor.dtype)) {
    for (const double v : tensor.ToDoubles()) items.emplace_back(v);
  } else {
    for (const std::int64_t v : tensor.ToInts()) items.emplace_back(v);
  }
  return Done(Value(evaluator.arena().NewList(std::move(items))));
}

}  // namespace

BuiltinResult ConvertNumberTensor(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* box = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  if (!box || !box->number) return NotMine();
  std::optional<DType> dtype = box->number_dtype;
  const Value* given = call.Find(call.positional.size(), "dtype");
  for (std::size_t i = 1; !given && i < call.positional.size() && i < 3; ++i) {
    if (call.positional[i].Is<std::int64_t>()) given = &call.positional[i];
    if (const TensorBox* other = call.positional[i].Get<TensorBox*>(); other && other->number) {
      dtype = other->number_dtype;
    }
  }
  if (given && given->Is<std::int64_t>()) dtype = DTypeFromScalarType(given->As<std::int64_t>());
  if (!dtype || (!IsFloat(*dtype) && !IsInteger(*dtype) && *dtype != DType::kBool)) return NotMine();
  return Done(evaluator.NewNumberTensor(RoundToDType(*box->number, *dtype), *dtype));
}

void AddConversionBuiltins(BuiltinTable& table) {
  table["int"] = table["aten::Int"] = table["aten::IntImplicit"] = table["prim::Int"] = ToInt;
  table["float"] = table["aten::Float"] = table["aten::FloatImplicit"] = table["prim::Float"] = ToFloat;
  table["bool"] = table["aten::Bool"] = table["aten::is_nonzero"] = table["prim::Bool"] = ToBool;
  table["str"] = table["aten::str"] = ToString;
  table["aten::item"] = table["aten::Scalar"] = table["aten::ScalarImplicit"] = ToScalar;
  table["aten::_local_scalar_dense"] = ToScalar;
  table["prim::NumToTensor"] = NumberToTensor;
  table["aten::scalar_tensor"] = ScalarTensor;
  table["aten::tensor"] = table["aten::as_tensor"] = MakeTensor;
  table["aten::tolist"] = table["prim::tolist"] = ToList;
}

}  // namespace octavo::import
