#include <cmath>

#include <fmt/format.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"

// Batch, layer, group and instance normalization.  Sources of the quantized ones: Normalization.cpp,
// QuantizedOpKernels.cpp (quantized_normalize_kernel, q_batch_norm_kernel), qnormalization.cpp.

namespace octavo::reference {
namespace {

// One number for each of `count` places; `missing` where there is no tensor.
Result<std::vector<double>> Parameters(const Call& call, const char* name, std::int64_t count,
                                       double missing) {
  if (!call.has(name)) return std::vector<double>(static_cast<std::size_t>(count), missing);
  const Tensor& tensor = call.tensor(name);
  if (tensor.num_elements() != count || tensor.quantization) {
    return Unsupported(
        fmt::format("argument {} is {}, but {} floats are expected", name, tensor.type().ToString(), count));
  }
  return tensor.ToDoubles();
}

std::int64_t ChannelsOf(const Tensor& x) { return x.sizes.size() > 1 ? x.sizes[1] : 0; }

// ---- reals, in float64 where nothing else is said

Status CheckReal(const Tensor& x, std::size_t least_rank) {
  if (!IsFloat(x.dtype))
    return Unsupported(fmt::format("the input must be floating-point, not {}", x.type().ToString()));
  if (x.sizes.size() < least_rank)
    return Unsupported(fmt::format("a tensor of rank {} is not supported", x.rank()));
  return {};
}

// (x - mean) / sqrt(var + eps) weight + bias of each channel, by running statistics
Result<Tensor> BatchNormalized(const Call& call) {
  const Tensor& x = call.tensor("input");
  OCTAVO_TRY(CheckReal(x, 2));
  if (!call.has("running_mean") || !call.has("running_var")) {
    return Unsupported("running_mean or running_var is missing");
  }
  const Around around(x.sizes, 1);
  const std::vector<double> mean = OCTAVO_TRY(Parameters(call, "running_mean", around.size, 0)),
                            variance = OCTAVO_TRY(Parameters(call, "running_var", around.size, 1)),
                            weight = OCTAVO_TRY(Parameters(call, "weight", around.size, 1)),
                            bias = OCTAVO_TRY(Parameters(call, "bias", around.size, 0));
  if (x.dtype == DType::kFloat32) {
    // As compiled for FMA: batch_norm_kernel.cpp.
    Array<float> reals = Elements<float>(x);
    for (std::size_t i = 0; i < reals.data.size(); ++i) {
      const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / around.inner % around.size);
      const float inverse =
          1.0F / std::sqrt(static_cast<float>(variance[c]) + static_cast<float>(call.number("eps")));
      const float factor = inverse * static_cast<float>(weight[c]);
      const float summand = std::fma(-static_cast<float>(mean[c]), factor, static_cast<float>(bias[c]));
      reals.data[i] = std::fma(reals.data[i], factor, summand);
    }
    return ToTensor(reals, {.dtype = DType::kFloat32});
  }
  Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  for (std::size_t i = 0; i < numbers.data.size(); ++i) {
    const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / around.inner % around.size);
    // As a factor and a summand, like PyTorch: an infinite weight gives NaN.
    const double factor = weight[c] / std::sqrt(variance[c] + call.number("eps"));
    numbers.data[i] = numbers.data[i] * factor + (bias[c] - mean[c] * factor);
  }
  return Stored(numbers, x.dtype);
}

// The result; and of native_batch_norm the saved statistics, which are empty when a model is evaluated.
Results BatchNorm(const Call& call) {
  if (call.flag("training")) return Unsupported("batch normalization in training mode is not supported");
  std::vector<Tensor> results;
  results.push_back(OCTAVO_TRY(BatchNormalized(call)));
  if (call.num_results() == 1) return results;
  for (int i = 0; i < 2; ++i) results.push_back(Tensor::Floats({0}, {}));
  return results;
}

