#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/engine/literal/lines.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

// Along the axis; up to opset 12 along all from the axis on.
Result<Prepared> Lines(Call& call, void (*f)(std::vector<double>&)) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const bool flat = call.opset() < 13;
  const int rank = static_cast<int>(type.sizes->size());
  const auto axis =
      static_cast<std::size_t>(OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", flat ? 1 : -1)), rank)));
  Sizes sizes = *type.sizes;
  if (flat) {
    sizes = {Product(sizes, 0, axis), Product(sizes, axis, sizes.size())};
  }
  const std::size_t along = flat ? 1 : axis;
  return One(type.dtype, *type.sizes, [sizes, along, f](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Reals(*in[0]);
    std::vector<double> line(static_cast<std::size_t>(sizes[along]));
    if (line.empty()) return *in[0];
    ForEachLine(sizes, along, [&](std::int64_t first, std::int64_t step) {
      const auto at = [&](std::size_t i) {
        return static_cast<std::size_t>(first) + i * static_cast<std::size_t>(step);
      };
      for (std::size_t i = 0; i < line.size(); ++i) line[i] = x[at(i)];
      f(line);
      for (std::size_t i = 0; i < line.size(); ++i) x[at(i)] = line[i];
    });
    return FromReals(in[0]->dtype, in[0]->sizes, x);
  });
}

void Softmax(std::vector<double>& line) {
  const double largest = *std::max_element(line.begin(), line.end());
  double sum = 0;
  for (double& v : line) sum += v = std::exp(v - largest);
  for (double& v : line) v /= sum;
}

void LogSoftmax(std::vector<double>& line) {
  const double largest = *std::max_element(line.begin(), line.end());
  double sum = 0;
  for (const double v : line) sum += std::exp(v - largest);
  for (double& v : line) v = v - largest - std::log(sum);
}

void Hardmax(std::vector<double>& line) {
  const auto largest = std::max_element(line.begin(), line.end()) - line.begin();
  for (std::size_t i = 0; i < line.size(); ++i) line[i] = static_cast<std::ptrdiff_t>(i) == largest ? 1 : 0;
}

// x minus its mean over sqrt(variance + epsilon), of `count` elements from `begin`.
struct Moments {
  double mean = 0, inverse = 0;

  Moments(const double* x, std::int64_t count, double epsilon) {
    for (std::int64_t i = 0; i < count; ++i) mean += x[i];
    mean /= static_cast<double>(count);
    double variance = 0;
    for (std::int64_t i = 0; i < count; ++i) variance += (x[i] - mean) * (x[i] - mean);
    inverse = 1 / std::sqrt(variance / static_cast<double>(count) + epsilon);
  }
};

Status CheckChannels(Call& call, std::size_t first, std::size_t last, std::int64_t channels) {
  for (std::size_t i = first; i <= last; ++i) {
    OCTAVO_TRY(CheckFloat(call, i));
    const Sizes sizes = OCTAVO_TRY(call.sizes(i));
    if (sizes != Sizes{channels})
      return call.Invalid(fmt::format("input {0} has {1} elements, but one per channel ({2}) is expected", i,
                                      Product(sizes), channels));
  }
  return {};
}

