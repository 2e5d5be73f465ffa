#include "octavo/ops/adaptive_pooling.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "octavo/arithmetic/pytorch/averages.h"
#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/steps.h"
#include "octavo/ops/average.h"
#include "octavo/ops/batched.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/separable.h"
#include "octavo/ops/trials.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using PooledSizes = std::vector<std::int64_t>;

// The largest output for which a matrix of averaging weights is written.
constexpr std::int64_t kLargestMatrix = 1 << 22;

enum class Channels { kMayBeMissing, kNeeded };

Result<std::optional<Shape>> AdaptiveShape(const Arguments& a, std::size_t n, Channels channels) {
  const auto& input = a.tensor("self").shape();
  const std::vector<Dim> output = a.dims("output_size");
  for (const Dim& size : output) {
    if (size.known() && size.value() < 1) {
      return Unsupported(fmt::format("argument output_size must be positive, not {}", size.value()));
    }
  }
  if (!input) return std::optional<Shape>();
  OCTAVO_TRY(CheckRank(a, "self", static_cast<int>(n) + 1, static_cast<int>(n) + 2));
  // PyTorch 1.13 checks the channels of a batch for some operators only.
  const std::size_t checked = channels == Channels::kMayBeMissing ? input->size() - n : 1;
  if (std::find(input->begin() + static_cast<std::ptrdiff_t>(checked), input->end(), Dim(0)) !=
      input->end()) {
    return Unsupported(fmt::format("the input has no elements: its shape is {}", ToString(*input)));
  }
  Shape shape = *input;
  std::copy(output.begin(), output.end(), shape.end() - static_cast<std::ptrdiff_t>(n));
  return std::optional<Shape>(std::move(shape));
}

