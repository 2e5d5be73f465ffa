#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/int8.h"
#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {
namespace {

Result<Prepared> Quantize(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kFloat32}));
  const Int8Parameters y = OCTAVO_TRY(ResultParameters(call));
  // PyTorch multiplies by the reciprocal, the others divide.
  const bool reciprocal = call.arithmetic() == Arithmetic::kPyTorch;
  return OneInt8(OCTAVO_TRY(call.sizes(0)), y, [y, reciprocal](const Operands& in) -> Result<Tensor> {
    const float* x = Data<float>(*in[0]);
    const float inverse = 1.0F / y.scale;
    std::vector<std::byte> bytes(static_cast<std::size_t>(in[0]->num_elements()));
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = std::byte{ToUint8(reciprocal ? x[i] * inverse : x[i] / y.scale, y.zero_point)};
    return Tensor::FromBytes(DType::kUint8, in[0]->sizes, std::move(bytes));
  });
}

// Of a uint8 edge or an int32 bias.
Result<Prepared> Dequantize(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const Int8Parameters parameters = OCTAVO_TRY(call.int8(0));
  return One(DType::kFloat32, *type.sizes, [parameters](const Operands& in) -> Result<Tensor> {
    const std::vector<std::int64_t> x = Integers(*in[0]);
    std::vector<float> y(x.size());
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] = static_cast<float>(x[i] - parameters.zero_point) * parameters.scale;
    return Tensor::Floats(in[0]->sizes, y);
  });
}

using Table = std::array<std::uint8_t, 256>;

Prepared Mapped(Sizes sizes, Int8Parameters parameters, const Table& table) {
  return OneInt8(std::move(sizes), parameters, [table](const Operands& in) -> Result<Tensor> {
    const std::uint8_t* x = Data<std::uint8_t>(*in[0]);
    std::vector<std::byte> y(static_cast<std::size_t>(in[0]->num_elements()));
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::byte{table[x[i]]};
    return Tensor::FromBytes(DType::kUint8, in[0]->sizes, std::move(y));
  });
}

Result<Prepared> Int8Relu(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(Int8Type(call, 0));
  const Int8Parameters parameters = OCTAVO_TRY(KeptParameters(call));
  Table table;
  for (int i = 0; i < 256; ++i)
    table[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(std::max(i, parameters.zero_point));
  return Mapped(*type.sizes, parameters, table);
}

Result<Prepared> Int8Sigmoid(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  const ValueType type = OCTAVO_TRY(Int8Type(call, 0));
  const Int8Parameters x = OCTAVO_TRY(call.int8(0)), y = OCTAVO_TRY(ResultParameters(call));
  if (y != Int8Parameters{1.0F / 256, 0})
    return call.Invalid("the result must have scale 1/256 and zero point 0");
  Table table;
  for (int i = 0; i < 256; ++i) {
    const float real = x.scale * static_cast<float>(i - x.zero_point);
    table[static_cast<std::size_t>(i)] = ToUint8(256.0F / (1.0F + std::exp(-real)), 0);
  }
  return Mapped(*type.sizes, y, table);
}

// Fixed point with 22 bits for the larger of the two factors, ties away from zero; PyTorch's qnnpack and
// Caffe2 compute the same.
template <bool relu>
Result<Prepared> Int8Add(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  const ValueType type = OCTAVO_TRY(Int8Type(call, 0));
  if (OCTAVO_TRY(Int8Type(call, 1)).sizes != type.sizes)
    return call.Invalid("the operands must have the same shape");
  const Int8Parameters a = OCTAVO_TRY(call.int8(0)), b = OCTAVO_TRY(call.int8(1));
  const Int8Parameters y = OCTAVO_TRY(ResultParameters(call));
  const float a_ratio = a.scale / y.scale, b_ratio = b.scale / y.scale;
  for (const float ratio : {a_ratio, b_ratio}) {
    if (!(ratio >= 0x1p-14F && ratio < 0x1p8F))
      return call.NotSupported(fmt::format(
          "the ratio of an operand's scale to the result's is {}, but it must be in [2^-14, 2^8)", ratio));
  }
  const int shift = 21 - std::ilogb(std::max(a_ratio, b_ratio));
  const std::int64_t a_factor = std::llrint(std::ldexp(a_ratio, shift)),
                     b_factor = std::llrint(std::ldexp(b_ratio, shift));
  return OneInt8(*type.sizes, y, [=](const Operands& in) -> Result<Tensor> {
    const std::uint8_t *left = Data<std::uint8_t>(*in[0]), *right = Data<std::uint8_t>(*in[1]);
    std::vector<std::byte> bytes(static_cast<std::size_t>(in[0]->num_elements()));
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::int64_t sum = a_factor * (left[i] - a.zero_point) + b_factor * (right[i] - b.zero_point);
      const std::int64_t rounded = sum < 0 ? -((-sum + half) >> shift) : (sum + half) >> shift;
      bytes[i] = static_cast<std::byte>(
          std::clamp<std::int64_t>(rounded + y.zero_point, relu ? y.zero_point : 0, 255));
    }
    return Tensor::FromBytes(DType::kUint8, in[0]->sizes, std::move(bytes));
  });
}

}  // namespace

void AddInt8Arithmetic(Registry& registry) {
  registry.Add(Int8Name("Int8Quantize"), Quantize);
  registry.Add(Int8Name("Int8Dequantize"), Dequantize);
  registry.Add(Int8Name("Int8Relu"), Int8Relu);
  registry.Add(Int8Name("Int8Sigmoid"), Int8Sigmoid);
  registry.Add(Int8Name("Int8Add"), Int8Add<false>);
  registry.Add(Int8Name("Int8AddRelu"), Int8Add<true>);
}

}  // namespace octavo::engine::literal
