// Convolutions, matrix products and pools of reals.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

using Sizes = std::vector<std::int64_t>;

// The geometry of a window, one entry for each spatial dimension.
struct Window {
  Sizes kernel, stride, dilation, begin, end;
  bool ceil_mode = false;

  bool symmetric() const { return begin == end; }
};

Result<Window> WindowOf(const Raiser& r, std::size_t dims, const Sizes& kernel) {
  Window w;
  w.kernel = OCTAVO_TRY(r.Ints("kernel_shape", kernel));
  w.stride = OCTAVO_TRY(r.Ints("strides", Sizes(dims, 1)));
  w.dilation = OCTAVO_TRY(r.Ints("dilations", Sizes(dims, 1)));
  Sizes pads = OCTAVO_TRY(r.Ints("pads", Sizes(2 * dims, 0)));
  const std::string automatic = OCTAVO_TRY(r.Text("auto_pad", "NOTSET"));
  if (automatic == "VALID") {
    pads.assign(2 * dims, 0);
  } else if (automatic != "NOTSET" && !automatic.empty()) {
    return Unsupported(fmt::format("attribute auto_pad={} is not supported", automatic),
                       "Replace auto_pad with explicit pads in the file.");
  }
  w.ceil_mode = OCTAVO_TRY(r.Int("ceil_mode", 0)) != 0;
  if (w.kernel.size() != dims || w.stride.size() != dims || w.dilation.size() != dims ||
      pads.size() != 2 * dims) {
    return InvalidFile(
        fmt::format("kernel_shape, strides, dilations and pads must fit {} spatial dimensions", dims));
  }
  // Products of two of them are computed.
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  for (const Sizes* sizes : {&w.kernel, &w.stride, &w.dilation, &pads}) {
    const auto out_of_range = [](std::int64_t size) { return size < -kMost || size > kMost; };
    if (std::any_of(sizes->begin(), sizes->end(), out_of_range))
      return InvalidFile("kernel_shape, strides, dilations or pads are out of range");
  }
  w.begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(dims));
  w.end.assign(pads.begin() + static_cast<std::ptrdiff_t>(dims), pads.end());
  return w;
}

std::optional<std::size_t> SpatialDims(const Value& v) {
  if (!v.rank() || *v.rank() < 3 || *v.rank() > 5) return std::nullopt;
  return static_cast<std::size_t>(*v.rank()) - 2;
}

// What PyTorch's padding, from the last dimension to the first, is for these pads.
ir::Operand PadList(const Window& w) {
  Sizes pads;
  for (std::size_t i = w.begin.size(); i-- > 0;) {
    pads.push_back(w.begin[i]);
    pads.push_back(w.end[i]);
  }
  return Dims(pads);
}

Result<std::vector<Value>> Conv(Raiser& r) {
  OCTAVO_TRY(r.Knows({"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"}));
  Value x = OCTAVO_TRY(r.Input(0));
  const Value weight = OCTAVO_TRY(r.Input(1)), bias = r.optional_input(2);
  const std::optional<std::size_t> dims = SpatialDims(weight);
  if (!dims) return KeepOperator(r);
  Window w = OCTAVO_TRY(WindowOf(r, *dims, Sizes(*dims, 1)));
  if (!w.symmetric()) {
    x = OCTAVO_TRY(r.Call("aten::constant_pad_nd", {x.id(), PadList(w), 0.0}));
    std::fill(w.begin.begin(), w.begin.end(), 0);
  }
  return One(OCTAVO_TRY(
      r.Call(fmt::format("aten::conv{}d", *dims),
             {x.id(), weight.id(), bias.defined() ? ir::Operand(bias.id()) : ir::Operand(ir::None{}),
              Dims(w.stride), Dims(w.begin), Dims(w.dilation), Dim(OCTAVO_TRY(r.Int("group", 1)))})));
}

// Padding that is larger behind than before, as PyTorch's ceil_mode makes it: just enough for one more
// window, which begins inside the input.
bool IsCeilMode(const Window& w, const std::optional<Shape>& shape) {
  if (!shape || w.ceil_mode) return false;
  for (std::size_t i = 0; i < w.kernel.size(); ++i) {
    if (w.end[i] < w.begin[i] || w.end[i] - w.begin[i] >= w.stride[i]) return false;
    if (w.end[i] == w.begin[i]) continue;
    const Dim& size = (*shape)[i + 2];
    if (!size.known()) return false;
    const std::int64_t room = size.value() + w.begin[i] + w.end[i] - (w.dilation[i] * (w.kernel[i] - 1) + 1);
    if (room < 0 || room % w.stride[i] != 0 || room >= size.value() + w.begin[i]) return false;
  }
  return true;
}

