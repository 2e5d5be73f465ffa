#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/base/limits.h"
#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/arithmetic.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/movement.h"
#include "octavo/row.h"

// Tensors that are made from numbers alone.

namespace octavo {
namespace {

// dtype, layout, device, pin_memory, as all of them have.
void AppendOptions(std::vector<ArgumentSpec>& arguments) {
  arguments.push_back(arg::KeywordOnly(arg::OptionalInt("dtype")));
  for (const char* name : {"layout", "device", "pin_memory"}) {
    arguments.push_back(arg::KeywordOnly(arg::Ignored(name)));
  }
}

Result<DType> GivenDType(const Arguments& a, DType otherwise) {
  if (!a.has("dtype")) return otherwise;
  const std::int64_t number = OCTAVO_TRY(KnownInt(a, "dtype"));
  const auto dtype = DTypeFromScalarType(number);
  if (!dtype || IsQuantized(*dtype) || (!IsFloat(*dtype) && !IsInteger(*dtype) && *dtype != DType::kBool)) {
    return Unsupported(fmt::format("dtype {} is not supported here", ScalarTypeName(number)));
  }
  return *dtype;
}

DType DTypeOfNumber(const ir::Operand& number) {
  if (std::holds_alternative<bool>(number)) return DType::kBool;
  return std::holds_alternative<Dim>(number) ? DType::kInt64 : DType::kFloat32;
}

// ---- arange

struct Progression {
  bool integers = false;
  std::int64_t first = 0, difference = 1;  // of integers
  double start = 0, step = 1;
  std::int64_t count = 0;
};

Result<Progression> ProgressionOf(const Arguments& a) {
  const bool whole = a.specs().size() > 5;  // start and step are given
  Progression p;
  const ir::Operand end = a.operand("end");
  const ir::Operand start = whole ? a.operand("start") : ir::Operand(Dim(0));
  const ir::Operand step = whole ? a.operand("step") : ir::Operand(Dim(1));
  const auto real = [](const ir::Operand& o) { return std::holds_alternative<double>(o); };
  p.integers = !real(end) && !real(start) && !real(step);
  p.start = whole ? a.number("start") : 0;
  p.step = whole ? a.number("step") : 1;
  const double way = a.number("end") - p.start, count = std::ceil(way / p.step);
  if (p.step == 0 || !std::isfinite(count) || (p.step > 0 ? way < 0 : way > 0)) {
    return Unsupported(
        fmt::format("arange from {} to {} with step {} is not possible", p.start, a.number("end"), p.step));
  }
  if (count > static_cast<double>(Limits{}.max_list_length)) {
    return Unsupported(
        fmt::format("arange of {} elements exceeds the limit of {}", count, Limits{}.max_list_length));
  }
  p.count = static_cast<std::int64_t>(count);
  if (p.integers) {
    p.first = static_cast<std::int64_t>(p.start);
    p.difference = static_cast<std::int64_t>(p.step);
  }
  return p;
}

Result<std::vector<TensorType>> ArangeType(const Arguments& a) {
  const DType asked = OCTAVO_TRY(GivenDType(a, DType::kFloat32));
  for (const char* name : {"start", "end", "step"}) {
    const bool there =
        std::ranges::any_of(a.specs(), [name](const ArgumentSpec& s) { return s.name == name; });
    // PyTorch converts the bounds before it counts.
    if (there && std::holds_alternative<double>(a.operand(name)) && !IsFloat(asked))
      return Unsupported("arange with float bounds and an integer dtype is not supported");
  }
  const Progression p = OCTAVO_TRY(ProgressionOf(a));
  TensorType type;
  type.dtype = OCTAVO_TRY(GivenDType(a, p.integers ? DType::kInt64 : DType::kFloat32));
  if (type.dtype != DType::kInt64 && type.dtype != DType::kInt32 && type.dtype != DType::kFloat32 &&
      type.dtype != DType::kFloat64) {
    return Unsupported(fmt::format("arange of {} is not supported", Name(type.dtype)));
  }
  type.shape = Shape{p.count};
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitArange(Builder& g, const Arguments& a) {
  const Progression p = OCTAVO_TRY(ProgressionOf(a));
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < p.count; ++i) numbers.push_back(p.start + static_cast<double>(i) * p.step);
  switch (a.result().dtype) {
    case DType::kInt64: {
      std::vector<std::int64_t> integers;
      for (std::int64_t i = 0; i < p.count; ++i) integers.push_back(p.first + i * p.difference);
      return One(g.Constant(Tensor::Int64s(integers)));
    }
    case DType::kInt32: {
      const std::vector<std::int32_t> integers(numbers.begin(), numbers.end());
      return One(g.Constant(Tensor::From(DType::kInt32, {p.count}, integers)));
    }
    case DType::kFloat64:
      return One(g.Constant(Tensor::From(DType::kFloat64, {p.count}, numbers)));
    default:
      return One(g.Constant(Tensor::Floats({p.count}, std::vector<float>(numbers.begin(), numbers.end()))));
  }
}

// ---- zeros, ones, full, and their new_ and _like forms

// The number that fills the tensor: an argument, or 0, or 1.
ir::Operand FillNumber(const Arguments& a, int constant) {
  for (const ArgumentSpec& spec : a.specs()) {
    if (spec.name == "fill_value") return a.operand("fill_value");
  }
  return Dim(constant);
}

enum class Sized { kByArgument, kLikeSelf };

TypeRule FilledType(Sized sized, bool has_self) {
  return [sized, has_self](const Arguments& a) -> Result<std::vector<TensorType>> {
    DType dtype = DType::kFloat32;
    if (has_self) {
      const Value self = a.tensor("self");
      if (self.quantized() && !a.has("dtype")) {
        return Unsupported(fmt::format("a new tensor of dtype {} is not supported", Name(self.dtype())),
                           "Pass another dtype, such as dtype=torch.float32.");
      }
      dtype = KnownDType(self.dtype());
    } else {
      for (const ArgumentSpec& spec : a.specs()) {
        if (spec.name == "fill_value") dtype = DTypeOfNumber(a.operand("fill_value"));
      }
    }
    TensorType type;
    type.dtype = OCTAVO_TRY(GivenDType(a, dtype));
    for (const ArgumentSpec& spec : a.specs()) {
      if (spec.name == "fill_value") OCTAVO_TRY(CheckStorable(a.operand("fill_value"), type.dtype));
    }
    type.shape = sized == Sized::kLikeSelf ? a.tensor("self").shape() : std::optional<Shape>(a.dims("size"));
    if (type.shape) {
      for (const Dim& size : *type.shape) {
        if (size.known() && size.value() < 0) return Unsupported("argument size must not be negative");
      }
      if (type.shape->size() > static_cast<std::size_t>(kMaxRank)) {
        return Unsupported(fmt::format("a tensor of rank {} is not supported", type.shape->size()));
      }
    }
    return std::vector<TensorType>{std::move(type)};
  };
}

Emitter EmitFilled(Sized sized, int constant) {
  return [sized, constant](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value number = OCTAVO_TRY(NumberOf(g, FillNumber(a, constant), a.result().dtype));
    const std::optional<Shape>& shape = a.result().shape;
    if (shape && shape->empty()) return One(number);
    if (sized == Sized::kLikeSelf && (!shape || !KnownSizes(*shape))) {
      return One(g.Op("Expand", {number, g.Op("Shape", {a.tensor("self")})}));
    }
    return One(g.Op("Expand", {number, OCTAVO_TRY(RuntimeSizes(g, *shape))}));
  };
}

void AddFilled(Registry& registry, std::string name, Sized sized, bool has_self,
               std::optional<int> constant) {
  std::vector<ArgumentSpec> arguments;
  if (has_self) arguments.push_back(arg::Tensor("self"));
  if (sized == Sized::kByArgument) arguments.push_back(arg::Ints("size"));
  if (!constant) arguments.push_back(arg::Scalar("fill_value"));
  AppendOptions(arguments);
  if (sized == Sized::kLikeSelf) arguments.push_back(arg::KeywordOnly(arg::Ignored("memory_format")));
  const Emitter emitter = EmitFilled(sized, constant.value_or(0));
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = FilledType(sized, has_self),
                .qdq = emitter,
                .caffe2 = emitter});
}

