#include "octavo/ops/average.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "octavo/arithmetic/pytorch/averages.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/float_layer.h"
#include "octavo/ops/movement.h"
#include "octavo/ops/ordered_average.h"
#include "octavo/ops/trials.h"

namespace octavo {
namespace {

namespace pytorch = arithmetic::pytorch;

using AverageSizes = std::vector<std::int64_t>;

bool AnyPositive(const AverageSizes& sizes) {
  return std::any_of(sizes.begin(), sizes.end(), [](std::int64_t n) { return n > 0; });
}

Result<Value> RealAverage(Builder& g, Value x, const Window& w, const AverageOptions& options) {
  const std::optional<AverageSizes> overhang = OCTAVO_TRY(Overhang(w, x.shape()));
  const bool may_hang_over = !overhang || AnyPositive(*overhang);
  if (!overhang && (options.divisor_override || g.opset() < 10)) {
    return NeedsInput("ceil_mode needs the input's sizes, and one of them is unknown",
                      "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]'.");
  }
  AverageSizes begin = w.padding, end = w.padding;
  bool count_padding = options.divisor_override || (options.count_include_pad && w.padded());
  if (may_hang_over && count_padding && !options.divisor_override) {
    // PyTorch counts the padding, but not what lies beyond it.
    x = PadWithZeros(g, x, w.padding, w.padding);
    std::fill(begin.begin(), begin.end(), 0);
    end = begin;
    count_padding = false;
  }
  if (overhang) {
    for (std::size_t i = 0; i < end.size(); ++i) end[i] += (*overhang)[i];
  }
  AverageSizes pads = begin;
  pads.insert(pads.end(), end.begin(), end.end());
  Attributes attributes;
  if (!overhang) attributes.Set("ceil_mode", 1);
  if (count_padding) attributes.Set("count_include_pad", 1);
  attributes.Set("kernel_shape", w.kernel).Set("pads", pads).Set("strides", w.stride);
  Value y = g.Op("AveragePool", {x}, attributes);
  if (options.divisor_override) {
    const auto cells = static_cast<float>(w.cells());
    y = g.Op("Mul", {y, ScalarLike(g, x, cells / static_cast<float>(*options.divisor_override))});
  }
  return y;
}

// How PyTorch gets from the sum of a window's steps to the result's integer.
struct Rounding {
  float multiplier;
  bool zero_point_after;  // qnnpack rounds first and then adds the zero point; PyTorch's own kernel does not
};

Rounding PyTorchRounding(const TensorType& type, const Window& w, const AverageOptions& options) {
  const auto cells = static_cast<float>(w.cells());
  if (options.kernel == AverageKernel::kQnnpack) {
    const auto scale = static_cast<float>(type.quantization->scale());
    return {scale / (scale * cells), true};
  }
  return {1.0F / cells, options.kernel == AverageKernel::kDistance};
}

// All sums are tried for windows up to this many cells; a larger one counts as not exact.
constexpr std::int64_t kMostCells = 1 << 12;

// ONNX Runtime's fused AveragePool multiplies by the reciprocal and adds the zero point before it rounds.
// Does that give PyTorch's integer for every sum that a window can have?
bool FusedAverageIsExact(const TensorType& type, const Window& w, const Rounding& rounding) {
  if (w.cells() > kMostCells) return false;
  const auto [low, high] = RangeOf(type.dtype);
  const std::int64_t zero = type.quantization->zero_point(), cells = w.cells();
  const auto zero_point = static_cast<float>(zero);
  const float reciprocal = 1.0F / static_cast<float>(cells);
  for (std::int64_t sum = cells * (low - zero); sum <= cells * (high - zero); ++sum) {
    const auto s = static_cast<float>(sum);
    const float expected = rounding.zero_point_after ? std::nearbyintf(s * rounding.multiplier) + zero_point
                                                     : std::nearbyintf(s * rounding.multiplier + zero_point);
    if (expected != std::nearbyintf(s * reciprocal + zero_point)) return false;
  }
  return true;
}

// A depthwise convolution with ones, whose weights' scale is PyTorch's multiplier: the integer arithmetic of
// qnnpack's average pooling, step by step.
Value AverageByConvolution(Builder& g, Value x, const Window& w, std::int64_t channels, float multiplier,
                           const TensorType& type) {
  HoldUnsigned(g, x);
  AverageSizes sizes = {channels, 1};
  sizes.insert(sizes.end(), w.kernel.begin(), w.kernel.end());
  const auto count = static_cast<std::size_t>(channels * w.cells());
  const Value ones =
      g.Constant(Tensor::From(DType::kInt8, sizes, std::vector<std::int8_t>(count, 1)), "ones");
  const Value zero = g.Constant(Tensor::From(DType::kInt8, {}, std::vector<std::int8_t>{0}));
  const Value weights = g.Op("DequantizeLinear", {ones, g.Scalar(multiplier), zero});
  AverageSizes pads = w.padding;
  pads.insert(pads.end(), w.padding.begin(), w.padding.end());
  const Value y =
      g.Op("Conv", {DequantizeToSteps(g, x), weights},
           {{"group", channels}, {"kernel_shape", w.kernel}, {"pads", pads}, {"strides", w.stride}});
  return QuantizeFromSteps(g, y, type);
}

// The windows of one convolution weight: enough for every pooling layer, and no weight larger than this is
// made for an average.
constexpr std::int64_t kMaxConvolutionWeights = 1 << 20;

// The average in halves of a step and then as steps again: the same numbers, but with an operator between
// that keeps ONNX Runtime from its fused average, so that its QuantizeLinear rounds first and adds the zero
// point then.
Value QuantizeOnItsOwn(Builder& g, Value average, const TensorType& type, std::int64_t zero_point) {
  const Value half = g.Scalar(0.5F);
  const Value zero = IntegerConstant(g, type, zero_point);
  return g.As(g.Op("QuantizeLinear", {g.Op("Mul", {average, half}), half, zero}), type);
}

float Rounded(float v) { return std::nearbyintf(v); }

// What is known of an average that is written as AveragePool: windows of up to w.cells() elements, and
// whether the zero point z is in what is rounded.
void StateOfAverage(Builder& g, const TensorType& type, const Window& w, const Rounding& rounding,
                    bool whole_windows, bool zero_point_after) {
  const auto [low, high] = RangeOf(type.dtype);
  const std::int64_t zero = type.quantization->zero_point();
  const auto z = static_cast<float>(zero);
  const bool of_all = rounding.multiplier != 1.0F / static_cast<float>(w.cells());
  const auto pytorch = [=](float sum, float n) {
    const float steps = sum * (of_all ? rounding.multiplier : 1.0F / n);
    return rounding.zero_point_after ? Rounded(steps) + z : Rounded(steps + z);
  };
  std::vector<FromSum> forms = {pytorch};
  if (zero_point_after) {
    forms.emplace_back([=](float sum, float n) { return Rounded(sum / n) + z; });
    forms.emplace_back([=](float sum, float n) { return Rounded(sum * (1.0F / n)) + z; });
  } else {
    forms.emplace_back([=](float sum, float n) { return Rounded(sum / n + z); });
    forms.emplace_back([=](float sum, float n) { return Rounded(sum * (1.0F / n) + z); });
    forms.emplace_back([=](float sum, float n) { return Rounded((sum + n * z) / n); });
    forms.emplace_back([=](float sum, float n) { return Rounded((sum + n * z) * (1.0F / n)); });
  }
  const std::int64_t cells = w.cells();
  StateOfSums(g, {low - zero, high - zero, whole_windows ? cells : 1, cells}, forms);
}

// Sums of the integers as they are.
void StateOfMean(Builder& g, const TensorType& type, std::int64_t cells, std::vector<FromSum> forms) {
  const auto [low, high] = RangeOf(type.dtype);
  forms.emplace_back([](float sum, float n) { return Rounded(sum / n); });
  forms.emplace_back([](float sum, float n) { return Rounded(sum * (1.0F / n)); });
  StateOfSums(g, {low, high, cells, cells}, forms);
}

// The number of elements behind the channels; 0 where it is not known.
std::int64_t CellsOf(const Value& x) {
  if (!x.shape() || x.shape()->size() < 2) return 0;
  return NumElements(Shape(x.shape()->begin() + 2, x.shape()->end())).maybe().value_or(0);
}

// The sum of a window's steps, from their average.
Value SumOf(Builder& g, Value average, std::int64_t cells) {
  return NearestWhole(g, g.Op("Mul", {average, g.Scalar(static_cast<float>(cells))}));
}

// PyTorch's arithmetic in float operators.
Result<Value> AverageInSteps(Builder& g, Value x, const Window& w, const AverageOptions& options,
                             bool whole_windows, const TensorType& type) {
  const Rounding rounding = PyTorchRounding(type, w, options);
  Value y = OCTAVO_TRY(RealAverage(g, DequantizeToSteps(g, x), w, options));
  if (whole_windows) y = g.Op("Mul", {SumOf(g, y, w.cells()), g.Scalar(rounding.multiplier)});
  if (rounding.zero_point_after) return QuantizeFromSteps(g, y, type);
  const auto zero_point = static_cast<float>(type.quantization->zero_point());
  return QuantizeFromSteps(g, g.Op("Add", {y, g.Scalar(zero_point)}), type, 0);
}

}  // namespace

bool AveragedByQnnpack(const Builder& g, DType dtype, int spatial_dims) {
  const bool qnnpack = g.engine() == Engine::kQnnpack || g.engine() == Engine::kQnnpackX86;
  return qnnpack && dtype == DType::kQUint8 && spatial_dims <= 2;
}

bool AveragedChannelsLast(const Builder& g, const Value& x, int spatial_dims) {
  if (spatial_dims >= 2 && x.memory_format() == ir::MemoryFormat::kChannelsLast) return true;
  return g.engine() == Engine::kQnnpack && x.rank() == spatial_dims + 2 && (*x.shape())[1] == Dim(1);
}

std::int64_t ChannelsLeftOver(const Value& x, std::int64_t block) {
  if (x.memory_format() == ir::MemoryFormat::kContiguous || !x.shape() || !(*x.shape())[1].known()) return 0;
  return (*x.shape())[1].value() % block;
}

AverageKernel AverageKernelOf(const Builder& g, const Value& x, int spatial_dims, bool ceil_mode) {
  if (!ceil_mode && AveragedByQnnpack(g, x.dtype(), spatial_dims)) return AverageKernel::kQnnpack;
  const bool channels_last = AveragedChannelsLast(g, x, spatial_dims);
  const bool distance = g.engine() == Engine::kQnnpack ? channels_last || spatial_dims == 3 : channels_last;
  return distance ? AverageKernel::kDistance : AverageKernel::kInteger;
}

std::optional<Window> WholeWindow(const Value& x) {
  if (!x.shape()) return std::nullopt;
  const auto sizes = KnownSizes(Shape(x.shape()->begin() + 2, x.shape()->end()));
  if (!sizes) return std::nullopt;
  Window window{.kernel = *sizes, .stride = *sizes};
  window.padding.assign(sizes->size(), 0);
  window.dilation.assign(sizes->size(), 1);
  // Every size that a window may have, so that its cells can be counted.
  constexpr std::int64_t kLargest = 1 << 20;
  std::int64_t cells = 1;
  for (const std::int64_t size : *sizes) {
    if (size < 1 || size > kLargest / cells) return std::nullopt;
    cells *= size;
  }
  return window;
}

Result<Value> WindowAverage(Builder& g, Value x, const Window& w, const AverageOptions& options,
                            const TensorType& type) {
  if (!x.quantized()) {
    const std::optional<Window> whole = WholeWindow(x);
    if (whole && whole->kernel == w.kernel && !w.padded() && !options.divisor_override) {
      if (const auto y = AverageInOrder(g, x, AverageOf::kWindow)) return *y;
    }
    return RealAverage(g, x, w, options);
  }
  const std::optional<AverageSizes> overhang = OCTAVO_TRY(Overhang(w, x.shape()));
  const bool whole_windows = overhang && !AnyPositive(*overhang) && !options.divisor_override &&
                             (options.count_include_pad || !w.padded());
  if (g.dialect() == Dialect::kCaffe2 && CountsInSteps(g)) {
    return AverageInSteps(g, x, w, options, whole_windows, type);
  }
  const Rounding rounding = PyTorchRounding(type, w, options);
  const bool runtime = g.exact_for(Target::kOnnxRuntime);
  if (runtime) StateOfAverage(g, type, w, rounding, whole_windows, false);
  if (options.divisor_override || (!options.count_include_pad && w.padded())) {
    g.State(Exactness::kNotExact,
            "may be off by one step at a tie: a window is not divided by its number of cells");
  }
  if (runtime && !rounding.zero_point_after) {
    // The zero point is added before rounding.  Where padding does not count, an average of the integers
    // themselves has it in it.
    if (!options.divisor_override && (!options.count_include_pad || !w.padded())) {
      const Value y = OCTAVO_TRY(RealAverage(g, DequantizeToSteps(g, x, 0), w, options));
      return QuantizeFromSteps(g, y, type, 0);
    }
    const Value y = OCTAVO_TRY(RealAverage(g, DequantizeToSteps(g, x), w, options));
    const auto zero_point = static_cast<float>(type.quantization->zero_point());
    return QuantizeFromSteps(g, g.Op("Add", {y, g.Scalar(zero_point)}), type, 0);
  }
  const bool exact = !runtime || (whole_windows ? FusedAverageIsExact(type, w, rounding)
                                                : type.quantization->zero_point() % 2 == 0);
  if (!exact && whole_windows) {
    const Dim channels = x.shape() ? (*x.shape())[1] : Dim(0);
    if (channels.known() && channels.value() > 0 && channels.value() <= kMaxConvolutionWeights / w.cells()) {
      g.State(Exactness::kMultiplier);
      return AverageByConvolution(g, x, w, channels.value(), rounding.multiplier, type);
    }
  }
  if (!exact && options.count_include_pad && !options.divisor_override) {
    StateOfAverage(g, type, w, rounding, whole_windows, true);
  }
  Value real = DequantizeToSteps(g, x);
  if (g.dialect() == Dialect::kQdq && g.target() == Target::kOpenVino && w.padded() &&
      (options.count_include_pad || options.divisor_override) && x.quantization().zero_point() != 0) {
    // OpenVINO's CPU plugin moves a pool before the DequantizeLinear, and pads the integers with 0, not with
    // the zero point.
    real = KeptApart(g, real);
  }
  const Value y = OCTAVO_TRY(RealAverage(g, real, w, options));
  return exact ? QuantizeFromSteps(g, y, type)
               : QuantizeOnItsOwn(g, y, type, type.quantization->zero_point());
}

bool AverageIsProduct(const Window& w, DType dtype, float multiplier) {
  if (w.cells() > kMostCells) return false;
  const auto [low, high] = RangeOf(dtype);
  const auto cells = static_cast<float>(w.cells());
  for (std::int64_t sum = w.cells() * low; sum <= w.cells() * high; ++sum) {
    const auto s = static_cast<float>(sum);
    if (std::nearbyintf(s / cells) != std::nearbyintf(s * multiplier)) return false;
  }
  return true;
}

Result<Value> AverageOfIntegers(Builder& g, Value x, const Window& w, const TensorType& type, bool fused) {
  const Value y = OCTAVO_TRY(RealAverage(g, DequantizeToSteps(g, x, 0), w, {}));
  if (g.dialect() == Dialect::kCaffe2) return QuantizeFromSteps(g, y, type, 0);
  float multiplier = 1;
  for (const std::int64_t size : w.kernel) multiplier /= static_cast<float>(size);
  if (fused) {
    const auto zero = static_cast<float>(type.quantization->zero_point());
    StateOfMean(g, type, w.cells(),
                {[zero](float sum, float n) { return pytorch::AverageFused(sum - n * zero, n, zero); },
                 [zero](float sum, float n) { return pytorch::AverageBefore(sum - n * zero, n, zero); }});
  } else {
    StateOfMean(g, type, w.cells(), {[=](float sum, float) { return Rounded(sum * multiplier); }});
  }
  const bool fused_is_exact = AverageIsProduct(w, type.dtype, 1.0F / static_cast<float>(w.cells()));
  if (fused_is_exact || !g.exact_for(Target::kOnnxRuntime)) return QuantizeFromSteps(g, y, type, 0);
  return QuantizeOnItsOwn(g, y, type, 0);
}

Value GlobalAverage(Builder& g, Value x, const TensorType& type, HalfwayRounding rounding) {
  if (!x.quantized()) {
    if (const auto y = AverageInOrder(g, x, AverageOf::kMean)) return *y;
    return g.Op("GlobalAveragePool", {x});
  }
  if (rounding == HalfwayRounding::kEvenDistance && g.dialect() == Dialect::kCaffe2) {
    return QuantizeFromSteps(g, g.Op("GlobalAveragePool", {DequantizeToSteps(g, x)}), type);
  }
  if (rounding == HalfwayRounding::kEvenDistance) {
    // ONNX Runtime has qnnpack's arithmetic here, the multiplier from the scales included.
    if (x.dtype() == DType::kQUint8) {
      g.State(Exactness::kMultiplier);
    } else {
      g.State(Exactness::kNotExact, "may be off by one step at rounding ties: the input's size is open");
    }
    return Quantize(g, g.Op("GlobalAveragePool", {Dequantize(g, x)}), type);
  }
  StateOfMean(g, type, CellsOf(x), {});
  return QuantizeFromSteps(g, g.Op("GlobalAveragePool", {DequantizeToSteps(g, x, 0)}), type, 0);
}

void StateOfMean(Builder& g, const TensorType& type, std::int64_t cells) { StateOfMean(g, type, cells, {}); }

}  // namespace octavo
