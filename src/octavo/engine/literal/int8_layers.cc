#include <fmt/format.h>

#include "octavo/engine/literal/int8.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/taps.h"

namespace octavo::engine::literal {
namespace {

// Sums are taken without sign, where they wrap as registers do.
std::vector<std::uint32_t> ShiftedInt8(const Tensor& tensor, std::int32_t zero_point) {
  const std::uint8_t* data = Data<std::uint8_t>(tensor);
  std::vector<std::uint32_t> values(static_cast<std::size_t>(tensor.num_elements()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<std::uint32_t>(std::int32_t{data[i]} - zero_point);
  return values;
}

std::uint32_t Dot(const std::uint32_t* a, const std::uint32_t* b, std::int64_t count) {
  std::uint32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

Status CheckBias(Call& call, std::int64_t outputs) {
  if (OCTAVO_TRY(call.dtype(2)) != DType::kInt32) return call.Invalid("the bias must be int32");
  if (OCTAVO_TRY(call.sizes(2)) != Sizes{outputs})
    return call.Invalid("the bias must have one element per output channel");
  return {};
}

template <bool relu>
Result<Prepared> Int8Conv(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  const Sizes x = *OCTAVO_TRY(Int8Type(call, 0)).sizes, w = *OCTAVO_TRY(Int8Type(call, 1)).sizes;
  if (x.size() != 4 || w.size() != 4) return call.Invalid("the input and the weight must have rank 4");
  OCTAVO_TRY(CheckBias(call, w[0]));
  const std::int64_t group = OCTAVO_TRY(call.Int("group", 1));
  if (group < 1 || x[3] % group != 0 || w[0] % group != 0 || w[3] != x[3] / group)
    return call.Invalid(fmt::format(
        "{} input channels in {} groups do not fit a weight with {} channels per group", x[3], group, w[3]));
  const Sizes kernel{w[1], w[2]};
  const Int8Window window = OCTAVO_TRY(Int8WindowOf(call, x, &kernel));
  const Int8Parameters xp = OCTAVO_TRY(call.int8(0)), wp = OCTAVO_TRY(call.int8(1));
  const Int8Parameters yp = OCTAVO_TRY(ResultParameters(call));
  const Requantizer requantize = OCTAVO_TRY(Requantizer::Of(call, xp.scale, wp.scale, yp, relu));
  const Sizes result{x[0], window.output[0], window.output[1], w[0]};
  if (!CountElements(result)) return call.Invalid("the result is too large");
  return OneInt8(result, yp, [=](const Operands& in) -> Result<Tensor> {
    const std::vector<std::uint32_t> values = ShiftedInt8(*in[0], xp.zero_point),
                                     weights = ShiftedInt8(*in[1], wp.zero_point);
    const std::int32_t* bias = Data<std::int32_t>(*in[2]);
    std::vector<std::byte> bytes(static_cast<std::size_t>(Product(result)));
    const std::int64_t depth = w[3], outputs = w[0];
    std::vector<std::uint32_t> sums(static_cast<std::size_t>(outputs));
    std::size_t at = 0;
    for (std::int64_t pixel = 0; pixel < result[0] * result[1] * result[2]; ++pixel) {
      const std::int64_t ow = pixel % result[2], oh = pixel / result[2] % result[1];
      const std::int64_t n = pixel / (result[1] * result[2]);
      for (std::int64_t m = 0; m < outputs; ++m)
        sums[static_cast<std::size_t>(m)] = static_cast<std::uint32_t>(bias[m]);
      const std::int64_t top = oh * window.stride[0] - window.begin[0];
      const std::int64_t left = ow * window.stride[1] - window.begin[1];
      const TapRange rows = TapsInside(top, w[1], window.dilation[0], x[1]);
      const TapRange columns = TapsInside(left, w[2], window.dilation[1], x[2]);
      for (std::int64_t kh = rows.first; kh < rows.last; ++kh) {
        const std::int64_t h = top + kh * window.dilation[0];
        for (std::int64_t kw = columns.first; kw < columns.last; ++kw) {
          const std::int64_t v = left + kw * window.dilation[1];
          const std::uint32_t* from = values.data() + ((n * x[1] + h) * x[2] + v) * x[3];
          const std::uint32_t* weight = weights.data() + (kh * w[2] + kw) * depth;
          for (std::int64_t m = 0; m < outputs; ++m) {
            sums[static_cast<std::size_t>(m)] +=
                Dot(from + m / (outputs / group) * depth, weight + m * w[1] * w[2] * depth, depth);
          }
        }
      }
      for (const std::uint32_t sum : sums)
        bytes[at++] = std::byte{requantize(static_cast<std::int32_t>(sum))};
    }
    return Tensor::FromBytes(DType::kUint8, result, std::move(bytes));
  });
}

Result<Prepared> FullyConnected(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  const Sizes x = *OCTAVO_TRY(Int8Type(call, 0)).sizes, w = *OCTAVO_TRY(Int8Type(call, 1)).sizes;
  if (x.empty() || w.size() != 2)
    return call.Invalid("the input must not be a scalar, and the weight must have rank 2");
  OCTAVO_TRY(CheckBias(call, w[0]));
  const std::int64_t depth = w[1], outputs = w[0];
  // Caffe2 multiplies what is behind the first dimension and answers a matrix; PyTorch multiplies the last.
  const bool last = call.arithmetic() != Arithmetic::kCaffe2 && x.back() == depth;
  if (!last && Product(x, 1, x.size()) != depth) {
    return call.Invalid(fmt::format("the input has rows of {} elements, but the weight expects {}",
                                    Product(x, 1, x.size()), depth));
  }
  Sizes result = last ? Sizes(x.begin(), x.end() - 1) : Sizes{x[0]};
  result.push_back(outputs);
  if (!CountElements(result)) return call.Invalid("the result is too large");
  const Int8Parameters xp = OCTAVO_TRY(call.int8(0)), wp = OCTAVO_TRY(call.int8(1));
  const Int8Parameters yp = OCTAVO_TRY(ResultParameters(call));
  const Requantizer requantize = OCTAVO_TRY(Requantizer::Of(call, xp.scale, wp.scale, yp, false));
  return OneInt8(result, yp, [=](const Operands& in) -> Result<Tensor> {
    const std::vector<std::uint32_t> values = ShiftedInt8(*in[0], xp.zero_point),
                                     weights = ShiftedInt8(*in[1], wp.zero_point);
    const std::int32_t* bias = Data<std::int32_t>(*in[2]);
    std::vector<std::byte> bytes(static_cast<std::size_t>(Product(result)));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto n = static_cast<std::int64_t>(i) % outputs, row = static_cast<std::int64_t>(i) / outputs;
      const std::uint32_t sum = static_cast<std::uint32_t>(bias[n]) +
                                Dot(values.data() + row * depth, weights.data() + n * depth, depth);
      bytes[i] = std::byte{requantize(static_cast<std::int32_t>(sum))};
    }
    return Tensor::FromBytes(DType::kUint8, result, std::move(bytes));
  });
}

}  // namespace

void AddInt8Layers(Registry& registry) {
  registry.Add(Int8Name("Int8Conv"), Int8Conv<false>);
  registry.Add(Int8Name("Int8ConvRelu"), Int8Conv<true>);
  registry.Add(Int8Name("Int8FC"), FullyConnected);
}

}  // namespace octavo::engine::literal
