#include "octavo/ops/mistakes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "octavo/arithmetic/pytorch/layers.h"
#include "octavo/arithmetic/pytorch/quantized_number.h"
#include "octavo/lower/window.h"
#include "octavo/ops/quantized_weights.h"
#include "octavo/targets/onnxruntime/accumulate.h"

namespace octavo {
namespace {

using Mistake = std::optional<std::string>;
using MistakeOf = Mistake (*)(Engine, const Arguments&);

bool IsQnnpack(Engine engine) { return engine == Engine::kQnnpack || engine == Engine::kQnnpackX86; }

constexpr double kInt32End = 2147483648.0;
constexpr std::string_view kMixedUp = "PyTorch mixes up the elements of ";
constexpr std::string_view kUnwritten = "PyTorch leaves some elements of ";
// Of other engines' kernels for layers.
constexpr const char* kVolumesChange =
    "PyTorch's transposed convolutions of volumes change from call to call";
constexpr const char* kPairsSaturate =
    "PyTorch's sums of two products saturate at 16 bits in depthwise convolutions";
constexpr const char* kPairsCanSaturate = "PyTorch's sums of two products can saturate at 16 bits";
constexpr const char* kTwoRows =
    "PyTorch's kernel for transposed convolutions of two rows is wrong with strides";
constexpr const char* kOtherChannels =
    "PyTorch's transposed convolutions are wrong for other numbers of channels out than in";
constexpr const char* kGaps =
    "PyTorch's transposed convolutions can be wrong in elements that no input reaches";
constexpr const char* kMoreChannels =
    "PyTorch's depthwise convolutions into more channels are wrong for results of one row or column";
constexpr const char* kRefusesSigned =
    "PyTorch's engine refuses activations of qint8, which the qnnpack of Debian and ARM takes";
constexpr const char* kRefusesChannels =
    "PyTorch's engine refuses transposed convolutions with per-channel weights";
constexpr const char* kRefusesZeros = "PyTorch's engine refuses weights with a zero point other than 0";
constexpr const char* kRefusesPadding = "PyTorch's engine refuses output_padding";
constexpr const char* kRefusesWindows = "PyTorch's qnnpack refuses windows of one element";
constexpr const char* kRefusesSigmoid =
    "PyTorch's qnnpack refuses a sigmoid whose result's scale is not 1/256 with zero point 0";
constexpr const char* kRefusesRatios =
    "PyTorch's qnnpack refuses additions whose result's scale is not above 1/256 of the operands' and at "
    "most "
    "2^14 times them";
constexpr const char* kRefusesRange =
    "PyTorch's qnnpack refuses a ReLU whose result has a single level, the zero point";
constexpr const char* kBiasOverflows = "PyTorch overflows in a bias of 2^31 steps and more";

bool All(const std::vector<std::int64_t>& list, std::int64_t value) {
  return std::ranges::all_of(list, [value](std::int64_t n) { return n == value; });
}

bool HasArgument(const Arguments& a, std::string_view name) {
  return std::ranges::any_of(a.specs(), [name](const ArgumentSpec& spec) { return spec.name == name; });
}

// Not one of the overloads that take a number.
bool TakesTwoTensors(const Arguments& a) {
  return std::ranges::count_if(a.specs(), [](const ArgumentSpec& spec) {
           return spec.kind == ArgumentKind::kTensor && (spec.name == "qa" || spec.name == "qb");
         }) == 2;
}

// The operand; rows name it in one of these ways.
Value FirstOperand(const Arguments& a) {
  for (const char* name : {"self", "qx", "input", "X"}) {
    if (HasArgument(a, name)) return a.tensor(name);
  }
  return {};
}

bool IsSizeOne(const Dim& size) { return size == Dim(1); }

// Whether every dimension behind the channels has one element.
bool OfOneElement(const Shape& shape) {
  return shape.size() > 2 && std::all_of(shape.begin() + 2, shape.end(), IsSizeOne);
}

// ---- The order in memory

constexpr const char* kTooLarge =
    "PyTorch takes infinity, and numbers of 2^63 steps and more, for the lowest level";

bool TooLarge(const Quantization& q, double number) {
  return arithmetic::pytorch::BeyondInt64(static_cast<float>(number), q.scale(), q.zero_point());
}

// Of an operator that turns a number into a level of its first operand.  Builds with FBGEMM saturate.
Mistake OfNumbers(Engine engine, const Arguments& a) {
  if (engine != Engine::kQnnpack) return {};
  const Value x = FirstOperand(a);
  if (!x.quantized() || !x.quantization().per_tensor()) return {};
  for (const char* name : {"value", "min", "max", "min_val", "max_val"}) {
    if (!HasArgument(a, name) || !a.has(name) || a.is_tensor(name)) continue;
    const auto* number = std::get_if<double>(&a.operand(name));
    if (number && TooLarge(x.quantization(), *number)) return kTooLarge;
  }
  return {};
}

constexpr const char* kOverflows = "PyTorch overflows in numbers of 2^31 steps and more";

// Of an operator that dequantizes, computes and quantizes, where it gives this number: PyTorch's vector loops
// add the zero point to an int32, and take NaN for the highest level; its other loops are as in OfNumbers.
Mistake OfComputed(const TensorType& y, double number) {
  const Quantization& q = *y.quantization;
  if (TooLarge(q, number)) return kTooLarge;
  const auto steps = static_cast<float>(number) * (1.0F / static_cast<float>(q.scale()));
  const auto zero_point = static_cast<double>(q.zero_point());
  constexpr double kMost = 2147483520.0;  // the largest float32 below 2^31
  const double moved = std::clamp(static_cast<double>(steps), -kInt32End, kMost) + zero_point;
  if (std::isnan(steps) || moved < -kInt32End || moved >= kInt32End) return kOverflows;
  return {};
}

bool FromOneQuantizationToAnother(const Arguments& a) {
  const Value x = FirstOperand(a);
  const TensorType& y = a.result();
  return x.quantized() && x.quantization().per_tensor() && y.quantized() && y.quantization->per_tensor();
}

Mistake OfThreshold(Engine, const Arguments& a) {
  if (!FromOneQuantizationToAnother(a)) return {};
  return OfComputed(a.result(), a.number("value"));
}

double RealOfLowestLevel(const Value& x) {
  const double lowest = x.dtype() == DType::kQUint8 ? 0 : -128;
  return (lowest - static_cast<double>(x.quantization().zero_point())) * x.quantization().scale();
}

// The lowest level times the slope.
Mistake OfSlope(Engine, const Arguments& a) {
  if (!FromOneQuantizationToAnother(a)) return {};
  const double real = RealOfLowestLevel(FirstOperand(a));
  return real < 0 ? OfComputed(a.result(), real * a.number("negative_slope")) : std::nullopt;
}

// The curve at the lowest level.
Mistake OfElu(Engine, const Arguments& a) {
  if (!FromOneQuantizationToAnother(a)) return {};
  const double real = RealOfLowestLevel(FirstOperand(a));
  if (!(real < 0)) return {};
  const double alpha = a.number("alpha");
  const double input_scale = HasArgument(a, "input_scale") ? a.number("input_scale") : 1 / alpha;
  const double scale = HasArgument(a, "scale") ? a.number("scale") : 1;
  return OfComputed(a.result(), std::expm1(real * input_scale) * alpha * scale);
}

// quantize_per_tensor and quantize_per_channel of a constant.
Mistake OfQuantizedConstant(Engine engine, const Arguments& a) {
  if (engine != Engine::kQnnpack) return {};
  const Value x = a.tensor("self");
  const Tensor* constant = x.constant();
  const TensorType& y = a.result();
  if (!constant || constant->dtype != DType::kFloat32 || !y.quantized()) return {};
  const Quantization& q = *y.quantization;
  for (const float real : constant->ToFloats()) {
    if (q.float_zero_points) continue;
    for (std::size_t c = 0; c < q.scales.size() && c < q.zero_points.size(); ++c) {
      if (arithmetic::pytorch::BeyondInt64(real, q.scales[c], q.zero_points[c])) return kTooLarge;
    }
  }
  return {};
}

// The operator reads channels-last elements and writes them as if they were in contiguous order.
Mistake OfClamp(Engine engine, const Arguments& a) {
  if (!IsQnnpack(engine)) return OfNumbers(engine, a);
  const Value x = FirstOperand(a);
  if (x.dtype() != DType::kQUint8 || x.memory_format() == ir::MemoryFormat::kContiguous)
    return OfNumbers(engine, a);
  // Both orders are the same.
  if (x.shape() && (IsSizeOne((*x.shape())[1]) || OfOneElement(*x.shape()))) return OfNumbers(engine, a);
  return fmt::format("{}a channels-last tensor, which every convolution's result is", kMixedUp);
}

// Images of one element are taken for channels-last ones.  The result is contiguous, unless the operand's
// strides are those of channels-last images, as behind a convolution.
bool OneElementGrows(const Value& x, const TensorType& y) {
  return x.quantized() && x.memory_format() == ir::MemoryFormat::kContiguous && x.shape() && y.shape &&
         x.rank() >= 4 && OfOneElement(*x.shape()) && !OfOneElement(*y.shape) && !IsSizeOne((*x.shape())[1]);
}
Mistake OfImages(Engine, const Arguments& a) {
  if (!OneElementGrows(FirstOperand(a), a.result())) return {};
  return fmt::format("{}images of one element", kMixedUp);
}

Mistake OfNearestVolumes(Engine engine, const Arguments& a) {
  const Value x = FirstOperand(a);
  if (x.quantized() && x.rank() == 5 && IsSizeOne((*x.shape())[1])) {
    return fmt::format("{}volumes of one channel unwritten", kUnwritten);
  }
  return OfImages(engine, a);
}

Mistake OfSigmoid(Engine engine, const Arguments& a) {
  const TensorType& y = a.result();
  if (!IsQnnpack(engine) || FirstOperand(a).dtype() != DType::kQUint8 || !y.quantized()) return {};
  constexpr double kUnit = 1.0 / 256;
  const Quantization& q = *y.quantization;
  if (!q.per_tensor() || (q.scale() == kUnit && q.zero_point() == 0)) return {};
  return kRefusesSigmoid;
}

// ---- Pooling

bool PooledByQnnpack(Engine engine, const Value& x, const Window& w) {
  return IsQnnpack(engine) && x.dtype() == DType::kQUint8 && w.spatial_dims() < 3 && !w.ceil_mode;
}

Mistake OfMaxPool(Engine engine, const Arguments& a) {
  const Value x = FirstOperand(a);
  const Result<Window> w = WindowOf(a);
  if (!w || !x.quantized()) return {};
  if (!PooledByQnnpack(engine, x, *w)) return OfImages(engine, a);
  if (All(w->kernel, 1)) return kRefusesWindows;
  for (std::size_t i = 0; i < w->spatial_dims(); ++i) {
    if (w->dilation[i] > 1 && w->padding[i] > 0) {
      return "PyTorch reads other elements where a dilated window reaches into the padding";
    }
  }
  return {};
}

Mistake OfAveragePool(Engine engine, const Arguments& a) {
  const Value x = FirstOperand(a);
  const Result<Window> w = WindowOf(a);
  if (!w || !PooledByQnnpack(engine, x, *w)) return {};
  if (All(w->kernel, 1)) return kRefusesWindows;
  if (HasArgument(a, "divisor_override") && a.has("divisor_override") &&
      a.integer("divisor_override") != w->cells()) {
    return "PyTorch overlooks divisor_override";
  }
  if (w->padded() && !a.flag("count_include_pad")) return "PyTorch overlooks count_include_pad=False";
  return {};
}

// ---- Numbers beyond int32

std::string TooFar(std::string_view what) {
  return fmt::format(
      "PyTorch makes the lowest level of {} of 2^31 steps and more, which this layer's scales allow", what);
}

double Scale(const Value& x) { return x.quantization().scale(); }

// How far a level may be from the zero point.
double Reach(const TensorType& type) {
  const double low = type.dtype == DType::kQUint8 ? 0 : -128, high = low + 255;
  const auto zero_point = static_cast<double>(type.quantization->zero_point());
  return std::max(high - zero_point, zero_point - low);
}

bool IsPerTensor(const TensorType& type) { return type.quantized() && type.quantization->per_tensor(); }

Mistake OfProduct(Engine, const Arguments& a) {
  if (!TakesTwoTensors(a)) return {};
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  const TensorType& z = a.result();
  if (x.dtype() != DType::kQUint8 || !IsPerTensor(x.type()) || !IsPerTensor(y.type()) || !IsPerTensor(z))
    return {};
  const double multiplier = Scale(x) * Scale(y) / z.quantization->scale();
  if (Reach(x.type()) * Reach(y.type()) * multiplier < kInt32End) return {};
  return TooFar("a product");
}

Mistake OfPrelu(Engine, const Arguments& a) {
  const Value x = FirstOperand(a), w = a.tensor("weight");
  const TensorType& z = a.result();
  if (x.dtype() != DType::kQUint8 || !IsPerTensor(x.type()) || !IsPerTensor(w.type()) || !IsPerTensor(z))
    return {};
  const double multiplier = Scale(x) * Scale(w) / z.quantization->scale();
  if (Reach(x.type()) * Reach(w.type()) * multiplier < kInt32End) return {};
  return TooFar("a product");
}

// A weight or bias, constant, of a normalization, whose results of weight 1 are at most `reach` from 0.
Mistake OfParameters(const Arguments& a, double reach) {
  if (!IsPerTensor(a.result())) return {};
  for (const char* name : {"weight", "bias"}) {
    const Tensor* constant = HasArgument(a, name) && a.has(name) ? a.tensor(name).constant() : nullptr;
    if (!constant || !IsFloat(constant->dtype)) continue;
    for (const double v : constant->ToDoubles()) {
      for (const double end : {-reach, reach}) {
        const double result = name == std::string_view("weight") ? v * end : v;
        if (std::isnan(result) || TooLarge(*a.result().quantization, result)) return kTooLarge;
      }
    }
  }
  return {};
}

// What a normalized element hardly exceeds.
constexpr double kNormalized = 16;

Mistake OfNorm(Engine, const Arguments& a) {
  const Value x = FirstOperand(a);
  if (!x.quantized() || !x.shape()) return {};
  if (HasArgument(a, "normalized_shape") || x.rank() < 4) return OfParameters(a, kNormalized);
  if (IsSizeOne((*x.shape())[1])) return fmt::format("{}tensors of one channel unwritten", kUnwritten);
  if (OfOneElement(*x.shape())) return fmt::format("{}images of one element", kMixedUp);
  return OfParameters(a, kNormalized);
}

// A channel's factor and summand, in double: only what is far out of any range is looked for.
Mistake OfBatchNorm(Engine, const Arguments& a) {
  const Value x = a.tensor("qx");
  const TensorType& y = a.result();
  if (!IsPerTensor(x.type()) || !IsPerTensor(y)) return {};
  std::vector<std::vector<double>> parameters;
  const std::size_t channels =
      a.tensor("mean").constant() ? static_cast<std::size_t>(a.tensor("mean").constant()->num_elements()) : 0;
  for (const char* name : {"weight", "bias", "mean", "var"}) {
    const Tensor* constant = a.has(name) ? a.tensor(name).constant() : nullptr;
    if (a.has(name) && (!constant || constant->num_elements() != static_cast<std::int64_t>(channels)))
      return {};
    parameters.push_back(constant
                             ? constant->ToDoubles()
                             : std::vector<double>(channels, name == std::string_view("weight") ? 1 : 0));
  }
  const double reach = Reach(x.type()) * Scale(x);
  for (std::size_t c = 0; c < channels; ++c) {
    const double factor = parameters[0][c] / std::sqrt(parameters[3][c] + a.number("eps"));
    const double summand = parameters[1][c] - parameters[2][c] * factor;
    for (const double end : {-reach, reach}) {
      if (Mistake mistake = OfComputed(y, factor * end + summand)) return mistake;
    }
  }
  return {};
}

bool MayBeAlike(const Shape& a, const Shape& b) {
  return std::ranges::equal(a, b, [](const Dim& m, const Dim& n) { return Dim::Equal(m, n) != false; });
}

// qnnpack's fixed point shifts by 21 less the exponent of the larger ratio of scales, and has 32 bits.
template <bool relu>
Mistake OfSum(Engine engine, const Arguments& a) {
  if (!IsQnnpack(engine) || !TakesTwoTensors(a)) return {};
  const Value x = a.tensor("qa"), y = a.tensor("qb");
  const TensorType& z = a.result();
  // With a tensor for its result, and where a size of 1 is repeated, PyTorch adds reals.
  if (!HasArgument(a, "scale") || x.dtype() != DType::kQUint8 || !IsPerTensor(x.type()) ||
      !IsPerTensor(y.type())) {
    return {};
  }
  if (x.shape() && y.shape() && !MayBeAlike(*x.shape(), *y.shape())) return {};
  const auto scale = static_cast<float>(z.quantization->scale());
  const auto [smaller, larger] =
      std::minmax({static_cast<float>(Scale(x)) / scale, static_cast<float>(Scale(y)) / scale});
  constexpr float kFewest = 0x1p-14F, kMost = 0x1p8F;
  if (!(smaller >= kFewest && larger < kMost)) return kRefusesRatios;
  constexpr std::int64_t kHighest = 255;
  if (relu && z.quantization->zero_point() == kHighest) return kRefusesRange;
  if (larger >= 0x1p-10F) return {};
  return "PyTorch shifts by more bits than an integer has where the result's scale is 1024 times the "
         "operands'";
}

// The largest sum that any input gives, over all channels, in steps of the result.
struct LayerSums {
  double x_low = 0, x_high = 0;  // levels of the input less the zero point

