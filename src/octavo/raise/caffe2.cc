// The operators of the Caffe2 dialect, as Caffe2's own kernels define them.  Images lie N x H x W x C there.

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/raise/raiser.h"

namespace octavo::raise {
namespace {

using Sizes = std::vector<std::int64_t>;

constexpr const char* kBroken =
    "Convert the original PyTorch model with `octavo export`: PyTorch's Caffe2 exporter wrote this file "
    "incorrectly.";
const Sizes kToNchw = {0, 3, 1, 2}, kToNhwc = {0, 2, 3, 1};

Result<Quantization> Int8QuantizationOf(const Raiser& r, DType dtype) {
  return CheckedQuantization(OCTAVO_TRY(r.Number("Y_scale", 1.0)), OCTAVO_TRY(r.Int("Y_zero_point", 0)),
                             dtype);
}

Result<Value> QuantizedInput(const Raiser& r, std::size_t i) {
  const Value x = OCTAVO_TRY(r.Input(i));
  if (x.dtype() == DType::kQUint8 && x.quantization().per_tensor()) return x;
  return InvalidFile(fmt::format("input {} must be an Int8 tensor, not {}", i, x.type().ToString()), kBroken);
}

bool Same(const Quantization& a, const Quantization& b) {
  return static_cast<float>(a.scale()) == static_cast<float>(b.scale()) && a.zero_point() == b.zero_point();
}

// For operators whose result must have the input's scale and zero point, which Caffe2 checks.
Status KeepsQuantization(const Raiser& r, const Value& x) {
  const Quantization q = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  if (Same(q, x.quantization())) return {};
  return InvalidFile(fmt::format(
      "the result has scale and zero point ({}, {}), but the input has ({}, {}); they must be the same",
      q.scale(), q.zero_point(), x.quantization().scale(), x.quantization().zero_point()));
}

// `count` numbers that Caffe2's convolutions and pools take in three ways: a list, one for all, one each.
Result<Sizes> Int8Geometry(const Raiser& r, const std::string& name, const std::vector<std::string>& each,
                           std::int64_t missing) {
  Sizes list = OCTAVO_TRY(r.Ints(name + "s", Sizes{}));
  if (list.empty()) {
    const std::int64_t all = OCTAVO_TRY(r.Int(name, missing));
    for (const std::string& suffix : each) list.push_back(OCTAVO_TRY(r.Int(name + suffix, all)));
  }
  if (list.size() != each.size()) {
    return InvalidFile(
        fmt::format("attribute {}s has {} elements, but {} are expected", name, list.size(), each.size()));
  }
  return list;
}

Status NhwcOrder(const Raiser& r) {
  const std::string order = OCTAVO_TRY(r.Text("order", "NCHW"));
  if (order == "NHWC") return {};
  return InvalidFile(fmt::format("attribute order must be NHWC, not {}", order));
}

// ---- Constants

Result<Sizes> FillShape(const Raiser& r) {
  Sizes shape = OCTAVO_TRY(r.Ints("shape"));
  for (const std::int64_t size : shape) {
    if (size < 0) return InvalidFile("attribute shape must not be negative");
  }
  return shape;
}

// Whether `count` elements are what the shape asks for, which may be too large for a product.
bool Holds(const Sizes& shape, std::int64_t count) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return count == 0;
  for (const std::int64_t size : shape) {
    if (count % size != 0) return false;
    count /= size;
  }
  return count == 1;
}

Status CheckHolds(const Sizes& shape, std::int64_t count) {
  if (Holds(shape, count)) return {};
  return InvalidFile(
      fmt::format("{} values do not fit the shape {}", count, ToString(Shape(shape.begin(), shape.end()))));
}

Result<std::vector<Value>> Fill(Raiser& r) {
  const Sizes shape = OCTAVO_TRY(FillShape(r));
  const ir::Operand* values = r.node().Find("values");
  const auto* bytes = values ? std::get_if<ir::Bytes>(values) : nullptr;
  if (!bytes) return InvalidFile("attribute values must be a string of bytes");
  OCTAVO_TRY(CheckHolds(shape, bytes->data.num_elements()));
  Tensor tensor = bytes->data.Reshaped(shape);
  tensor.dtype = DType::kQUint8;
  tensor.quantization = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  return One(r.Constant(std::move(tensor)));
}

Result<std::vector<Value>> FillInts(Raiser& r) {
  const Sizes shape = OCTAVO_TRY(FillShape(r));
  const Sizes values = OCTAVO_TRY(r.Ints("values"));
  OCTAVO_TRY(CheckHolds(shape, static_cast<std::int64_t>(values.size())));
  std::vector<std::int32_t> integers;
  for (const std::int64_t value : values) {
    if (value < std::numeric_limits<std::int32_t>::min() ||
        value > std::numeric_limits<std::int32_t>::max()) {
      return InvalidFile(fmt::format("the value {} is out of range for int32", value));
    }
    integers.push_back(static_cast<std::int32_t>(value));
  }
  Tensor tensor = Tensor::From(DType::kQInt32, shape, integers);
  tensor.quantization = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQInt32));
  return One(r.Constant(std::move(tensor)));
}

