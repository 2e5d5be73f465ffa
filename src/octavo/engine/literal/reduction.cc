#include "octavo/engine/literal/reduction.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "octavo/engine/literal/lines.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
Result<Reduction> ReductionOf(Call& call, int last, int rank) {
  Reduction r;
  r.keep = OCTAVO_TRY(call.Int("keepdims", 1)) == 1;
  std::vector<std::int64_t> axes;
  if (call.opset() <= last) {
    OCTAVO_TRY(call.Inputs(1, 1));
    axes = OCTAVO_TRY(call.Ints("axes", Sizes()));
  } else {
    OCTAVO_TRY(call.Inputs(1, 2));
    if (call.has(1)) axes = OCTAVO_TRY(call.IntsOf(1));
    const bool may_do_nothing = OCTAVO_TRY(call.Int("noop_with_empty_axes", 0)) != 0;
    r.nothing = axes.empty() && may_do_nothing;
  }
  if (axes.empty() && !r.nothing) {
    axes.resize(static_cast<std::size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  if (rank == 0) axes.clear();  // a scalar is reduced to itself along any axis
  r.axes = OCTAVO_TRY(call.AxesOnce(axes, rank));
  std::sort(r.axes.begin(), r.axes.end());
  return r;
}

namespace {

// The elements that reduce to element i of the result lie at first[i] + each of `offsets`.
struct Groups {
  std::vector<std::int64_t> first, offsets;
  Sizes result;
};

Groups GroupsOf(const Sizes& x, const Reduction& r) {
  Groups g;
  Sizes kept_sizes, kept_strides, sizes, strides;
  const Sizes own = StridesOf(x);
  for (std::size_t d = 0; d < x.size(); ++d) {
    const bool reduced = std::binary_search(r.axes.begin(), r.axes.end(), static_cast<int>(d));
    (reduced ? sizes : kept_sizes).push_back(x[d]);
    (reduced ? strides : kept_strides).push_back(own[d]);
    if (!reduced) g.result.push_back(x[d]);
    if (reduced && r.keep) g.result.push_back(1);
  }
  ForEachOffset(kept_sizes, kept_strides, 0, [&](std::int64_t, std::int64_t at) { g.first.push_back(at); });
  ForEachOffset(sizes, strides, 0, [&](std::int64_t, std::int64_t at) { g.offsets.push_back(at); });
  return g;
}

Sizes ReducedSizes(const Sizes& x, const Reduction& r) {
  Sizes result;
  for (std::size_t d = 0; d < x.size(); ++d) {
    const bool reduced = std::binary_search(r.axes.begin(), r.axes.end(), static_cast<int>(d));
    if (!reduced) result.push_back(x[d]);
    if (reduced && r.keep) result.push_back(1);
  }
  return result;
}

using ReduceReals = double (*)(const std::vector<double>&);
using ReduceIntegers = std::int64_t (*)(const std::vector<std::int64_t>&);

template <typename T, typename F>
std::vector<T> Reduced(const std::vector<T>& x, const Groups& g, F f) {
  std::vector<T> y, group(g.offsets.size());
  for (const std::int64_t first : g.first) {
    for (std::size_t i = 0; i < group.size(); ++i)
      group[i] = x[static_cast<std::size_t>(first + g.offsets[i])];
    y.push_back(f(group));
  }
  return y;
}

// `integer` null: of floats alone.  `of_nothing`: an empty group has a result.
Result<Prepared> Reduce(Call& call, int last, ReduceReals real, ReduceIntegers integer, bool of_nothing) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  OCTAVO_TRY(CheckNumber(call, 0));
  const Reduction r = OCTAVO_TRY(ReductionOf(call, last, static_cast<int>(type.sizes->size())));
  const Sizes result = ReducedSizes(*type.sizes, r);
  std::int64_t group = 1;
  for (const int axis : r.axes) group *= (*type.sizes)[static_cast<std::size_t>(axis)];
  if (group == 0 && !of_nothing && Product(result) > 0)
    return call.Invalid("an empty tensor cannot be reduced");
  if (!IsFloat(type.dtype) && integer == nullptr) {
    return One(type.dtype, result, [r, real](const Operands& in) -> Result<Tensor> {
      const Groups g = GroupsOf(in[0]->sizes, r);
      std::vector<std::int64_t> y;
      for (const double v : Reduced(Reals(*in[0]), g, real))
        y.push_back(SaturatedInteger(std::trunc(v), in[0]->dtype));
      return FromIntegers(in[0]->dtype, g.result, y);
    });
  }
  return One(type.dtype, result, [r, real, integer](const Operands& in) -> Result<Tensor> {
    const Groups g = GroupsOf(in[0]->sizes, r);
    if (IsFloat(in[0]->dtype)) return FromReals(in[0]->dtype, g.result, Reduced(Reals(*in[0]), g, real));
    return FromIntegers(in[0]->dtype, g.result, Reduced(Integers(*in[0]), g, integer));
  });
}

double Sum(const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
std::int64_t IntegerSum(const std::vector<std::int64_t>& x) {
  std::uint64_t sum = 0;
  for (const std::int64_t v : x) sum += static_cast<std::uint64_t>(v);
  return static_cast<std::int64_t>(sum);
}
double Mean(const std::vector<double>& x) { return Sum(x) / static_cast<double>(x.size()); }
double RealProduct(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>());
}
std::int64_t IntegerProduct(const std::vector<std::int64_t>& x) {
  std::uint64_t product = 1;
  for (const std::int64_t v : x) product *= static_cast<std::uint64_t>(v);
  return static_cast<std::int64_t>(product);
}
double LargestReduced(const std::vector<double>& x) {
  double y = -std::numeric_limits<double>::infinity();
  for (const double v : x) y = std::isnan(v) || v > y ? v : y;
  return y;
}
double Smallest(const std::vector<double>& x) {
  double y = std::numeric_limits<double>::infinity();
  for (const double v : x) y = std::isnan(v) || v < y ? v : y;
  return y;
}
double SumOfSquares(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0, [](double sum, double v) { return sum + v * v; });
}
double SumOfMagnitudes(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0, [](double sum, double v) { return sum + std::fabs(v); });
}
double LogSumExp(const std::vector<double>& x) {
  const double largest = LargestReduced(x);
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (const double v : x) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

// The index of the largest (smallest) element along an axis; of equal ones the first or last.
Result<Prepared> Arg(Call& call, bool largest) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckNumber(call, 0));
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  const auto axis = static_cast<std::size_t>(
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", 0)), static_cast<int>(x.size()))));
  const bool keep = OCTAVO_TRY(call.Int("keepdims", 1)) == 1;
  const bool last = OCTAVO_TRY(call.Int("select_last_index", 0)) != 0;
  if (x[axis] == 0) return call.Invalid("the axis has no elements");
  Sizes result = x;
  if (keep) {
    result[axis] = 1;
  } else {
    result.erase(result.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  return One(DType::kInt64, result, [=](const Operands& in) -> Result<Tensor> {
    const std::vector<double> values = Reals(*in[0]);
    const std::vector<std::int64_t> integers =
        IsInteger(in[0]->dtype) ? Integers(*in[0]) : std::vector<std::int64_t>();
    const auto beats = [&](std::int64_t a, std::int64_t b) {
      const auto i = static_cast<std::size_t>(largest ? a : b), k = static_cast<std::size_t>(largest ? b : a);
      const bool more = integers.empty() ? values[i] > values[k] : integers[i] > integers[k];
      const bool equal = integers.empty() ? values[i] == values[k] : integers[i] == integers[k];
      return more || (last && equal);
    };
    std::vector<std::int64_t> y;
    ForEachLine(x, axis, [&](std::int64_t first, std::int64_t step) {
      std::int64_t best = 0;
      for (std::int64_t i = 1; i < x[axis]; ++i) {
        if (beats(first + i * step, first + best * step)) best = i;
      }
      y.push_back(best);
    });
    return FromIntegers(DType::kInt64, result, y);
  });
}

Result<Prepared> CumSum(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckNumber(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const auto axis = static_cast<std::size_t>(OCTAVO_TRY(call.Axis(
      OCTAVO_TRY(call.IntOf(1, Call::Width::kInt32OrInt64)), static_cast<int>(type.sizes->size()))));
  const std::int64_t excludes = OCTAVO_TRY(call.Int("exclusive", 0)),
                     reverses = OCTAVO_TRY(call.Int("reverse", 0));
  for (const std::int64_t flag : {excludes, reverses}) {
    if (flag != 0 && flag != 1) return call.Invalid("attributes exclusive and reverse must be 0 or 1");
  }
  const bool exclusive = excludes == 1, reverse = reverses == 1;
  return One(type.dtype, *type.sizes, [=](const Operands& in) -> Result<Tensor> {
    const auto sums = [&](auto values, auto rounded) {
      const std::int64_t size = in[0]->sizes[axis];
      ForEachLine(in[0]->sizes, axis, [&](std::int64_t first, std::int64_t step) {
        typename decltype(values)::value_type sum = 0;
        for (std::int64_t i = 0; i < size; ++i) {
          auto& at = values[static_cast<std::size_t>(first + (reverse ? size - 1 - i : i) * step)];
          const auto before = sum;
          sum = rounded(sum + at);
          at = exclusive ? before : sum;
        }
      });
      return values;
    };
    // One after the other in the tensor's own type, as in ONNX Runtime.
    const bool narrow = in[0]->dtype == DType::kFloat32;
    const auto rounded = [=](double sum) {
      return narrow ? static_cast<double>(static_cast<float>(sum)) : sum;
    };
    if (IsFloat(in[0]->dtype)) return FromReals(in[0]->dtype, in[0]->sizes, sums(Reals(*in[0]), rounded));
    const std::vector<std::int64_t> integers = Integers(*in[0]);
    const auto y = sums(std::vector<std::uint64_t>(integers.begin(), integers.end()), std::identity());
    return FromIntegers(in[0]->dtype, in[0]->sizes, {y.begin(), y.end()});
  });
}

// The k largest (smallest) along an axis, sorted; of equal ones the first.
Result<Prepared> TopK(Call& call) {
  OCTAVO_TRY(call.Inputs(call.opset() < 10 ? 1 : 2, call.opset() < 10 ? 1 : 2));
  OCTAVO_TRY(CheckNumber(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  if (call.opset() >= 10 && OCTAVO_TRY(call.sizes(1)) != Sizes{1})
    return call.Invalid("input 1 must be a list of one number");
  const std::int64_t k = call.opset() < 10 ? OCTAVO_TRY(call.Int("k")) : OCTAVO_TRY(call.IntOf(1));
  const auto axis = static_cast<std::size_t>(
      OCTAVO_TRY(call.Axis(OCTAVO_TRY(call.Int("axis", -1)), static_cast<int>(type.sizes->size()))));
  const bool largest = OCTAVO_TRY(call.Int("largest", 1)) != 0;
  OCTAVO_TRY(call.Int("sorted", 1));  // sorted is one of the orders that may be given
  Sizes result = *type.sizes;
  if (k < 0 || k > result[axis])
    return call.Invalid(fmt::format("k is {}, but the axis has {} elements", k, result[axis]));
  result[axis] = k;
  if (call.num_outputs() != 2) return call.Invalid("the node must have two outputs");
  Prepared prepared;
  prepared.outputs = {{.dtype = type.dtype, .sizes = result}, {.dtype = DType::kInt64, .sizes = result}};
  prepared.compute = [=](const Operands& in) -> Result<std::vector<Tensor>> {
    const std::vector<double> values = Reals(*in[0]);
    const std::int64_t size = in[0]->sizes[axis], inner = StridesOf(in[0]->sizes)[axis];
    std::vector<std::int64_t> source(static_cast<std::size_t>(Product(result)));
    std::vector<std::int64_t> indices(source.size());
    std::int64_t line = 0;
    ForEachLine(in[0]->sizes, axis, [&](std::int64_t first, std::int64_t step) {
      std::vector<std::int64_t> order(static_cast<std::size_t>(size));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        const double x = values[static_cast<std::size_t>(first + a * step)];
        const double y = values[static_cast<std::size_t>(first + b * step)];
        // NaN counts as largest, which keeps this an order.
        const auto less = [](double p, double q) { return std::isnan(q) ? !std::isnan(p) : p < q; };
        return largest ? less(y, x) : less(x, y);
      });
      for (std::int64_t i = 0; i < k; ++i) {
        const auto to = static_cast<std::size_t>((line / inner * k + i) * inner + line % inner);
        source[to] = first + order[static_cast<std::size_t>(i)] * step;
        indices[to] = order[static_cast<std::size_t>(i)];
      }
      ++line;
    });
    std::vector<Tensor> results;
    results.push_back(Picked(*in[0], result, source));
    results.push_back(FromIntegers(DType::kInt64, result, indices));
    return results;
  };
  return prepared;
}

}  // namespace

void AddReduction(Registry& registry) {
  registry.Add("ReduceSum", [](Call& call) { return Reduce(call, 12, Sum, IntegerSum, true); });
  registry.Add("ReduceMean", [](Call& call) { return Reduce(call, 17, Mean, nullptr, false); });
  registry.Add("ReduceProd", [](Call& call) { return Reduce(call, 17, RealProduct, IntegerProduct, true); });
  registry.Add("ReduceMax", [](Call& call) {
    return Reduce(
        call, 17, LargestReduced,
        [](const std::vector<std::int64_t>& x) { return *std::max_element(x.begin(), x.end()); },
        IsFloat(call.dtype(0).value_or(DType::kUnknown)));
  });
  registry.Add("ReduceMin", [](Call& call) {
    return Reduce(
        call, 17, Smallest,
        [](const std::vector<std::int64_t>& x) { return *std::min_element(x.begin(), x.end()); },
        IsFloat(call.dtype(0).value_or(DType::kUnknown)));
  });
  registry.Add("ReduceSumSquare", [](Call& call) { return Reduce(call, 17, SumOfSquares, nullptr, true); });
  registry.Add("ReduceL1", [](Call& call) { return Reduce(call, 17, SumOfMagnitudes, nullptr, true); });
  registry.Add("ReduceL2", [](Call& call) {
    return Reduce(
        call, 17, [](const std::vector<double>& x) { return std::sqrt(SumOfSquares(x)); }, nullptr, true);
  });
  registry.Add("ReduceLogSum", [](Call& call) {
    return Reduce(
        call, 17, [](const std::vector<double>& x) { return std::log(Sum(x)); }, nullptr, true);
  });
  registry.Add("ReduceLogSumExp", [](Call& call) { return Reduce(call, 17, LogSumExp, nullptr, true); });
  registry.Add("ArgMax", [](Call& call) { return Arg(call, true); });
  registry.Add("ArgMin", [](Call& call) { return Arg(call, false); });
  registry.Add("CumSum", CumSum);
  registry.Add("TopK", TopK);
}

}  // namespace octavo::engine::literal
