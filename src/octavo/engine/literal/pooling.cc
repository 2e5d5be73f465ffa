#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"
#include "octavo/engine/literal/window.h"

namespace octavo::engine::literal {
namespace {

struct PoolLayout {
  std::int64_t images = 0;  // batch times channels
  std::int64_t image = 1, pixels = 1;
  Window window;
  Sizes result;
};

Result<PoolLayout> PoolLayoutOf(Call& call) {
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  if (x.size() < 3) return call.Invalid(fmt::format("an input of rank {} is not supported", x.size()));
  PoolLayout l;
  const Sizes image(x.begin() + 2, x.end());
  l.window = OCTAVO_TRY(WindowOf(call, image, {}));
  // ONNX Runtime leaves the dilations out of the padding that it finds here.
  const bool dilated = std::any_of(l.window.dilation.begin(), l.window.dilation.end(),
                                   [](std::int64_t dilation) { return dilation != 1; });
  if (dilated && OCTAVO_TRY(call.Text("auto_pad", "NOTSET")).starts_with("SAME"))
    return call.NotSupported("auto_pad with dilations is not supported");
  l.images = x[0] * x[1];
  l.image = Product(image);
  l.result = {x[0], x[1]};
  l.result.insert(l.result.end(), l.window.output.begin(), l.window.output.end());
  if (!CountElements(l.result)) return call.Invalid("the result is too large");
  l.pixels = Product(l.window.output);
  // A window without any element has no maximum and no average.
  for (std::size_t d = 0; d < l.window.rank(); ++d) {
    const std::int64_t extent = (l.window.kernel[d] - 1) * l.window.dilation[d] + 1;
    if (l.window.begin[d] >= extent || l.window.end[d] >= extent)
      return call.Invalid("the padding must be smaller than the window");
  }
  return l;
}

// The index of the largest element under each window, of all images; -1 where there is none.
template <typename T>
std::vector<std::int64_t> Largest(const PoolLayout& l, const std::vector<T>& x) {
  std::vector<std::int64_t> best(static_cast<std::size_t>(l.images * l.pixels), -1);
  for (std::int64_t n = 0; n < l.images; ++n) {
    ForEachTap(l.window, [&](std::int64_t o, std::int64_t, std::int64_t i) {
      std::int64_t& b = best[static_cast<std::size_t>(n * l.pixels + o)];
      const T value = x[static_cast<std::size_t>(n * l.image + i)];
      // A NaN wins over all.
      const bool nan = std::isnan(static_cast<double>(value));
      if (b < 0 || value > x[static_cast<std::size_t>(b)] || nan) b = n * l.image + i;
    });
  }
  return best;
}

// The index as if each image were stored column by column.
std::int64_t ColumnMajor(const Window& w, std::int64_t index, std::int64_t image) {
  std::int64_t rest = index % image, result = 0;
  Sizes at(w.rank());
  for (std::size_t d = w.rank(); d-- > 0;) {
    at[d] = rest % w.input[d];
    rest /= w.input[d];
  }
  for (std::size_t d = w.rank(); d-- > 0;) result = result * w.input[d] + at[d];
  return index / image * image + result;
}

// What a window has that lies in the padding alone, as one does whose elements are far apart.
Tensor LowestOf(DType dtype) {
  if (dtype == DType::kFloat64) return FromReals(dtype, {1}, {std::numeric_limits<double>::lowest()});
  if (IsFloat(dtype)) return FromReals(dtype, {1}, {double{std::numeric_limits<float>::lowest()}});
  return FromIntegers(dtype, {1}, {dtype == DType::kInt8 ? -128 : 0});
}

Result<Prepared> MaxPool(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckNumber(call, 0));
  const PoolLayout l = OCTAVO_TRY(PoolLayoutOf(call));
  const bool by_column = OCTAVO_TRY(call.Int("storage_order", 0)) != 0;
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  Prepared prepared;
  prepared.outputs = {{.dtype = dtype, .sizes = l.result}};
  const bool indices = call.has_output(1);
  if (indices) prepared.outputs.push_back({.dtype = DType::kInt64, .sizes = l.result});
  prepared.compute = [l, indices, by_column](const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<std::int64_t> best =
        IsFloat(in[0]->dtype) ? Largest(l, Reals(*in[0])) : Largest(l, Integers(*in[0]));
    std::vector<Tensor> results;
    const Tensor lowest = LowestOf(in[0]->dtype);
    results.push_back(Picked(*in[0], l.result, best, &lowest));
    if (indices) {
      if (by_column) {
        for (std::int64_t& b : best) b = ColumnMajor(l.window, b, l.image);
      }
      results.push_back(FromIntegers(DType::kInt64, l.result, best));
    }
    return results;
  };
  return prepared;
}

// How many positions of each window are counted where padding counts: all but those that ceil_mode lets hang
// over the padding.
std::vector<double> CountWithPadding(const Window& w) {
  std::vector<double> count(static_cast<std::size_t>(Product(w.output)));
  Sizes at(w.rank());
  for (double& positions : count) {
    positions = 1;
    for (std::size_t d = 0; d < w.rank(); ++d) {
      const TapRange taps =
          TapsInside(at[d] * w.stride[d], w.kernel[d], w.dilation[d], w.input[d] + w.begin[d] + w.end[d]);
      positions *= static_cast<double>(taps.last - taps.first);
    }
    for (std::size_t d = w.rank(); d-- > 0;) {
      if (++at[d] < w.output[d]) break;
      at[d] = 0;
    }
  }
  return count;
}

Result<Prepared> AveragePool(Call& call) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  const PoolLayout l = OCTAVO_TRY(PoolLayoutOf(call));
  const bool with_padding = OCTAVO_TRY(call.Int("count_include_pad", 0)) != 0;
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, l.result, [l, dtype, with_padding](const Operands& in) -> Result<Tensor> {
    const std::vector<double> x = Reals(*in[0]);
    std::vector<double> y(static_cast<std::size_t>(l.images * l.pixels));
    std::vector<double> count(static_cast<std::size_t>(l.pixels));
    for (std::int64_t n = 0; n < l.images; ++n) {
      ForEachTap(l.window, [&](std::int64_t o, std::int64_t, std::int64_t i) {
        y[static_cast<std::size_t>(n * l.pixels + o)] += x[static_cast<std::size_t>(n * l.image + i)];
        if (n == 0) ++count[static_cast<std::size_t>(o)];
      });
    }
    if (with_padding) count = CountWithPadding(l.window);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] /= count[i % count.size()];
    return FromReals(dtype, l.result, y);
  });
}