Result<std::vector<Value>> Int8Quantize(Raiser& r) {
  if (r.num_inputs() > 1) return Unsupported("a scale that is computed at run time is not supported");
  const Value x = OCTAVO_TRY(r.Input(0));
  const Quantization q = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  return One(OCTAVO_TRY(r.Call("aten::quantize_per_tensor", {x.id(), q.scale(), Dim(q.zero_point()),
                                                             Dim(ScalarTypeNumber(DType::kQUint8))})));
}

Result<std::vector<Value>> Int8Dequantize(Raiser& r) {
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  return One(OCTAVO_TRY(r.Call("aten::dequantize", {x.id()})));
}

// ---- Layers

// uint8 weights as PyTorch's int8: every value and the zero point lower by 128.
Tensor LoweredBy128(Tensor weight) {
  weight.dtype = DType::kQInt8;
  weight.flip_sign_bit = !weight.flip_sign_bit;
  weight.quantization->zero_points[0] -= 128;
  return weight;
}

// The weights that PyTorch packs: int8, and the bias as the integers that it is here.
Result<std::shared_ptr<ir::PackedWeights>> Packed(const Raiser& r, const Value& x, std::int64_t channels_at,
                                                  std::size_t rank) {
  const Value weight = OCTAVO_TRY(QuantizedInput(r, 1));
  if (!weight.constant()) return Unsupported("weights that are computed at run time are not supported");
  if (weight.constant()->sizes.size() != rank) {
    return InvalidFile(
        fmt::format("the weights must have rank {1}, not {0}", weight.constant()->sizes.size(), rank));
  }
  auto packed = std::make_shared<ir::PackedWeights>();
  packed->name = r.node().name;
  packed->weight = LoweredBy128(*weight.constant());
  const std::int64_t channels = weight.constant()->sizes[static_cast<std::size_t>(channels_at)];
  const Value bias = r.optional_input(2);
  if (!bias.defined()) return packed;
  if (!bias.constant() || bias.constant()->dtype != DType::kQInt32 || bias.constant()->rank() != 1 ||
      bias.constant()->num_elements() != channels) {
    return InvalidFile(fmt::format("the bias must be a constant with {1} int32 elements, not {0}",
                                   bias.type().ToString(), channels));
  }
  Tensor integers = *bias.constant();
  // Caffe2 does not look at the bias's own scale: what counts is the product of the others.
  const double product = x.quantization().scale() * weight.quantization().scale();
  constexpr double kRounding = 1e-6;
  if (integers.quantization->zero_point() != 0 ||
      std::abs(integers.quantization->scale() - product) > kRounding * product) {
    integers.quantization = Quantization::PerTensor(static_cast<double>(static_cast<float>(product)), 0);
  }
  packed->bias = std::move(integers);
  return packed;
}

