#include "octavo/ops/adaptive_pooling.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/average.h"
#include "octavo/ops/batched.h"
#include "octavo/ops/separable.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using PooledSizes = std::vector<std::int64_t>;

// The largest output for which a matrix of averaging weights is written.
constexpr std::int64_t kLargestMatrix = 1 << 22;

Result<std::optional<Shape>> AdaptiveShape(const Arguments& a, std::size_t n) {
  const auto& input = a.tensor("self").shape();
  const std::vector<Dim> output = a.dims("output_size");
  for (const Dim& size : output) {
    if (size.known() && size.value() < 1) {
      return Unsupported(fmt::format("argument output_size holds {}", size.value()));
    }
  }
  if (!input) return std::optional<Shape>();
  if (input->size() != n + 1 && input->size() != n + 2) {
    return Unsupported(fmt::format("the input has {} dimensions, and this operator needs {} or {}",
                                   input->size(), n + 1, n + 2));
  }
  Shape shape = *input;
  std::copy(output.begin(), output.end(), shape.end() - static_cast<std::ptrdiff_t>(n));
  return std::optional<Shape>(std::move(shape));
}

ShapeRule AdaptiveShapeRule(int n) {
  return [n](const Arguments& a) { return AdaptiveShape(a, static_cast<std::size_t>(n)); };
}

enum class AdaptiveKind {
  kIdentity,  // every size stays
  kGlobal,    // every size becomes 1
  kWindows,   // windows of one size, side by side: `window`
  kUneven,    // windows of different sizes
};
struct Adaptive {
  AdaptiveKind kind = AdaptiveKind::kWindows;
  Window window;
  PooledSizes input, output;  // kUneven
};

// `x` has a batch dimension.
Result<Adaptive> Analyze(const Arguments& a) {
  const Value x = a.tensor("self");
  const std::vector<Dim> output = a.dims("output_size");
  const std::size_t n = output.size();
  Adaptive result;
  if (std::all_of(output.begin(), output.end(), [](const Dim& d) { return d == Dim(1); })) {
    result.kind = AdaptiveKind::kGlobal;
    return result;
  }
  if (!x.shape()) {
    return Unsupported("the input's shape is not known", "Give it, as in --input 'float32[1,3,224,224]'.");
  }
  const Shape input(x.shape()->end() - static_cast<std::ptrdiff_t>(n), x.shape()->end());
  if (input == output) {
    result.kind = AdaptiveKind::kIdentity;
    return result;
  }
  for (std::size_t i = 0; i < n; ++i) {
    std::int64_t ratio = 1;
    if (!(input[i] == output[i])) {
      if (!input[i].known() || !output[i].known()) {
        return Unsupported(fmt::format("pooling from {} to {} elements depends on a size that is not known",
                                       input[i].ToString(), output[i].ToString()),
                           "Give the input's size, as in --input 'float32[1,3,224,224]'.");
      }
      ratio = input[i].value() / output[i].value();
      if (ratio * output[i].value() != input[i].value()) result.kind = AdaptiveKind::kUneven;
    }
    result.window.kernel.push_back(ratio);
    result.input.push_back(input[i].maybe().value_or(0));
    result.output.push_back(output[i].maybe().value_or(0));
  }
  result.window.stride = result.window.kernel;
  result.window.padding.assign(n, 0);
  result.window.dilation.assign(n, 1);
  return result;
}

// Row o averages the elements from floor(o in / out) to ceil((o + 1) in / out).
Result<Matrix> AveragingMatrix(std::int64_t in, std::int64_t out) {
  if (in == 0 || in > kLargestMatrix / out) return Unsupported("the input of this pooling is too large");
  Matrix m(out, in);
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
    for (std::int64_t i = begin; i < end; ++i) m.at(o, i) = 1.0F / static_cast<float>(end - begin);
  }
  return m;
}

Result<Value> UnevenAverage(Builder& g, Value x, const Adaptive& adaptive) {
  std::vector<std::optional<Matrix>> matrices;
  for (std::size_t i = 0; i < adaptive.output.size(); ++i) {
    const std::int64_t in = adaptive.input[i], out = adaptive.output[i];
    if (in == out) {
      matrices.emplace_back();
    } else {
      matrices.emplace_back(OCTAVO_TRY(AveragingMatrix(in, out)));
    }
  }
  return ApplySeparably(g, x, adaptive.input, matrices);
}

// qnnpack averages images of quint8.
HalfwayRounding RoundingOfPool(const Arguments& a) {
  const bool qnnpack = a.result().dtype == DType::kQUint8 && a.dims("output_size").size() <= 2;
  return qnnpack ? HalfwayRounding::kEvenDistance : HalfwayRounding::kEvenInteger;
}

// All of the input, if its size is known.
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

Result<Value> GlobalAdaptiveAverage(Builder& g, const Arguments& a, Value x) {
  if (!x.quantized() || RoundingOfPool(a) == HalfwayRounding::kEvenDistance) {
    return GlobalAverage(g, x, a.result(), HalfwayRounding::kEvenDistance);
  }
  const std::optional<Window> whole = WholeWindow(x);
  if (whole) return AverageOfIntegers(g, x, *whole, a.result());
  return GlobalAverage(g, x, a.result(), HalfwayRounding::kEvenInteger);
}

