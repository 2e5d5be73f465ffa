#include <cmath>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

// onnx.TensorProto.DataType
DType FromOnnxNumber(std::int64_t number) {
  switch (number) {
    case 1:
      return DType::kFloat32;
    case 2:
      return DType::kUint8;
    case 3:
      return DType::kInt8;
    case 5:
      return DType::kInt16;
    case 6:
      return DType::kInt32;
    case 7:
      return DType::kInt64;
    case 9:
      return DType::kBool;
    case 10:
      return DType::kFloat16;
    case 11:
      return DType::kFloat64;
    case 4:
      return DType::kUint16;
    case 12:
      return DType::kUint32;
    case 13:
      return DType::kUint64;
    case 16:
      return DType::kBFloat16;
    default:
      return DType::kUnknown;
  }
}

Tensor Converted(const Tensor& from, DType to) {
  if (from.dtype == to) return from;
  if (!IsFloat(from.dtype)) {
    const std::vector<std::int64_t> integers = Integers(from);
    if (!IsFloat(to)) return FromIntegers(to, from.sizes, integers);
    return FromReals(to, from.sizes, {integers.begin(), integers.end()});
  }
  const std::vector<double> reals = Reals(from);
  if (IsFloat(to)) return FromReals(to, from.sizes, reals);
  std::vector<std::int64_t> integers(reals.size());
  for (std::size_t i = 0; i < reals.size(); ++i) {
    // ONNX Runtime on x86: what int32 or int64 does not hold, and NaN, is the lowest number; of types
    // narrower than int32 the low bits of that are kept.
    const DType through = ElementSize(to) <= ElementSize(DType::kInt32) ? DType::kInt32 : DType::kInt64;
    const std::int64_t lowest = RangeOf(through).first;
    const double cut = std::trunc(reals[i]), end = -static_cast<double>(lowest);
    integers[i] = to == DType::kBool            ? std::int64_t{reals[i] != 0}
                  : !(cut >= -end && cut < end) ? lowest
                                                : static_cast<std::int64_t>(cut);
  }
  return FromIntegers(to, from.sizes, integers);
}

Result<Prepared> To(Call& call, DType to) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  // Of 8-bit floats.
  OCTAVO_TRY(call.Int("saturate", 1));
  OCTAVO_TRY(call.Text("round_mode", "up"));
  if (!IsNumber(type.dtype) && type.dtype != DType::kBool)
    return call.NotSupported(fmt::format("conversion from {} is not supported", Name(type.dtype)));
  return One(to, *type.sizes, [to](const Operands& in) -> Result<Tensor> { return Converted(*in[0], to); });
}

Result<Prepared> Cast(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const std::int64_t number = OCTAVO_TRY(call.Int("to"));
  const DType to = FromOnnxNumber(number);
  if (to == DType::kUnknown)
    return call.NotSupported(fmt::format("conversion to type {} is not supported", OnnxTypeName(number)));
  return To(call, to);
}

Result<Prepared> CastLike(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  return To(call, OCTAVO_TRY(call.dtype(1)));
}

}  // namespace

void AddCasts(Registry& registry) {
  registry.Add("Cast", Cast);
  registry.Add("CastLike", CastLike);
}

}  // namespace octavo::engine::literal