Result<Value> LayerCall(Raiser& r, const char* op, Value x, std::shared_ptr<ir::PackedWeights> packed) {
  const Quantization q = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  return r.Call(op, {x.id(), std::shared_ptr<const ir::PackedWeights>(std::move(packed)), q.scale(),
                     Dim(q.zero_point())});
}

template <bool kRelu>
Result<std::vector<Value>> Int8Conv(Raiser& r) {
  OCTAVO_TRY(r.Knows({"strides",    "stride",     "stride_h", "stride_w",    "pads",      "pad",
                      "pad_t",      "pad_l",      "pad_b",    "pad_r",       "dilations", "dilation",
                      "dilation_h", "dilation_w", "kernels",  "kernel",      "kernel_h",  "kernel_w",
                      "group",      "order",      "Y_scale",  "Y_zero_point"}));
  OCTAVO_TRY(NhwcOrder(r));
  Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  auto packed = OCTAVO_TRY(Packed(r, x, 0, 4));
  packed->weight = packed->weight.Permuted(std::vector<int>{0, 3, 1, 2});
  packed->spatial_dims = 2;
  const Sizes kernel = OCTAVO_TRY(Int8Geometry(r, "kernel", {"_h", "_w"}, 0));
  if (kernel != Sizes{packed->weight.sizes[2], packed->weight.sizes[3]}) {
    return InvalidFile(fmt::format("the kernel attribute is {} x {}, but the weights are {} x {}", kernel[0],
                                   kernel[1], packed->weight.sizes[2], packed->weight.sizes[3]));
  }
  packed->stride = OCTAVO_TRY(Int8Geometry(r, "stride", {"_h", "_w"}, 1));
  packed->dilation = OCTAVO_TRY(Int8Geometry(r, "dilation", {"_h", "_w"}, 1));
  packed->groups = OCTAVO_TRY(r.Int("group", 1));
  packed->output_padding = {0, 0};
  Sizes pads = OCTAVO_TRY(Int8Geometry(r, "pad", {"_t", "_l", "_b", "_r"}, 0));
  x = OCTAVO_TRY(r.Permute(x, kToNchw));
  if (pads[0] != pads[2] || pads[1] != pads[3]) {
    // PyTorch's convolution pads both sides alike.
    x = OCTAVO_TRY(
        r.Call("aten::constant_pad_nd", {x.id(), Dims({pads[1], pads[3], pads[0], pads[2]}), 0.0}));
    pads = {0, 0, 0, 0};
  }
  packed->padding = {pads[0], pads[1]};
  const Value y =
      OCTAVO_TRY(LayerCall(r, kRelu ? "quantized::conv2d_relu" : "quantized::conv2d", x, std::move(packed)));
  return One(OCTAVO_TRY(r.Permute(y, kToNhwc)));
}

Result<std::vector<Value>> FullyConnected(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axis", "axis_w", "Y_scale", "Y_zero_point"}));
  if (OCTAVO_TRY(r.Int("axis", 1)) != 1 || OCTAVO_TRY(r.Int("axis_w", 1)) != 1) {
    return Unsupported("attribute axis must be 1");
  }
  Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  auto packed = OCTAVO_TRY(Packed(r, x, 0, 2));
  packed->kind = ir::PackedWeights::Kind::kLinear;
  // The result has two dimensions always; all but the first of the input's are one.
  if (x.rank() != 2) x = OCTAVO_TRY(r.Call("aten::reshape", {x.id(), Dims({-1, packed->weight.sizes[1]})}));
  return One(OCTAVO_TRY(LayerCall(r, "quantized::linear", x, std::move(packed))));
}

template <bool kRelu>
Result<std::vector<Value>> Add(Raiser& r) {
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0)), y = OCTAVO_TRY(QuantizedInput(r, 1));
  if (x.shape() && y.shape() && KnownSizes(*x.shape()) && KnownSizes(*y.shape()) &&
      *x.shape() != *y.shape()) {
    return InvalidFile(fmt::format("the inputs must have the same shape, but have {} and {}",
                                   ToString(*x.shape()), ToString(*y.shape())));
  }
  const Quantization q = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  return One(OCTAVO_TRY(r.Call(kRelu ? "quantized::add_relu" : "quantized::add",
                               {x.id(), y.id(), q.scale(), Dim(q.zero_point())})));
}