ShapeRule AdaptiveShapeRule(int n) {
  return [n](const Arguments& a) {
    const bool needed = n == 3 || a.tensor("self").quantized();
    return AdaptiveShape(a, static_cast<std::size_t>(n),
                         needed ? Channels::kNeeded : Channels::kMayBeMissing);
  };
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
    return NeedsInput(
        "the input's shape is unknown",
        "Give the input's shape in numbers with --input, as in --input 'float32[1,3,224,224]'.");
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
        return NeedsInput(fmt::format("pooling from size {} to size {} needs both sizes to be known",
                                      input[i].ToString(), output[i].ToString()),
                          "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]'.");
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

// The elements from floor(o in / out) to ceil((o + 1) in / out) make element o of the result.
struct Part {
  Part(std::int64_t o, std::int64_t in, std::int64_t out)
      : begin(o * in / out), end(((o + 1) * in + out - 1) / out) {}
  std::int64_t begin, end;
  float size() const { return static_cast<float>(end - begin); }
};

enum class PartsAre { kSummed, kAveraged };

Result<Matrix> MatrixOfParts(std::int64_t in, std::int64_t out, PartsAre parts) {
  if (in == 0 || in > kLargestMatrix / out)
    return Unsupported("the input is too large for pooling with windows of different sizes");
  Matrix m(out, in);
  for (std::int64_t o = 0; o < out; ++o) {
    const Part part(o, in, out);
    const float weight = parts == PartsAre::kSummed ? 1.0F : 1.0F / part.size();
    for (std::int64_t i = part.begin; i < part.end; ++i) m.at(o, i) = weight;
  }
  return m;
}

Result<Value> OfUnevenParts(Builder& g, Value x, const Adaptive& adaptive, PartsAre parts) {
  std::vector<std::optional<Matrix>> matrices;
  for (std::size_t i = 0; i < adaptive.output.size(); ++i) {
    const std::int64_t in = adaptive.input[i], out = adaptive.output[i];
    if (in == out) {
      matrices.emplace_back();
    } else {
      matrices.emplace_back(OCTAVO_TRY(MatrixOfParts(in, out, parts)));
    }
  }
  return ApplySeparably(g, x, adaptive.input, matrices);
}

// What PyTorch multiplies the sum of each part by, sizes 1 x 1 x output sizes: float(1 / depth) / height /
// width, or by its kernel for channels-last tensors 1 / (depth height width).
Result<Tensor> PartMultipliers(const Adaptive& adaptive, bool channels_last) {
  std::int64_t count = 1;
  for (const std::int64_t n : adaptive.output) {
    if (n > kLargestMatrix / count)
      return Unsupported("the output is too large for pooling with windows of different sizes");
    count *= n;
  }
  std::vector<float> multipliers(static_cast<std::size_t>(count), 1.0F), cells = multipliers;
  std::int64_t inner = count;
  for (std::size_t d = 0; d < adaptive.output.size(); ++d) {
    const std::int64_t in = adaptive.input[d], out = adaptive.output[d];
    inner /= out;
    for (std::int64_t i = 0; i < count; ++i) {
      const float size = Part(i / inner % out, in, out).size();
      multipliers[static_cast<std::size_t>(i)] /= size;
      cells[static_cast<std::size_t>(i)] *= size;
    }
  }
  if (channels_last)
    std::transform(cells.begin(), cells.end(), multipliers.begin(), [](float n) { return 1.0F / n; });
  PooledSizes sizes = {1, 1};
  sizes.insert(sizes.end(), adaptive.output.begin(), adaptive.output.end());
  return Tensor::Floats(sizes, multipliers);
}

// Whether the vector loop of the channels-last kernel, which rounds once, and the rest of it, which is what
// is written, agree.
void StateOfFusedParts(Builder& g, const Adaptive& adaptive, const TensorType& type) {
  std::int64_t most = 1;
  for (std::size_t d = 0; d < adaptive.output.size(); ++d) {
    most *= adaptive.input[d] / adaptive.output[d] + 2;  // a part's largest size
  }
  const auto [low, high] = RangeOf(type.dtype);
  const std::int64_t zero = type.quantization->zero_point();
  const auto z = static_cast<float>(zero);
  StateOfSums(g, {low - zero, high - zero, 1, most},
              {[z](float sum, float n) { return arithmetic::pytorch::AverageBefore(sum, n, z); },
               [z](float sum, float n) { return arithmetic::pytorch::AverageFused(sum, n, z); }});
}

// Sums of the parts, times what PyTorch multiplies them by: exact for parts of any size.
Result<Value> AverageOfSums(Builder& g, Value x, const Adaptive& adaptive, const TensorType& type,
                            bool channels_last) {
  g.State(Exactness::kConstruction);
  const bool fused = channels_last && g.engine() != Engine::kQnnpack;
  // PyTorch averages the integers as they are, or their distances from the zero point.
  const std::int64_t zero_point = channels_last ? type.quantization->zero_point() : 0;
  const Value sums =
      OCTAVO_TRY(OfUnevenParts(g, DequantizeToSteps(g, x, zero_point), adaptive, PartsAre::kSummed));
  Tensor multipliers = OCTAVO_TRY(PartMultipliers(adaptive, channels_last));
  const Value y = g.Op("Mul", {sums, g.Constant(std::move(multipliers))});
  if (fused) {
    StateOfFusedParts(g, adaptive, type);
    return QuantizeFromSteps(g, g.Op("Add", {y, g.Scalar(static_cast<float>(zero_point))}), type, 0);
  }
  return QuantizeFromSteps(g, y, type, zero_point);
}

// Windows of one size, of a quantized tensor.
Result<Value> AverageOfWindows(Builder& g, Value x, const Adaptive& adaptive, const TensorType& type,
                               bool channels_last) {
  const Window& w = adaptive.window;
  const bool qnnpack = AveragedByQnnpack(g, type.dtype, static_cast<int>(w.spatial_dims()));
  if (qnnpack || (channels_last && g.engine() == Engine::kQnnpack)) {
    const AverageKernel kernel = qnnpack ? AverageKernel::kQnnpack : AverageKernel::kDistance;
    return WindowAverage(g, x, w, {.divisor_override = {}, .kernel = kernel}, type);
  }
  if (channels_last) return AverageOfIntegers(g, x, w, type, true);
  float multiplier = 1;
  for (const std::int64_t size : w.kernel) multiplier /= static_cast<float>(size);
  if (!AverageIsProduct(w, type.dtype, multiplier)) return AverageOfSums(g, x, adaptive, type, false);
  return AverageOfIntegers(g, x, w, type);
}

Result<Value> GlobalAdaptiveAverage(Builder& g, Value x, const TensorType& type, bool channels_last) {
  if (!x.quantized()) return GlobalAverage(g, x, type, HalfwayRounding::kEvenDistance);
  const std::optional<Window> whole = WholeWindow(x);
  const bool volume = x.rank() == 5;
  const bool qnnpack = AveragedByQnnpack(g, type.dtype, volume ? 3 : 2);
  if (!whole || (qnnpack && g.dialect() == Dialect::kQdq)) {
    const bool distance = qnnpack || (channels_last && !volume);
    return GlobalAverage(g, x, type,
                         distance ? HalfwayRounding::kEvenDistance : HalfwayRounding::kEvenInteger);
  }
  // That of a whole volume is its mean, whatever its channels.
  if (volume) {
    const Value mean = OCTAVO_TRY(AverageOfIntegers(g, x, *whole, type));
    // In another order in memory PyTorch averages reals.
    if (x.memory_format() != ir::MemoryFormat::kContiguous) {
      g.State(Exactness::kNotExact, "may be off by one step: float32 numbers are added in another order");
    }
    return mean;
  }
  const Adaptive adaptive{
      .window = *whole, .input = whole->kernel, .output = PooledSizes(whole->kernel.size(), 1)};
  return AverageOfWindows(g, x, adaptive, type, channels_last);
}

Result<std::vector<Value>> AverageAdaptively(Builder& g, const Arguments& a, bool channels_last) {
  const Value x = a.tensor("self");
  const TensorType& type = a.result();
  const Adaptive adaptive = OCTAVO_TRY(Analyze(a));
  switch (adaptive.kind) {
    case AdaptiveKind::kIdentity:
      return One(x);
    case AdaptiveKind::kGlobal:
      return One(OCTAVO_TRY(GlobalAdaptiveAverage(g, x, type, channels_last)));
    case AdaptiveKind::kWindows:
      if (!x.quantized()) return One(OCTAVO_TRY(WindowAverage(g, x, adaptive.window, {}, type)));
      return One(OCTAVO_TRY(AverageOfWindows(g, x, adaptive, type, channels_last)));
    case AdaptiveKind::kUneven:
      break;
  }
  if (!x.quantized()) return One(OCTAVO_TRY(OfUnevenParts(g, x, adaptive, PartsAre::kAveraged)));
  return One(OCTAVO_TRY(AverageOfSums(g, x, adaptive, type, channels_last)));
}

Emitter AdaptiveAverage(int n) {
  return [n](Builder& g, const Arguments& a) {
    const bool channels_last = AveragedChannelsLast(g, a.tensor("self"), n);
    const Emitter batched = [channels_last](Builder& builder, const Arguments& b) {
      return AverageAdaptively(builder, b, channels_last);
    };
    return Batched("self", n, batched)(g, a);
  };
}

// Where every window is the same square, and known, Caffe2's pool means the same.
Result<std::vector<Value>> AdaptiveAverage2dInt8(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Emitter real = AdaptiveAverage(2);
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
  type.shape = OCTAVO_TRY(AdaptiveShape(a, a.dims("output_size").size(), Channels::kNeeded));
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
  return Unsupported("adaptive max pooling with windows of different sizes is not supported",
                     "Choose an output size that divides the input size.");
}

}  // namespace

void RegisterAdaptivePooling(Registry& registry) {
  for (int n = 1; n <= 3; ++n) {
    const Emitter average = AdaptiveAverage(n);
    const std::vector<ArgumentSpec> arguments = {arg::Tensor("self"), arg::Ints("output_size", n)};
    for (const char* prefix : {"aten::adaptive_avg_pool", "aten::_adaptive_avg_pool"}) {
      if (n == 1 && prefix != std::string_view("aten::adaptive_avg_pool")) continue;  // PyTorch has none
      registry.Add({.name = fmt::format("{}{}d", prefix, n),
                    .arguments = arguments,
                    .result = FloatOrEightBits("self", SameQuantization("self", AdaptiveShapeRule(n))),
                    .qdq = average,
                    .caffe2 = Int8Or(n == 2 ? Emitter(AdaptiveAverage2dInt8) : average, average)});
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
