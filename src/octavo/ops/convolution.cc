#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/lower/checks.h"
#include "octavo/ops/convolution_geometry.h"
#include "octavo/ops/operand_checks.h"
#include "octavo/ops/quantized_convolution.h"
#include "octavo/ops/register.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// PyTorch's padding="same": the result has the input's size, and an odd rest of padding goes to the end.
Status PadToSameSize(ConvGeometry& geometry) {
  if (geometry.kernel.empty()) {
    return Unsupported("padding=\"same\" needs weights of known shape");
  }
  for (std::size_t i = 0; i < geometry.kernel.size(); ++i) {
    if (geometry.stride[i] != 1) return Unsupported("padding=\"same\" is supported with stride 1 only");
    const std::int64_t total = geometry.dilation[i] * (geometry.kernel[i] - 1);
    geometry.padding_begin[i] = total / 2;
    geometry.padding_end[i] = total - total / 2;
  }
  return {};
}

// `dims` 0: as many as the weight's shape says (aten::convolution).
Result<ConvGeometry> GeometryOf(const Arguments& a, int dims, bool transposed, bool text_padding) {
  const Value weight = a.tensor("weight");
  if (dims == 0) {
    if (!weight.rank() || *weight.rank() < 3 || *weight.rank() > 5) {
      return Unsupported("the weights must have rank 3, 4 or 5");
    }
    dims = *weight.rank() - 2;
    if (!text_padding) transposed = a.flag("transposed");
  }
  std::vector<std::int64_t> stride = OCTAVO_TRY(KnownInts(a, "stride"));
  std::vector<std::int64_t> dilation = OCTAVO_TRY(KnownInts(a, "dilation"));
  const std::int64_t groups = OCTAVO_TRY(KnownInt(a, "groups"));
  ConvGeometry geometry{.dims = dims,
                        .transposed = transposed,
                        .kernel = {},
                        .stride = std::move(stride),
                        .dilation = std::move(dilation),
                        .padding_begin = {},
                        .padding_end = {},
                        .output_padding = {},
                        .groups = groups};
  if (weight.shape()) {
    if (*weight.rank() != dims + 2) {
      return Unsupported(fmt::format("the weights of conv{}d have the wrong rank: their shape is {}", dims,
                                     ToString(*weight.shape())));
    }
    if (const auto sizes = KnownSizes(Shape(weight.shape()->begin() + 2, weight.shape()->end()))) {
      geometry.kernel = *sizes;
    }
  }
  if (text_padding) {
    const std::string& padding = a.text("padding");
    if (padding != "same" && padding != "valid") {
      return Unsupported(fmt::format("argument padding must be \"same\" or \"valid\", not \"{}\"", padding));
    }
    geometry.padding_begin = geometry.padding_end = {0};
    OCTAVO_TRY(geometry.Check("a convolution"));
    if (padding == "same") OCTAVO_TRY(PadToSameSize(geometry));
    return geometry;
  }
  geometry.padding_begin = geometry.padding_end = OCTAVO_TRY(KnownInts(a, "padding"));
  if (transposed) geometry.output_padding = OCTAVO_TRY(KnownInts(a, "output_padding"));
  OCTAVO_TRY(geometry.Check("a convolution"));
  return geometry;
}

// Each group has the same number of the weight's first channels, and at least one.
Status CheckGroups(const Shape& weight, std::int64_t groups) {
  const std::optional<std::int64_t> channels = weight[0].maybe();
  if (!channels || (*channels >= groups && *channels % groups == 0)) return {};
  return Unsupported(fmt::format("the {} channels of the weights {} cannot be divided into {} groups",
                                 *channels, ToString(weight), groups));
}

struct FloatConvolution {
  int dims;
  bool transposed, text_padding;
};

