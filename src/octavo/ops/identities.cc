#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/casts.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

// Operators that change nothing when a model is evaluated: their result is their argument, without a node.
// And conversions of dtypes, which mostly change nothing either.

namespace octavo {
namespace {

// Moves nothing here; the importer reads it.
ArgumentSpec MemoryFormatArgument() { return arg::OptionalInt("memory_format"); }

Result<std::vector<Value>> Itself(Builder&, const Arguments& a) {
  return One(a.tensor(a.specs().front().name));
}

void AddIdentity(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
                 TypeRule result = nullptr) {
  if (!result) result = SameType(arguments.front().name);
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = std::move(result),
                .qdq = Itself,
                .caffe2 = Itself});
}

// ---- dropout

Result<std::vector<TensorType>> DropoutType(const Arguments& a, const char* probability, const char* train) {
  const bool trains = a.flag(train);
  const double p = a.number(probability);
  // PyTorch does not look at that of quantized::dropout.
  if (std::string_view(train) == "train" && !(p >= 0 && p <= 1)) {
    return Unsupported(
        fmt::format("argument {} is {}, but a probability lies between 0 and 1", probability, p));
  }
  if (trains && a.number(probability) != 0) {
    return Unsupported("dropout in training mode is random and cannot be converted",
                       "Call model.eval() before tracing or scripting it.");
  }
  return std::vector<TensorType>{a.tensor(a.specs().front().name).type()};
}

void RegisterDropout(Registry& registry) {
  for (const char* name :
       {"aten::dropout", "aten::feature_dropout", "aten::alpha_dropout", "aten::feature_alpha_dropout"}) {
    AddIdentity(registry, name, {arg::Tensor("input"), arg::Float("p"), arg::Bool("train")},
                [](const Arguments& a) { return DropoutType(a, "p", "train"); });
  }
  // The scale and zero point that it is given are not looked at by PyTorch.
  AddIdentity(registry, "quantized::dropout",
              {arg::Tensor("self"), arg::Float("output_scale"), arg::Int("output_zero_point"),
               arg::Scalar("p", 0.5), arg::Bool("training", false)},
              [](const Arguments& a) { return DropoutType(a, "p", "training"); });
}

// ---- to

// The dtype that the call asks for; nullopt: that of the tensor.
using DTypeRule = Result<std::optional<DType>> (*)(const Arguments&);

Result<std::optional<DType>> RequestedDType(const Arguments& a) {
  if (!a.has("dtype")) return std::optional<DType>();
  const std::int64_t number = OCTAVO_TRY(KnownInt(a, "dtype"));
  const auto dtype = DTypeFromScalarType(number);
  if (!dtype) return Unsupported(fmt::format("dtype {} is not supported", ScalarTypeName(number)));
  return dtype;
}

Result<std::optional<DType>> DTypeOfOther(const Arguments& a) {
  return std::optional<DType>(KnownDType(a.tensor("other").dtype()));
}

Result<std::optional<DType>> NoDType(const Arguments&) { return std::optional<DType>(); }

template <DType dtype>
Result<std::optional<DType>> FixedDType(const Arguments&) {
  return std::optional<DType>(dtype);
}

TypeRule ConvertedType(DTypeRule rule) {
  return [rule](const Arguments& a) -> Result<std::vector<TensorType>> {
    const std::optional<DType> asked = OCTAVO_TRY(rule(a));
    const TensorType& type = a.tensor("self").type();
    if (!asked || *asked == type.dtype || *asked == KnownDType(type.dtype))
      return std::vector<TensorType>{type};
    if (type.quantized() || IsQuantized(*asked)) {
      return Unsupported(
          fmt::format("conversion from {} to {} is not supported", Name(type.dtype), Name(*asked)),
          "Use torch.quantize_per_tensor to quantize and .dequantize() to get floats.");
    }
    if (!IsFloat(*asked) && !IsInteger(*asked) && *asked != DType::kBool) {
      return Unsupported(fmt::format("conversion to {} is not supported", Name(*asked)));
    }
    return std::vector<TensorType>{WithDType(type, *asked)};
  };
}

Result<std::vector<Value>> Convert(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  if (KnownDType(a.result().dtype) == KnownDType(x.dtype())) return One(x);
  return One(OCTAVO_TRY(Converted(g, x, a.result().dtype)));
}