Result<Prepared> BatchNormalization(Call& call) {
  OCTAVO_TRY(call.Inputs(5, 5));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  OCTAVO_TRY(call.Real("momentum", double{0.9F}));
  if (OCTAVO_TRY(call.Int("training_mode", 0)) != 0 || call.num_outputs() > 1)
    return call.NotSupported("training mode is not supported");
  if (type.sizes->size() < 2) return call.Invalid("the input must have rank 2 or more");
  OCTAVO_TRY(CheckChannels(call, 1, 4, (*type.sizes)[1]));
  const double epsilon = OCTAVO_TRY(call.Real("epsilon", double{1e-5F}));
  return One(type.dtype, *type.sizes, [epsilon](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Reals(*in[0]);
    const std::vector<double> scale = Reals(*in[1]), shift = Reals(*in[2]), mean = Reals(*in[3]),
                              var = Reals(*in[4]);
    const auto inner = static_cast<std::size_t>(Product(in[0]->sizes, 2, in[0]->sizes.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = i / inner % scale.size();
      x[i] = (x[i] - mean[c]) / std::sqrt(var[c] + epsilon) * scale[c] + shift[c];
    }
    return FromReals(in[0]->dtype, in[0]->sizes, x);
  });
}

// Each group of channels of each image by itself; as many groups as channels: InstanceNormalization.
Prepared Grouped(const ValueType& type, std::int64_t groups, double epsilon) {
  return One(type.dtype, *type.sizes, [groups, epsilon](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Reals(*in[0]);
    const std::vector<double> scale = Reals(*in[1]), shift = Reals(*in[2]);
    const Sizes& sizes = in[0]->sizes;
    if (x.empty()) return *in[0];
    const std::int64_t image = Product(sizes, 2, sizes.size()), channels = sizes[1],
                       group = channels / groups * image;
    for (std::int64_t n = 0; n < sizes[0] * groups; ++n) {
      double* at = x.data() + n * group;
      const Moments m(at, group, epsilon);
      for (std::int64_t i = 0; i < group; ++i) {
        const std::int64_t c = (n * group + i) / image % channels;
        // Scale and shift by channel, or (GroupNormalization of opset 18) by group.
        const auto k =
            static_cast<std::size_t>(static_cast<std::int64_t>(scale.size()) == channels ? c : n % groups);
        at[i] = (at[i] - m.mean) * m.inverse * scale[k] + shift[k];
      }
    }
    return FromReals(in[0]->dtype, sizes, x);
  });
}

Result<Prepared> InstanceNormalization(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (type.sizes->size() < 2) return call.Invalid("the input must have rank 2 or more");
  OCTAVO_TRY(CheckChannels(call, 1, 2, (*type.sizes)[1]));
  return Grouped(type, (*type.sizes)[1], OCTAVO_TRY(call.Real("epsilon", double{1e-5F})));
}

Result<Prepared> GroupNormalization(Call& call) {
  OCTAVO_TRY(call.Inputs(3, 3));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (type.sizes->size() < 2) return call.Invalid("the input must have rank 2 or more");
  OCTAVO_TRY(call.Int("stash_type", 1));  // all is float64 inside
  const std::int64_t groups = OCTAVO_TRY(call.Int("num_groups")), channels = (*type.sizes)[1];
  if (groups < 1 || channels % groups != 0)
    return call.Invalid(fmt::format("{} channels cannot be divided into {} groups", channels, groups));
  OCTAVO_TRY(CheckChannels(call, 1, 2, call.opset() < 21 ? groups : channels));
  return Grouped(type, groups, OCTAVO_TRY(call.Real("epsilon", double{1e-5F})));
}

// Over all dimensions from the axis on.  Also answers mean and 1 / deviation.
Result<Prepared> LayerNormalization(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 3));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const auto axis = static_cast<std::size_t>(
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", -1)), static_cast<int>(type.sizes->size()))));
  const double epsilon = OCTAVO_TRY(call.Real("epsilon", double{1e-5F}));
  OCTAVO_TRY(call.Int("stash_type", 1));  // all is float64 inside
  const Sizes inner_sizes(type.sizes->begin() + static_cast<std::ptrdiff_t>(axis), type.sizes->end());
  for (std::size_t i = 1; i < call.num_inputs(); ++i) {
    OCTAVO_TRY(CheckFloat(call, i));
    if (Broadcast(OCTAVO_TRY(call.sizes(i)), inner_sizes) != inner_sizes)
      return call.Invalid(fmt::format("input {} cannot be broadcast to the normalized dimensions", i));
  }
  Sizes outer_sizes = *type.sizes;
  std::fill(outer_sizes.begin() + static_cast<std::ptrdiff_t>(axis), outer_sizes.end(), 1);
  Prepared prepared;
  prepared.outputs = {{.dtype = type.dtype, .sizes = type.sizes}};
  while (prepared.outputs.size() < std::min<std::size_t>(call.num_outputs(), 3))
    prepared.outputs.push_back({.dtype = DType::kFloat32, .sizes = outer_sizes});
  const std::size_t outputs = prepared.outputs.size();
  prepared.compute = [=](const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<double> x = Reals(*in[0]), means, inverses;
    const auto spread = [&](const Tensor& t) {
      return Reals(Strided(t, inner_sizes, BroadcastStrides(t.sizes, inner_sizes), 0));
    };
    const std::vector<double> scale = spread(*in[1]);
    const std::vector<double> shift = in.size() > 2 ? spread(*in[2]) : std::vector<double>(scale.size());
    for (std::size_t begin = 0; begin < x.size(); begin += scale.size()) {
      const Moments m(x.data() + begin, static_cast<std::int64_t>(scale.size()), epsilon);
      for (std::size_t i = 0; i < scale.size(); ++i)
        x[begin + i] = (x[begin + i] - m.mean) * m.inverse * scale[i] + shift[i];
      means.push_back(m.mean);
      inverses.push_back(m.inverse);
    }
    means.resize(static_cast<std::size_t>(Product(outer_sizes)));
    inverses.resize(means.size());
    std::vector<Tensor> results;
    results.push_back(FromReals(in[0]->dtype, in[0]->sizes, x));
    if (outputs > 1) results.push_back(FromReals(DType::kFloat32, outer_sizes, means));
    if (outputs > 2) results.push_back(FromReals(DType::kFloat32, outer_sizes, inverses));
    return results;
  };
  return prepared;
}

