#include <cmath>

#include "octavo/reference/elementwise.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/rows.h"

// Largest and smallest elements, and their places.  A NaN is larger, and smaller, than any number; of equal
// ones the first counts.

namespace octavo::reference {
namespace {

template <bool kMax>
bool Beats(double x, double best) {
  if (std::isnan(best)) return false;
  return std::isnan(x) || (kMax ? x > best : x < best);
}
template <bool kMax>
bool Beats(std::int64_t x, std::int64_t best) {
  return kMax ? x > best : x < best;
}

// The index of each row's extreme.
template <bool kMax, typename T>
Result<std::vector<std::int64_t>> Indices(const Rows& rows) {
  const Array<T> numbers = OCTAVO_TRY(Numbers<T>(rows.tensor));
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < rows.length; ++k) {
      if (Beats<kMax>(numbers[i * rows.length + k], numbers[i * rows.length + best])) best = k;
    }
    indices.push_back(best);
  }
  return indices;
}

struct Extremes {
  Tensor values, indices;
};

// Quantized tensors are compared by their integers, and their quantization stays.
template <bool kMax>
Result<Extremes> Find(const Call& call) {
  const Tensor& x = call.tensor("self");
  if (x.quantization && !x.quantization->per_tensor()) {
    return Unsupported("the maximum or minimum of a per-channel quantized tensor is not supported");
  }
  const std::vector<std::size_t> axes = OCTAVO_TRY(ReducedAxes(call, x));
  const Sizes sizes = ReducedSizes(call, x.sizes, axes);
  Rows rows = OCTAVO_TRY(RowsOf(x.Integers(), axes));
  if (rows.length == 0 && rows.count > 0) return Unsupported("an empty tensor has no maximum or minimum");
  auto found = IsFloat(rows.tensor.dtype) ? Indices<kMax, double>(rows) : Indices<kMax, std::int64_t>(rows);
  const std::vector<std::int64_t> indices = OCTAVO_TRY(std::move(found));
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    places.push_back(static_cast<std::int64_t>(i) * rows.length + indices[i]);
  }
  rows.tensor.dtype = x.dtype;
  rows.tensor.quantization = x.quantization;
  Tensor values = OCTAVO_TRY(Picked(rows.tensor, sizes, places));
  return Extremes{std::move(values), Tensor::From(DType::kInt64, sizes, indices)};
}

template <bool kMax>
Results Extreme(const Call& call) {
  if (call.has("other")) {
    return Elementwise<2>(
        call, {"self", "other"}, [](double x, double y) { return Beats<kMax>(y, x) ? y : x; },
        [](std::int64_t x, std::int64_t y) { return Beats<kMax>(y, x) ? y : x; });
  }
  Extremes found = OCTAVO_TRY(Find<kMax>(call));
  if (!call.has("dim")) return One(std::move(found.values));
  std::vector<Tensor> results;
  results.push_back(std::move(found.values));
  results.push_back(std::move(found.indices));
  return results;
}

template <bool kMax>
Results ExtremeValue(const Call& call) {
  return One(OCTAVO_TRY(Find<kMax>(call)).values);
}

template <bool kMax>
Results ExtremeIndex(const Call& call) {
  return One(OCTAVO_TRY(Find<kMax>(call)).indices);
}

}  // namespace

void AddExtremes(Kernels& kernels) {
  kernels.Add("aten::max", Extreme<true>);
  kernels.Add("aten::min", Extreme<false>);
  kernels.Add("aten::maximum", Extreme<true>);
  kernels.Add("aten::minimum", Extreme<false>);
  kernels.Add("aten::amax", ExtremeValue<true>);
  kernels.Add("aten::amin", ExtremeValue<false>);
  kernels.Add("aten::argmax", ExtremeIndex<true>);
  kernels.Add("aten::argmin", ExtremeIndex<false>);
}

}  // namespace octavo::reference
