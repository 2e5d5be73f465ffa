#include "octavo/engine/literal/convolution.h"

#include <fmt/format.h>

#include "octavo/engine/literal/contrib.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/engine/literal/window.h"
#include "octavo/targets/onnxruntime/requantize.h"

namespace octavo::engine::literal {

Result<ConvLayout> ConvLayoutOf(Call& call, std::size_t weight_input, bool transposed) {
  const Sizes x = OCTAVO_TRY(call.sizes(0)), w = OCTAVO_TRY(call.sizes(weight_input));
  if (x.size() < 3 || w.size() != x.size())
    return call.Invalid(
        fmt::format("the input has rank {} and the weight rank {}, but both must be equal and 3 or more",
                    x.size(), w.size()));
  ConvLayout l;
  l.group = OCTAVO_TRY(call.Int("group", 1));
  l.batch = x[0];
  l.channels = x[1];
  if (l.group < 1 || l.channels % l.group != 0)
    return call.Invalid(fmt::format("{} channels cannot be divided into {} groups", l.channels, l.group));
  const Sizes image(x.begin() + 2, x.end()), kernel(w.begin() + 2, w.end());
  if (transposed) {
    if (w[0] != l.channels)
      return call.Invalid(
          fmt::format("the weight expects {} input channels, but the input has {}", w[0], l.channels));
    const auto total = CountElements({w[1], l.group});
    if (!total) return call.Invalid("attribute group is too large");
    l.outputs = *total;
    l.window = OCTAVO_TRY(TransposedWindowOf(call, image, kernel));
  } else {
    if (w[1] != l.channels / l.group)
      return call.Invalid(fmt::format("the weight expects {} input channels per group, but the input has {}",
                                      w[1], l.channels / l.group));
    if (w[0] % l.group != 0)
      return call.Invalid(fmt::format("{} output channels cannot be divided into {} groups", w[0], l.group));
    l.outputs = w[0];
    l.window = OCTAVO_TRY(WindowOf(call, image, kernel));
  }
  l.image = Product(image);
  l.taps = Product(kernel);
  l.result = {l.batch, l.outputs};
  l.result.insert(l.result.end(), l.window.output.begin(), l.window.output.end());
  if (!CountElements(l.result)) return call.Invalid("the result is too large");
  l.pixels = Product(l.window.output);
  return l;
}

namespace {

struct ConvTap {
  std::int64_t output, tap, input;
};

// Calls f with all taps, some thousand at a time: there may be more than memory holds.
template <typename F>
void ForEachPiece(const Window& window, F&& f) {
  constexpr std::size_t kPiece = 1 << 16;
  std::vector<ConvTap> taps;
  ForEachTap(window, [&](std::int64_t o, std::int64_t k, std::int64_t i) {
    taps.push_back({o, k, i});
    if (taps.size() < kPiece) return;
    f(taps);
    taps.clear();
  });
  f(taps);
}

// sum of x * w, in T.
template <typename T>
std::vector<T> Convolve(const ConvLayout& l, const std::vector<T>& x, const std::vector<T>& w) {
  std::vector<T> y(static_cast<std::size_t>(Product(l.result)));
  const std::int64_t in_group = l.channels / l.group, out_group = l.outputs / l.group;
  ForEachPiece(l.window, [&](const std::vector<ConvTap>& taps) {
    for (std::int64_t n = 0; n < l.batch; ++n) {
      for (std::int64_t m = 0; m < l.outputs; ++m) {
        T* to = y.data() + (n * l.outputs + m) * l.pixels;
        for (std::int64_t c = 0; c < in_group; ++c) {
          const T* from = x.data() + (n * l.channels + m / out_group * in_group + c) * l.image;
          const T* weight = w.data() + (m * in_group + c) * l.taps;
          for (const ConvTap& t : taps) to[t.output] += from[t.input] * weight[t.tap];
        }
      }
    }
  });
  return y;
}

// Every input element is spread over the window: the transpose of Convolve with input and output exchanged.
template <typename T>
std::vector<T> ConvolveTransposed(const ConvLayout& l, const std::vector<T>& x, const std::vector<T>& w) {
  std::vector<T> y(static_cast<std::size_t>(Product(l.result)));
  Window back = l.window;
  std::swap(back.input, back.output);
  const std::int64_t in_group = l.channels / l.group, out_group = l.outputs / l.group;
  ForEachPiece(back, [&](const std::vector<ConvTap>& taps) {
    for (std::int64_t n = 0; n < l.batch; ++n) {
      for (std::int64_t c = 0; c < l.channels; ++c) {
        const T* from = x.data() + (n * l.channels + c) * l.image;
        for (std::int64_t m = 0; m < out_group; ++m) {
          T* to = y.data() + (n * l.outputs + c / in_group * out_group + m) * l.pixels;
          const T* weight = w.data() + (c * out_group + m) * l.taps;
          for (const ConvTap& t : taps) to[t.input] += from[t.output] * weight[t.tap];
        }
      }
    }
  });
  return y;
}

template <typename T>
void AddBias(const ConvLayout& l, const std::vector<T>& bias, std::vector<T>& y) {
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] += bias[i / static_cast<std::size_t>(l.pixels) % static_cast<std::size_t>(l.outputs)];
}

template <bool transposed>
Result<Prepared> Conv(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 3));
  OCTAVO_TRY(CheckFloat(call, 0));
  OCTAVO_TRY(CheckSameType(call));
  const ConvLayout l = OCTAVO_TRY(ConvLayoutOf(call, 1, transposed));
  if (call.has(2) && OCTAVO_TRY(call.sizes(2)) != Sizes{l.outputs})
    return call.Invalid("the bias must have one element per output channel");
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, l.result, [l, dtype](const Operands& in) -> Result<Tensor> {
    std::vector<double> y = transposed ? ConvolveTransposed(l, Reals(*in[0]), Reals(*in[1]))
                                       : Convolve(l, Reals(*in[0]), Reals(*in[1]));
    if (in.size() > 2) AddBias(l, Reals(*in[2]), y);
    return FromReals(dtype, l.result, y);
  });
}

