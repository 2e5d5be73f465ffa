#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/requantization.h"

// quantized::linear, matmul, softmax.  Sources: qlinear.cpp, qmatmul.cpp, qsoftmax.cpp.

namespace octavo::reference {
namespace {

template <bool kRelu>
Results QuantizedLinear(const Call& call) {
  const Tensor& x = call.tensor("X");
  const ir::PackedWeights& packed = call.packed("W_prepack");
  const Tensor weight = call.weight(packed);
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    if (x.dtype == DType::kQInt32) return Unsupported("a linear layer of qint32 is not supported");
    if (weight.rank() != 2 || x.rank() < 1 || x.sizes.back() != weight.sizes[1]) {
      return Unsupported("the shape of the input does not match the weights");
    }
    const std::int64_t outputs = weight.sizes[0], inputs = weight.sizes[1];
    const LayerKernel kernel = OCTAVO_TRY(LinearKernel(call, x, weight));
    const Requantization to = OCTAVO_TRY(
        (Requantization::Of<T, kRelu>(call, kernel, x, weight, 0, outputs, call.bias(packed), type)));
    const Array<T> levels = Elements<T>(x);
    const Array<std::int8_t> w = Elements<std::int8_t>(weight);
    Sizes sizes = x.sizes;
    sizes.back() = outputs;
    Array<T> y(OCTAVO_TRY(Checked(std::move(sizes))));
    std::vector<std::int16_t> a, b;  // less their zero points
    for (const T level : levels.data) {
      a.push_back(static_cast<std::int16_t>(level - x.quantization->zero_point()));
    }
    for (std::int64_t i = 0; i < outputs * inputs; ++i) {
      b.push_back(static_cast<std::int16_t>(w[i] - to.WeightZero(i / inputs)));
    }
    const std::int64_t rows = outputs == 0 ? 0 : Count(y.sizes) / outputs;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t o = 0; o < outputs; ++o) {
        const std::int32_t sum = SumOfProducts(a.data() + row * inputs, b.data() + o * inputs, inputs);
        y[row * outputs + o] = static_cast<T>(to.Level(sum, o));
      }
    }
    return One(ToTensor(y, type));
  });
}

// PyTorch's float32 sums of products.  Its loop for small batches (baddbmm_cpu_kernel, LinearAlgebra.cpp)
// rounds each product and each sum.  Other products are the matrix library's, whose kernels differ by CPU;
// most of them fuse the multiplication and the addition, one element of the inner dimension after the other.
class FloatSum {
 public:
  explicit FloatSum(bool small_batch) : small_batch_(small_batch) {}
  void Add(float a, float b) { sum_ = small_batch_ ? sum_ + a * b : std::fma(a, b, sum_); }
  float value() const { return sum_; }

 private:
  bool small_batch_;
  float sum_ = 0;
};

// The dimensions before the last two.
Sizes BatchOf(const Sizes& sizes) {
  return sizes.size() < 2 ? Sizes() : Sizes(sizes.begin(), sizes.end() - 2);
}

// Which of an operand's matrices makes the result's matrix `at`, where both are numbered in row-major order.
std::int64_t MatrixOf(std::int64_t at, const Sizes& operand, const Sizes& result) {
  std::int64_t matrix = 0, step = 1;
  for (std::size_t i = 1; i <= operand.size(); ++i) {
    const std::int64_t size = operand[operand.size() - i], all = result[result.size() - i];
    if (size > 1) matrix += at % all * step;
    at /= all;
    step *= size;
  }
  return matrix;
}

// Dequantize, multiply (numpy's matmul), quantize.
Results QuantizedMatmul(const Call& call) {
  const Tensor &a = call.tensor("qa"), &b = call.tensor("qb");
  if (a.dtype != b.dtype || !b.quantization) return Unsupported("the dtypes of the operands do not match");
  if (a.sizes.empty() || b.sizes.empty())
    return Unsupported("a scalar cannot be an operand of a matrix product");
  const std::int64_t m = a.rank() == 1 ? 1 : a.sizes[a.sizes.size() - 2], k = a.sizes.back();
  const std::int64_t n = b.rank() == 1 ? 1 : b.sizes.back();
  if (k != (b.rank() == 1 ? b.sizes[0] : b.sizes[b.sizes.size() - 2])) {
    return Unsupported(fmt::format("matrices of shapes {} and {} cannot be multiplied", a.sizes, b.sizes));
  }
  const TensorType type = OCTAVO_TRY(QuantizedResult(call, a));
  const Sizes left = BatchOf(a.sizes), right = BatchOf(b.sizes), batch = OCTAVO_TRY(Broadcast(left, right));
  Sizes sizes = batch;
  if (a.rank() > 1) sizes.push_back(m);
  if (b.rank() > 1) sizes.push_back(n);
  Array<float> y(OCTAVO_TRY(Checked(std::move(sizes))));
  const Array<float> reals_a = Dequantized(a), reals_b = Dequantized(b);
  constexpr std::int64_t kSmall = 400;  // products
  const bool small_batch = !left.empty() && !right.empty() && m * k * n < kSmall;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(y.data.size()); ++i) {
    const std::int64_t at = i / n / m;
    const std::int64_t row = MatrixOf(at, left, batch) * m + i / n % m,
                       matrix = MatrixOf(at, right, batch) * k;
    FloatSum sum(small_batch);
    for (std::int64_t l = 0; l < k; ++l) {
      sum.Add(reals_a[row * k + l], reals_b[(matrix + l) * n + i % n]);
    }
    y[i] = sum.value();
  }
  return One(Quantized(y, type, call.options()));
}