struct Moments {
  double mean, inverse_deviation;
};

Moments MomentsOf(const double* row, std::int64_t length, double eps) {
  const auto n = static_cast<double>(length);
  double mean = 0, squares = 0;
  for (std::int64_t i = 0; i < length; ++i) mean += row[i] / n;
  for (std::int64_t i = 0; i < length; ++i) squares += (row[i] - mean) * (row[i] - mean);
  return {mean, 1 / std::sqrt(squares / n + eps)};
}

// Each row of `length` elements is normalized; `parameter` gives the index of an element's weight and bias.
template <typename Parameter>
std::vector<Moments> NormalizeRows(Array<double>& numbers, std::int64_t length, double eps,
                                   const std::vector<double>& weight, const std::vector<double>& bias,
                                   Parameter parameter) {
  std::vector<Moments> moments;
  const auto count = static_cast<std::int64_t>(numbers.data.size());
  for (std::int64_t start = 0; length > 0 && start < count; start += length) {
    double* row = numbers.row(start, length);
    const Moments m = MomentsOf(row, length, eps);
    for (std::int64_t i = 0; i < length; ++i) {
      const auto p = static_cast<std::size_t>(parameter(start + i));
      row[i] = (row[i] - m.mean) * m.inverse_deviation * weight[p] + bias[p];
    }
    moments.push_back(m);
  }
  return moments;
}

// The elements of the last dimensions, which must be `shape`.
Result<std::int64_t> LayerLength(const Tensor& x, const Sizes& shape) {
  if (shape.size() > x.sizes.size() ||
      !std::equal(shape.begin(), shape.end(), x.sizes.end() - static_cast<std::ptrdiff_t>(shape.size()))) {
    return Unsupported(
        fmt::format("argument normalized_shape does not match the input {}", x.type().ToString()));
  }
  return Count(shape);
}

// The result; and of native_layer_norm the mean and the inverse deviation of each layer.
Results LayerNorm(const Call& call) {
  const Tensor& x = call.tensor("input");
  OCTAVO_TRY(CheckReal(x, 1));
  const Sizes shape = call.ints("normalized_shape");
  const std::int64_t length = OCTAVO_TRY(LayerLength(x, shape));
  const std::vector<double> weight = OCTAVO_TRY(Parameters(call, "weight", length, 1)),
                            bias = OCTAVO_TRY(Parameters(call, "bias", length, 0));
  Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  const std::vector<Moments> moments = NormalizeRows(numbers, length, call.number("eps"), weight, bias,
                                                     [length](std::int64_t i) { return i % length; });
  std::vector<Tensor> results;
  results.push_back(OCTAVO_TRY(Stored(numbers, x.dtype)));
  if (call.num_results() == 1) return results;
  Sizes sizes = x.sizes;
  std::fill(sizes.end() - static_cast<std::ptrdiff_t>(shape.size()), sizes.end(), 1);
  Array<double> means(sizes), deviations(sizes);
  for (std::size_t i = 0; i < moments.size() && i < means.data.size(); ++i) {
    means.data[i] = moments[i].mean;
    deviations.data[i] = moments[i].inverse_deviation;
  }
  results.push_back(OCTAVO_TRY(Stored(means, x.dtype)));
  results.push_back(OCTAVO_TRY(Stored(deviations, x.dtype)));
  return results;
}

Result<Tensor> GroupNormalized(const Call& call, const Tensor& x, std::int64_t groups) {
  OCTAVO_TRY(CheckReal(x, 2));
  const Around around(x.sizes, 1);
  if (groups < 1 || around.size % groups != 0) {
    return Unsupported(fmt::format("{} channels cannot be divided into {} groups", around.size, groups));
  }
  const std::vector<double> weight = OCTAVO_TRY(Parameters(call, "weight", around.size, 1)),
                            bias = OCTAVO_TRY(Parameters(call, "bias", around.size, 0));
  Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  NormalizeRows(numbers, around.size / groups * around.inner, call.number("eps"), weight, bias,
                [&around](std::int64_t i) { return i / around.inner % around.size; });
  return Stored(numbers, x.dtype);
}

