#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/window.h"
#include "octavo/ops/adaptive_pooling.h"
#include "octavo/ops/average.h"
#include "octavo/ops/batched.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {
namespace {

using Sizes = std::vector<std::int64_t>;

std::vector<ArgumentSpec> WindowArguments(std::string x, int n, bool dilation) {
  std::vector<ArgumentSpec> arguments = {arg::Tensor(std::move(x)), arg::Ints("kernel_size", n),
                                         arg::IntsLike("stride", n, "kernel_size"),
                                         arg::Ints("padding", n, {0})};
  if (dilation) arguments.push_back(arg::Ints("dilation", n, {1}));
  arguments.push_back(arg::Bool("ceil_mode", false));
  return arguments;
}

ShapeRule PooledShapeOf(std::string x) {
  return [x = std::move(x)](const Arguments& a) -> Result<std::optional<Shape>> {
    const Window w = OCTAVO_TRY(WindowOf(a));
    const auto& shape = a.tensor(x).shape();
    if (!shape) return std::optional<Shape>();
    OCTAVO_TRY(CheckImages(*shape, w.spatial_dims()));
    return std::optional<Shape>(OCTAVO_TRY(PooledShape(w, *shape)));
  };
}

// ---- Maximum ----

Result<Attributes> MaxPoolAttributes(Builder& g, const Window& w, const std::optional<Shape>& input) {
  const std::optional<Sizes> overhang = OCTAVO_TRY(Overhang(w, input));
  Attributes attributes;
  Sizes end = w.padding;
  bool ceil_mode = !overhang;
  if (overhang) {
    // Padding never wins, so a window that hangs over is one that reaches into more padding.  Runtimes want
    // less padding than the kernel's size, which only dilation can exceed.
    for (std::size_t i = 0; i < end.size(); ++i) {
      end[i] += (*overhang)[i];
      if (end[i] >= w.kernel[i] && (*overhang)[i] > 0) ceil_mode = true;
    }
  }
  if (ceil_mode) {
    end = w.padding;
    if (g.opset() < 10) {
      return NeedsInput(
          "ceil_mode in the caffe2 dialect (opset 9) needs the input's sizes",
          "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]', or use --dialect qdq.");
    }
    attributes.Set("ceil_mode", 1);
  }
  if (w.dilated()) {
    if (g.opset() < 10) {
      return Unsupported("the caffe2 dialect (opset 9) has no dilated pooling", "Use --dialect qdq.");
    }
    attributes.Set("dilations", w.dilation);
  }
  Sizes pads = w.padding;
  pads.insert(pads.end(), end.begin(), end.end());
  attributes.Set("kernel_shape", w.kernel).Set("pads", pads).Set("strides", w.stride);
  return attributes;
}

// Opset 9 has no dilation.  A maximum over a window is one over its rows of those over its columns: along
// each dimension the maximum of as many shifted copies as the kernel is long, of which the stride's are then
// taken.
Result<Value> DilatedMaxPool(Builder& g, Value x, const Window& w) {
  const std::optional<Sizes> overhang = OCTAVO_TRY(Overhang(w, x.shape()));
  if (!overhang) {
    return NeedsInput(
        "ceil_mode in the caffe2 dialect (opset 9) needs the input's sizes",
        "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]', or use --dialect qdq.");
  }
  Sizes pads = {0, 0};
  pads.insert(pads.end(), w.padding.begin(), w.padding.end());
  pads.insert(pads.end(), {0, 0});
  for (std::size_t i = 0; i < w.padding.size(); ++i) pads.push_back(w.padding[i] + (*overhang)[i]);
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t n) { return n != 0; })) {
    constexpr float kNeverWins = -std::numeric_limits<float>::infinity();
    x = g.Op("Pad", {x}, {{"mode", "constant"}, {"pads", pads}, {"value", kNeverWins}});
  }
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < w.kernel.size(); ++i) {
    if (w.kernel[i] == 1) continue;
    std::vector<Value> shifted;
    for (std::int64_t k = 0; k < w.kernel[i]; ++k) {
      const std::int64_t behind = (w.kernel[i] - 1 - k) * w.dilation[i];
      shifted.push_back(
          Slice(g, x, static_cast<std::int64_t>(i) + 2, k * w.dilation[i], behind == 0 ? kEnd : -behind));
    }
    x = g.Op("Max", shifted);
  }
  const Sizes ones(w.kernel.size(), 1);
  return w.stride == ones ? x : g.Op("MaxPool", {x}, {{"kernel_shape", ones}, {"strides", w.stride}});
}