// ---- softmax

// Integers: e^(steps below the largest level) in a table of fixed point, each in 256ths of the sum.  Source:
// qnnpack/src/softargmax.c, u8lut32norm/scalar.c.
void TableSoftmax(Array<std::uint8_t>& levels, const Around& around, float scale) {
  std::vector<std::uint32_t> table(256);
  constexpr double kLargest = 8388607.0;
  const double unit = std::min(4294967295.0 / static_cast<double>(around.size), kLargest);
  for (int i = 0; i < 256; ++i) {
    table[static_cast<std::size_t>(i)] =
        static_cast<std::uint32_t>(std::lrint(unit * std::exp((i - 255) * static_cast<double>(scale))));
  }
  for (std::int64_t line = 0; line < around.outer * around.inner; ++line) {
    const auto at = [&](std::int64_t i) -> std::uint8_t& {
      return levels[(line / around.inner * around.size + i) * around.inner + line % around.inner];
    };
    std::uint8_t largest = 0;
    for (std::int64_t i = 0; i < around.size; ++i) largest = std::max(largest, at(i));
    const auto power = [&](std::int64_t i) { return table[static_cast<std::size_t>(at(i) + 255 - largest)]; };
    std::uint32_t sum = 0;
    for (std::int64_t i = 0; i < around.size; ++i) sum += power(i);
    for (std::int64_t i = 0; i < around.size; ++i) {
      at(i) = static_cast<std::uint8_t>(std::min<std::uint32_t>(255, ((power(i) << 8) + (sum >> 1)) / sum));
    }
  }
}

// e^(x - largest) / sum, in float64 where PyTorch has float32.
void RealSoftmax(Array<float>& reals, const Around& around) {
  for (std::int64_t line = 0; line < around.outer * around.inner; ++line) {
    const auto at = [&](std::int64_t i) -> float& {
      return reals[(line / around.inner * around.size + i) * around.inner + line % around.inner];
    };
    float largest = -std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < around.size; ++i) largest = std::max(largest, at(i));
    double sum = 0;
    for (std::int64_t i = 0; i < around.size; ++i) sum += std::exp(static_cast<double>(at(i) - largest));
    for (std::int64_t i = 0; i < around.size; ++i) {
      at(i) = static_cast<float>(std::exp(static_cast<double>(at(i) - largest)) / sum);
    }
  }
}

Results QuantizedSoftmax(const Call& call) {
  const Tensor& x = call.tensor("qx");
  return WithLevels(x, [&](auto) -> Results {
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
    const Around around(x.sizes, axis);
    if (call.with_qnnpack() && x.dtype == DType::kQUint8 && x.rank() > 0 &&
        type.quantization->scale() == 1.0 / 256 && type.quantization->zero_point() == 0) {
      Array<std::uint8_t> levels = Elements<std::uint8_t>(x);
      if (!levels.data.empty()) TableSoftmax(levels, around, Affine(*x.quantization).scale);
      return One(ToTensor(levels, type));
    }
    Array<float> reals = Dequantized(x);
    RealSoftmax(reals, around);
    return One(Quantized(reals, type, call.options()));
  });
}

// Evaluated, dropout leaves all as it is.
Results QuantizedDropout(const Call& call) {
  if (call.has("training") && call.flag("training"))
    return Unsupported("dropout in training mode is random and cannot be computed");
  return One(call.tensor("self"));
}

}  // namespace

void AddQuantizedProducts(Kernels& kernels) {
  kernels.Add("quantized::linear", QuantizedLinear<false>);
  kernels.Add("quantized::linear_relu", QuantizedLinear<true>);
  kernels.Add("quantized::matmul", QuantizedMatmul);
  kernels.Add("quantized::softmax", QuantizedSoftmax);
  kernels.Add("quantized::dropout", QuantizedDropout);
}

}  // namespace octavo::reference