Results GroupNorm(const Call& call) {
  return One(OCTAVO_TRY(GroupNormalized(call, call.tensor("input"), call.integer("num_groups"))));
}

Results InstanceNorm(const Call& call) {
  if (!call.flag("use_input_stats")) return One(OCTAVO_TRY(BatchNormalized(call)));
  const Tensor& x = call.tensor("input");
  return One(OCTAVO_TRY(GroupNormalized(call, x, ChannelsOf(x))));
}

// ---- quantized

float Float(double number) { return static_cast<float>(number); }

// level = factor (q - zero_point) + summand in one rounding, where, for each channel,
//   factor = (weight / sqrt(var + eps)) (x_scale / y_scale)
//   summand = (bias - mean / sqrt(var + eps) weight) / y_scale
template <bool kRelu>
Results QuantizedBatchNorm(const Call& call) {
  const Tensor& x = call.tensor("qx");
  if (x.rank() < 2) return Unsupported(fmt::format("a tensor of rank {} is not supported", x.rank()));
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Around around(x.sizes, 1);
    const std::vector<double> weight = OCTAVO_TRY(Parameters(call, "weight", around.size, 1)),
                              bias = OCTAVO_TRY(Parameters(call, "bias", around.size, 0)),
                              mean = OCTAVO_TRY(Parameters(call, "mean", around.size, 0)),
                              variance = OCTAVO_TRY(Parameters(call, "var", around.size, 1));
    const double x_scale = x.quantization->scale(), y_scale = type.quantization->scale();
    const std::int64_t x_zero = x.quantization->zero_point();
    const Affine steps(1.0, type.quantization->zero_point());
    Array<T> levels = Elements<T>(x);
    for (std::size_t i = 0; i < levels.data.size(); ++i) {
      const auto c = static_cast<std::size_t>(static_cast<std::int64_t>(i) / around.inner % around.size);
      const float deviation = std::sqrt(Float(variance[c]) + Float(call.number("eps")));
      const float inverse = Float(1.0 / static_cast<double>(deviation));
      const float factor = Float(static_cast<double>(inverse * Float(weight[c])) * (x_scale / y_scale));
      const float shift = Float(bias[c]) - Float(mean[c]) * inverse * Float(weight[c]);
      const float summand = Float(static_cast<double>(shift) / y_scale);
      const float y = std::fma(factor, static_cast<float>(levels.data[i] - x_zero), summand);
      const T level = VectorLevelOf<T>(y, steps, call.faults());
      levels.data[i] = kRelu ? std::max(level, static_cast<T>(steps.zero_point)) : level;
    }
    return One(ToTensor(levels, type));
  });
}

// What the levels q of one row have in common: in steps of the input, mean and 1 / deviation.
struct RowOfLevels {
  float mean, inverse_deviation;

  template <typename T>
  RowOfLevels(const T* row, std::int64_t length, const Affine& from, double eps) {
    std::int64_t sum = 0, squares = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      sum += row[i];
      squares += static_cast<std::int64_t>(row[i]) * row[i];
    }
    const auto n = static_cast<float>(length);
    const float mean_level = static_cast<float>(sum) / n;
    mean = mean_level - static_cast<float>(from.zero_point);
    const float variance = std::max(std::fma(-mean_level, mean_level, static_cast<float>(squares) / n), 0.0F);
    inverse_deviation =
        Float(from.scale / std::sqrt(static_cast<double>(variance * from.scale * from.scale) + eps));
  }
};