Result<std::vector<Value>> Int8Relu(Raiser& r) {
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  return One(OCTAVO_TRY(r.Call("aten::relu", {x.id()})));
}

Result<std::vector<Value>> Int8Sigmoid(Raiser& r) {
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  const Quantization q = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  if (!Same(q, Quantization::PerTensor(1.0 / 256, 0))) {
    return InvalidFile("the result must have scale 1/256 and zero point 0");
  }
  return One(OCTAVO_TRY(r.Call("aten::sigmoid", {x.id()})));
}

// ---- Images

struct Int8Window {
  std::int64_t kernel;
  Sizes strides, padding;
};

Result<Int8Window> PoolWindow(const Raiser& r) {
  OCTAVO_TRY(r.Knows({"strides", "stride", "stride_h", "stride_w", "pads", "pad", "pad_t", "pad_l", "pad_b",
                      "pad_r", "kernels", "kernel", "order", "Y_scale", "Y_zero_point"}));
  OCTAVO_TRY(NhwcOrder(r));
  const Sizes kernels = OCTAVO_TRY(Int8Geometry(r, "kernel", {"_h", "_w"}, 0));
  if (kernels[0] != kernels[1]) return InvalidFile("a window that is not square is not supported by QNNPACK");
  Int8Window window{.kernel = kernels[0]};
  // The former exporter left the list empty where PyTorch's call had no stride; Caffe2 takes 1.
  window.strides = OCTAVO_TRY(Int8Geometry(r, "stride", {"_h", "_w"}, 1));
  const Sizes pads = OCTAVO_TRY(Int8Geometry(r, "pad", {"_t", "_l", "_b", "_r"}, 0));
  if (pads[0] != pads[2] || pads[1] != pads[3]) {
    return Unsupported("different padding on opposite sides is not supported: PyTorch's pooling has none");
  }
  window.padding = {pads[0], pads[1]};
  return window;
}

Result<std::vector<Value>> Int8MaxPool(Raiser& r) {
  Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  const Int8Window w = OCTAVO_TRY(PoolWindow(r));
  x = OCTAVO_TRY(r.Permute(x, kToNchw));
  const Value y = OCTAVO_TRY(r.Call("aten::max_pool2d", {x.id(), Dims({w.kernel, w.kernel}), Dims(w.strides),
                                                         Dims(w.padding), Dims({1, 1}), false}));
  return One(OCTAVO_TRY(r.Permute(y, kToNhwc)));
}

// Padding counts in Caffe2's average.
Result<std::vector<Value>> Int8AveragePool(Raiser& r) {
  Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  const Int8Window w = OCTAVO_TRY(PoolWindow(r));
  const Quantization q = OCTAVO_TRY(Int8QuantizationOf(r, DType::kQUint8));
  const bool same = Same(q, x.quantization());
  x = OCTAVO_TRY(r.Permute(x, kToNchw));
  if (!same) x = OCTAVO_TRY(r.Call("aten::dequantize", {x.id()}));
  Value y = OCTAVO_TRY(r.Call("aten::avg_pool2d", {x.id(), Dims({w.kernel, w.kernel}), Dims(w.strides),
                                                   Dims(w.padding), false, true, ir::None{}}));
  if (!same) {
    y = OCTAVO_TRY(r.Call("aten::quantize_per_tensor",
                          {y.id(), q.scale(), Dim(q.zero_point()), Dim(ScalarTypeNumber(DType::kQUint8))}));
  }
  return One(OCTAVO_TRY(r.Permute(y, kToNhwc)));
}

