#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/broadcast.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

using IntegerTest = std::int64_t (*)(std::int64_t, std::int64_t);

Result<Sizes> BroadcastInputs(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckSameType(call));
  const Sizes a = OCTAVO_TRY(call.sizes(0)), b = OCTAVO_TRY(call.sizes(1));
  const auto sizes = Broadcast(a, b);
  if (!sizes) return DoNotBroadcast(call, a, b);
  return *sizes;
}

template <typename Compare>
Result<Prepared> Comparison(Call& call, Compare) {
  const Sizes sizes = OCTAVO_TRY(BroadcastInputs(call));
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  if (!IsNumber(dtype) && dtype != DType::kBool) return call.Invalid("the operands must be numbers or bools");
  return One(DType::kBool, sizes, [sizes, dtype](const Operands& in) -> Result<Tensor> {
    if (IsFloat(dtype)) {
      return FromBools(sizes, Zip<bool>(Reals(*in[0]), in[0]->sizes, Reals(*in[1]), in[1]->sizes, sizes,
                                        [](double a, double b) { return Compare{}(a, b); }));
    }
    return FromBools(sizes, Zip<bool>(Integers(*in[0]), in[0]->sizes, Integers(*in[1]), in[1]->sizes, sizes,
                                      [](std::int64_t a, std::int64_t b) { return Compare{}(a, b); }));
  });
}

Result<Prepared> Bits(Call& call, bool of_bools, IntegerTest f) {
  OCTAVO_TRY(call.Inputs(2, 2));
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  if (of_bools ? dtype != DType::kBool : !IsInteger(dtype))
    return call.Invalid(fmt::format("operands of dtype {} are not supported", Name(dtype)));
  const Sizes sizes = OCTAVO_TRY(BroadcastInputs(call));
  return One(dtype, sizes, [sizes, dtype, f](const Operands& in) -> Result<Tensor> {
    return FromIntegers(
        dtype, sizes,
        Zip<std::int64_t>(Integers(*in[0]), in[0]->sizes, Integers(*in[1]), in[1]->sizes, sizes, f));
  });
}

std::int64_t And(std::int64_t a, std::int64_t b) { return a & b; }
std::int64_t Or(std::int64_t a, std::int64_t b) { return a | b; }
std::int64_t Xor(std::int64_t a, std::int64_t b) { return a ^ b; }

Result<Prepared> Not(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kBool}));
  return One(DType::kBool, OCTAVO_TRY(call.sizes(0)), [](const Operands& in) -> Result<Tensor> {
    std::vector<std::int64_t> x = Integers(*in[0]);
    for (std::int64_t& v : x) v = v == 0 ? 1 : 0;
    return FromIntegers(DType::kBool, in[0]->sizes, x);
  });
}

Result<Prepared> BitwiseNot(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (!IsInteger(type.dtype)) return call.Invalid("the operand must be an integer tensor");
  return One(type.dtype, *type.sizes, [](const Operands& in) -> Result<Tensor> {
    std::vector<std::int64_t> x = Integers(*in[0]);
    for (std::int64_t& v : x) v = ~v;
    return FromIntegers(in[0]->dtype, in[0]->sizes, x);
  });
}

bool IsShift(std::int64_t bits) { return bits >= 0 && bits < 64; }

Result<Prepared> BitShift(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kUint8, DType::kUint16, DType::kUint32, DType::kUint64}));
  const std::string direction = OCTAVO_TRY(call.Text("direction"));
  // What is shifted beyond the type's width is cut off where the result is stored.
  if (direction == "LEFT")
    return Bits(call, false, [](std::int64_t a, std::int64_t b) {
      return IsShift(b) ? static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b) : 0;
    });
  if (direction == "RIGHT")
    return Bits(call, false, [](std::int64_t a, std::int64_t b) {
      return IsShift(b) ? static_cast<std::int64_t>(static_cast<std::uint64_t>(a) >> b) : 0;
    });
  return call.Invalid("attribute direction must be LEFT or RIGHT");
}

Result<Prepared> Where(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kBool}));
  const DType dtype = OCTAVO_TRY(call.dtype(1));
  if (dtype != OCTAVO_TRY(call.dtype(2))) return call.Invalid("inputs 1 and 2 must have the same dtype");
  const Sizes condition = OCTAVO_TRY(call.sizes(0)), a = OCTAVO_TRY(call.sizes(1)),
              b = OCTAVO_TRY(call.sizes(2));
  const auto both = Broadcast(a, b);
  if (!both) return DoNotBroadcast(call, a, b);
  const auto sizes = Broadcast(*both, condition);
  if (!sizes) return DoNotBroadcast(call, *both, condition);
  return One(dtype, *sizes, [dtype, sizes = *sizes](const Operands& in) -> Result<Tensor> {
    const auto spread = [&](const Tensor& t) {
      return Strided(t, sizes, BroadcastStrides(t.sizes, sizes), 0);
    };
    const Tensor choose = spread(*in[0]), yes = spread(*in[1]), no = spread(*in[2]);
    const std::size_t size = ElementSize(dtype);
    std::vector<std::byte> bytes(static_cast<std::size_t>(Product(sizes)) * size);
    for (std::size_t i = 0; i * size < bytes.size(); ++i) {
      const std::byte* from = Begin(Begin(choose)[i] != std::byte{0} ? yes : no) + i * size;
      std::copy(from, from + size, bytes.data() + i * size);
    }
    return Tensor::FromBytes(dtype, sizes, std::move(bytes));
  });
}

}  // namespace

void AddLogic(Registry& registry) {
  registry.Add("Equal", [](Call& call) { return Comparison(call, std::equal_to<>()); });
  registry.Add("Greater", [](Call& call) { return Comparison(call, std::greater<>()); });
  registry.Add("GreaterOrEqual", [](Call& call) { return Comparison(call, std::greater_equal<>()); });
  registry.Add("Less", [](Call& call) { return Comparison(call, std::less<>()); });
  registry.Add("LessOrEqual", [](Call& call) { return Comparison(call, std::less_equal<>()); });
  registry.Add("And", [](Call& call) { return Bits(call, true, And); });
  registry.Add("Or", [](Call& call) { return Bits(call, true, Or); });
  registry.Add("Xor", [](Call& call) { return Bits(call, true, Xor); });
  registry.Add("BitwiseAnd", [](Call& call) { return Bits(call, false, And); });
  registry.Add("BitwiseOr", [](Call& call) { return Bits(call, false, Or); });
  registry.Add("BitwiseXor", [](Call& call) { return Bits(call, false, Xor); });
  registry.Add("BitwiseNot", BitwiseNot);
  registry.Add("BitShift", BitShift);
  registry.Add("Not", Not);
  registry.Add("Where", Where);
}

}  // namespace octavo::engine::literal