Emitter MaxPoolReal(std::string x_name) {
  return [x_name = std::move(x_name)](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Value x = a.tensor(x_name);
    const Window w = OCTAVO_TRY(WindowOf(a));
    if (w.dilated() && g.opset() < 10) return One(OCTAVO_TRY(DilatedMaxPool(g, x, w)));
    const Attributes attributes = OCTAVO_TRY(MaxPoolAttributes(g, w, x.shape()));
    return One(g.Op("MaxPool", {x}, attributes));
  };
}

// PyTorch counts indices inside one channel's plane, ONNX through the whole tensor.  Two MaxPool nodes, so
// that the one with indices disappears where nothing uses them.
Result<std::vector<Value>> MaxPoolWithIndices(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Window w = OCTAVO_TRY(WindowOf(a));
  const Attributes attributes = OCTAVO_TRY(MaxPoolAttributes(g, w, x.shape()));
  const Value values = g.Op("MaxPool", {x}, attributes);
  Dim plane = 1;
  if (x.shape()) {
    for (std::size_t i = 2; i < x.shape()->size(); ++i) plane = plane * (*x.shape())[i];
  }
  if (!x.shape() || !plane.known()) return std::vector<Value>{values, Value()};
  const Value indices = g.Ops("MaxPool", {x}, attributes, 2)[1];
  const Value size = g.Ints({plane.value()});
  if (g.opset() >= 10) return std::vector<Value>{values, g.Op("Mod", {indices, size})};
  const Value planes = g.Op("Mul", {g.Op("Div", {indices, size}), size});
  return std::vector<Value>{values, g.Op("Sub", {indices, planes})};
}

Result<std::vector<TensorType>> MaxPoolWithIndicesType(const Arguments& a) {
  TensorType type = a.tensor("self").type();
  type.shape = OCTAVO_TRY(PooledShapeOf("self")(a));
  return std::vector<TensorType>{type, WithDType(type, DType::kInt64)};
}

// kernel, order, pads, strides: what Int8MaxPool and Int8AveragePool take.
Attributes Int8PoolAttributes(const Window& w) {
  return {{"kernel", w.kernel[0]},
          {"order", "NHWC"},
          {"pads", Sizes{w.padding[0], w.padding[1], w.padding[0], w.padding[1]}},
          {"strides", w.stride}};
}

// A square window larger than one cell over whole windows of a batched image is what Caffe2's pools know.
Result<bool> FitsInt8Pool(const Window& w, const Value& x) {
  if (x.rank() != 4 || !w.square() || w.kernel[0] == 1 || w.dilated()) return false;
  const std::optional<Sizes> overhang = OCTAVO_TRY(Overhang(w, x.shape()));
  return overhang && std::all_of(overhang->begin(), overhang->end(), [](std::int64_t n) { return n == 0; });
}

Result<Value> Int8Pool(Builder& g, std::string_view op, Value x, const Window& w, const TensorType& type) {
  TensorType nhwc = type;
  if (type.shape && type.shape->size() == 4) {
    const Shape& s = *type.shape;
    nhwc.shape = Shape{s[0], s[2], s[3], s[1]};
  }
  return Nchw(g, Int8(g, op, {Nhwc(g, x)}, nhwc, Int8PoolAttributes(w)));
}

Emitter MaxPoolCaffe2(std::string x_name) {
  const Emitter real = ThroughFloat(Batched(x_name, 2, MaxPoolReal(x_name)));
  return Int8Or(
      [x_name, real](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
        const Value x = a.tensor(x_name);
        const Window w = OCTAVO_TRY(WindowOf(a));
        if (!OCTAVO_TRY(FitsInt8Pool(w, x))) return real(g, a);
        return One(OCTAVO_TRY(Int8Pool(g, "Int8MaxPool", x, w, a.result())));
      },
      real);
}

void AddMaxPool(Registry& registry, std::string name, std::string x, int n) {
  const TypeRule type = SameQuantization(x, PooledShapeOf(x));
  const bool quantized = name.starts_with("quantized::");
  registry.Add({.name = std::move(name),
                .arguments = WindowArguments(x, n, true),
                .result = quantized ? EightBits(x, type) : FloatOrEightBits(x, type),
                .qdq = Batched(x, n, OnElements(MaxPoolReal(x))),
                .caffe2 = n == 2 ? MaxPoolCaffe2(x) : ThroughFloat(Batched(x, n, MaxPoolReal(x)))});
}