void AddConversion(Registry& registry, std::string name, std::vector<ArgumentSpec> arguments,
                   DTypeRule rule) {
  registry.Add({.name = std::move(name),
                .arguments = std::move(arguments),
                .result = ConvertedType(rule),
                .qdq = Convert,
                .caffe2 = Convert});
}

void RegisterConversions(Registry& registry) {
  const ArgumentSpec x = arg::Tensor("self");
  const ArgumentSpec non_blocking = arg::Bool("non_blocking", false), copy = arg::Bool("copy", false);
  AddConversion(registry, "aten::to.device",
                {x, arg::String("device"), arg::Int("dtype"), non_blocking, copy, MemoryFormatArgument()},
                RequestedDType);
  AddConversion(registry, "aten::to.dtype",
                {x, arg::Int("dtype"), non_blocking, copy, MemoryFormatArgument()}, RequestedDType);
  AddConversion(registry, "aten::to.other",
                {x, arg::Tensor("other"), non_blocking, copy, MemoryFormatArgument()}, DTypeOfOther);
  // Not aten::to.dtype_layout, which the next takes as well: its arguments are all given by name.
  AddConversion(
      registry, "aten::to.dtype_layout",
      {x, arg::KeywordOnly(arg::OptionalInt("dtype")), arg::KeywordOnly(arg::Ignored("layout")),
       arg::KeywordOnly(arg::Ignored("device")), arg::KeywordOnly(arg::Ignored("pin_memory")),
       arg::KeywordOnly(non_blocking), arg::KeywordOnly(copy), arg::KeywordOnly(MemoryFormatArgument())},
      RequestedDType);
  AddConversion(registry, "aten::to.prim_Device",
                {x, arg::OptionalString("device"), arg::OptionalInt("dtype"), non_blocking, copy},
                RequestedDType);
  AddConversion(registry, "aten::to.prim_dtype", {x, arg::OptionalInt("dtype"), non_blocking, copy},
                RequestedDType);
  AddConversion(registry, "aten::to.prim_other", {x, non_blocking, copy}, NoDType);
  AddConversion(registry, "aten::_to_copy",
                {x, arg::KeywordOnly(arg::OptionalInt("dtype")), arg::KeywordOnly(arg::Ignored("layout")),
                 arg::KeywordOnly(arg::Ignored("device")), arg::KeywordOnly(arg::Ignored("pin_memory")),
                 arg::KeywordOnly(non_blocking), arg::KeywordOnly(MemoryFormatArgument())},
                RequestedDType);
  AddConversion(registry, "aten::type_as", {x, arg::Tensor("other")}, DTypeOfOther);
  AddConversion(registry, "aten::_cast_Float", {x, non_blocking}, FixedDType<DType::kFloat32>);
  AddConversion(registry, "aten::_cast_Double", {x, non_blocking}, FixedDType<DType::kFloat64>);
  AddConversion(registry, "aten::_cast_Int", {x, non_blocking}, FixedDType<DType::kInt32>);
  AddConversion(registry, "aten::_cast_Long", {x, non_blocking}, FixedDType<DType::kInt64>);
}

Result<std::vector<TensorType>> GradientType(const Arguments& a) {
  const TensorType& type = a.tensor("self").type();
  if (a.flag("requires_grad") && !IsFloat(KnownDType(type.dtype)))
    return Unsupported(fmt::format("a tensor of dtype {} cannot require gradients", Name(type.dtype)));
  return std::vector<TensorType>{type};
}

}  // namespace

void RegisterIdentities(Registry& registry) {
  RegisterDropout(registry);
  const ArgumentSpec x = arg::Tensor("self");
  AddIdentity(registry, "aten::contiguous", {x, arg::KeywordOnly(arg::Int("memory_format", 0))});
  AddIdentity(registry, "aten::clone", {x, arg::KeywordOnly(MemoryFormatArgument())});
  for (const char* name : {"aten::requires_grad_", "aten::requires_grad"}) {
    AddIdentity(registry, name, {x, arg::Bool("requires_grad", true)}, GradientType);
  }
  AddIdentity(registry, "aten::pin_memory", {x, arg::Ignored("device")});
  for (const char* name :
       {"aten::detach", "aten::alias", "aten::cpu", "aten::cuda", "aten::positive", "aten::lift_fresh",
        "aten::lift_fresh_copy", "aten::detach_copy", "aten::alias_copy"}) {
    AddIdentity(registry, name, {x});
  }
  RegisterConversions(registry);
}

}  // namespace octavo
