#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

// Constants that an operator only looks at in another way, or quantizes, stay constants, so that weights
// which a model prepares when it runs are weights in the converted model, too.

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

struct IntegerRange {
  std::int64_t low, high;
};

std::optional<IntegerRange> RangeOf(DType dtype) {
  switch (dtype) {
    case DType::kQInt8:
      return IntegerRange{-128, 127};
    case DType::kQUint8:
      return IntegerRange{0, 255};
    case DType::kQInt32:
      return IntegerRange{std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default:
      return std::nullopt;
  }
}

// clamp(round_half_even(x * (1 / scale)) + zero_point), the reciprocal and the product in float32, as
// PyTorch's quantize_val without FBGEMM.
std::int64_t Quantize(float x, float inverse_scale, std::int64_t zero_point, IntegerRange range) {
  const float scaled = std::nearbyintf(x * inverse_scale);
  if (std::isnan(scaled)) return std::clamp(zero_point, range.low, range.high);
  const double shifted = static_cast<double>(scaled) + static_cast<double>(zero_point);
  return static_cast<std::int64_t>(
      std::clamp(shifted, static_cast<double>(range.low), static_cast<double>(range.high)));
}

Tensor QuantizedTensor(DType dtype, const std::vector<std::int64_t>& sizes,
                       const std::vector<std::int64_t>& values, Quantization quantization) {
  Tensor tensor;
  if (dtype == DType::kQInt32) {
    tensor = Tensor::From(dtype, sizes, std::vector<std::int32_t>(values.begin(), values.end()));
  } else {
    tensor = Tensor::From(dtype, sizes, std::vector<std::int8_t>(values.begin(), values.end()));
  }
  tensor.quantization = std::move(quantization);
  return tensor;
}

Status CheckScale(double scale) {
  if (std::isfinite(scale) && static_cast<float>(scale) > 0) return {};
  return Unsupported(fmt::format("the scale {} is not a positive number", scale));
}

BuiltinResult QuantizePerTensor(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box || call.positional.size() != 4 || box->constant->dtype != DType::kFloat32) return NotMine();
  Value scale = call.positional[1], zero_point = call.positional[2];
  for (Value* value : {&scale, &zero_point}) {
    if (const TensorBox* tensor = value->Get<TensorBox*>()) {
      const auto number = evaluator.NumberOf(*tensor, 1);
      if (!number) return NotMine();
      *value = *number;
    }
  }
  if (!scale.is_number() || scale.Is<const Dim*>() || !zero_point.Is<std::int64_t>() ||
      !call.positional[3].Is<std::int64_t>()) {
    return NotMine();
  }
  const auto dtype = DTypeFromScalarType(call.positional[3].As<std::int64_t>());
  const auto range = dtype ? RangeOf(*dtype) : std::nullopt;
  if (!range) return NotMine();
  OCTAVO_TRY(CheckScale(ToDouble(scale)));
  const float inverse = 1.0f / static_cast<float>(ToDouble(scale));
  const std::vector<float> reals = box->constant->ToFloats();
  std::vector<std::int64_t> values(reals.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    values[i] = Quantize(reals[i], inverse, zero_point.As<std::int64_t>(), *range);
  }
  return Done(evaluator.NewConstant(
      QuantizedTensor(*dtype, box->constant->sizes, values,
                      Quantization::PerTensor(ToDouble(scale), zero_point.As<std::int64_t>())),
      box->name));
}

// quantize_per_channel(x, scales, zero_points, axis, dtype)
BuiltinResult QuantizePerChannel(Evaluator& evaluator, const CallArguments& call) {
  const TensorBox* box = FirstConstant(evaluator, call);
  if (!box || call.positional.size() != 5 || box->constant->dtype != DType::kFloat32) return NotMine();
  const TensorBox* scale_box = call.positional[1].Get<TensorBox*>();
  const TensorBox* zero_box = call.positional[2].Get<TensorBox*>();
  if (!scale_box || !scale_box->constant || !zero_box || !zero_box->constant) return NotMine();
  if (!IsFloat(scale_box->constant->dtype) || !IsInteger(zero_box->constant->dtype)) return NotMine();
  const auto axis = Axis(call.positional[3], box->constant->rank());
  if (!axis || !call.positional[4].Is<std::int64_t>()) return NotMine();
  const auto dtype = DTypeFromScalarType(call.positional[4].As<std::int64_t>());
  const auto range = dtype ? RangeOf(*dtype) : std::nullopt;
  if (!range) return NotMine();
  Quantization quantization{.scales = scale_box->constant->ToDoubles(),
                            .zero_points = zero_box->constant->ToInts(),
                            .axis = static_cast<int>(*axis)};
  const auto channels = static_cast<std::size_t>(box->constant->sizes[*axis]);
  if (quantization.scales.size() != channels || quantization.zero_points.size() != channels) {
    return Unsupported(fmt::format("there are {} scales and {} zero points for {} channels",
                                   quantization.scales.size(), quantization.zero_points.size(), channels));
  }
  for (const double scale : quantization.scales) OCTAVO_TRY(CheckScale(scale));
  std::size_t inner = 1;
  for (std::size_t i = *axis + 1; i < box->constant->sizes.size(); ++i) {
    inner *= static_cast<std::size_t>(box->constant->sizes[i]);
  }
  const std::vector<float> reals = box->constant->ToFloats();
  std::vector<std::int64_t> values(reals.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const std::size_t channel = i / inner % channels;
    const float inverse = 1.0f / static_cast<float>(quantization.scales[channel]);
    values[i] = Quantize(reals[i], inverse, quantization.zero_points[channel], *range);
  }
  return Done(evaluator.NewConstant(
      QuantizedTensor(*dtype, box->constant->sizes, values, std::move(quantization)), box->name));
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
  table["aten::quantize_per_tensor"] = QuantizePerTensor;
  table["aten::quantize_per_channel"] = QuantizePerChannel;
}

}  // namespace octavo::import
