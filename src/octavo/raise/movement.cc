// Operators that only move elements, of reals or of the integers of a quantized tensor.

#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

using Sizes = std::vector<std::int64_t>;

// Numbers that are an attribute in old opsets and an input in newer ones; nullopt: left out.
Result<std::optional<Sizes>> AttributeOrInput(const Raiser& r, std::string_view attribute,
                                              std::size_t input) {
  using Answer = std::optional<Sizes>;
  if (r.has(attribute)) return Answer(OCTAVO_TRY(r.Ints(attribute)));
  if (!r.optional_input(input).defined()) return Answer();
  return Answer(OCTAVO_TRY(r.InputInts(input)));
}

Result<std::vector<Value>> Identity(Raiser& r) {
  OCTAVO_TRY(r.Knows({}));
  return One(OCTAVO_TRY(r.Input(0)));
}

// Does nothing when a model is used.
Result<std::vector<Value>> Dropout(Raiser& r) {
  OCTAVO_TRY(r.Knows({"ratio", "seed", "is_test"}));
  if (const Value training = r.optional_input(2); training.defined()) {
    const Tensor* constant = training.constant();
    if (!constant || constant->ToDoubles() != std::vector<double>{0})
      return Unsupported("training mode is not supported");
  }
  return One(OCTAVO_TRY(r.Input(0)));
}

Result<std::vector<Value>> Constant(Raiser& r) {
  if (const ir::Operand* value = r.node().Find("value")) {
    if (const auto* tensor = std::get_if<Tensor>(value)) return One(r.Constant(*tensor));
  }
  if (r.has("value_float"))
    return One(r.Constant(Tensor::Scalar(static_cast<float>(OCTAVO_TRY(r.Number("value_float"))))));
  if (r.has("value_int")) {
    return One(r.Constant(Tensor::From(DType::kInt64, {}, Sizes{OCTAVO_TRY(r.Int("value_int"))})));
  }
  if (r.has("value_ints")) return One(r.Constant(Tensor::Int64s(OCTAVO_TRY(r.Ints("value_ints")))));
  return Unsupported("the value must be numeric");
}

Result<std::vector<Value>> Reshape(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  if (!r.optional_input(1).defined() || !r.optional_input(1).constant()) return KeepOperator(r);
  const Sizes target = OCTAVO_TRY(r.InputInts(1));
  const bool zero_is_zero = OCTAVO_TRY(r.Int("allowzero", 0)) != 0;
  const std::optional<Shape> shape = x.shape();
  std::vector<Dim> sizes(target.begin(), target.end());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (target[i] != 0 || zero_is_zero) continue;
    if (!shape || i >= shape->size()) return KeepOperator(r);
    sizes[i] = (*shape)[i];
  }
  return One(OCTAVO_TRY(r.Call("aten::reshape", {x.id(), sizes})));
}