Result<std::vector<Value>> ConvTranspose(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  const Value weight = OCTAVO_TRY(r.Input(1)), bias = r.optional_input(2);
  const std::optional<std::size_t> dims = SpatialDims(weight);
  if (!dims || r.has("output_shape")) return KeepOperator(r);
  const Window w = OCTAVO_TRY(WindowOf(r, *dims, Sizes(*dims, 1)));
  if (!w.symmetric()) return KeepOperator(r);
  const Sizes output_padding = OCTAVO_TRY(r.Ints("output_padding", Sizes(*dims, 0)));
  return One(OCTAVO_TRY(r.Call(
      fmt::format("aten::conv_transpose{}d", *dims),
      {x.id(), weight.id(), bias.defined() ? ir::Operand(bias.id()) : ir::Operand(ir::None{}), Dims(w.stride),
       Dims(w.begin), Dims(output_padding), Dim(OCTAVO_TRY(r.Int("group", 1))), Dims(w.dilation)})));
}

Result<std::vector<Value>> Gemm(Raiser& r) {
  OCTAVO_TRY(r.Knows({"alpha", "beta", "transA", "transB"}));
  const Value a = OCTAVO_TRY(r.Input(0)), b = OCTAVO_TRY(r.Input(1)), c = r.optional_input(2);
  const bool plain = OCTAVO_TRY(r.Number("alpha", 1.0)) == 1 && OCTAVO_TRY(r.Number("beta", 1.0)) == 1 &&
                     OCTAVO_TRY(r.Int("transA", 0)) == 0 && (!c.defined() || c.rank() == 1);
  if (!plain) return KeepOperator(r);
  const Value weight = OCTAVO_TRY(r.Int("transB", 0)) != 0 ? b : OCTAVO_TRY(r.Permute(b, {1, 0}));
  return One(OCTAVO_TRY(r.Call(
      "aten::linear", {a.id(), weight.id(), c.defined() ? ir::Operand(c.id()) : ir::Operand(ir::None{})})));
}

Result<std::vector<Value>> MatMul(Raiser& r) {
  const Value a = OCTAVO_TRY(r.Input(0)), b = OCTAVO_TRY(r.Input(1));
  if (a.dtype() != DType::kFloat32 || b.dtype() != DType::kFloat32) return KeepOperator(r);
  return One(OCTAVO_TRY(r.Call("aten::matmul", {a.id(), b.id()})));
}

// ---- Pools

Result<std::vector<Value>> MaxPool(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<std::size_t> dims = SpatialDims(x);
  if (!dims || OCTAVO_TRY(r.Int("storage_order", 0)) != 0 || r.node().outputs.size() > 1) {
    return KeepOperator(r);
  }
  Window w = OCTAVO_TRY(WindowOf(r, *dims, {}));
  if (!w.symmetric() && !IsCeilMode(w, x.shape())) return KeepOperator(r);
  w.ceil_mode |= !w.symmetric();
  return One(OCTAVO_TRY(
      r.Call(fmt::format("aten::max_pool{}d", *dims),
             {x.id(), Dims(w.kernel), Dims(w.stride), Dims(w.begin), Dims(w.dilation), w.ceil_mode})));
}

Result<std::vector<Value>> AveragePool(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<std::size_t> dims = SpatialDims(x);
  if (!dims || x.quantized() || r.has("dilations")) return KeepOperator(r);
  Window w = OCTAVO_TRY(WindowOf(r, *dims, {}));
  const bool count_padding = OCTAVO_TRY(r.Int("count_include_pad", 0)) != 0;
  if (!w.symmetric() && (count_padding || !IsCeilMode(w, x.shape()))) return KeepOperator(r);
  w.ceil_mode |= !w.symmetric();
  return One(OCTAVO_TRY(
      r.Call(fmt::format("aten::avg_pool{}d", *dims),
             {x.id(), Dims(w.kernel), Dims(w.stride), Dims(w.begin), w.ceil_mode, count_padding})));
}

template <bool kMax>
Result<std::vector<Value>> GlobalPool(Raiser& r) {
  OCTAVO_TRY(r.Knows({}));
  const Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<std::size_t> dims = SpatialDims(x);
  if (!dims) return KeepOperator(r);
  if (!kMax) {
    return One(OCTAVO_TRY(
        r.Call(fmt::format("aten::adaptive_avg_pool{}d", *dims), {x.id(), Dims(Sizes(*dims, 1))})));
  }
  Sizes axes;
  for (std::size_t i = 0; i < *dims; ++i) axes.push_back(static_cast<std::int64_t>(i) + 2);
  return One(OCTAVO_TRY(r.Call("aten::amax", {x.id(), Dims(axes), true})));
}

// ---- Resizing