// Sizes are multiplied by whole numbers: output_size / size rounded down, or height_scale and width_scale.
Result<std::vector<Value>> Int8Resize(Raiser& r) {
  OCTAVO_TRY(r.Knows({"output_size", "height_scale", "width_scale", "order", "Y_scale", "Y_zero_point"}));
  Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  const Sizes output = OCTAVO_TRY(r.Ints("output_size", Sizes{}));
  const double scales[] = {OCTAVO_TRY(r.Number("height_scale", 1.0)),
                           OCTAVO_TRY(r.Number("width_scale", 1.0))};
  x = OCTAVO_TRY(r.Permute(x, kToNchw));
  std::vector<double> factors;
  for (std::size_t i = 0; i < 2; ++i) {
    if (output.empty()) {
      factors.push_back(scales[i]);
    } else {
      const std::optional<Shape> shape = x.shape();
      const Dim size = shape && shape->size() == 4 ? (*shape)[i + 2] : Dim::Unknown();
      if (output.size() != 2 || !size.known() || size.value() <= 0) {
        return Unsupported("the scale factor depends on the size of the input, which is unknown",
                           "Write the shapes of the graph's inputs into the file.");
      }
      const std::int64_t whole = output[i] / size.value();
      factors.push_back(static_cast<double>(whole));
    }
    if (factors[i] < 1 || factors[i] != std::floor(factors[i]) || factors[i] > 0x1p20) {
      return InvalidFile(
          fmt::format("the scale factor {} is not an integer, but Caffe2 supports integers only", factors[i]),
          kBroken);
    }
  }
  if (factors[0] != 1 || factors[1] != 1) {
    x = OCTAVO_TRY(r.Call("aten::upsample_nearest2d", {x.id(), ir::None{}, factors}));
  }
  return One(OCTAVO_TRY(r.Permute(x, kToNhwc)));
}

// ---- Movements

Result<std::vector<Value>> Int8Transpose(Raiser& r) {
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  return One(OCTAVO_TRY(r.Permute(x, OCTAVO_TRY(r.Ints("axes")))));
}

Result<std::vector<Value>> Int8Reshape(Raiser& r) {
  OCTAVO_TRY(r.Knows({"shape", "Y_scale", "Y_zero_point"}));
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  const Sizes target = r.num_inputs() > 1 ? OCTAVO_TRY(r.InputInts(1)) : OCTAVO_TRY(r.Ints("shape"));
  const std::optional<Shape> shape = x.shape();
  std::vector<Dim> sizes(target.begin(), target.end());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (target[i] != 0) continue;
    if (!shape || i >= shape->size())
      return Unsupported("the shape copies a size of the input, which is unknown");
    sizes[i] = (*shape)[i];
  }
  return One(OCTAVO_TRY(r.Call("aten::reshape", {x.id(), sizes})));
}

Result<std::vector<Value>> Int8Flatten(Raiser& r) {
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  if (OCTAVO_TRY(r.Int("axis", 1)) != 1) return Unsupported("attribute axis must be 1");
  return One(OCTAVO_TRY(r.Call("aten::flatten", {x.id(), Dim(1), Dim(-1)})));
}

// Caffe2's index -1 is the end itself, -2 the last element, and so on.
std::int64_t PyTorchIndex(std::int64_t index) {
  if (index >= 0) return index;
  return index == -1 ? std::numeric_limits<std::int64_t>::max() : index + 1;
}

Result<std::vector<Value>> Int8Slice(Raiser& r) {
  OCTAVO_TRY(r.Knows({"dim", "start_idx", "end_idx", "Y_scale", "Y_zero_point"}));
  const Value x = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, x));
  const std::int64_t dim = OCTAVO_TRY(r.Int("dim", 0));
  const std::int64_t start = OCTAVO_TRY(r.Int("start_idx", 0)), end = OCTAVO_TRY(r.Int("end_idx", -1));
  if (dim < 0) return InvalidFile(fmt::format("attribute dim must not be negative, but is {}", dim), kBroken);
  if (start >= 0 && end >= 0 && start > end) {
    return InvalidFile(fmt::format("the slice starts at {} and ends at {}", start, end));
  }
  return One(OCTAVO_TRY(
      r.Call("aten::slice", {x.id(), Dim(dim), Dim(PyTorchIndex(start)), Dim(PyTorchIndex(end)), Dim(1)})));
}

