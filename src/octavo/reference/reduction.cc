#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/reference/float_sums.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/rows.h"
#include "octavo/reference/wrapping.h"

// sum, prod, mean, var, std, norms, logsumexp, cumsum.  Reals are added up in float64.

namespace octavo::reference {
namespace {

template <typename RealsOf, typename IntegersOf>
Results Reduce(const Call& call, RealsOf reals_of, IntegersOf integers_of) {
  const DType dtype = ResultDType(call);
  const Tensor x = OCTAVO_TRY(Converted(call.tensor("self"), dtype));
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  const Rows rows = OCTAVO_TRY(RowsOf(x, axes));
  Sizes sizes = ReducedSizes(call, x.sizes, axes);
  if (IsFloat(dtype)) {
    return One(OCTAVO_TRY(Stored(OCTAVO_TRY(Reduced<double>(rows, std::move(sizes), reals_of)), dtype)));
  }
  return One(
      OCTAVO_TRY(Stored(OCTAVO_TRY(Reduced<std::int64_t>(rows, std::move(sizes), integers_of)), dtype)));
}

template <typename RealsOf>
Results ReduceReals(const Call& call, RealsOf reals_of) {
  if (!IsFloat(ResultDType(call))) return Unsupported("this reduction of integers is not supported");
  return Reduce(call, reals_of, [](const std::int64_t*, std::int64_t) { return std::int64_t{0}; });
}

double Total(const double* row, std::int64_t length) { return std::accumulate(row, row + length, 0.0); }

Results Sum(const Call& call) {
  return Reduce(call, Total, [](const std::int64_t* row, std::int64_t length) {
    return std::accumulate(row, row + length, std::int64_t{0}, WrappedSum);
  });
}

Results Prod(const Call& call) {
  return Reduce(
      call,
      [](const double* row, std::int64_t length) {
        return std::accumulate(row, row + length, 1.0, std::multiplies<>());
      },
      [](const std::int64_t* row, std::int64_t length) {
        return std::accumulate(row, row + length, std::int64_t{1}, WrappedProduct);
      });
}

double Mean(const double* row, std::int64_t length) {
  return Total(row, length) / static_cast<double>(length);
}

// ---- mean and std of quantized tensors, whose quantization stays

using QuantizedReduction = std::function<double(const std::int64_t* row, std::int64_t length)>;

// `to_integer` gives the stored integer of each result.
Results ReduceIntegers(const Call& call, const QuantizedReduction& to_integer) {
  const Tensor& x = call.tensor("self");
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  const Rows rows = OCTAVO_TRY(RowsOf(x.Integers(), axes));
  const Array<std::int64_t> numbers = OCTAVO_TRY(Numbers<std::int64_t>(rows.tensor));
  Array<std::int64_t> result(ReducedSizes(call, x.sizes, axes));
  for (std::int64_t i = 0; i < rows.count; ++i) {
    result[i] = static_cast<std::int64_t>(to_integer(numbers.row(i * rows.length, rows.length), rows.length));
  }
  Tensor integers = OCTAVO_TRY(Stored(result, StorageType(x.dtype)));
  integers.dtype = x.dtype;
  integers.quantization = x.quantization;
  return One(std::move(integers));
}

// Through reals, which are quantized again: at::mean(x.dequantize()).  `real_of` takes a row of float32.
using RealReduction = std::function<float(const float* row, std::int64_t length)>;

Results ReduceDequantized(const Call& call, const RealReduction& real_of) {
  const Tensor& x = call.tensor("self");
  const Tensor real = ToTensor(Dequantized(x), {.dtype = DType::kFloat32});
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  const Rows rows = OCTAVO_TRY(RowsOf(real, axes));
  const Array<float> numbers = Elements<float>(rows.tensor);
  Array<float> result(ReducedSizes(call, x.sizes, axes));
  for (std::int64_t i = 0; i < rows.count; ++i) {
    result[i] = real_of(numbers.row(i * rows.length, rows.length), rows.length);
  }
  return One(Quantized(result, x.type(), call.options()));
}

// The last dimensions, all of them in a row.
bool AreLast(const std::vector<std::size_t>& axes, std::size_t rank) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != rank - axes.size() + i) return false;
  }
  return true;
}

