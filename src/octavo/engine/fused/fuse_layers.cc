#include <algorithm>
#include <memory>
#include <utility>

#include "octavo/engine/fused/pattern.h"

namespace octavo::engine::fused {
namespace {

// Of a window that is gathered cell by cell.
constexpr std::int64_t kMostCells = 1 << 16;

// Sizes, steps and padding of the spatial dimensions: depth, height and width.  One dimension is a row of an
// image, two are an image of depth 1.
struct Window {
  Sizes kernel, strides, dilations, pads;
};

std::optional<Window> WindowOf(const Pattern& pattern, const ir::Node& node, Sizes kernel) {
  const std::size_t spatial = kernel.size();
  const std::string auto_pad = pattern.Text(node, "auto_pad");
  if (spatial < 1 || spatial > 3 || (!auto_pad.empty() && auto_pad != "NOTSET")) return std::nullopt;
  const auto strides = pattern.Ints(node, "strides", Sizes(spatial, 1));
  const auto dilations = pattern.Ints(node, "dilations", Sizes(spatial, 1));
  const auto pads = pattern.Ints(node, "pads", Sizes(2 * spatial, 0));
  if (!strides || !dilations || !pads || strides->size() != spatial || dilations->size() != spatial ||
      pads->size() != 2 * spatial) {
    return std::nullopt;
  }
  Window w = {.kernel = std::move(kernel), .strides = *strides, .dilations = *dilations, .pads = *pads};
  for (const Sizes* sizes : {&w.kernel, &w.strides, &w.dilations}) {
    for (const std::int64_t size : *sizes) {
      if (size < 1 || size > (std::int64_t{1} << 20)) return std::nullopt;
    }
  }
  for (const std::int64_t pad : w.pads) {
    if (pad < 0 || pad > (std::int64_t{1} << 20)) return std::nullopt;
  }
  for (Sizes* sizes : {&w.kernel, &w.strides, &w.dilations}) sizes->insert(sizes->begin(), 3 - spatial, 1);
  w.pads.insert(w.pads.begin() + static_cast<std::ptrdiff_t>(spatial), 3 - spatial, 0);
  w.pads.insert(w.pads.begin(), 3 - spatial, 0);
  return w;
}

}  // namespace

void SetLayer(Group& group, const Policy& policy, Layer layer, Layout layout) {
  group.choose = Always(layout);
  auto shared = std::make_shared<Layer>(std::move(layer));
  group.make = [shared, policy](const Choice&) {
    return MakeConvolution(kernels::Convolution(
        kernels::Best(), shared->shape, shared->weights, shared->biases, shared->x.is_signed,
        shared->x.zero_point, policy.Requantize(shared->x, shared->w_scales, shared->y, shared->range)));
  };
}

namespace {

// Whether ONNX Runtime's selectors (core/optimizer/qdq_transformer/selectors_actions/qdq_selectors.cc) make
// the layer one integer kernel.  `allows_int8`: Gemm's does for int8 activations; a Conv or MatMul of them
// stays float.
bool RunsAsIntegers(const Pattern& pattern, const Dequantized& x, const Weights& w, const Target& target,
                    bool allows_int8) {
  if (pattern.policy().arithmetic() != Arithmetic::kOnnxRuntime) return true;
  if (target.clip_is_kept || w.has_4_bits || x.computed_signed() != target.computed_signed()) return false;
  return !x.computed_signed() || (allows_int8 && w.is_signed);
}

bool SetBias(const Pattern& pattern, ir::ValueId value, bool of_gemm, Layer& layer) {
  if (!value.valid()) return true;
  auto biases = pattern.BiasOf(value, layer.x.scale, layer.w_scales, of_gemm);
  if (!biases || static_cast<std::int64_t>(biases->size()) != layer.shape.out_channels) return false;
  layer.biases = *std::move(biases);
  return true;
}

}  // namespace

std::optional<Group> FuseConvolution(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode || pattern.node(target.anchor).op != "Conv") return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  const auto inputs = InputsOf(node);
  if (inputs.size() < 2) return std::nullopt;
  const auto x = pattern.DequantizedOf(inputs[0]);
  auto w = pattern.WeightsOf(inputs[1]);
  if (!x || !w || (w->scales.size() != 1 && w->axis != 0)) return std::nullopt;
  const Sizes& in = x->integers.sizes;
  const Sizes& out = target.output.sizes;
  if (w->sizes.size() != in.size() || in.size() < 3 || out.size() != in.size()) return std::nullopt;
  const auto window = WindowOf(pattern, node, Sizes(w->sizes.begin() + 2, w->sizes.end()));
  const auto groups = pattern.Int(node, "group", 1);
  if (!window || !groups || *groups < 1) return std::nullopt;
  Layer layer = {.w_scales = w->scales, .x = x->quant, .y = target.quant, .range = target.range};
  const bool line = in.size() == 3, volume = in.size() == 5;
  layer.shape = {.batch = in[0],
                 .height = line ? 1 : in[in.size() - 2],
                 .width = in.back(),
                 .channels = in[1],
                 .out_height = line ? 1 : out[out.size() - 2],
                 .out_width = out.back(),
                 .out_channels = out[1],
                 .kernel_height = window->kernel[1],
                 .kernel_width = window->kernel[2],
                 .stride_height = window->strides[1],
                 .stride_width = window->strides[2],
                 .dilation_height = window->dilations[1],
                 .dilation_width = window->dilations[2],
                 .pad_top = window->pads[1],
                 .pad_left = window->pads[2],
                 .groups = *groups,
                 .depth = volume ? in[2] : 1,
                 .out_depth = volume ? out[2] : 1,
                 .kernel_depth = window->kernel[0],
                 .stride_depth = window->strides[0],
                 .dilation_depth = window->dilations[0],
                 .pad_front = window->pads[0]};
  const std::int64_t taps = layer.shape.taps(), channels = w->sizes[1];
  if (channels * *groups != in[1] || w->sizes[0] != out[1] || out[1] % *groups != 0 || in[1] == 0 ||
      out[1] == 0) {
    return std::nullopt;
  }
  const ir::ValueId bias = inputs.size() > 2 ? inputs[2] : ir::ValueId();
  if (!RunsAsIntegers(pattern, *x, *w, target, false) || !SetBias(pattern, bias, false, layer))
    return std::nullopt;
  layer.weights.resize(w->values.size());
  for (std::int64_t m = 0; m < w->sizes[0]; ++m) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t t = 0; t < taps; ++t) {
        layer.weights[static_cast<std::size_t>((m * taps + t) * channels + c)] =
            w->values[static_cast<std::size_t>((m * channels + c) * taps + t)];
      }
    }
  }
  Group group = NewGroup(pattern, target, "conv");
  AddInput(group, *x);
  SetLayer(group, pattern.policy(), std::move(layer), Layout::kChannelsLast);
  return group;
}