// A factor for each spatial dimension where the batch and the channels stay.
Result<std::optional<std::vector<double>>> Factors(const Raiser& r, const Value& x, std::size_t at) {
  using Answer = std::optional<std::vector<double>>;
  const std::vector<double> scales = OCTAVO_TRY(r.InputNumbers(at));
  if (!SpatialDims(x) || scales.size() != static_cast<std::size_t>(*x.rank()) || scales[0] != 1 ||
      scales[1] != 1) {
    return Answer();
  }
  constexpr double kMost = 0x1p20;
  if (std::any_of(scales.begin(), scales.end(), [](double f) { return !(f > 0 && f <= kMost); }))
    return InvalidFile("a scale is out of range");
  return Answer(std::vector<double>(scales.begin() + 2, scales.end()));
}

// What Upsample of opset 9 means, which newer opsets call Resize.
Result<std::vector<Value>> UpsampleAsResize(Raiser& r, const Value& x, std::size_t scales) {
  constexpr int kResizeWithRoi = 13;
  if (r.target_opset() < kResizeWithRoi) return Unsupported("this operator needs ONNX opset 13 or later");
  const std::string mode = OCTAVO_TRY(r.Text("mode", "nearest"));
  return r.Add("onnx::Resize",
               {{.name = {}, .value = x.id()},
                {.name = {}, .value = ir::None{}},
                {.name = {}, .value = OCTAVO_TRY(r.Input(scales)).id()},
                {"coordinate_transformation_mode", std::string("asymmetric")},
                {"mode", mode},
                {"nearest_mode", std::string("floor")}},
               {{.dtype = x.dtype(), .shape = r.source_type(0).shape}});
}

Result<std::vector<Value>> Upsample(Raiser& r) {
  OCTAVO_TRY(r.Knows({"mode"}));
  const Value x = OCTAVO_TRY(r.Input(0));
  const std::optional<std::vector<double>> factors = OCTAVO_TRY(Factors(r, x, 1));
  const bool whole = factors && std::all_of(factors->begin(), factors->end(),
                                            [](double f) { return f >= 1 && f == std::floor(f); });
  if (!whole || OCTAVO_TRY(r.Text("mode", "nearest")) != "nearest") return UpsampleAsResize(r, x, 1);
  return One(OCTAVO_TRY(
      r.Call(fmt::format("aten::upsample_nearest{}d", factors->size()), {x.id(), ir::None{}, *factors})));
}

Result<std::vector<Value>> Resize(Raiser& r) {
  const Value x = OCTAVO_TRY(r.Input(0));
  const std::string mode = OCTAVO_TRY(r.Text("mode", "nearest"));
  const std::string coordinates = OCTAVO_TRY(r.Text("coordinate_transformation_mode", "half_pixel"));
  const std::optional<std::size_t> dims = SpatialDims(x);
  const bool by_scales = r.num_inputs() == 3 && r.optional_input(2).constant() && dims;
  std::optional<std::vector<double>> factors;
  if (by_scales) factors = OCTAVO_TRY(Factors(r, x, 2));
  if (factors && !r.has("axes") && !r.has("antialias")) {
    const bool whole =
        std::all_of(factors->begin(), factors->end(), [](double f) { return f >= 1 && f == std::floor(f); });
    const std::string rounding = OCTAVO_TRY(r.Text("nearest_mode", "round_prefer_floor"));
    // Of a whole factor each way of counting gives the same source, if it rounds to the nearest or down.
    if (mode == "nearest" && whole && coordinates == "asymmetric" && rounding == "floor") {
      return One(OCTAVO_TRY(
          r.Call(fmt::format("aten::upsample_nearest{}d", factors->size()), {x.id(), ir::None{}, *factors})));
    }
    const bool corners = coordinates == "align_corners";
    if (mode == "linear" && (corners || coordinates == "pytorch_half_pixel" || coordinates == "half_pixel")) {
      static constexpr const char* kNames[] = {"linear1d", "bilinear2d", "trilinear3d"};
      return One(OCTAVO_TRY(r.Call(fmt::format("aten::upsample_{}", kNames[factors->size() - 1]),
                                   {x.id(), ir::None{}, corners, *factors})));
    }
  }
  return KeepOperator(r);
}

}  // namespace

void AddLayerHandlers(Handlers& handlers) {
  handlers["Conv"] = Conv;
  handlers["ConvTranspose"] = ConvTranspose;
  handlers["Gemm"] = Gemm;
  handlers["MatMul"] = MatMul;
  handlers["MaxPool"] = MaxPool;
  handlers["AveragePool"] = AveragePool;
  handlers["GlobalAveragePool"] = GlobalPool<false>;
  handlers["GlobalMaxPool"] = GlobalPool<true>;
  handlers["Upsample"] = Upsample;
  handlers["Resize"] = Resize;
}

}  // namespace octavo::raise