TypeRule FloatConvType(FloatConvolution form) {
  return [form](const Arguments& a) -> Result<std::vector<TensorType>> {
    const Value x = a.tensor("input"), weight = a.tensor("weight");
    if (x.quantized() || weight.quantized()) {
      return Unsupported("a float convolution cannot take quantized tensors");
    }
    OCTAVO_TRY(CheckSameDType(a, {"input", "weight", "bias"}));
    const ConvGeometry geometry = OCTAVO_TRY(GeometryOf(a, form.dims, form.transposed, form.text_padding));
    // Only the operators of a number of dimensions take one image without a batch.
    OCTAVO_TRY(CheckRank(a, "input", geometry.dims + (form.dims == 0 ? 2 : 1), geometry.dims + 2));
    OCTAVO_TRY(CheckRank(a, "bias", 1));
    std::optional<Dim> channels;
    if (weight.shape()) {
      const Shape& w = *weight.shape();
      OCTAVO_TRY(CheckGroups(w, geometry.groups));
      channels = geometry.transposed ? w[1] * Dim(geometry.groups) : w[0];
      OCTAVO_TRY(CheckVector(a, "bias", *channels, "output channels"));
      if (x.shape()) {
        const Dim given = (*x.shape())[x.shape()->size() - static_cast<std::size_t>(geometry.dims) - 1];
        const Dim expected = geometry.transposed ? w[0] : w[1] * Dim(geometry.groups);
        if (Dim::Equal(given, expected) == false) {
          return Unsupported(fmt::format("the input has {} channels, but the convolution expects {}",
                                         given.ToString(), expected.ToString()));
        }
      }
    }
    TensorType type = x.type();
    type.shape = OCTAVO_TRY(geometry.OutputShape(x.shape(), channels));
    return std::vector<TensorType>{std::move(type)};
  };
}

Emitter FloatConv(FloatConvolution form) {
  return [form](Builder& g, const Arguments& a) -> Result<std::vector<Value>> {
    const ConvGeometry geometry = OCTAVO_TRY(GeometryOf(a, form.dims, form.transposed, form.text_padding));
    Value x = a.tensor("input");
    // PyTorch takes one item without a batch dimension, ONNX does not.
    const bool unbatched = x.rank() == geometry.dims + 1;
    if (unbatched) x = Unsqueeze(g, x, {0});
    Value y = Convolve(g, geometry, {x, a.tensor("weight"), a.tensor("bias")});
    if (unbatched) y = Squeeze(g, y, {0});
    return One(y);
  };
}

OperatorRow FloatConvolutionRow(std::string name, std::vector<ArgumentSpec> arguments,
                                FloatConvolution form) {
  return {.name = std::move(name),
          .arguments = std::move(arguments),
          .result = FloatConvType(form),
          .qdq = FloatConv(form),
          .caffe2 = FloatConv(form)};
}

}  // namespace

void RegisterConvolution(Registry& registry) {
  RegisterQuantizedConvolution(registry);
  const ArgumentSpec input = arg::Tensor("input"), weight = arg::Tensor("weight"),
                     bias = arg::OptionalTensor("bias");
  for (int dims = 1; dims <= 3; ++dims) {
    const ArgumentSpec stride = arg::Ints("stride", dims, {1}), dilation = arg::Ints("dilation", dims, {1}),
                       groups = arg::Int("groups", 1);
    registry.Add(
        FloatConvolutionRow(fmt::format("aten::conv{}d", dims),
                            {input, weight, bias, stride, arg::Ints("padding", dims, {0}), dilation, groups},
                            {dims, false, false}));
    registry.Add(
        FloatConvolutionRow(fmt::format("aten::conv{}d.padding", dims),
                            {input, weight, bias, stride, arg::String("padding", "valid"), dilation, groups},
                            {dims, false, true}));
    registry.Add(FloatConvolutionRow(fmt::format("aten::conv_transpose{}d", dims),
                                     {input, weight, bias, stride, arg::Ints("padding", dims, {0}),
                                      arg::Ints("output_padding", dims, {0}), groups, dilation},
                                     {dims, true, false}));
  }
  // What traced models hold.
  std::vector<ArgumentSpec> general = {input,
                                       weight,
                                       bias,
                                       arg::Ints("stride"),
                                       arg::Ints("padding"),
                                       arg::Ints("dilation"),
                                       arg::Bool("transposed"),
                                       arg::Ints("output_padding"),
                                       arg::Int("groups")};
  registry.Add(FloatConvolutionRow("aten::convolution", general, {0, false, false}));
  for (const char* flag : {"benchmark", "deterministic", "cudnn_enabled", "allow_tf32"}) {
    general.push_back(arg::Ignored(flag));
  }
  registry.Add(FloatConvolutionRow("aten::_convolution", general, {0, false, false}));
  registry.Add(FloatConvolutionRow("aten::_convolution_mode",
                                   {input, weight, bias, arg::Ints("stride"), arg::String("padding"),
                                    arg::Ints("dilation"), arg::Int("groups")},
                                   {0, false, true}));
}

}  // namespace octavo