std::optional<Group> FuseMatMul(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode) return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  const bool gemm = node.op == "Gemm";
  if (!gemm && node.op != "MatMul") return std::nullopt;
  const auto inputs = InputsOf(node);
  if (inputs.size() < 2) return std::nullopt;
  const auto x = pattern.DequantizedOf(inputs[0]);
  const auto w = pattern.WeightsOf(inputs[1]);
  if (!x || !w || w->sizes.size() != 2 || x->integers.sizes.size() < (gemm ? 2U : 1U)) return std::nullopt;
  bool transposed = false;
  if (gemm) {
    if (pattern.Real(node, "alpha", 1) != 1.0 || pattern.Real(node, "beta", 1) != 1.0 ||
        pattern.Int(node, "transA", 0) != 0) {
      return std::nullopt;
    }
    transposed = pattern.Int(node, "transB", 0) == 1;
  }
  const std::int64_t depth = w->sizes[transposed ? 1 : 0], channels = w->sizes[transposed ? 0 : 1];
  const std::int64_t count = x->integers.count();
  if (depth == 0 || channels == 0 || x->integers.sizes.back() != depth) return std::nullopt;
  if (w->scales.size() != 1 && w->axis != (transposed ? 0 : 1)) return std::nullopt;
  Layer layer = {.shape = {.width = count / depth,
                           .channels = depth,
                           .out_width = count / depth,
                           .out_channels = channels},
                 .w_scales = w->scales,
                 .x = x->quant,
                 .y = target.quant,
                 .range = target.range};
  const ir::ValueId bias = inputs.size() > 2 ? inputs[2] : ir::ValueId();
  if (bias.valid()) {
    const auto shape = pattern.program().value(bias).type.sizes;
    if (!shape || shape->empty() || shape->back() != channels) return std::nullopt;
  }
  if (!RunsAsIntegers(pattern, *x, *w, target, gemm) || !SetBias(pattern, bias, gemm, layer))
    return std::nullopt;
  layer.weights = w->values;
  if (!transposed) {
    for (std::int64_t k = 0; k < depth; ++k) {
      for (std::int64_t m = 0; m < channels; ++m) {
        layer.weights[static_cast<std::size_t>(m * depth + k)] =
            w->values[static_cast<std::size_t>(k * channels + m)];
      }
    }
  }
  Group group = NewGroup(pattern, target, "matmul");
  AddInput(group, *x);
  SetLayer(group, pattern.policy(), std::move(layer), Layout::kPlain);
  return group;
}

