#include "octavo/engine/literal/contrib.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "octavo/engine/literal/broadcast.h"
#include "octavo/engine/literal/lines.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/targets/onnxruntime/binary.h"
#include "octavo/targets/onnxruntime/requantize.h"
#include "octavo/targets/onnxruntime/softmax.h"
#include "octavo/targets/onnxruntime/tables.h"

// The QLinear operators of ONNX Runtime's own domain that work element by element or along an axis.

namespace octavo::engine::literal {
namespace {

namespace ort = targets::onnxruntime;

template <typename T>
Tensor Bytes(DType dtype, const Sizes& sizes, const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return Tensor::FromBytes(dtype, sizes, {bytes.begin(), bytes.end()});
}

template <typename T>
std::vector<T> Values(const Tensor& tensor) {
  const T* data = Data<T>(tensor);
  return {data, data + tensor.num_elements()};
}

template <typename T>
std::vector<T> Added(const Operands& in, const Sizes& sizes) {
  const ort::Quantization a = QuantizationAt(in, 1), b = QuantizationAt(in, 4), y = QuantizationAt(in, 6);
  const bool swap = IsSpread(in[0]->sizes, in[3]->sizes, sizes);
  const ort::Addition addition(swap ? b : a, swap ? a : b, y);
  return Zip<T>(Values<T>(*in[0]), in[0]->sizes, Values<T>(*in[3]), in[3]->sizes, sizes, [&](T x, T z) {
    return swap ? ort::QLinearAdd<T>(z, x, addition) : ort::QLinearAdd<T>(x, z, addition);
  });
}

template <typename T>
std::vector<T> Multiplied(const Operands& in, const Sizes& sizes) {
  const ort::Quantization a = QuantizationAt(in, 1), b = QuantizationAt(in, 4), y = QuantizationAt(in, 6);
  const float ratio = ort::MultiplicationRatio(a.scale, b.scale, y.scale);
  return Zip<T>(Values<T>(*in[0]), in[0]->sizes, Values<T>(*in[3]), in[3]->sizes, sizes, [&](T x, T z) {
    return ort::QLinearMul<T>(x, a.zero_point, z, b.zero_point, ratio, y.zero_point);
  });
}

Result<Prepared> Binary(Call& call, bool adds) {
  OCTAVO_TRY(call.Inputs(7, 8));
  OCTAVO_TRY(CheckQuantized(call, 0));
  OCTAVO_TRY(CheckQuantized(call, 3));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 6));
  if (OCTAVO_TRY(call.dtype(0)) != to || OCTAVO_TRY(call.dtype(3)) != to)
    return call.Invalid("both operands and the result must have the same dtype");
  const Sizes a = OCTAVO_TRY(call.sizes(0)), b = OCTAVO_TRY(call.sizes(3));
  const auto sizes = Broadcast(a, b);
  if (!sizes) return DoNotBroadcast(call, a, b);
  return One(to, *sizes, [to, sizes = *sizes, adds](const Operands& in) -> Result<Tensor> {
    return WithByte(to, [&](auto zero) {
      using T = decltype(zero);
      return Bytes(to, sizes, adds ? Added<T>(in, sizes) : Multiplied<T>(in, sizes));
    });
  });
}

// By a table of all bytes; `make(x, y, T{})`.
template <typename Make>
Result<Prepared> ByTable(Call& call, Make make) {
  OCTAVO_TRY(call.Inputs(4, 5));
  OCTAVO_TRY(CheckQuantized(call, 0));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 3));
  if (OCTAVO_TRY(call.dtype(0)) != to) return call.Invalid("input and result must have the same dtype");
  return One(to, OCTAVO_TRY(call.sizes(0)), [to, make](const Operands& in) -> Result<Tensor> {
    return WithByte(to, [&](auto zero) {
      using T = decltype(zero);
      const ort::Table<T> table = make(QuantizationAt(in, 1), QuantizationAt(in, 3), zero);
      std::vector<T> y = Values<T>(*in[0]);
      for (T& value : y) value = table[static_cast<std::uint8_t>(value)];
      return Bytes(to, in[0]->sizes, y);
    });
  });
}

Result<Prepared> QLinearSigmoid(Call& call) {
  return ByTable(call, [](ort::Quantization x, ort::Quantization y, auto zero) {
    return ort::QLinearSigmoid<decltype(zero)>(x, y);
  });
}

Result<Prepared> QLinearLeakyRelu(Call& call) {
  const auto alpha = static_cast<float>(OCTAVO_TRY(call.Real("alpha", double{0.01F})));
  return ByTable(call, [alpha](ort::Quantization x, ort::Quantization y, auto zero) {
    return ort::QLinearLeakyRelu<decltype(zero)>(x, y, alpha);
  });
}

