
#include "octavo/import/builtins.h"

// Constants that an operator only looks at in another way stay constants.  No arithmetic is done here:
// whatever computes, quantizing above all, is a node, so that the reference runs it;
// passes::QuantizeConstants makes constants of such nodes for the export.

namespace octavo::import {
namespace {

// The constant, if the first argument is one that is still what it was loaded as.
const TensorBox* FirstConstant(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  return box && box->constant && evaluator.CheckFresh(*box) ? box : nullptr;
}

// The same memory seen in another way.
Value View(Evaluator& evaluator, const TensorBox& box, Tensor tensor) {
  TensorBox* view = evaluator.arena().NewTensor();
  view->name = box.name;
  view->aliases = box.aliases;
  view->version = box.version;
  view->constant = evaluator.arena().Keep(std::move(tensor));
  return Value(view);
}

std::optional<std::size_t> Axis(const Value& value, int rank) {
  if (!value.Is<std::int64_t>()) return std::nullopt;
  std::int64_t at = value.As<std::int64_t>();
  if (at < 0) at += rank;
  if (at < 0 || at >= rank) return std::nullopt;
  return static_cast<std::size_t>(at);
}

BuiltinResult Transpose(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box || call.positional.size() != 3) return NotMine();
  const int rank = box->constant->rank();
  const auto a = Axis(call.positional[1], rank), b = Axis(call.positional[2], rank);
  if (!a || !b) return NotMine();
  std::vector<int> order(static_cast<std::size_t>(rank));
  for (int i = 0; i < rank; ++i) order[static_cast<std::size_t>(i)] = i;
  std::swap(order[*a], order[*b]);
  return Done(View(evaluator, *box, box->constant->Permuted(order)));
}

BuiltinResult TransposeMatrix(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box || call.size() != 1 || box->constant->rank() > 2) return NotMine();
  if (box->constant->rank() < 2) return Done(call.positional[0]);
  const std::vector<int> order = {1, 0};
  return Done(View(evaluator, *box, box->constant->Permuted(order)));
}

BuiltinResult Permute(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  const List* list = call.positional.size() == 2 ? call.positional[1].Get<List*>() : nullptr;
  if (!box || !list) return NotMine();
  const int rank = box->constant->rank();
  if (list->items.size() != static_cast<std::size_t>(rank)) return NotMine();
  std::vector<int> order;
  std::vector<bool> seen(static_cast<std::size_t>(rank));
  for (const Value& item : list->items) {
    const auto axis = Axis(item, rank);
    if (!axis || seen[*axis]) return NotMine();
    seen[*axis] = true;
    order.push_back(static_cast<int>(*axis));
  }
  return Done(View(evaluator, *box, box->constant->Permuted(order)));
}

BuiltinResult Reshape(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  const List* list = call.positional.size() == 2 ? call.positional[1].Get<List*>() : nullptr;
  if (!box || !list || !box->constant->contiguous()) return NotMine();
  if (box->constant->quantization && !box->constant->quantization->per_tensor()) return NotMine();
  std::vector<std::int64_t> sizes;
  std::optional<std::size_t> open;
  std::int64_t known = 1;
  const std::int64_t total = box->constant->num_elements();
  for (const Value& item : list->items) {
    if (!item.Is<std::int64_t>()) return NotMine();
    const std::int64_t size = item.As<std::int64_t>();
    if (size == -1 && !open) {
      open = sizes.size();
    } else {
      if (size < 0 || (size > 0 && known > total / size)) return NotMine();
      known *= size;
    }
    sizes.push_back(size);
  }
  if (open) {
    if (known == 0 || total % known != 0) return NotMine();
    sizes[*open] = total / known;
  } else if (known != total) {
    return NotMine();
  }
  return Done(View(evaluator, *box, box->constant->Reshaped(std::move(sizes))));
}

// detach, contiguous, clone, ... of a constant.
BuiltinResult Itself(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box) return NotMine();
  return Done(View(evaluator, *box, *box->constant));
}

BuiltinResult Clone(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box) return NotMine();
  // Memory of its own: a write to it does not touch the original.
  TensorBox* copy = evaluator.arena().NewTensor();
  copy->name = box->name;
  copy->constant = box->constant;
  return Done(Value(copy));
}

// aten::to and its short forms: a constant stays one where its dtype does not change.
BuiltinResult To(Evaluator& evaluator, const CallArguments& call) {
  if (const auto number = OCTAVO_TRY(ConvertNumberTensor(evaluator, call))) return Done(*number);
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box) return NotMine();
  for (std::size_t i = 1; i < call.positional.size() && i < 3; ++i) {
    const Value& value = call.positional[i];
    if (value.Is<TensorBox*>()) return NotMine();
    if (value.Is<std::int64_t>() && value.As<std::int64_t>() != ScalarTypeNumber(box->constant->dtype)) {
      return NotMine();
    }
  }
  const Value* dtype = call.Find(call.positional.size(), "dtype");
  if (dtype && !dtype->is_none() &&
      (!dtype->Is<std::int64_t>() || dtype->As<std::int64_t>() != ScalarTypeNumber(box->constant->dtype))) {
    return NotMine();
  }
  return Itself(evaluator, call);
}

template <DType dtype>
BuiltinResult ToDType(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  if (!box) return NotMine();
  if (!box->number && !(box->constant && box->constant->dtype == dtype)) {
    return Done(OCTAVO_TRY(evaluator.CallNamed(
        "aten::to", {.expr = call.expr,
                     .positional = {call.positional[0], Value(std::int64_t{ScalarTypeNumber(dtype)})}})));
  }
  return To(evaluator, {.expr = call.expr,
                        .positional = {call.positional[0], Value(std::int64_t{ScalarTypeNumber(dtype)})}});
}

}  // namespace

void AddConstantBuiltins(BuiltinTable& table) {
  table["aten::transpose"] = Transpose;
  table["aten::t"] = TransposeMatrix;
  table["aten::permute"] = Permute;
  table["aten::reshape"] = table["aten::view"] = Reshape;
  table["aten::detach"] = table["aten::alias"] = table["aten::contiguous"] = Itself;
  table["aten::clone"] = Clone;
  table["aten::to"] = table["aten::_to_copy"] = table["aten::cpu"] = To;
  table["aten::float"] = ToDType<DType::kFloat32>;
}

}  // namespace octavo::import
