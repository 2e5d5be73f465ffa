#include <algorithm>

#include "octavo/engine/literal/contrib.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/engine/literal/window.h"
#include "octavo/targets/onnxruntime/pooling.h"

namespace octavo::engine::literal {
namespace {

namespace ort = targets::onnxruntime;

template <typename T>
std::int64_t MeanOfIntegers(std::int64_t sum, std::int64_t count, ort::Quantization x, ort::Quantization y) {
  const float multiplier = ort::GlobalAverageMultiplier(x.scale, y.scale, static_cast<std::int32_t>(count));
  return ort::QLinearGlobalAveragePool<T>(static_cast<std::int32_t>(sum), multiplier, y.zero_point);
}

Result<Prepared> QLinearGlobalAveragePool(Call& call) {
  OCTAVO_TRY(call.Inputs(4, 5));
  OCTAVO_TRY(CheckQuantized(call, 0));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 3));
  if (OCTAVO_TRY(call.dtype(0)) != to) return call.Invalid("input and result must have the same dtype");
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  const bool channels_last = OCTAVO_TRY(call.Int("channels_last", 0)) != 0;
  if (x.size() < 3) return call.Invalid("the input must have rank 3 or more");
  Sizes result(x.size(), 1);
  result[0] = x[0];
  const std::size_t c = channels_last ? x.size() - 1 : 1;
  result[c] = x[c];
  const std::int64_t image = channels_last ? Product(x, 1, x.size() - 1) : Product(x, 2, x.size());
  if (image == 0) return call.Invalid("the input has no elements");
  return One(to, result, [=](const Operands& in) -> Result<Tensor> {
    const ort::Quantization from = QuantizationAt(in, 1), y = QuantizationAt(in, 3);
    const std::vector<std::int64_t> values = Integers(*in[0]);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(Product(result)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t n = at / (image * x[c]), channel = channels_last ? at % x[c] : at / image % x[c];
      sums[static_cast<std::size_t>(n * x[c] + channel)] += values[i] - from.zero_point;
    }
    for (std::int64_t& sum : sums) {
      sum = WithByte(to, [&](auto zero) { return MeanOfIntegers<decltype(zero)>(sum, image, from, y); });
    }
    return FromIntegers(to, result, sums);
  });
}

// Windows that cover the image without padding are averaged as integers.
bool CoversImage(const Window& w) {
  const auto none = [](const Sizes& sizes) {
    return std::all_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size == 0; });
  };
  return w.kernel == w.input && none(w.begin) && none(w.end);
}

Result<Prepared> QLinearAveragePool(Call& call) {
  OCTAVO_TRY(call.Inputs(4, 5));
  OCTAVO_TRY(CheckQuantized(call, 0));
  const DType to = OCTAVO_TRY(QuantizedResult(call, 3));
  if (OCTAVO_TRY(call.dtype(0)) != to) return call.Invalid("input and result must have the same dtype");
  if (OCTAVO_TRY(call.Int("channels_last", 0)) != 0)
    return call.NotSupported("attribute channels_last is not supported");
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  if (x.size() < 3) return call.Invalid("the input must have rank 3 or more");
  const Window w = OCTAVO_TRY(WindowOf(call, Sizes(x.begin() + 2, x.end()), {}));
  const bool with_padding = OCTAVO_TRY(call.Int("count_include_pad", 0)) != 0;
  if (with_padding && !CountElements(w.kernel)) return call.Invalid("the window is too large");
  for (std::size_t d = 0; d < w.rank(); ++d) {
    if (std::max(w.begin[d], w.end[d]) >= w.kernel[d])
      return call.Invalid("the padding must be smaller than the window");
  }
  Sizes result = {x[0], x[1]};
  result.insert(result.end(), w.output.begin(), w.output.end());
  if (!CountElements(result)) return call.Invalid("the result is too large");
  return One(to, result, [=](const Operands& in) -> Result<Tensor> {
    const ort::Quantization from = QuantizationAt(in, 1), y = QuantizationAt(in, 3);
    const std::vector<std::int64_t> values = Integers(*in[0]);
    const std::int64_t image = Product(w.input), pixels = Product(w.output);
    std::vector<std::int64_t> means(static_cast<std::size_t>(Product(result)));
    for (std::int64_t n = 0; n < x[0] * x[1]; ++n) {
      std::vector<float> sums(static_cast<std::size_t>(pixels));
      std::vector<std::int64_t> integers(sums.size()), counts(sums.size());
      ForEachTap(w, [&](std::int64_t o, std::int64_t, std::int64_t i) {
        const auto at = static_cast<std::size_t>(o);
        const std::int64_t steps = values[static_cast<std::size_t>(n * image + i)] - from.zero_point;
        sums[at] += static_cast<float>(steps) * from.scale;
        integers[at] += steps;
        ++counts[at];
      });
      for (std::size_t o = 0; o < sums.size(); ++o) {
        const std::int64_t count = with_padding ? Product(w.kernel) : counts[o];
        means[static_cast<std::size_t>(n * pixels) + o] = WithByte(to, [&](auto zero) -> std::int64_t {
          using T = decltype(zero);
          if (CoversImage(w)) return MeanOfIntegers<T>(integers[o], count, from, y);
          return ort::QLinearAveragePool<T>(sums[o], static_cast<std::int32_t>(count), y);
        });
      }
    }
    return FromIntegers(to, result, means);
  });
}

}  // namespace

void AddContribPools(Registry& registry) {
  registry.Add("com.microsoft::QLinearGlobalAveragePool", QLinearGlobalAveragePool);
  registry.Add("com.microsoft::QLinearAveragePool", QLinearAveragePool);
}

}  // namespace octavo::engine::literal
