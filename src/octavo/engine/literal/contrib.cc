#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/broadcast.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

// The QLinear operators of ONNX Runtime's own domain: dequantize, compute, quantize.

namespace octavo::engine::literal {
namespace {

// A quantized operand: values, scale and zero point in three inputs one after the other.
Status CheckOperand(Call& call, std::size_t i) {
  OCTAVO_TRY(CheckDType(call, i, {DType::kUint8, DType::kInt8}));
  OCTAVO_TRY(CheckDType(call, i + 1, {DType::kFloat32}));
  if (Product(OCTAVO_TRY(call.sizes(i + 1))) != 1)
    return call.Invalid(fmt::format("input {} must be a scalar", i + 1));
  if (!call.has(i + 2)) return {};
  if (OCTAVO_TRY(call.dtype(i + 2)) != OCTAVO_TRY(call.dtype(i)) ||
      Product(OCTAVO_TRY(call.sizes(i + 2))) != 1)
    return call.Invalid(
        fmt::format("input {} must be a scalar zero point with the dtype of the values", i + 2));
  return {};
}

// The result's scale and zero point; answers its type.
Result<DType> ResultType(Call& call, std::size_t scale) {
  OCTAVO_TRY(CheckDType(call, scale, {DType::kFloat32}));
  if (Product(OCTAVO_TRY(call.sizes(scale))) != 1)
    return call.Invalid(fmt::format("input {} must be a scalar", scale));
  if (!call.has(scale + 1)) return OCTAVO_TRY(call.dtype(0));
  OCTAVO_TRY(CheckDType(call, scale + 1, {DType::kUint8, DType::kInt8}));
  if (Product(OCTAVO_TRY(call.sizes(scale + 1))) != 1)
    return call.Invalid(fmt::format("input {} must be a scalar", scale + 1));
  return call.dtype(scale + 1);
}

const Tensor* At(const Operands& in, std::size_t i) { return i < in.size() ? in[i] : nullptr; }
double Scalar(const Tensor* tensor) { return tensor ? Reals(*tensor)[0] : 0; }

std::vector<double> Dequantized(const Operands& in, std::size_t i) {
  std::vector<double> x = Reals(*in[i]);
  const double scale = Scalar(in[i + 1]), zero = Scalar(At(in, i + 2));
  for (double& v : x) v = (v - zero) * scale;
  return x;
}

Tensor Quantized(const Operands& in, std::size_t scale, DType to, const Sizes& sizes,
                 const std::vector<double>& x) {
  const double step = Scalar(in[scale]), zero = Scalar(At(in, scale + 1));
  std::vector<std::int64_t> y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = SaturatedInteger(std::nearbyint(x[i] / step) + zero, to);
  return FromIntegers(to, sizes, y);
}

Result<Prepared> Binary(Call& call, double (*f)(double, double)) {
  OCTAVO_TRY(call.Inputs(7, 8));
  OCTAVO_TRY(CheckOperand(call, 0));
  OCTAVO_TRY(CheckOperand(call, 3));
  const DType to = OCTAVO_TRY(ResultType(call, 6));
  const Sizes a = OCTAVO_TRY(call.sizes(0)), b = OCTAVO_TRY(call.sizes(3));
  const auto sizes = Broadcast(a, b);
  if (!sizes) return DoNotBroadcast(call, a, b);
  return One(to, *sizes, [to, sizes = *sizes, f](const Operands& in) -> Result<Tensor> {
    return Quantized(
        in, 6, to, sizes,
        Zip<double>(Dequantized(in, 0), in[0]->sizes, Dequantized(in, 3), in[3]->sizes, sizes, f));
  });
}

template <typename F>
Result<Prepared> Unary(Call& call, F f) {
  OCTAVO_TRY(call.Inputs(4, 5));
  OCTAVO_TRY(CheckOperand(call, 0));
  const DType to = OCTAVO_TRY(ResultType(call, 3));
  return One(to, OCTAVO_TRY(call.sizes(0)), [to, f](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Dequantized(in, 0);
    for (double& v : x) v = f(v);
    return Quantized(in, 3, to, in[0]->sizes, x);
  });
}

Result<Prepared> QLinearLeakyRelu(Call& call) {
  const double alpha = OCTAVO_TRY(call.Real("alpha", double{0.01F}));
  return Unary(call, [alpha](double v) { return v < 0 ? alpha * v : v; });
}

Result<Prepared> GlobalAveragePool(Call& call) {
  OCTAVO_TRY(call.Inputs(4, 5));
  OCTAVO_TRY(CheckOperand(call, 0));
  const DType to = OCTAVO_TRY(ResultType(call, 3));
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  const bool channels_last = OCTAVO_TRY(call.Int("channels_last", 0)) != 0;
  if (x.size() < 3) return call.Invalid("the input must have rank 3 or more");
  Sizes result(x.size(), 1);
  result[0] = x[0];
  const std::size_t c = channels_last ? x.size() - 1 : 1;
  result[c] = x[c];
  const std::int64_t image = channels_last ? Product(x, 1, x.size() - 1) : Product(x, 2, x.size());
  if (image == 0) return call.Invalid("the input has no elements");
  return One(to, result, [=](const Operands& in) -> Result<Tensor> {
    const std::vector<double> values = Dequantized(in, 0);
    std::vector<double> y(static_cast<std::size_t>(Product(result)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t n = at / (image * x[c]), channel = channels_last ? at % x[c] : at / image % x[c];
      y[static_cast<std::size_t>(n * x[c] + channel)] += values[i];
    }
    for (double& v : y) v /= static_cast<double>(image);
    return Quantized(in, 3, to, result, y);
  });
}

// Scale and zero point of the result, then three inputs for each operand.
Result<Prepared> QLinearConcat(Call& call) {
  if (call.num_inputs() < 5 || call.num_inputs() % 3 != 2)
    return call.Invalid(
        fmt::format("the node has {} inputs, but 2 and 3 per operand are expected", call.num_inputs()));
  OCTAVO_TRY(CheckDType(call, 0, {DType::kFloat32}));
  OCTAVO_TRY(CheckDType(call, 1, {DType::kUint8, DType::kInt8}));
  for (std::size_t i = 0; i < 2; ++i) {
    if (Product(OCTAVO_TRY(call.sizes(i))) != 1)
      return call.Invalid(fmt::format("input {} must be a scalar", i));
  }
  Sizes sizes = OCTAVO_TRY(call.sizes(2));
  const auto a = static_cast<std::size_t>(
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis")), static_cast<int>(sizes.size()))));
  sizes[a] = 0;
  for (std::size_t i = 2; i < call.num_inputs(); i += 3) {
    OCTAVO_TRY(CheckOperand(call, i));
    Sizes other = OCTAVO_TRY(call.sizes(i));
    if (other.size() != sizes.size())
      return call.Invalid(fmt::format("input {} has a rank that differs from the first operand's", i));
    std::swap(other[a], sizes[a]);
    const std::int64_t before = other[a];
    other[a] = sizes[a];
    if (other != sizes)
      return call.Invalid(fmt::format("input {} has a shape that does not fit the first operand", i));
    sizes[a] += before;
  }
  const DType to = OCTAVO_TRY(call.dtype(1));
  return One(to, sizes, [=](const Operands& in) -> Result<Tensor> {
    std::vector<double> y(static_cast<std::size_t>(Product(sizes)));
    const std::int64_t outer = Product(sizes, 0, a), row = Product(sizes, a, sizes.size());
    std::int64_t begin = 0;
    for (std::size_t i = 2; i < in.size(); i += 3) {
      const std::vector<double> x = Dequantized(in, i);
      const std::int64_t piece = Product(in[i]->sizes, a, sizes.size());
      for (std::int64_t o = 0; o < outer; ++o)
        std::copy_n(x.begin() + o * piece, piece, y.begin() + o * row + begin);
      begin += piece;
    }
    return Quantized(in, 0, to, sizes, y);
  });
}

}  // namespace

void AddContrib(Registry& registry) {
  registry.Add("com.microsoft::QLinearAdd",
               [](Call& call) { return Binary(call, [](double a, double b) { return a + b; }); });
  registry.Add("com.microsoft::QLinearMul",
               [](Call& call) { return Binary(call, [](double a, double b) { return a * b; }); });
  registry.Add("com.microsoft::QLinearSigmoid",
               [](Call& call) { return Unary(call, [](double v) { return 1 / (1 + std::exp(-v)); }); });
  registry.Add("com.microsoft::QLinearLeakyRelu", QLinearLeakyRelu);
  registry.Add("com.microsoft::QLinearGlobalAveragePool", GlobalAveragePool);
  registry.Add("com.microsoft::QLinearConcat", QLinearConcat);
}

}  // namespace octavo::engine::literal