Result<std::vector<Value>> Transpose(Raiser& r) {
  OCTAVO_TRY(r.Knows({"perm"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  Sizes order;
  if (r.has("perm")) {
    order = OCTAVO_TRY(r.Ints("perm"));
  } else if (x.rank()) {
    order.resize(static_cast<std::size_t>(*x.rank()));
    std::iota(order.rbegin(), order.rend(), 0);
  } else {
    return KeepOperator(r);
  }
  return One(OCTAVO_TRY(r.Permute(x, order)));
}

Result<std::vector<Value>> Flatten(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  if (OCTAVO_TRY(r.Int("axis", 1)) != 1 || x.rank().value_or(0) < 2) return KeepOperator(r);
  return One(OCTAVO_TRY(r.Call("aten::flatten", {x.id(), Dim(1), Dim(-1)})));
}

// Of a tensor of unknown rank; lowering writes the form of its opset.
Result<std::vector<Value>> KeepWithAxes(Raiser& r, Value x, const Sizes& axes) {
  TensorType type = x.type();
  type.shape = r.source_type(0).shape;
  return r.Add(fmt::format("onnx::{}", r.op()), {{.name = {}, .value = x.id()}, {"axes", Dims(axes)}},
               {type});
}

Result<std::vector<Value>> Squeeze(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axes"}));
  Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<Sizes> axes = OCTAVO_TRY(AttributeOrInput(r, "axes", 1));
  if (!axes) return One(OCTAVO_TRY(r.Call("aten::squeeze", {x.id()})));
  if (!x.rank()) return KeepWithAxes(r, x, *axes);
  Sizes sorted = *axes;
  for (std::int64_t& axis : sorted) {
    if (axis < 0) axis += *x.rank();
  }
  std::sort(sorted.rbegin(), sorted.rend());
  // An axis that is named twice is one axis.
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  for (const std::int64_t axis : sorted) x = OCTAVO_TRY(r.Call("aten::squeeze", {x.id(), Dim(axis)}));
  return One(x);
}

Result<std::vector<Value>> Unsqueeze(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axes"}));
  Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<Sizes> axes = OCTAVO_TRY(AttributeOrInput(r, "axes", 1));
  if (!axes) return InvalidFile("axes are missing");
  if (!x.rank()) return KeepWithAxes(r, x, *axes);
  Sizes sorted = *axes;
  for (std::int64_t& axis : sorted) {
    if (axis < 0) axis += *x.rank() + static_cast<std::int64_t>(sorted.size());
  }
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return InvalidFile("an axis occurs twice");
  for (const std::int64_t axis : sorted) x = OCTAVO_TRY(r.Call("aten::unsqueeze", {x.id(), Dim(axis)}));
  return One(x);
}

Result<std::vector<Value>> Slice(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axes", "starts", "ends"}));
  Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<Sizes> starts = OCTAVO_TRY(AttributeOrInput(r, "starts", 1));
  const std::optional<Sizes> ends = OCTAVO_TRY(AttributeOrInput(r, "ends", 2));
  if (!starts || !ends) return InvalidFile("starts or ends are missing");
  Sizes axes(starts->size()), steps(starts->size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  axes = OCTAVO_TRY(AttributeOrInput(r, "axes", 3)).value_or(axes);
  if (r.optional_input(4).defined()) steps = OCTAVO_TRY(r.InputInts(4));
  if (ends->size() != starts->size() || axes.size() != starts->size() || steps.size() != starts->size()) {
    return InvalidFile("starts, ends, axes and steps must have the same length");
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    constexpr std::int64_t kLowest = std::numeric_limits<std::int32_t>::min();
    if (steps[i] == -1 && (*starts)[i] == -1 && (*ends)[i] <= kLowest) {
      x = OCTAVO_TRY(r.Call("aten::flip", {x.id(), Dims({axes[i]})}));
      continue;
    }
    if (steps[i] < 1) return Unsupported(fmt::format("a step of {} is not supported", steps[i]));
    // Files of 32-bit times write the largest int32 for an open end.
    const std::int64_t end = (*ends)[i] >= std::numeric_limits<std::int32_t>::max()
                                 ? std::numeric_limits<std::int64_t>::max()
                                 : (*ends)[i];
    x = OCTAVO_TRY(r.Call("aten::slice", {x.id(), Dim(axes[i]), Dim((*starts)[i]), Dim(end), Dim(steps[i])}));
  }
  return One(x);
}

Result<std::vector<Value>> Concat(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axis"}));
  ir::ValueList operands;
  bool quantized = false, reals = false;
  for (std::size_t i = 0; i < r.num_inputs(); ++i) {
    const Value x = OCTAVO_TRY(r.Input(i));
    (x.quantized() ? quantized : reals) = true;
    operands.push_back(x.id());
  }
  if (quantized && reals) return InvalidFile("either all inputs must be quantized or none");
  const std::int64_t axis = OCTAVO_TRY(r.Int("axis"));
  return One(OCTAVO_TRY(r.Call("aten::cat", {operands, Dim(axis)})));
}

Result<std::vector<Value>> Split(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axis", "split", "num_outputs"}, r.node().outputs.size()));
  const Value x = OCTAVO_TRY(r.Input(0));
  const std::int64_t axis = OCTAVO_TRY(r.Int("axis", 0));
  std::optional<Sizes> sizes = OCTAVO_TRY(AttributeOrInput(r, "split", 1));
  const auto parts = static_cast<std::int64_t>(r.node().outputs.size());
  if (!sizes) {
    if (!x.rank()) return Unsupported("splitting a tensor of unknown rank into equal parts is not supported");
    const int at = OCTAVO_TRY(AxisOf(axis, *x.rank()));
    const Dim size = (*x.shape())[static_cast<std::size_t>(at)];
    if (!size.known() || parts == 0)
      return Unsupported("splitting an axis of open size into equal parts is not supported");
    const std::int64_t part = (size.value() + parts - 1) / parts;
    sizes.emplace();
    for (std::int64_t rest = size.value(), i = 0; i < parts; ++i, rest -= sizes->back()) {
      sizes->push_back(std::min(part, rest));
    }
  }
  if (static_cast<std::int64_t>(sizes->size()) != parts) {
    return InvalidFile(fmt::format("there are {} sizes, but {} outputs", sizes->size(), parts));
  }
  return r.CallAll("aten::split_with_sizes", {x.id(), Dims(*sizes), Dim(axis)});
}

Result<std::vector<Value>> Pad(Raiser& r) {
  OCTAVO_TRY(r.Knows({"mode", "pads", "value"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  if (r.optional_input(3).defined()) return Unsupported("input axes is not supported");
  const std::string mode = OCTAVO_TRY(r.Text("mode", "constant"));
  const std::optional<Sizes> pads = OCTAVO_TRY(AttributeOrInput(r, "pads", 1));
  if (!pads || pads->size() % 2 != 0) return InvalidFile("pads must have two elements per dimension");
  const std::size_t rank = pads->size() / 2;
  Sizes list;
  for (std::size_t i = rank; i-- > 0;) {
    list.push_back((*pads)[i]);
    list.push_back((*pads)[i + rank]);
  }
  // PyTorch pads the last dimensions only where it reflects or repeats.
  while (list.size() > 2 && list.back() == 0 && list[list.size() - 2] == 0) list.resize(list.size() - 2);
  if (mode == "constant") {
    if (x.quantized() && !x.quantization().per_tensor())
      return Unsupported("padding a per-channel quantized tensor is not supported");
    double value = OCTAVO_TRY(r.Number("value", 0.0));
    if (r.optional_input(2).defined()) {
      const std::vector<double> given = OCTAVO_TRY(r.InputNumbers(2));
      if (given.size() != 1) return InvalidFile("the padding value must be one number");
      value = given[0];
      // The integer of a quantized tensor, as a real.
      if (x.quantized()) {
        value = static_cast<double>(
            static_cast<float>(value - static_cast<double>(x.quantization().zero_point())) *
            static_cast<float>(x.quantization().scale()));
      }
    } else if (x.quantized()) {
      value = -static_cast<double>(x.quantization().zero_point()) * x.quantization().scale();
    }
    return One(OCTAVO_TRY(r.Call("aten::constant_pad_nd", {x.id(), Dims(list), value})));
  }
  const std::string name = mode == "reflect" ? "reflect" : mode == "edge" ? "replicate" : "";
  if (name.empty()) return Unsupported(fmt::format("mode {} is not supported", mode));
  return One(OCTAVO_TRY(r.Call("aten::pad", {x.id(), Dims(list), name})));
}

}  // namespace

void AddMovementHandlers(Handlers& handlers) {
  handlers["Identity"] = Identity;
  handlers["Dropout"] = Dropout;
  handlers["Constant"] = Constant;
  handlers["Reshape"] = Reshape;
  handlers["Transpose"] = Transpose;
  handlers["Flatten"] = Flatten;
  handlers["Squeeze"] = Squeeze;
  handlers["Unsqueeze"] = Unsqueeze;
  handlers["Slice"] = Slice;
  handlers["Concat"] = Concat;
  handlers["Split"] = Split;
  handlers["Pad"] = Pad;
}

}  // namespace octavo::raise