// Source: at::native::mean_out_quantized_cpu, qmean_inner_dim_kernel, qnnpack's global average pooling.
Results QuantizedMean(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (!x.quantization->per_tensor())
    return Unsupported("the mean of a per-channel quantized tensor is not supported");
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  for (const std::size_t axis : axes) {
    if (x.sizes[axis] == 0) return Unsupported("the mean of an empty quantized tensor is not supported");
  }
  const std::int64_t zero_point = x.quantization->zero_point();
  // round_half_even((sum - n zero_point) (scale / (scale n))) + zero_point
  if (call.with_qnnpack() && x.rank() == 4 && x.dtype == DType::kQUint8 && call.has("dim") &&
      call.ints("dim") == Sizes{2, 3}) {
    const auto scale = static_cast<float>(x.quantization->scale());
    return ReduceIntegers(call, [zero_point, scale](const std::int64_t* row, std::int64_t length) {
      const std::int64_t sum = std::accumulate(row, row + length, std::int64_t{0}) - length * zero_point;
      const float mean = static_cast<float>(sum) * (scale / (scale * static_cast<float>(length)));
      return static_cast<double>(std::nearbyint(mean)) + static_cast<double>(zero_point);
    });
  }
  // round_half_even(sum / n); PyTorch's kernel takes contiguous tensors only
  const bool channels_last = call.memory_format("self") == ir::MemoryFormat::kChannelsLast;
  if (AreLast(axes, x.sizes.size()) && !channels_last) {
    return ReduceIntegers(call, [](const std::int64_t* row, std::int64_t length) {
      const auto sum = static_cast<float>(std::accumulate(row, row + length, std::int64_t{0}));
      return static_cast<double>(std::nearbyint(sum / static_cast<float>(length)));
    });
  }
  // Means of two elements lie halfway between integers every other time, and the last bit decides.
  return ReduceDequantized(call, [](const float* row, std::int64_t length) {
    return CascadeSum(row, length) / static_cast<float>(length);
  });
}

// Of float32 images that are channels-last.
bool IsMeanOfChannels(const Call& call) {
  const Tensor& x = call.tensor("self");
  constexpr std::int64_t kVector = 8;
  return x.dtype == DType::kFloat32 && ResultDType(call) == DType::kFloat32 && x.rank() == 4 &&
         x.sizes[1] >= kVector && call.has("dim") && call.ints("dim") == Sizes{2, 3} &&
         call.memory_format("self") == ir::MemoryFormat::kChannelsLast;
}

Results MeanOfChannels(const Call& call) {
  const Tensor& x = call.tensor("self");
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  const Array<float> numbers = Elements<float>(x);
  Array<float> result(ReducedSizes(call, x.sizes, axes));
  const std::int64_t channels = x.sizes[1], length = x.sizes[2] * x.sizes[3];
  for (std::int64_t i = 0; i < x.sizes[0] * channels; ++i) {
    result[i] = MeanOfChannel(numbers.row(i * length, length), length, i % channels, channels);
  }
  return One(ToTensor(result, {.dtype = DType::kFloat32}));
}

Results MeanOf(const Call& call) {
  if (call.tensor("self").quantization) return QuantizedMean(call);
  if (IsMeanOfChannels(call)) return MeanOfChannels(call);
  return ReduceReals(call, Mean);
}

// ---- variance

// How much less than the count the sum of squares is divided by.
double Correction(const Call& call) {
  if (call.has("unbiased")) return call.flag("unbiased") ? 1 : 0;
  return call.has("correction") ? call.number("correction") : 1;
}

double Variance(const double* row, std::int64_t length, double correction) {
  const double mean = Mean(row, length);
  double squares = 0;
  for (std::int64_t i = 0; i < length; ++i) squares += (row[i] - mean) * (row[i] - mean);
  return squares / std::max(0.0, static_cast<double>(length) - correction);
}

Results Var(const Call& call) {
  const double correction = Correction(call);
  return ReduceReals(call, [correction](const double* row, std::int64_t length) {
    return Variance(row, length, correction);
  });
}

// Of integers, in units of the scale; the zero point falls out.  Source: qstd_inner_dim_kernel.
double IntegerDeviation(const std::int64_t* row, std::int64_t length, double correction) {
  const auto n = static_cast<double>(length);
  const double rest = n - correction;
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < length; ++i) {
    sum += static_cast<double>(row[i]);
    squares += static_cast<double>(row[i]) * static_cast<double>(row[i]);
  }
  const double mean = sum / n;
  return std::sqrt(std::max(squares / rest - 2 * mean * (sum / rest) + mean * mean * n / rest, 0.0));
}