// The condition, then three inputs for each operand, scale and zero point of the result.
Result<Prepared> QLinearWhere(Call& call) {
  OCTAVO_TRY(call.Inputs(9, 9));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kBool}));
  OCTAVO_TRY(CheckQuantized(call, 1));
  OCTAVO_TRY(CheckQuantized(call, 4));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 7));
  if (OCTAVO_TRY(call.dtype(1)) != to || OCTAVO_TRY(call.dtype(4)) != to)
    return call.Invalid("both operands and the result must have the same dtype");
  const Sizes a = OCTAVO_TRY(call.sizes(1)), b = OCTAVO_TRY(call.sizes(4));
  const auto both = Broadcast(a, b);
  if (!both) return DoNotBroadcast(call, a, b);
  const auto sizes = Broadcast(*both, OCTAVO_TRY(call.sizes(0)));
  if (!sizes) return DoNotBroadcast(call, *both, OCTAVO_TRY(call.sizes(0)));
  return One(to, *sizes, [to, sizes = *sizes](const Operands& in) -> Result<Tensor> {
    return WithByte(to, [&](auto zero) {
      using T = decltype(zero);
      const ort::Quantization y = QuantizationAt(in, 7);
      const auto taken = [&](std::size_t i) {
        const ort::Table<T> table = ort::QLinearConcat<T>(QuantizationAt(in, i + 1), y);
        std::vector<T> values(static_cast<std::size_t>(Product(sizes)));
        const T* data = Data<T>(*in[i]);
        ForEachOffset(sizes, BroadcastStrides(in[i]->sizes, sizes), 0, [&](std::int64_t k, std::int64_t at) {
          values[static_cast<std::size_t>(k)] = table[static_cast<std::uint8_t>(data[at])];
        });
        return values;
      };
      std::vector<T> chosen = taken(1);
      const std::vector<T> other = taken(4);
      const auto* condition = Data<std::uint8_t>(*in[0]);
      ForEachOffset(sizes, BroadcastStrides(in[0]->sizes, sizes), 0, [&](std::int64_t k, std::int64_t at) {
        const auto i = static_cast<std::size_t>(k);
        if (condition[at] == 0) chosen[i] = other[i];
      });
      return Bytes(to, sizes, chosen);
    });
  });
}

// Scale and zero point of the result, then three inputs for each operand.
Result<Prepared> QLinearConcat(Call& call) {
  if (call.num_inputs() < 5 || call.num_inputs() % 3 != 2)
    return call.Invalid(
        fmt::format("the node has {} inputs, but 2 and 3 per operand are expected", call.num_inputs()));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 0));
  Sizes sizes = OCTAVO_TRY(call.sizes(2));
  const auto a = static_cast<std::size_t>(
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis")), static_cast<int>(sizes.size()))));
  sizes[a] = 0;
  for (std::size_t i = 2; i < call.num_inputs(); i += 3) {
    OCTAVO_TRY(CheckQuantized(call, i));
    if (OCTAVO_TRY(call.dtype(i)) != to)
      return call.Invalid("all operands and the result must have the same dtype");
    Sizes other = OCTAVO_TRY(call.sizes(i));
    if (other.size() != sizes.size())
      return call.Invalid(fmt::format("input {} has a rank that differs from the first operand's", i));
    std::swap(other[a], sizes[a]);
    const std::int64_t before = other[a];
    other[a] = sizes[a];
    if (other != sizes)
      return call.Invalid(fmt::format("input {} has a shape that does not fit the first operand", i));
    sizes[a] += before;
  }
  return One(to, sizes, [=](const Operands& in) -> Result<Tensor> {
    return WithByte(to, [&](auto zero) {
      using T = decltype(zero);
      std::vector<T> y(static_cast<std::size_t>(Product(sizes)));
      const std::int64_t outer = Product(sizes, 0, a), row = Product(sizes, a, sizes.size());
      std::int64_t begin = 0;
      for (std::size_t i = 2; i < in.size(); i += 3) {
        const ort::Table<T> table = ort::QLinearConcat<T>(QuantizationAt(in, i + 1), QuantizationAt(in, 0));
        const T* x = Data<T>(*in[i]);
        const std::int64_t piece = Product(in[i]->sizes, a, sizes.size());
        for (std::int64_t o = 0; o < outer; ++o) {
          std::transform(x + o * piece, x + (o + 1) * piece, y.begin() + o * row + begin,
                         [&table](T value) { return table[static_cast<std::uint8_t>(value)]; });
        }
        begin += piece;
      }
      return Bytes(to, sizes, y);
    });
  });
}

