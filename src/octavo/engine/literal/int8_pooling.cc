#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "octavo/engine/literal/int8.h"
#include "octavo/engine/literal/numbers.h"

namespace octavo::engine::literal {
namespace {

// Calls f(to, from) with the index of each result and that of each input element under its window.
template <typename F>
void ForEachCell(const Sizes& x, const Int8Window& w, F f) {
  for (std::int64_t n = 0; n < x[0]; ++n) {
    for (std::int64_t oh = 0; oh < w.output[0]; ++oh) {
      for (std::int64_t ow = 0; ow < w.output[1]; ++ow) {
        const std::int64_t to = ((n * w.output[0] + oh) * w.output[1] + ow) * x[3];
        const std::int64_t top = oh * w.stride[0] - w.begin[0], left = ow * w.stride[1] - w.begin[1];
        for (std::int64_t h = std::max<std::int64_t>(top, 0); h < std::min(top + w.kernel[0], x[1]); ++h) {
          for (std::int64_t v = std::max<std::int64_t>(left, 0); v < std::min(left + w.kernel[1], x[2]);
               ++v) {
            const std::int64_t from = ((n * x[1] + h) * x[2] + v) * x[3];
            for (std::int64_t c = 0; c < x[3]; ++c) f(static_cast<std::size_t>(to + c), from + c);
          }
        }
      }
    }
  }
}

struct Int8PoolLayout {
  Sizes x, result;
  Int8Window window;
};

Result<Int8PoolLayout> Int8PoolLayoutOf(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  Int8PoolLayout l{.x = *OCTAVO_TRY(Int8Type(call, 0)).sizes};
  if (l.x.size() != 4) return call.Invalid(fmt::format("the input must have rank 4, not {}", l.x.size()));
  l.window = OCTAVO_TRY(Int8WindowOf(call, l.x, nullptr));
  if (l.window.dilation[0] != 1 || l.window.dilation[1] != 1)
    return call.NotSupported("dilation is not supported");
  l.result = {l.x[0], l.window.output[0], l.window.output[1], l.x[3]};
  if (!CountElements(l.result)) return call.Invalid("the result is too large");
  for (int d = 0; d < 2; ++d) {
    if (l.window.begin[d] >= l.window.kernel[d] || l.window.end[d] >= l.window.kernel[d])
      return call.Invalid("the padding must be smaller than the window");
  }
  return l;
}

Result<Prepared> Int8MaxPool(Call& call) {
  const Int8PoolLayout l = OCTAVO_TRY(Int8PoolLayoutOf(call));
  const Int8Parameters parameters = OCTAVO_TRY(KeptParameters(call));
  if (call.arithmetic() == Arithmetic::kCaffe2 && l.window.kernel[0] == 1 && l.window.kernel[1] == 1)
    return call.NotSupported("Caffe2 does not support a window of 1 x 1");
  return OneInt8(l.result, parameters, [l](const Operands& in) -> Result<Tensor> {
    const std::uint8_t* x = Data<std::uint8_t>(*in[0]);
    std::vector<std::byte> y(static_cast<std::size_t>(Product(l.result)));
    ForEachCell(l.x, l.window,
                [&](std::size_t to, std::int64_t from) { y[to] = std::max(y[to], std::byte{x[from]}); });
    return Tensor::FromBytes(DType::kUint8, l.result, std::move(y));
  });
}

// acc / 2^n times the significand, to nearest, ties away from zero.
std::int64_t AwayFromZero(std::int64_t acc, float scale) {
  const auto bits = std::bit_cast<std::uint32_t>(scale);
  const std::int64_t significand = (bits & 0x007fffffU) | 0x00800000U;
  const int shift = 150 - static_cast<int>(bits >> 23);
  const std::int64_t magnitude = (std::abs(acc) * significand + (std::int64_t{1} << (shift - 1))) >> shift;
  return acc < 0 ? -magnitude : magnitude;
}

// The padding counts, and its cells are zeros.
Result<Prepared> Int8AveragePool(Call& call) {
  const Int8PoolLayout l = OCTAVO_TRY(Int8PoolLayoutOf(call));
  const Int8Parameters xp = OCTAVO_TRY(call.int8(0)), yp = OCTAVO_TRY(ResultParameters(call));
  const float scale = xp.scale / (yp.scale * static_cast<float>(l.window.kernel[0] * l.window.kernel[1]));
  const bool caffe2 = call.arithmetic() == Arithmetic::kCaffe2;
  const float ratio = xp.scale / yp.scale;
  if (caffe2 && !(ratio >= 0x1p-8F && ratio < 0x1p8F))
    return call.NotSupported(fmt::format(
        "Caffe2 does not support the ratio {} of input scale to output scale; it must be in [2^-8, 2^8)",
        ratio));
  // The whole sum must be exact in what follows, and the shift of AwayFromZero possible.
  if (l.window.kernel[0] * l.window.kernel[1] > 1 << 22) return call.NotSupported("the window is too large");
  if (caffe2 && !(scale >= 0x1p-31F)) return call.NotSupported("the window is too large for these scales");
  return OneInt8(l.result, yp, [=](const Operands& in) -> Result<Tensor> {
    const std::uint8_t* x = Data<std::uint8_t>(*in[0]);
    std::vector<std::int32_t> sums(static_cast<std::size_t>(Product(l.result)));
    ForEachCell(l.x, l.window, [&](std::size_t to, std::int64_t from) {
      sums[to] += std::int32_t{x[from]} - xp.zero_point;
    });
    std::vector<std::byte> y(sums.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = std::byte{caffe2 ? static_cast<std::uint8_t>(std::clamp<std::int64_t>(
                                    AwayFromZero(sums[i], scale) + yp.zero_point, 0, 255))
                              : ToUint8(static_cast<float>(sums[i]) * scale, yp.zero_point)};
    }
    return Tensor::FromBytes(DType::kUint8, l.result, std::move(y));
  });
}

}  // namespace

void AddInt8Pooling(Registry& registry) {
  registry.Add(Int8Name("Int8MaxPool"), Int8MaxPool);
  registry.Add(Int8Name("Int8AveragePool"), Int8AveragePool);
}

}  // namespace octavo::engine::literal