// Of a group or instance, with one weight a channel: fma(q - z - mean, inverse_deviation weight, bias).
Results QuantizedGroups(const Call& call, const Tensor& x, std::int64_t groups) {
  if (x.rank() < 2 || groups < 1 || x.sizes[1] % groups != 0)
    return Unsupported("the channels cannot be divided into this number of groups");
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Around around(x.sizes, 1);
    const std::vector<double> weight = OCTAVO_TRY(Parameters(call, "weight", around.size, 1)),
                              bias = OCTAVO_TRY(Parameters(call, "bias", around.size, 0));
    const Affine from(*x.quantization), to(*type.quantization);
    const std::int64_t length = around.size / groups * around.inner;
    Array<T> levels = Elements<T>(x);
    const std::int64_t count = length == 0 ? 0 : Count(x.sizes);
    for (std::int64_t start = 0; start < count; start += length) {
      T* row = levels.row(start, length);
      const RowOfLevels moments(row, length, from, call.number("eps"));
      for (std::int64_t i = 0; i < length; ++i) {
        const auto c = static_cast<std::size_t>((start + i) / around.inner % around.size);
        const float factor = moments.inverse_deviation * Float(weight[c]);
        const float centered = static_cast<float>(row[i] - from.zero_point) - moments.mean;
        row[i] = VectorLevelOf<T>(std::fma(centered, factor, Float(bias[c])), to, call.faults());
      }
    }
    return One(ToTensor(levels, type));
  });
}

Results QuantizedGroupNorm(const Call& call) {
  return QuantizedGroups(call, call.tensor("input"), call.integer("num_groups"));
}
Results QuantizedInstanceNorm(const Call& call) {
  return QuantizedGroups(call, call.tensor("input"), ChannelsOf(call.tensor("input")));
}

// fma((q - z - mean) inverse_deviation, weight, bias), with one weight an element.
Results QuantizedLayerNorm(const Call& call) {
  const Tensor& x = call.tensor("input");
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const std::int64_t length = OCTAVO_TRY(LayerLength(x, call.ints("normalized_shape")));
    const std::vector<double> weight = OCTAVO_TRY(Parameters(call, "weight", length, 1)),
                              bias = OCTAVO_TRY(Parameters(call, "bias", length, 0));
    const Affine from(*x.quantization), to(*type.quantization);
    Array<T> levels = Elements<T>(x);
    const std::int64_t count = length == 0 ? 0 : Count(x.sizes);
    for (std::int64_t start = 0; start < count; start += length) {
      T* row = levels.row(start, length);
      const RowOfLevels moments(row, length, from, call.number("eps"));
      for (std::int64_t i = 0; i < length; ++i) {
        const auto p = static_cast<std::size_t>(i);
        const float normal =
            (static_cast<float>(row[i] - from.zero_point) - moments.mean) * moments.inverse_deviation;
        row[i] = VectorLevelOf<T>(std::fma(normal, Float(weight[p]), Float(bias[p])), to, call.faults());
      }
    }
    return One(ToTensor(levels, type));
  });
}

}  // namespace

void AddNormalization(Kernels& kernels) {
  kernels.Add("aten::batch_norm", BatchNorm);
  kernels.Add("aten::native_batch_norm", BatchNorm);
  kernels.Add("aten::layer_norm", LayerNorm);
  kernels.Add("aten::native_layer_norm", LayerNorm);
  kernels.Add("aten::group_norm", GroupNorm);
  kernels.Add("aten::instance_norm", InstanceNorm);
  for (const char* dims : {"", "1d", "2d", "3d"}) {
    kernels.Add(fmt::format("quantized::batch_norm{}", dims), QuantizedBatchNorm<false>);
    kernels.Add(fmt::format("quantized::batch_norm{}_relu", dims), QuantizedBatchNorm<true>);
  }
  kernels.Add("quantized::layer_norm", QuantizedLayerNorm);
  kernels.Add("quantized::group_norm", QuantizedGroupNorm);
  kernels.Add("quantized::instance_norm", QuantizedInstanceNorm);
}

}  // namespace octavo::reference