// ---- Average ----

Result<AverageOptions> AverageOptionsOf(const Builder& g, const Arguments& a, int n) {
  AverageOptions options{.divisor_override = {},
                         .kernel = AverageKernelOf(g, a.tensor("self"), n, a.flag("ceil_mode"))};
  options.count_include_pad = a.flag("count_include_pad");
  const bool has_divisor = std::any_of(a.specs().begin(), a.specs().end(),
                                       [](const ArgumentSpec& s) { return s.name == "divisor_override"; });
  if (has_divisor && a.has("divisor_override")) {
    const std::int64_t divisor = OCTAVO_TRY(KnownInt(a, "divisor_override"));
    options.divisor_override = divisor;
    const Window w = OCTAVO_TRY(WindowOf(a));
    if (divisor == w.cells() && !w.ceil_mode) {  // as if all cells counted
      options.divisor_override.reset();
      options.count_include_pad = true;
    }
  }
  return options;
}

Emitter AveragePool(int n) {
  return [n](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const Window w = OCTAVO_TRY(WindowOf(a));
    const AverageOptions options = OCTAVO_TRY(AverageOptionsOf(g, a, n));
    const Emitter batched = [&](Builder& builder, const Arguments& b) -> Result<std::vector<Value>> {
      return One(OCTAVO_TRY(WindowAverage(builder, b.tensor("self"), w, options, b.result())));
    };
    std::vector<Value> results = OCTAVO_TRY(Batched("self", n, batched)(g, a));
    constexpr std::int64_t kBlock = 16;  // AVX-512
    if (options.kernel == AverageKernel::kDistance && g.engine() != Engine::kQnnpack &&
        ChannelsLeftOver(a.tensor("self"), kBlock) > 0) {
      g.State(Exactness::kNotExact,
              "may be off by one step at rounding ties: PyTorch rounds the last channels differently");
    }
    return results;
  };
}

Result<std::vector<Value>> AveragePool2dInt8(Builder& g, const Arguments& a) {
  const Value x = a.tensor("self");
  const Window w = OCTAVO_TRY(WindowOf(a));
  const AverageOptions options = OCTAVO_TRY(AverageOptionsOf(g, a, 2));
  if (!OCTAVO_TRY(FitsInt8Pool(w, x)) || options.divisor_override ||
      (!options.count_include_pad && w.padded())) {
    return AveragePool(2)(g, a);
  }
  return One(OCTAVO_TRY(Int8Pool(g, "Int8AveragePool", x, w, a.result())));
}

void AddAveragePool(Registry& registry, int n) {
  std::vector<ArgumentSpec> arguments = WindowArguments("self", n, false);
  arguments.push_back(arg::Bool("count_include_pad", true));
  if (n > 1) arguments.push_back(arg::OptionalInt("divisor_override"));
  const Emitter average = AveragePool(n);
  const ShapeRule shape = [n](const Arguments& a) -> Result<std::optional<Shape>> {
    if (n > 1 && a.has("divisor_override") && a.dim("divisor_override") == Dim(0)) {
      return Unsupported("argument divisor_override must not be 0");
    }
    return PooledShapeOf("self")(a);
  };
  registry.Add({.name = fmt::format("aten::avg_pool{}d", n),
                .arguments = std::move(arguments),
                .result = FloatOrEightBits("self", SameQuantization("self", shape)),
                .qdq = average,
                .caffe2 = Int8Or(n == 2 ? Emitter(AveragePool2dInt8) : average, average)});
}

}  // namespace

void RegisterPooling(Registry& registry) {
  for (int n = 1; n <= 3; ++n) {
    AddMaxPool(registry, fmt::format("aten::max_pool{}d", n), "self", n);
    AddMaxPool(registry, fmt::format("quantized::max_pool{}d", n), "qx", n);
    registry.Add({.name = fmt::format("aten::max_pool{}d_with_indices", n),
                  .arguments = WindowArguments("self", n, true),
                  .result = FloatOnly("self", MaxPoolWithIndicesType),
                  .qdq = Batched("self", n, MaxPoolWithIndices),
                  .caffe2 = Batched("self", n, MaxPoolWithIndices),
                  .returns = Returns::kTuple});
    AddAveragePool(registry, n);
  }
  RegisterAdaptivePooling(registry);
}

}  // namespace octavo
