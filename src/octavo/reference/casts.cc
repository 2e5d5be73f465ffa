#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// Conversions of dtypes, and operators that change nothing when a model is evaluated.

namespace octavo::reference {
namespace {

Results Itself(const Call& call) { return One(call.tensor("self")); }

Results Dropout(const Call& call) {
  if (call.flag("train") && call.number("p") != 0)
    return Unsupported("dropout in training mode is random and cannot be computed");
  return One(call.tensor("input"));
}

// To the dtype that the call names; without one the dtype stays.
Results To(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (call.has("other")) return One(OCTAVO_TRY(Converted(x, call.tensor("other").dtype)));
  if (!call.has("dtype")) return One(x);
  const std::optional<DType> dtype = DTypeFromScalarType(call.integer("dtype"));
  if (!dtype)
    return Unsupported(fmt::format("dtype {} is not supported", ScalarTypeName(call.integer("dtype"))));
  return One(OCTAVO_TRY(Converted(x, *dtype)));
}

template <DType kDType>
Results Cast(const Call& call) {
  return One(OCTAVO_TRY(Converted(call.tensor("self"), kDType)));
}

}  // namespace

void AddCasts(Kernels& kernels) {
  for (const char* name :
       {"aten::contiguous", "aten::clone", "aten::requires_grad_", "aten::requires_grad", "aten::pin_memory",
        "aten::detach", "aten::alias", "aten::cpu", "aten::cuda", "aten::positive", "aten::lift_fresh",
        "aten::lift_fresh_copy", "aten::detach_copy", "aten::alias_copy"}) {
    kernels.Add(name, Itself);
  }
  for (const char* name :
       {"aten::dropout", "aten::feature_dropout", "aten::alpha_dropout", "aten::feature_alpha_dropout"}) {
    kernels.Add(name, Dropout);
  }
  for (const char* name : {"aten::to", "aten::_to_copy", "aten::type_as"}) kernels.Add(name, To);
  kernels.Add("aten::_cast_Float", Cast<DType::kFloat32>);
  kernels.Add("aten::_cast_Double", Cast<DType::kFloat64>);
  kernels.Add("aten::_cast_Int", Cast<DType::kInt32>);
  kernels.Add("aten::_cast_Long", Cast<DType::kInt64>);
}

}  // namespace octavo::reference