// Over all spatial dimensions.
Result<Prepared> Global(Call& call, bool maximum) {
  OCTAVO_TRY(call.Inputs(1, 1));
  OCTAVO_TRY(CheckFloat(call, 0));
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  if (x.size() < 2) return call.Invalid(fmt::format("an input of rank {} is not supported", x.size()));
  Sizes result(x.size(), 1);
  result[0] = x[0];
  result[1] = x[1];
  const std::int64_t image = Product(x, 2, x.size());
  if (image == 0) return call.Invalid("the input has no elements");
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, result, [result, image, dtype, maximum](const Operands& in) -> Result<Tensor> {
    const std::vector<double> values = Reals(*in[0]);
    std::vector<double> y(static_cast<std::size_t>(Product(result)));
    for (std::size_t n = 0; n < y.size(); ++n) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(n) * image;
      double value = maximum ? -std::numeric_limits<double>::infinity() : 0;
      std::for_each(begin, begin + image, [&](double v) {
        value = !maximum ? value + v : std::isnan(v) || v > value ? v : value;
      });
      y[n] = maximum ? value : value / static_cast<double>(image);
    }
    return FromReals(dtype, result, y);
  });
}

}  // namespace

void AddPooling(Registry& registry) {
  registry.Add("MaxPool", MaxPool);
  registry.Add("AveragePool", AveragePool);
  registry.Add("GlobalAveragePool", [](Call& call) { return Global(call, false); });
  registry.Add("GlobalMaxPool", [](Call& call) { return Global(call, true); });
}

}  // namespace octavo::engine::literal