Result<Prepared> QLinearSoftmax(Call& call) {
  OCTAVO_TRY(call.Inputs(5, 5));
  OCTAVO_TRY(CheckQuantized(call, 0));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 3));
  if (OCTAVO_TRY(call.dtype(0)) != to) return call.Invalid("input and result must have the same dtype");
  const std::int64_t opset = OCTAVO_TRY(call.Int("opset"));
  Sizes sizes = OCTAVO_TRY(call.sizes(0));
  const int rank = static_cast<int>(sizes.size());
  const int axis = OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", opset < 13 ? 1 : -1)), rank));
  Sizes lines = sizes;  // up to opset 12 all that follows the axis is one line
  std::size_t along = static_cast<std::size_t>(axis);
  if (opset < 13) {
    lines = {Product(sizes, 0, along), Product(sizes, along, sizes.size())};
    along = 1;
  }
  return One(to, sizes, [=](const Operands& in) -> Result<Tensor> {
    if (const float scale = QuantizationAt(in, 1).scale; !(scale > 0))
      return InvalidFile(fmt::format("QLinearSoftmax: the scale cannot be {}", scale));
    return WithByte(to, [&](auto zero) {
      using T = decltype(zero);
      const std::vector<T> x = Values<T>(*in[0]);
      std::vector<T> y(x.size()), line(static_cast<std::size_t>(lines[along])), result(line.size());
      const ort::SoftmaxTable table = ort::MakeSoftmaxTable(QuantizationAt(in, 1).scale, line.size());
      ForEachLine(lines, along, [&](std::int64_t first, std::int64_t step) {
        const auto at = [&](std::size_t i) {
          return static_cast<std::size_t>(first) + i * static_cast<std::size_t>(step);
        };
        for (std::size_t i = 0; i < line.size(); ++i) line[i] = x[at(i)];
        ort::QLinearSoftmax<T>(line, result, table, QuantizationAt(in, 3), ort::SoftmaxRelease::kSince1_32);
        for (std::size_t i = 0; i < line.size(); ++i) y[at(i)] = result[i];
      });
      return Bytes(to, sizes, y);
    });
  });
}

Status CheckScalar(Call& call, std::size_t i) {
  if (Product(OCTAVO_TRY(call.sizes(i))) == 1) return {};
  return call.Invalid(fmt::format("input {} must be a scalar", i));
}

}  // namespace

Status CheckQuantized(Call& call, std::size_t i) {
  OCTAVO_TRY(CheckDType(call, i, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckDType(call, i + 1, {DType::kFloat32}));
  OCTAVO_TRY(CheckScalar(call, i + 1));
  if (!call.has(i + 2)) return {};
  if (OCTAVO_TRY(call.dtype(i + 2)) != OCTAVO_TRY(call.dtype(i)) ||
      Product(OCTAVO_TRY(call.sizes(i + 2))) != 1)
    return call.Invalid(
        fmt::format("input {} must be a scalar zero point with the dtype of the values", i + 2));
  return {};
}

Result<DType> QuantizedResult(Call& call, std::size_t scale) {
  OCTAVO_TRY(CheckDType(call, scale, {DType::kFloat32}));
  OCTAVO_TRY(CheckScalar(call, scale));
  if (!call.has(scale + 1)) return call.dtype(0);
  OCTAVO_TRY(CheckDType(call, scale + 1, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckScalar(call, scale + 1));
  return call.dtype(scale + 1);
}

ort::Quantization QuantizationAt(const Operands& in, std::size_t scale) {
  ort::Quantization q = {.scale = Data<float>(*in[scale])[0], .zero_point = 0};
  if (scale + 1 < in.size() && in[scale + 1] != nullptr)
    q.zero_point = static_cast<std::int32_t>(Integers(*in[scale + 1])[0]);
  return q;
}

std::int64_t RequantizedSum(std::int64_t sum, float multiplier, std::int32_t zero_point, DType to) {
  const auto held = static_cast<std::int32_t>(sum);
  if (to == DType::kInt8) return ort::Requantize<std::int8_t>(held, multiplier, zero_point);
  return ort::Requantize<std::uint8_t>(held, multiplier, zero_point);
}

void AddContrib(Registry& registry) {
  registry.Add("com.microsoft::QLinearAdd", [](Call& call) { return Binary(call, true); });
  registry.Add("com.microsoft::QLinearMul", [](Call& call) { return Binary(call, false); });
  registry.Add("com.microsoft::QLinearSigmoid", QLinearSigmoid);
  registry.Add("com.microsoft::QLinearLeakyRelu", QLinearLeakyRelu);
  registry.Add("com.microsoft::QLinearConcat", QLinearConcat);
  registry.Add("com.microsoft::QLinearWhere", QLinearWhere);
  registry.Add("com.microsoft::QLinearSoftmax", QLinearSoftmax);
  AddContribPools(registry);
  AddContribProducts(registry);
}

}  // namespace octavo::engine::literal
