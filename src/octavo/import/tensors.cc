#include <fmt/format.h>

#include "octavo/import/evaluator.h"

namespace octavo::import {

Value Evaluator::NewTensorValue(ir::ValueId id) {
  TensorBox* box = arena_.NewTensor();
  box->id = id;
  return Value(box);
}

Value Evaluator::NewConstant(Tensor constant, std::string name) {
  if (constant.storage) {
    const ConstantKey key{constant.storage.get(), constant.offset, constant.dtype, constant.sizes,
                          constant.strides};
    const auto [entry, added] = constants_.try_emplace(key, nullptr);
    if (!added && entry->second->constant && entry->second->constant->quantization == constant.quantization) {
      return Value(entry->second);
    }
    TensorBox* box = arena_.NewTensor();
    AliasSet*& aliases = storages_[constant.storage.get()];
    if (!aliases) aliases = box->aliases;
    box->aliases = aliases;
    box->name = std::move(name);
    box->constant = arena_.Keep(std::move(constant));
    if (added) entry->second = box;
    return Value(box);
  }
  TensorBox* box = arena_.NewTensor();
  box->name = std::move(name);
  box->constant = arena_.Keep(std::move(constant));
  return Value(box);
}

Value Evaluator::NewNumberTensor(Value number, DType dtype) {
  TensorBox* box = arena_.NewTensor();
  box->number = number;
  box->number_dtype = dtype;
  return Value(box);
}

Status Evaluator::CheckFresh(const TensorBox& box) const {
  if (box.version == box.aliases->version) return {};
  return Unsupported(
      fmt::format(
          "in-place writes to a view are not supported: {} wrote to memory that this tensor may share",
          box.aliases->last_write),
      "Replace the in-place write in the model by an operation that returns a new tensor.");
}

Result<TensorType> Evaluator::TypeOf(TensorBox* box) {
  OCTAVO_TRY(CheckFresh(*box));
  if (box->id.valid()) return graph().type(box->id);
  if (box->constant) return box->constant->type();
  return TensorType{.dtype = box->number_dtype, .shape = Shape{}};
}

namespace {

bool IsReal(DType dtype) { return IsFloat(dtype) || IsInteger(dtype) || dtype == DType::kBool; }

// A 0-dimensional constant of a number; nullopt for dtypes that the importer computes with in no other way.
std::optional<Tensor> NumberConstant(const Value& number, DType dtype) {
  const double real = ToDouble(number);
  const std::int64_t integer = number.Is<std::int64_t>() ? number.As<std::int64_t>()
                               : number.Is<bool>()       ? std::int64_t{number.As<bool>()}
                                                         : 0;
  switch (dtype) {
    case DType::kFloat32:
      return Tensor::Scalar(static_cast<float>(real));
    case DType::kFloat64:
      return Tensor::From(dtype, {}, std::vector<double>{real});
    case DType::kInt64:
      return Tensor::From(dtype, {}, std::vector<std::int64_t>{integer});
    case DType::kInt32:
      return Tensor::From(dtype, {}, std::vector<std::int32_t>{static_cast<std::int32_t>(integer)});
    case DType::kInt16:
      return Tensor::From(dtype, {}, std::vector<std::int16_t>{static_cast<std::int16_t>(integer)});
    case DType::kInt8:
      return Tensor::From(dtype, {}, std::vector<std::int8_t>{static_cast<std::int8_t>(integer)});
    case DType::kUint8:
    case DType::kBool:
      return Tensor::From(dtype, {}, std::vector<std::uint8_t>{static_cast<std::uint8_t>(integer)});
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Value> Evaluator::NumberOf(const TensorBox& box, int max_rank) const {
  if (box.number) return *box.number;
  const Tensor* constant = box.constant;
  if (!constant || constant->rank() > max_rank || constant->num_elements() != 1 || !IsReal(constant->dtype)) {
    return std::nullopt;
  }
  if (constant->dtype == DType::kBool) return Value(constant->ToInts()[0] != 0);
  if (IsInteger(constant->dtype)) return Value(constant->ToInts()[0]);
  return Value(constant->ToDoubles()[0]);
}

Result<ir::ValueId> Evaluator::Materialise(TensorBox* box) {
  OCTAVO_TRY(CheckFresh(*box));
  if (box->id.valid()) return box->id;
  if (box->constant) {
    box->id = graph().AddConstant(*box->constant, box->name);
    return box->id;
  }
  const Value& number = *box->number;
  if (!number.is_number() || number.Is<const Dim*>()) {
    return NeedsInput("an operator reads " + Describe(number) + " as a tensor",
                      "Give the input's sizes as numbers, as in --input 'x:float32[1,3,224,224]'.");
  }
  const auto constant = NumberConstant(number, box->number_dtype);
  if (!constant)
    return Unsupported(fmt::format("a number of dtype {} is not supported", Name(box->number_dtype)));
  box->id = graph().AddConstant(*constant, box->name);
  return box->id;
}

void Evaluator::Overwrite(TensorBox* target, const TensorBox& result, std::string_view op) {
  ++target->aliases->version;
  target->version = target->aliases->version;
  target->aliases->last_write = fmt::format("{} at {}", op, CurrentPlace());
  target->id = result.id;
  target->constant = result.constant;
  target->number = result.number;
  target->number_dtype = result.number_dtype;
  target->tainted = result.tainted;
}

namespace {

enum class ListKind { kEmpty, kInts, kFloats, kBools, kStrings, kTensors, kMixed };

ListKind KindOf(const std::vector<Value>& items) {
  std::size_t ints = 0, floats = 0, bools = 0, strings = 0, tensors = 0, numbers = 0, nones = 0;
  for (const Value& item : items) {
    ints += item.is_integer();
    floats += item.Is<double>();
    bools += item.Is<bool>();
    strings += item.Is<const std::string*>();
    nones += item.is_none();
    if (const TensorBox* box = item.Get<TensorBox*>()) {
      ++tensors;
      numbers += box->number.has_value() && box->number->is_integer();
    }
  }
  const std::size_t n = items.size();
  if (n == 0) return ListKind::kEmpty;
  if (ints == n || (ints > 0 && ints + numbers == n)) return ListKind::kInts;
  if (ints + floats == n) return ListKind::kFloats;
  if (bools == n) return ListKind::kBools;
  if (strings == n) return ListKind::kStrings;
  if (tensors > 0 && tensors + nones == n) return ListKind::kTensors;
  return ListKind::kMixed;
}

}  // namespace

Result<ir::Operand> Evaluator::ToOperand(const Value& value, std::string_view what) {
  if (value.is_none()) return ir::Operand(ir::None{});
  if (value.Is<bool>()) return ir::Operand(value.As<bool>());
  if (value.is_integer()) return ir::Operand(ToDim(value));
  if (value.Is<double>()) return ir::Operand(value.As<double>());
  if (const auto* text = value.Get<const std::string*>()) return ir::Operand(*text);
  if (const Symbol* symbol = value.Get<const Symbol*>()) return ir::Operand(symbol->name);
  if (PackedBox* packed = value.Get<PackedBox*>()) return ir::Operand(packed->packed);
  if (TensorBox* box = value.Get<TensorBox*>()) {
    OCTAVO_TRY(CheckFresh(*box));
    if (box->number && box->number->Is<const Dim*>()) return ir::Operand(ToDim(*box->number));
    return ir::Operand(OCTAVO_TRY(Materialise(box)));
  }
  const std::vector<Value>* items = nullptr;
  const List* list = value.Get<List*>();
  if (list) items = &list->items;
  if (const Tuple* tuple = value.Get<Tuple*>()) items = &tuple->items;
  if (!items) return Unsupported(fmt::format("{} cannot be passed to {}", Describe(value), what));
  OCTAVO_TRY(Charge(items->size()));
  switch (KindOf(*items)) {
    case ListKind::kEmpty:
      if (list && list->of_tensors) return ir::Operand(ir::ValueList{});
      return ir::Operand(std::vector<Dim>{});
    case ListKind::kInts: {
      std::vector<Dim> dims;
      dims.reserve(items->size());
      for (const Value& item : *items) {
        const TensorBox* box = item.Get<TensorBox*>();
        dims.push_back(ToDim(box ? *box->number : item));
      }
      return ir::Operand(std::move(dims));
    }
    case ListKind::kFloats: {
      std::vector<double> numbers;
      numbers.reserve(items->size());
      for (const Value& item : *items) {
        if (item.Is<const Dim*>()) return Unsupported("a list of floats contains " + Describe(item));
        numbers.push_back(ToDouble(item));
      }
      return ir::Operand(std::move(numbers));
    }
    case ListKind::kBools: {
      std::vector<bool> flags;
      flags.reserve(items->size());
      for (const Value& item : *items) flags.push_back(item.As<bool>());
      return ir::Operand(std::move(flags));
    }
    case ListKind::kStrings: {
      std::vector<std::string> texts;
      texts.reserve(items->size());
      for (const Value& item : *items) texts.push_back(*item.As<const std::string*>());
      return ir::Operand(std::move(texts));
    }
    case ListKind::kTensors: {
      ir::ValueList values;
      values.reserve(items->size());
      for (const Value& item : *items) {
        TensorBox* box = item.Get<TensorBox*>();
        values.push_back(box ? OCTAVO_TRY(Materialise(box)) : ir::ValueId{});
      }
      return ir::Operand(std::move(values));
    }
    case ListKind::kMixed:
      break;
  }
  return Unsupported(fmt::format("a list of mixed types cannot be passed to {}", what));
}

}  // namespace octavo::import