Result<std::vector<Value>> AdaptiveAverage(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Adaptive adaptive = OCTAVO_TRY(Analyze(a));
  switch (adaptive.kind) {
    case AdaptiveKind::kIdentity:
      return One(x);
    case AdaptiveKind::kGlobal:
      return One(OCTAVO_TRY(GlobalAdaptiveAverage(g, a, x)));
    case AdaptiveKind::kWindows:
      if (x.quantized() && RoundingOfPool(a) == HalfwayRounding::kEvenInteger) {
        return One(OCTAVO_TRY(AverageOfIntegers(g, x, adaptive.window, a.result())));
      }
      return One(OCTAVO_TRY(WindowAverage(g, x, adaptive.window, {}, a.result())));
    case AdaptiveKind::kUneven:
      break;
  }
  if (!x.quantized()) return One(OCTAVO_TRY(UnevenAverage(g, x, adaptive)));
  // PyTorch averages the integers as they are.
  const Value y = OCTAVO_TRY(UnevenAverage(g, DequantizeToSteps(g, x, 0), adaptive));
  return One(QuantizeFromSteps(g, y, a.result(), 0));
}

// Where every window is the same square, and known, Caffe2's pool means the same.
Result<std::vector<Value>> AdaptiveAverage2dInt8(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Emitter real = ThroughFloat(Batched("self", 2, AdaptiveAverage));
  if (x.rank() != 4) return real(g, a);
  const Adaptive adaptive = OCTAVO_TRY(Analyze(a));
  if (adaptive.kind == AdaptiveKind::kIdentity) return One(x);
  std::int64_t kernel = 0, stride = 1;
  if (adaptive.kind == AdaptiveKind::kGlobal) {
    const Dim height = (*x.shape())[2], width = (*x.shape())[3];
    if (height.known() && width == height) kernel = height.value();
  } else if (adaptive.kind == AdaptiveKind::kWindows && adaptive.window.square()) {
    kernel = stride = adaptive.window.kernel[0];
  }
  if (kernel < 2) return real(g, a);
  TensorType nhwc = a.result();
  if (nhwc.shape) {
    const Shape s = *nhwc.shape;
    nhwc.shape = Shape{s[0], s[2], s[3], s[1]};
  }
  return One(Nchw(g, Int8(g, "Int8AveragePool", {Nhwc(g, x)}, nhwc,
                          {{"kernel", kernel},
                           {"order", "NHWC"},
                           {"pads", PooledSizes{0, 0, 0, 0}},
                           {"strides", PooledSizes{stride, stride}}})));
}

Result<std::vector<TensorType>> AdaptiveMaxType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  type.shape = OCTAVO_TRY(AdaptiveShape(a, a.dims("output_size").size()));
  return std::vector<TensorType>{type, WithDType(type, DType::kInt64)};
}

// The indices are left out: a model that uses them is refused by the driver.
Result<std::vector<Value>> AdaptiveMax(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Adaptive adaptive = OCTAVO_TRY(Analyze(a));
  switch (adaptive.kind) {
    case AdaptiveKind::kIdentity:
      return std::vector<Value>{x, Value()};
    case AdaptiveKind::kGlobal:
      return std::vector<Value>{g.Op("GlobalMaxPool", {x}), Value()};
    case AdaptiveKind::kWindows: {
      const PooledSizes pads(2 * adaptive.window.spatial_dims(), 0);
      return std::vector<Value>{g.Op("MaxPool", {x},
                                     {{"kernel_shape", adaptive.window.kernel},
                                      {"pads", pads},
                                      {"strides", adaptive.window.stride}}),
                                Value()};
    }
    case AdaptiveKind::kUneven:
      break;
  }
  return Unsupported("the windows of this adaptive maximum pooling have different sizes",
                     "Choose an output size that divides the input's size.");
}

}  // namespace

void RegisterAdaptivePooling(Registry& registry) {
  for (int n = 1; n <= 3; ++n) {
    const Emitter average = Batched("self", n, AdaptiveAverage);
    const std::vector<ArgumentSpec> arguments = {arg::Tensor("self"), arg::Ints("output_size", n)};
    for (const char* prefix : {"aten::adaptive_avg_pool", "aten::_adaptive_avg_pool"}) {
      if (n == 1 && prefix != std::string_view("aten::adaptive_avg_pool")) continue;  // PyTorch has none
      registry.Add({.name = fmt::format("{}{}d", prefix, n),
                    .arguments = arguments,
                    .result = FloatOrEightBits("self", SameQuantization("self", AdaptiveShapeRule(n))),
                    .qdq = average,
                    .caffe2 = n == 2 ? Int8Or(AdaptiveAverage2dInt8, average) : ThroughFloat(average)});
    }
    const Emitter maximum = Batched("self", n, AdaptiveMax);
    registry.Add({.name = fmt::format("aten::adaptive_max_pool{}d", n),
                  .arguments = arguments,
                  .result = FloatOnly("self", AdaptiveMaxType),
                  .qdq = maximum,
                  .caffe2 = maximum,
                  .returns = Returns::kTuple});
  }
}

}  // namespace octavo