namespace {

std::optional<Pooling> PoolingOf(const Pattern& pattern, const ir::Node& node, const Sizes& in,
                                 const Sizes& out) {
  if (in.size() < 3 || in.size() > 4 || out.size() != in.size()) return std::nullopt;
  const auto kernel = pattern.Ints(node, "kernel_shape", {});
  if (!kernel || kernel->size() != in.size() - 2) return std::nullopt;
  const auto window = WindowOf(pattern, node, *kernel);
  if (!window) return std::nullopt;
  if (window->kernel[1] * window->kernel[2] > kMostCells) return std::nullopt;
  const bool line = in.size() == 3;
  Pooling p = {.batch = in[0],
               .height = line ? 1 : in[2],
               .width = in.back(),
               .channels = in[1],
               .out_height = line ? 1 : out[2],
               .out_width = out.back(),
               .kernel_height = window->kernel[1],
               .kernel_width = window->kernel[2],
               .stride_height = window->strides[1],
               .stride_width = window->strides[2],
               .dilation_height = window->dilations[1],
               .dilation_width = window->dilations[2],
               .pad_top = window->pads[1],
               .pad_left = window->pads[2]};
  // Every window must have an element in the image.
  const auto meets = [](std::int64_t size, std::int64_t count, std::int64_t extent, std::int64_t stride,
                        std::int64_t dilation, std::int64_t pad) {
    if (count == 0) return true;
    return (dilation == 1 || pad == 0) && pad < extent && (count - 1) * stride - pad < size;
  };
  if (!meets(p.height, p.out_height, p.kernel_height, p.stride_height, p.dilation_height, p.pad_top) ||
      !meets(p.width, p.out_width, p.kernel_width, p.stride_width, p.dilation_width, p.pad_left)) {
    return std::nullopt;
  }
  return p;
}

}  // namespace

std::optional<Group> FuseMaxPool(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode) return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  if (node.op != "MaxPool" || node.outputs.size() != 1 || pattern.Int(node, "storage_order", 0) != 0) {
    return std::nullopt;
  }
  const auto x = pattern.DequantizedOf(InputsOf(node)[0]);
  if (!x || x->quant != target.quant || target.range.low != x->quant.low() ||
      target.range.high != x->quant.high()) {
    return std::nullopt;
  }
  const auto pooling = PoolingOf(pattern, node, x->integers.sizes, target.output.sizes);
  if (!pooling) return std::nullopt;
  Group group = NewGroup(pattern, target, "max pool");
  AddInput(group, *x);
  group.choose = Always(Layout::kChannelsLast);
  group.make = [p = *pooling, is_signed = x->quant.is_signed](const Choice&) {
    return MakeMaxPool(p, is_signed);
  };
  return group;
}