// ---- scalar_tensor

Result<std::vector<TensorType>> ScalarTensorType(const Arguments& a) {
  TensorType type;
  type.dtype = OCTAVO_TRY(GivenDType(a, DType::kFloat32));
  OCTAVO_TRY(CheckStorable(a.operand("s"), type.dtype));
  type.shape = Shape{};
  return std::vector<TensorType>{std::move(type)};
}

Result<std::vector<Value>> EmitScalarTensor(Builder& g, const Arguments& a) {
  return One(OCTAVO_TRY(NumberOf(g, a.operand("s"), a.result().dtype)));
}

}  // namespace

void RegisterCreation(Registry& registry) {
  const auto add = [&registry](std::string name, std::vector<ArgumentSpec> arguments, TypeRule rule,
                               Emitter emitter) {
    AppendOptions(arguments);
    registry.Add({.name = std::move(name),
                  .arguments = std::move(arguments),
                  .result = std::move(rule),
                  .qdq = emitter,
                  .caffe2 = emitter});
  };
  // The default is an int: of ints alone the result is int64.
  const ArgumentSpec step = {.name = "step", .kind = ArgumentKind::kScalar, .default_value = Dim(1)};
  // Before aten::arange, which would take `end` as something else.
  add("aten::arange.start_step", {arg::Scalar("start"), arg::Scalar("end"), step}, ArangeType, EmitArange);
  add("aten::arange", {arg::Scalar("end")}, ArangeType, EmitArange);
  add("aten::scalar_tensor", {arg::Scalar("s")}, ScalarTensorType, EmitScalarTensor);
  AddFilled(registry, "aten::zeros", Sized::kByArgument, false, 0);
  AddFilled(registry, "aten::ones", Sized::kByArgument, false, 1);
  AddFilled(registry, "aten::full", Sized::kByArgument, false, std::nullopt);
  AddFilled(registry, "aten::new_zeros", Sized::kByArgument, true, 0);
  AddFilled(registry, "aten::new_ones", Sized::kByArgument, true, 1);
  AddFilled(registry, "aten::new_full", Sized::kByArgument, true, std::nullopt);
  AddFilled(registry, "aten::zeros_like", Sized::kLikeSelf, true, 0);
  AddFilled(registry, "aten::ones_like", Sized::kLikeSelf, true, 1);
  AddFilled(registry, "aten::full_like", Sized::kLikeSelf, true, std::nullopt);
}

}  // namespace octavo