  double Largest(const Tensor& weight, std::int64_t channels, const std::vector<double>& multipliers,
                 const std::vector<double>& biases, const Quantization& q) const {
    const std::vector<std::int64_t> levels = weight.Integers().ToInts();
    const std::size_t each = levels.size() / static_cast<std::size_t>(channels);
    double largest = 0;
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
      double sum = biases[c];
      const auto zero_point = static_cast<double>(q.zero_points[q.per_tensor() ? 0 : c]);
      for (std::size_t i = c * each; i < (c + 1) * each; ++i) {
        const double w = static_cast<double>(levels[i]) - zero_point;
        sum += std::max(w * x_low, w * x_high);
      }
      largest = std::max(largest, sum * multipliers[q.per_tensor() ? 0 : c]);
    }
    return largest;
  }
};

using arithmetic::pytorch::LayerKernel;

LayerKernel KernelOf(Engine engine, const ir::PackedWeights& packed, const QuantizedWeights& w) {
  const auto not_zero = [](std::int64_t n) { return n != 0; };
  return arithmetic::pytorch::KernelOf(
      engine, {.linear = packed.kind == ir::PackedWeights::Kind::kLinear,
               .groups = packed.groups,
               .symmetric_weights = std::ranges::none_of(w.quantization().zero_points, not_zero),
               .output_padding = std::ranges::any_of(packed.output_padding, not_zero)});
}

// FBGEMM's depthwise kernels add two neighbouring products of kernel positions in int16
// (third_party/fbgemm/src/FbgemmI8DepthwiseAvx2-inl.h), on every CPU.
bool DepthwiseSaturates(const ir::PackedWeights& packed, const QuantizedWeights& w) {
  const Shape& shape = *w.type.shape;
  constexpr std::int64_t kBlock = 8;
  if (!w.weight || packed.groups % kBlock != 0 || shape.size() < 4 || shape[1] != Dim(1)) return false;
  if (w.channels != packed.groups && w.channels != 2 * packed.groups) return false;
  const std::int64_t size = shape[2].value();
  if (size != 3 && size != 5 && size != 7) return false;
  std::int64_t taps = 1;
  for (std::size_t d = 2; d < shape.size(); ++d) {
    if (shape[d] != Dim(size)) return false;
    taps *= size;
  }
  if (!All(packed.padding, (size - 1) / 2) || !All(packed.dilation, 1)) return false;
  if (!All(packed.stride, 1) && !All(packed.stride, 2)) return false;
  const std::vector<std::int64_t> levels = w.weight->Integers().ToInts();
  for (std::int64_t begin = 0; begin < static_cast<std::int64_t>(levels.size()); begin += taps) {
    for (std::int64_t tap = 0; tap + 1 < taps; tap += 2) {
      const auto at = static_cast<std::size_t>(begin + tap);
      if (targets::onnxruntime::PairCanSaturate(static_cast<std::int8_t>(levels[at]),
                                                static_cast<std::int8_t>(levels[at + 1])))
        return true;
    }
  }
  return false;
}

// FBGEMM's kernel for transposed convolutions of two rows, without padding.
Mistake OfDirectTransposed(const ir::PackedWeights& packed, const QuantizedWeights& w) {
  const Shape& shape = *w.type.shape;
  constexpr std::int64_t kBlock = 8, kWidest = 6;
  if (shape.size() != 4 || packed.groups != 1 || shape[0].value() % kBlock != 0 ||
      shape[1].value() % kBlock != 0) {
    return {};
  }
  if (shape[2] != Dim(2) || shape[3].value() > kWidest) return {};
  if (!All(packed.padding, 0) || !All(packed.dilation, 1)) return {};
  if (All(packed.stride, 1)) return kPairsCanSaturate;
  return kTwoRows;
}

// A dimension of the kernel is shorter than the stride.
bool HasGaps(const ir::PackedWeights& packed, const Shape& weight) {
  const std::size_t dims = packed.stride.size();
  for (std::size_t d = 0; d < dims && d < packed.dilation.size() && dims <= weight.size(); ++d) {
    const std::int64_t size = weight[weight.size() - dims + d].value();
    if (packed.dilation[d] * (size - 1) + 1 < packed.stride[d]) return true;
  }
  return false;
}

// A depthwise convolution into more channels, whose result has a dimension of one element.
bool IsWrongDepthwise(const ir::PackedWeights& packed, const QuantizedWeights& w, const TensorType& y) {
  constexpr std::size_t kVolumes = 5;
  if (!y.shape || y.shape->size() < 4 || (*w.type.shape)[1] != Dim(1) || w.channels <= packed.groups)
    return false;
  return std::any_of(y.shape->begin() + 2, y.shape->end(), IsSizeOne) &&
         (y.shape->size() == kVolumes || !All(packed.stride, 1));
}

// What other engines' kernels for a layer do wrong.
Mistake OfKernel(Engine engine, const ir::PackedWeights& packed, const QuantizedWeights& w,
                 const TensorType& y) {
  if (engine == Engine::kQnnpack) return {};
  const bool transposed = packed.kind == ir::PackedWeights::Kind::kConvTranspose;
  const Shape& shape = *w.type.shape;
  switch (KernelOf(engine, packed, w)) {
    case LayerKernel::kQnnpack:
      if (transposed && shape.size() == 5) return kVolumesChange;
      return {};
    case LayerKernel::kFbgemm:
      if (transposed) return OfDirectTransposed(packed, w);
      if (packed.kind == ir::PackedWeights::Kind::kConv && DepthwiseSaturates(packed, w))
        return kPairsSaturate;
      return {};
    case LayerKernel::kOnednn:
      if (transposed && shape[0] != Dim(w.channels) && shape[0] != Dim(1) && w.channels != 1)
        return kOtherChannels;
      if (transposed && HasGaps(packed, shape)) return kGaps;
      if (!transposed && IsWrongDepthwise(packed, w, y)) return kMoreChannels;
      return {};
    case LayerKernel::kOnednnLinear:
      return {};
  }
  return {};
}

// What is no mistake of a kernel: there is none for it.
Mistake OfRefusal(Engine engine, const TensorType& x, const ir::PackedWeights& packed,
                  const Quantization& w) {
  const auto not_zero = [](std::int64_t n) { return n != 0; };
  const bool linear = packed.kind == ir::PackedWeights::Kind::kLinear;
  if (engine == Engine::kQnnpack) return {};
  if (x.dtype == DType::kQInt8 && !(linear && engine == Engine::kOnednn)) return kRefusesSigned;
  if (engine == Engine::kQnnpackX86) return {};
  if (packed.kind == ir::PackedWeights::Kind::kConvTranspose && !w.per_tensor()) return kRefusesChannels;
  if (engine != Engine::kOnednn) return {};
  if (std::ranges::any_of(w.zero_points, not_zero)) return kRefusesZeros;
  if (std::ranges::any_of(packed.output_padding, not_zero)) return kRefusesPadding;
  return {};
}

Mistake OfLayer(Engine engine, const Arguments& a) {
  const Value x = FirstOperand(a);
  const auto packed_at = std::ranges::find_if(
      a.specs(), [](const ArgumentSpec& spec) { return spec.kind == ArgumentKind::kPacked; });
  const TensorType& z = a.result();
  if (packed_at == a.specs().end() || !IsPerTensor(x.type()) || !IsPerTensor(z)) return {};
  const ir::PackedWeights& packed = a.packed(packed_at->name);
  const Result<QuantizedWeights> w = WeightsOf(a, packed);
  if (w) {
    if (Mistake refusal = OfRefusal(engine, x.type(), packed, w->quantization())) return refusal;
  }
  if (x.dtype() == DType::kQInt8) {
    if (engine == Engine::kQnnpack && packed_at->name == "W_prepack" && x.rank() == 4 &&
        x.memory_format() != ir::MemoryFormat::kContiguous) {
      return fmt::format("{}a channels-last tensor of qint8", kMixedUp);
    }
    return {};
  }
  if (!w || w->channels == 0) return {};
  if (Mistake mistake = OfKernel(engine, packed, *w, z)) return mistake;
  const Quantization& q = w->quantization();
  std::vector<double> biases(static_cast<std::size_t>(w->channels), 0.0), multipliers;
  for (const double scale : q.scales) multipliers.push_back(scale * Scale(x) / z.quantization->scale());
  if (w->bias && w->bias->dtype == DType::kFloat32) {
    const std::vector<float> reals = w->bias->ToFloats();
    for (std::size_t c = 0; c < reals.size(); ++c) {
      biases[c] = static_cast<double>(reals[c]) / (q.scales[q.per_tensor() ? 0 : c] * Scale(x));
      if (std::isnan(biases[c]) || (std::abs(biases[c]) >= kInt32End && IsQnnpack(engine)))
        return kBiasOverflows;
    }
  }
  // What no layer that is worth anything reaches; only beyond that are its weights looked at.
  const std::int64_t shared =
      packed.kind == ir::PackedWeights::Kind::kConvTranspose ? 1 : std::max<std::int64_t>(1, w->channels);
  const auto taps = static_cast<double>(NumElements(*w->type.shape).value()) / static_cast<double>(shared);
  const double most = *std::ranges::max_element(biases);
  if ((taps * Reach(x.type()) * 255 + std::max(most, 0.0)) * *std::ranges::max_element(multipliers) <
      kInt32End) {
    return {};
  }
  const auto zero_point = static_cast<double>(x.quantization().zero_point());
  if (w->weight && packed.kind != ir::PackedWeights::Kind::kConvTranspose) {
    const LayerSums sums{.x_low = -zero_point, .x_high = 255 - zero_point};
    if (sums.Largest(*w->weight, w->channels, multipliers, biases, q) < kInt32End) return {};
  }
  return TooFar("a sum");
}

struct RowMistake {
  std::initializer_list<std::string_view> operators;  // names without overload
  MistakeOf mistake;
};

const RowMistake kMistakes[] = {
    {{"aten::clamp", "aten::clamp_max", "aten::clamp_min", "aten::clip", "aten::hardtanh", "aten::relu6",
      "quantized::clamp", "quantized::relu6"},
     OfClamp},
    {{"aten::constant_pad_nd", "aten::masked_fill", "aten::pad"}, OfNumbers},
    {{"aten::threshold", "quantized::threshold"}, OfThreshold},
    {{"aten::leaky_relu", "quantized::leaky_relu"}, OfSlope},
    {{"aten::quantize_per_channel", "aten::quantize_per_tensor"}, OfQuantizedConstant},
    {{"aten::max_pool1d", "aten::max_pool2d", "aten::max_pool1d_with_indices",
      "aten::max_pool2d_with_indices", "quantized::max_pool1d", "quantized::max_pool2d"},
     OfMaxPool},
    {{"aten::avg_pool1d", "aten::avg_pool2d"}, OfAveragePool},
    {{"aten::adaptive_avg_pool2d", "aten::adaptive_avg_pool3d", "aten::_adaptive_avg_pool2d",
      "aten::_adaptive_avg_pool3d", "aten::upsample_nearest2d", "aten::_upsample_nearest_exact2d",
      "aten::upsample_bilinear2d"},
     OfImages},
    {{"aten::upsample_nearest3d", "aten::_upsample_nearest_exact3d", "aten::__interpolate"},
     OfNearestVolumes},
    {{"quantized::group_norm", "quantized::instance_norm", "quantized::layer_norm"}, OfNorm},
    {{"quantized::batch_norm", "quantized::batch_norm1d", "quantized::batch_norm2d",
      "quantized::batch_norm3d", "quantized::batch_norm_relu", "quantized::batch_norm1d_relu",
      "quantized::batch_norm2d_relu", "quantized::batch_norm3d_relu"},
     OfBatchNorm},
    {{"quantized::celu", "quantized::elu"}, OfElu},
    {{"quantized::add"}, OfSum<false>},
    {{"quantized::add_relu"}, OfSum<true>},
    {{"quantized::sigmoid"}, OfSigmoid},
    {{"quantized::mul", "quantized::mul_relu", "quantized::mul_out", "quantized::mul_relu_out"}, OfProduct},
    {{"quantized::prelu"}, OfPrelu},
    {{"quantized::conv1d", "quantized::conv1d_relu", "quantized::conv2d", "quantized::conv2d_relu",
      "quantized::conv3d", "quantized::conv3d_relu", "quantized::conv_transpose1d",
      "quantized::conv_transpose2d", "quantized::conv_transpose3d", "quantized::linear",
      "quantized::linear_relu"},
     OfLayer},
};

}  // namespace

bool IsRepeated(std::string_view mistake) {
  for (const std::string_view not_repeated :
       {kRefusesWindows, kRefusesSigmoid, kRefusesRatios, kRefusesRange, kBiasOverflows, kVolumesChange,
        kPairsCanSaturate, kTwoRows, kOtherChannels, kGaps, kMoreChannels}) {
    if (mistake == not_repeated) return false;
  }
  return !mistake.starts_with(kMixedUp) && !mistake.starts_with(kUnwritten);
}

bool IsAlwaysRepeated(std::string_view mistake) { return mistake == kPairsSaturate; }

void SetMistakes(Registry& registry) {
  for (const RowMistake& row : kMistakes) {
    for (const std::string_view name : row.operators) registry.SetMistake(name, row.mistake);
  }
}

}  // namespace octavo