std::optional<Group> FuseAverage(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode) return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  const auto inputs = InputsOf(node);
  if (inputs.empty()) return std::nullopt;
  const auto x = pattern.DequantizedOf(inputs[0]);
  const std::size_t rank = x ? x->integers.sizes.size() : 0;
  if (rank < 3 || rank > 4) return std::nullopt;
  const bool as_onnx_runtime = pattern.policy().arithmetic() == Arithmetic::kOnnxRuntime;
  // ONNX Runtime has no integer kernel for a ReduceMean, nor for operands and results of different types.
  if (as_onnx_runtime && (node.op == "ReduceMean" || x->computed_signed() != target.computed_signed()))
    return std::nullopt;
  const Sizes& in = x->integers.sizes;
  bool whole = node.op == "GlobalAveragePool";
  if (node.op == "ReduceMean") {
    if (rank != 4) return std::nullopt;
    auto axes = pattern.Ints(node, "axes", {});
    if (inputs.size() > 1) {
      const Tensor* given = pattern.Constant(inputs[1]);
      if (given == nullptr) return std::nullopt;
      axes = given->ToInts();
    }
    if (!axes) return std::nullopt;
    for (std::int64_t& axis : *axes) axis += axis < 0 ? 4 : 0;
    std::sort(axes->begin(), axes->end());
    whole = *axes == Sizes{2, 3};
  }
  Pooling p = {.batch = in[0],
               .height = rank == 3 ? 1 : in[2],
               .width = in.back(),
               .channels = in[1],
               .kernel_height = rank == 3 ? 1 : in[2],
               .kernel_width = in.back()};
  bool counts_padding = false;
  if (!whole) {
    if (node.op != "AveragePool" || pattern.Int(node, "ceil_mode", 0) != 0) return std::nullopt;
    const auto pooling = PoolingOf(pattern, node, in, target.output.sizes);
    if (!pooling) return std::nullopt;
    p = *pooling;
    counts_padding = pattern.Int(node, "count_include_pad", 0) == 1;
  } else if (in[2] * in.back() == 0) {
    return std::nullopt;
  }
  const std::int64_t cells = p.kernel_height * p.kernel_width;
  if (cells > (1 << 22)) return std::nullopt;
  Group group = NewGroup(pattern, target, "average pool");
  AddInput(group, *x);
  group.choose = Always(Layout::kChannelsLast);
  const bool covers = whole || (p.kernel_height == p.height && p.kernel_width == p.width && p.pad_top == 0 &&
                                p.pad_left == 0 && p.out_height == 1 && p.out_width == 1);
  const auto divisor = [counts_padding, cells](std::int64_t count) { return counts_padding ? cells : count; };
  if (as_onnx_runtime && !covers) {
    // Where the int8 integers were made uint8, the zero point that is added before rounding is the uint8 one.
    const bool shifts = target.made_unsigned;
    Quant y = target.quant;
    Range range = target.range;
    if (shifts) {
      y = {.scale = y.scale, .zero_point = y.zero_point + 128, .is_signed = false};
      range = {range.low + 128, range.high + 128};
    }
    group.make = [p, policy = pattern.policy(), x = x->quant, y, range, divisor, shifts](const Choice&) {
      return MakeFloatAveragePool(p, x, [=](float sum, std::int64_t count) {
        const std::uint8_t mean = policy.FloatAverage(sum, divisor(count), y, range);
        return static_cast<std::uint8_t>(shifts ? mean ^ 0x80U : mean);
      });
    };
    return group;
  }
  group.make = [p, policy = pattern.policy(), x = x->quant, y = target.quant, range = target.range,
                divisor](const Choice&) {
    return MakeAveragePool(p, x, [=](std::int32_t sum, std::int64_t count) {
      return policy.Average(sum, divisor(count), x, y, range);
    });
  };
  return group;
}

}  // namespace octavo::engine::fused
