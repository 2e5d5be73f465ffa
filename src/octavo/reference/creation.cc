#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/wrapping.h"

// Tensors that are made from numbers alone.

namespace octavo::reference {
namespace {

// The dtype that the call names, else the one of the result's type.
Result<DType> DTypeOf(const Call& call) {
  if (!call.has("dtype")) return ResultDType(call);
  const std::optional<DType> dtype = DTypeFromScalarType(call.integer("dtype"));
  if (!dtype)
    return Unsupported(fmt::format("dtype {} is not supported", ScalarTypeName(call.integer("dtype"))));
  return *dtype;
}

Result<Tensor> Filled(const Call& call, const Tensor& number) {
  const DType dtype = OCTAVO_TRY(DTypeOf(call));
  Sizes sizes = OCTAVO_TRY(Checked(call.has("size") ? call.ints("size") : call.tensor("self").sizes));
  const std::vector<std::int64_t> places(static_cast<std::size_t>(Count(sizes)), 0);
  return Picked(OCTAVO_TRY(Converted(number, dtype)), std::move(sizes), places);
}

template <std::int64_t kNumber>
Results FilledWith(const Call& call) {
  const Tensor number = Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{kNumber});
  return One(OCTAVO_TRY(Filled(call, number)));
}

Results Full(const Call& call) { return One(OCTAVO_TRY(Filled(call, NumberTensor(call, "fill_value")))); }

Results ScalarTensor(const Call& call) {
  const DType dtype = OCTAVO_TRY(DTypeOf(call));
  return One(OCTAVO_TRY(Converted(NumberTensor(call, "s"), dtype)));
}

// start + i step, for as long as that is before the end.
Results Arange(const Call& call) {
  const bool whole = call.has("start");
  const double start = whole ? call.number("start") : 0, step = whole ? call.number("step") : 1;
  const double way = call.number("end") - start, count = std::ceil(way / step);
  if (step == 0 || !(count >= 0) || (step > 0 ? way < 0 : way > 0) ||
      count > static_cast<double>(kMaxTensorElements)) {
    return Unsupported(
        fmt::format("arange from {} to {} with step {} is not possible", start, call.number("end"), step));
  }
  const DType dtype = OCTAVO_TRY(DTypeOf(call));
  const Sizes sizes = {static_cast<std::int64_t>(count)};
  if (IsFloat(dtype)) {
    Array<double> numbers(sizes);
    for (std::int64_t i = 0; i < sizes[0]; ++i) numbers[i] = start + static_cast<double>(i) * step;
    return One(OCTAVO_TRY(Stored(numbers, dtype)));
  }
  if (whole && (call.is_float("start") || call.is_float("step"))) {
    return Unsupported("arange with float bounds and an integer dtype is not supported");
  }
  const std::int64_t first = whole ? call.integer("start") : 0, difference = whole ? call.integer("step") : 1;
  Array<std::int64_t> numbers(sizes);
  for (std::int64_t i = 0; i < sizes[0]; ++i) numbers[i] = WrappedSum(first, WrappedProduct(i, difference));
  return One(OCTAVO_TRY(Stored(numbers, dtype)));
}

}  // namespace

void AddCreation(Kernels& kernels) {
  for (const char* name : {"aten::zeros", "aten::new_zeros", "aten::zeros_like"}) {
    kernels.Add(name, FilledWith<0>);
  }
  for (const char* name : {"aten::ones", "aten::new_ones", "aten::ones_like"}) {
    kernels.Add(name, FilledWith<1>);
  }
  for (const char* name : {"aten::full", "aten::new_full", "aten::full_like"}) kernels.Add(name, Full);
  kernels.Add("aten::scalar_tensor", ScalarTensor);
  kernels.Add("aten::arange", Arange);
}

}  // namespace octavo::reference