// x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta
Result<Prepared> Lrn(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (type.sizes->size() < 2) return call.Invalid("the input must have rank 2 or more");
  const std::int64_t size = OCTAVO_TRY(call.Int("size"));
  if (size < 1 || size > 1 << 20)
    return call.Invalid(fmt::format("attribute size must be positive, not {}", size));
  const double alpha = OCTAVO_TRY(call.Real("alpha", double{0.0001F})),
               beta = OCTAVO_TRY(call.Real("beta", 0.75));
  const double bias = OCTAVO_TRY(call.Real("bias", 1.0));
  return One(type.dtype, *type.sizes, [=](const Operands& in) -> Result<Tensor> {
    const std::vector<double> x = Reals(*in[0]);
    std::vector<double> y(x.size());
    const std::int64_t channels = in[0]->sizes[1];
    ForEachLine(in[0]->sizes, 1, [&](std::int64_t first, std::int64_t step) {
      for (std::int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::int64_t k = std::max<std::int64_t>(0, c - (size - 1) / 2);
             k <= std::min(channels - 1, c + size / 2); ++k) {
          const double v = x[static_cast<std::size_t>(first + k * step)];
          sum += v * v;
        }
        const auto at = static_cast<std::size_t>(first + c * step);
        y[at] = x[at] / std::pow(bias + alpha / static_cast<double>(size) * sum, beta);
      }
    });
    return FromReals(in[0]->dtype, in[0]->sizes, y);
  });
}

Result<Prepared> LpNormalization(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const std::int64_t p = OCTAVO_TRY(call.Int("p", 2));
  if (p != 1 && p != 2) return call.Invalid(fmt::format("attribute p must be 1 or 2, not {}", p));
  const auto axis = static_cast<std::size_t>(
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", -1)), static_cast<int>(type.sizes->size()))));
  return One(type.dtype, *type.sizes, [=](const Operands& in) -> Result<Tensor> {
    std::vector<double> x = Reals(*in[0]);
    const std::int64_t size = in[0]->sizes[axis];
    ForEachLine(in[0]->sizes, axis, [&](std::int64_t first, std::int64_t step) {
      double norm = 0;
      const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(first + i * step); };
      for (std::int64_t i = 0; i < size; ++i) norm += p == 1 ? std::fabs(x[at(i)]) : x[at(i)] * x[at(i)];
      if (p == 2) norm = std::sqrt(norm);
      for (std::int64_t i = 0; i < size; ++i) x[at(i)] = norm == 0 ? 0 : x[at(i)] / norm;
    });
    return FromReals(in[0]->dtype, in[0]->sizes, x);
  });
}

}  // namespace

void AddNormalization(Registry& registry) {
  registry.Add("Softmax", [](Call& call) { return Lines(call, Softmax); });
  registry.Add("LogSoftmax", [](Call& call) { return Lines(call, LogSoftmax); });
  registry.Add("Hardmax", [](Call& call) { return Lines(call, Hardmax); });
  registry.Add("BatchNormalization", BatchNormalization);
  registry.Add("InstanceNormalization", InstanceNormalization);
  registry.Add("GroupNormalization", GroupNormalization);
  registry.Add("LayerNormalization", LayerNormalization);
  registry.Add("LRN", Lrn);
  registry.Add("LpNormalization", LpNormalization);
}

}  // namespace octavo::engine::literal