// x - zero point, exact.
std::vector<std::int64_t> Shifted(const Tensor& x, const Tensor* zero_point) {
  std::vector<std::int64_t> values = Integers(x);
  const std::int64_t zero = zero_point ? Integers(*zero_point)[0] : 0;
  for (std::int64_t& v : values) v -= zero;
  return values;
}

// One zero point, or one for each output.
std::vector<std::int64_t> ShiftedWeights(const Tensor& w, const Tensor* zero_point) {
  std::vector<std::int64_t> values = Integers(w);
  if (!zero_point) return values;
  const std::vector<std::int64_t> zero = Integers(*zero_point);
  const std::size_t inner = values.empty() ? 1 : values.size() / static_cast<std::size_t>(w.sizes[0]);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= zero[zero.size() == 1 ? 0 : i / inner];
  return values;
}

Status CheckPerOutput(Call& call, std::size_t i, std::int64_t outputs) {
  const Sizes sizes = OCTAVO_TRY(call.sizes(i));
  if (Product(sizes) == 1 || sizes == Sizes{outputs}) return {};
  return call.Invalid(
      fmt::format("input {} has {} elements, but 1 or {} are expected", i, Product(sizes), outputs));
}

Result<Prepared> ConvInteger(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 4));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kUint8, DType::kInt8}));
  const ConvLayout l = OCTAVO_TRY(ConvLayoutOf(call, 1, false));
  for (std::size_t i = 2; i < call.num_inputs(); ++i) {
    if (!call.has(i)) continue;
    if (OCTAVO_TRY(call.dtype(i)) != OCTAVO_TRY(call.dtype(i - 2)))
      return call.Invalid("each zero point must have the dtype of its values");
    OCTAVO_TRY(CheckPerOutput(call, i, i == 2 ? 1 : l.outputs));
  }
  return One(DType::kInt32, l.result, [l](const Operands& in) -> Result<Tensor> {
    const auto x = Shifted(*in[0], in.size() > 2 ? in[2] : nullptr);
    const auto w = ShiftedWeights(*in[1], in.size() > 3 ? in[3] : nullptr);
    return FromIntegers(DType::kInt32, l.result, Convolve(l, x, w));
  });
}

// As ONNX Runtime rounds: sum * (x_scale * w_scale / y_scale) in float32.
Result<Prepared> QLinearConv(Call& call) {
  OCTAVO_TRY(call.Inputs(8, 9));
  for (const std::size_t i : {0, 2, 3, 5, 7}) OCTAVO_TRY(CheckDType(call, i, {DType::kUint8, DType::kInt8}));
  for (const std::size_t i : {1, 4, 6}) OCTAVO_TRY(CheckFloat(call, i));
  const ConvLayout l = OCTAVO_TRY(ConvLayoutOf(call, 3, false));
  for (const std::size_t i : {1, 2, 6, 7}) OCTAVO_TRY(CheckPerOutput(call, i, 1));
  for (const std::size_t i : {4, 5}) OCTAVO_TRY(CheckPerOutput(call, i, l.outputs));
  if (OCTAVO_TRY(call.dtype(2)) != OCTAVO_TRY(call.dtype(0)) ||
      OCTAVO_TRY(call.dtype(5)) != OCTAVO_TRY(call.dtype(3)))
    return call.Invalid("each zero point must have the dtype of its values");
  if (call.has(8)) {
    OCTAVO_TRY(CheckDType(call, 8, {DType::kInt32}));
    if (OCTAVO_TRY(call.sizes(8)) != Sizes{l.outputs})
      return call.Invalid("the bias must have one element per output channel");
  }
  const DType to = OCTAVO_TRY(call.dtype(7));
  return One(to, l.result, [l, to](const Operands& in) -> Result<Tensor> {
    std::vector<std::int64_t> y = Convolve(l, Shifted(*in[0], in[2]), ShiftedWeights(*in[3], in[5]));
    if (in.size() > 8 && in[8]) AddBias(l, Integers(*in[8]), y);
    const std::vector<float> w_scale = in[4]->ToFloats();
    const float x_scale = in[1]->ToFloats()[0], y_scale = in[6]->ToFloats()[0];
    const auto zero = static_cast<std::int32_t>(Integers(*in[7])[0]);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::size_t m = i / static_cast<std::size_t>(l.pixels) % static_cast<std::size_t>(l.outputs);
      const float scale = w_scale[w_scale.size() == 1 ? 0 : m];
      y[i] = RequantizedSum(y[i], targets::onnxruntime::Multiplier(x_scale, scale, y_scale), zero, to);
    }
    return FromIntegers(to, l.result, y);
  });
}

}  // namespace

void AddConvolution(Registry& registry) {
  registry.Add("Conv", Conv<false>);
  registry.Add("ConvTranspose", Conv<true>);
  registry.Add("ConvInteger", ConvInteger);
  registry.Add("QLinearConv", QLinearConv);
}

}  // namespace octavo::engine::literal