Results QuantizedStd(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (!x.quantization->per_tensor())
    return Unsupported("the standard deviation of a per-channel quantized tensor is not supported");
  const double correction = Correction(call), scale = x.quantization->scale();
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  std::int64_t count = 1;
  for (const std::size_t axis : axes) count *= x.sizes[axis];
  if (!AreLast(axes, x.sizes.size()) || (count == 1 && correction != 0)) {
    return ReduceDequantized(call, [correction](const float* row, std::int64_t length) {
      const std::vector<double> numbers(row, row + length);
      return static_cast<float>(std::sqrt(Variance(numbers.data(), length, correction)));
    });
  }
  return ReduceIntegers(call, [&](const std::int64_t* row, std::int64_t length) {
    Array<float> real({});
    real[0] = static_cast<float>(IntegerDeviation(row, length, correction) * scale);
    return static_cast<double>(Quantized(real, x.type(), call.options()).Integers().ToInts()[0]);
  });
}

Results Std(const Call& call) {
  if (call.tensor("self").quantization) return QuantizedStd(call);
  const double correction = Correction(call);
  return ReduceReals(call, [correction](const double* row, std::int64_t length) {
    return std::sqrt(Variance(row, length, correction));
  });
}

// ---- norms: (Σ |x|^p)^(1/p)

double Norm(const double* row, std::int64_t length, double p) {
  double sum = 0, largest = 0, smallest = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < length; ++i) {
    const double x = std::abs(row[i]);
    largest = std::isnan(x) || x > largest ? x : largest;
    smallest = std::isnan(x) || x < smallest ? x : smallest;
    sum += p == 0 ? (x != 0 ? 1.0 : 0.0) : p == 1 ? x : p == 2 ? x * x : std::pow(x, p);
  }
  if (std::isinf(p)) return p > 0 ? largest : smallest;
  if (p == 0 || p == 1) return sum;
  return p == 2 ? std::sqrt(sum) : std::pow(sum, 1 / p);
}

Results NormOf(const Call& call) {
  double p = 2;
  for (const char* name : {"p", "ord"}) {
    if (call.has(name)) p = call.number(name);
  }
  return ReduceReals(call, [p](const double* row, std::int64_t length) { return Norm(row, length, p); });
}

// log Σ exp(x), from the largest on, so that it does not overflow.
double LogSumExp(const double* row, std::int64_t length) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < length; ++i) largest = std::isnan(row[i]) ? row[i] : std::max(row[i], largest);
  if (std::isinf(largest)) largest = 0;
  double sum = 0;
  for (std::int64_t i = 0; i < length; ++i) sum += std::exp(row[i] - largest);
  return std::log(sum) + largest;
}

Results LogSumExpOf(const Call& call) { return ReduceReals(call, LogSumExp); }

// ---- cumsum

template <typename T, typename Plus>
Result<Tensor> RunningSum(const Tensor& x, std::size_t axis, Plus plus) {
  Array<T> numbers = OCTAVO_TRY(Numbers<T>(x));
  const Around around(x.sizes, axis);
  for (std::int64_t o = 0; o < around.outer; ++o) {
    for (std::int64_t i = 1; i < around.size; ++i) {
      for (std::int64_t k = 0; k < around.inner; ++k) {
        const std::int64_t at = (o * around.size + i) * around.inner + k;
        numbers[at] = plus(numbers[at - around.inner], numbers[at]);
      }
    }
  }
  return Stored(numbers, x.dtype);
}

Results Cumsum(const Call& call) {
  const DType dtype = ResultDType(call);
  const Tensor x = OCTAVO_TRY(Converted(call.tensor("self"), dtype));
  const std::size_t axis = OCTAVO_TRY(Axis(call.integer("dim"), x.sizes.size()));
  if (IsFloat(dtype)) return One(OCTAVO_TRY(RunningSum<double>(x, axis, std::plus<>())));
  return One(OCTAVO_TRY(RunningSum<std::int64_t>(x, axis, WrappedSum)));
}

}  // namespace

void AddReduction(Kernels& kernels) {
  kernels.Add("aten::sum", Sum);
  kernels.Add("aten::prod", Prod);
  kernels.Add("aten::mean", MeanOf);
  kernels.Add("aten::var", Var);
  kernels.Add("aten::std", Std);
  for (const char* name : {"aten::norm", "aten::linalg_vector_norm", "aten::frobenius_norm"}) {
    kernels.Add(name, NormOf);
  }
  kernels.Add("aten::logsumexp", LogSumExpOf);
  kernels.Add("aten::cumsum", Cumsum);
}

}  // namespace octavo::reference