Result<std::vector<Value>> Int8Concat(Raiser& r) {
  OCTAVO_TRY(r.Knows({"axis", "order", "add_axis", "Y_scale", "Y_zero_point"}));
  ir::ValueList operands;
  const Value first = OCTAVO_TRY(QuantizedInput(r, 0));
  OCTAVO_TRY(KeepsQuantization(r, first));
  for (std::size_t i = 0; i < r.num_inputs(); ++i) {
    const Value x = OCTAVO_TRY(QuantizedInput(r, i));
    if (!Same(x.quantization(), first.quantization())) {
      return InvalidFile(
          fmt::format(
              "input {} has scale and zero point ({}, {}), but input 0 has ({}, {}); Caffe2 needs the same",
              i, x.quantization().scale(), x.quantization().zero_point(), first.quantization().scale(),
              first.quantization().zero_point()),
          kBroken);
    }
    operands.push_back(x.id());
  }
  const std::string order = OCTAVO_TRY(r.Text("order", ""));
  const std::int64_t missing = order == "NHWC" ? 3 : order == "NCHW" ? 1 : 0;
  const std::int64_t axis = OCTAVO_TRY(r.Int("axis", missing));
  if (axis < 0)
    return InvalidFile(fmt::format("attribute axis must not be negative, but is {}", axis), kBroken);
  if (OCTAVO_TRY(r.Int("add_axis", 0)) != 0) return Unsupported("attribute add_axis is not supported");
  return One(OCTAVO_TRY(r.Call("aten::cat", {operands, Dim(axis)})));
}

Result<std::vector<Value>> AtenFallback(Raiser& r) {
  return Unsupported(
      fmt::format("the node is a placeholder for aten::{}, which PyTorch's Caffe2 exporter did not support",
                  OCTAVO_TRY(r.Text("operator", "?"))),
      "Convert the original PyTorch model with `octavo export`.");
}

}  // namespace

void AddCaffe2Handlers(Handlers& handlers) {
  handlers["org.pytorch._caffe2::Int8GivenTensorFill"] = Fill;
  handlers["org.pytorch._caffe2::Int8GivenIntTensorFill"] = FillInts;
  handlers["org.pytorch._caffe2::Int8Quantize"] = Int8Quantize;
  handlers["org.pytorch._caffe2::Int8Dequantize"] = Int8Dequantize;
  handlers["org.pytorch._caffe2::Int8Conv"] = Int8Conv<false>;
  handlers["org.pytorch._caffe2::Int8ConvRelu"] = Int8Conv<true>;
  handlers["org.pytorch._caffe2::Int8FC"] = FullyConnected;
  handlers["org.pytorch._caffe2::Int8Add"] = Add<false>;
  handlers["org.pytorch._caffe2::Int8AddRelu"] = Add<true>;
  handlers["org.pytorch._caffe2::Int8Relu"] = Int8Relu;
  handlers["org.pytorch._caffe2::Int8Sigmoid"] = Int8Sigmoid;
  handlers["org.pytorch._caffe2::Int8MaxPool"] = Int8MaxPool;
  handlers["org.pytorch._caffe2::Int8AveragePool"] = Int8AveragePool;
  handlers["org.pytorch._caffe2::Int8ResizeNearest"] = Int8Resize;
  handlers["org.pytorch._caffe2::Int8Transpose"] = Int8Transpose;
  handlers["org.pytorch._caffe2::Int8Reshape"] = Int8Reshape;
  handlers["org.pytorch._caffe2::Int8Flatten"] = Int8Flatten;
  handlers["org.pytorch._caffe2::Int8Slice"] = Int8Slice;
  handlers["org.pytorch._caffe2::Int8Concat"] = Int8Concat;
  handlers["org.pytorch.aten::ATen"] = AtenFallback;
}

}  // namespace octavo::raise
