#include "octavo/engine/literal/onnxruntime_sums.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "octavo/arithmetic/onnxruntime/sums.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/reduction.h"
#include "octavo/engine/literal/window.h"

namespace octavo::engine::literal {
namespace {

namespace sums = arithmetic::onnxruntime;

// A shape as stretches of dimensions that are reduced or kept, in turn.
struct Stretches {
  Sizes sizes;
  bool first_reduced = false;
};

Stretches StretchesOf(const Sizes& sizes, const std::vector<bool>& reduced) {
  Stretches s;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (d == 0) s.first_reduced = reduced[0];
    if (d > 0 && reduced[d] == reduced[d - 1]) {
      s.sizes.back() *= sizes[d];
    } else {
      s.sizes.push_back(sizes[d]);
    }
  }
  return s;
}

// core/providers/cpu/reduction/reduction_ops.cc: which sums have a fast path, and their order there.
std::vector<float> Sums(const float* x, const Stretches& s) {
  const Sizes& n = s.sizes;
  std::vector<float> y;
  const auto row = [x](std::int64_t begin, std::int64_t count) {
    return sums::SumOfNeighbours({x + begin, static_cast<std::size_t>(count)},
                                 static_cast<std::size_t>(begin % 4));
  };
  if (n.size() == 1) {  // all
    y.push_back(row(0, n[0]));
  } else if (n.size() == 2 && !s.first_reduced) {  // kept, reduced
    for (std::int64_t k = 0; k < n[0]; ++k) y.push_back(row(k * n[1], n[1]));
  } else if (n.size() == 2) {  // reduced, kept
    y.assign(x, x + n[1]);
    for (std::int64_t r = 1; r < n[0]; ++r) {
      for (std::int64_t k = 0; k < n[1]; ++k) y[static_cast<std::size_t>(k)] += x[r * n[1] + k];
    }
  } else if (n.size() == 3 && !s.first_reduced) {  // kept, reduced, kept
    for (std::int64_t k = 0; k < n[0]; ++k) {
      for (std::int64_t c = 0; c < n[2]; ++c)
        y.push_back(sums::SumOfRows(x + k * n[1] * n[2] + c, n[1], n[2]));
    }
  } else if (n.size() == 3) {  // reduced, kept, reduced
    for (std::int64_t k = 0; k < n[1]; ++k) y.push_back(row(k * n[2], n[2]));
    for (std::int64_t r = 1; r < n[0]; ++r) {
      for (std::int64_t k = 0; k < n[1]; ++k)
        y[static_cast<std::size_t>(k)] += row((r * n[1] + k) * n[2], n[2]);
    }
  }
  return y;
}

// The general path: one after the other.
std::vector<float> SumsInOrder(const float* x, const Sizes& sizes, const std::vector<bool>& reduced) {
  Sizes steps(sizes.size());  // in the result
  std::int64_t count = 1;
  for (std::size_t d = sizes.size(); d-- > 0;) {
    steps[d] = reduced[d] ? 0 : count;
    if (!reduced[d]) count *= sizes[d];
  }
  std::vector<float> y(static_cast<std::size_t>(count));
  std::vector<bool> begun(y.size());
  ForEachOffset(sizes, steps, 0, [&](std::int64_t i, std::int64_t at) {
    const auto to = static_cast<std::size_t>(at);
    y[to] = begun[to] ? y[to] + x[i] : x[i];
    begun[to] = true;
  });
  return y;
}

}  // namespace

Result<Prepared> Mean(Call& call, Prepared literal) {
  const Sizes sizes = OCTAVO_TRY(call.sizes(0));
  const int rank = static_cast<int>(sizes.size());
  constexpr int kLastWithAttribute = 17;
  const Reduction reduction = OCTAVO_TRY(ReductionOf(call, kLastWithAttribute, rank));
  if (reduction.nothing || rank == 0) return literal;
  std::vector<bool> reduced(sizes.size());
  for (const int axis : reduction.axes) reduced[static_cast<std::size_t>(axis)] = true;
  const std::int64_t all = Product(sizes);
  if (all == 0 || std::none_of(reduced.begin(), reduced.end(), [](bool r) { return r; })) return literal;
  const Stretches stretches = StretchesOf(sizes, reduced);
  std::int64_t count = 1;
  for (std::size_t d = 0; d < sizes.size(); ++d) count *= reduced[d] ? sizes[d] : 1;
  literal.compute = [result = *literal.outputs[0].sizes, sizes, reduced, stretches,
                     count](const Operands& in) -> Result<std::vector<Tensor>> {
    const float* x = Data<float>(*in[0]);
    std::vector<float> y = stretches.sizes.size() <= 3 ? Sums(x, stretches) : SumsInOrder(x, sizes, reduced);
    for (float& value : y) value /= static_cast<float>(count);
    std::vector<Tensor> results;
    results.push_back(Tensor::Floats(result, y));
    return results;
  };
  return literal;
}

namespace {

// Channels in one block of the layout in which MLAS pools images, on a CPU with AVX-512; images of other
// numbers of channels are pooled as they are.
constexpr std::int64_t kBlock = 16;

// core/mlas/lib/pooling.cpp adds the columns of a window first, the kernels for blocks of channels
// (SpoolKernelAvx512F.S) its elements row by row.
float SumOfWindow(const float* x, const Window& w, std::int64_t row, std::int64_t column, bool by_rows,
                  std::int64_t& count) {
  const auto range = [&w](std::size_t d, std::int64_t at) {
    const std::int64_t begin = at * w.stride[d] - w.begin[d];
    return std::pair(std::max<std::int64_t>(begin, 0), std::min(begin + w.kernel[d], w.input[d]));
  };
  const auto [top, bottom] = range(0, row);
  const auto [left, right] = range(1, column);
  count = (bottom - top) * (right - left);
  float sum = 0;
  if (by_rows) {
    for (std::int64_t i = top; i < bottom; ++i) {
      for (std::int64_t k = left; k < right; ++k) sum += x[i * w.input[1] + k];
    }
    return sum;
  }
  for (std::int64_t k = left; k < right; ++k) {
    float in_column = 0;
    for (std::int64_t i = top; i < bottom; ++i) in_column += x[i * w.input[1] + k];
    sum += in_column;
  }
  return sum;
}

}  // namespace

Result<Prepared> GlobalAveragePoolOfFloats(Call& call, Prepared literal, bool by_channels) {
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  const std::int64_t image = Product(x, 2, x.size());
  if (x.size() < 3 || image == 0) return literal;
  literal.compute = [result = *literal.outputs[0].sizes, image,
                     in_order = by_channels && x[1] % kBlock == 0 &&
                                x.size() == 4](const Operands& in) -> Result<std::vector<Tensor>> {
    const float* values = Data<float>(*in[0]);
    std::vector<float> y(static_cast<std::size_t>(Product(result)));
    for (float& mean : y) {
      const std::span<const float> of(values, static_cast<std::size_t>(image));
      mean = in_order ? sums::SumInOrder(of) : sums::SumInLanes(of);
      mean /= static_cast<float>(image);
      values += image;
    }
    std::vector<Tensor> results;
    results.push_back(Tensor::Floats(result, y));
    return results;
  };
  return literal;
}

Result<Prepared> AveragePoolOfFloats(Call& call, Prepared literal) {
  const Sizes x = OCTAVO_TRY(call.sizes(0));
  if (x.size() < 3 || x.size() > 4 || (call.opset() >= 10 && OCTAVO_TRY(call.Int("ceil_mode", 0)) != 0))
    return literal;
  Window w = OCTAVO_TRY(WindowOf(call, Sizes(x.begin() + 2, x.end()), {}));
  if (std::any_of(w.dilation.begin(), w.dilation.end(), [](std::int64_t d) { return d != 1; }))
    return literal;
  if (x.size() == 3) {  // a line is an image of one row
    for (Sizes* sizes : {&w.input, &w.kernel, &w.stride, &w.dilation, &w.output})
      sizes->insert(sizes->begin(), 1);
    for (Sizes* pads : {&w.begin, &w.end}) pads->insert(pads->begin(), 0);
  }
  const bool with_padding = OCTAVO_TRY(call.Int("count_include_pad", 0)) != 0;
  literal.compute = [result = *literal.outputs[0].sizes, w, x,
                     with_padding](const Operands& in) -> Result<std::vector<Tensor>> {
    const float* image = Data<float>(*in[0]);
    std::vector<float> y;
    y.reserve(static_cast<std::size_t>(Product(result)));
    for (std::int64_t n = 0; n < x[0] * x[1]; ++n, image += w.input[0] * w.input[1]) {
      for (std::int64_t row = 0; row < w.output[0]; ++row) {
        for (std::int64_t column = 0; column < w.output[1]; ++column) {
          std::int64_t count = 0;
          const float sum = SumOfWindow(image, w, row, column, x[1] % kBlock == 0, count);
          y.push_back(sum / static_cast<float>(with_padding ? w.kernel[0] * w.kernel[1] : count));
        }
      }
    }
    std::vector<Tensor> results;
    results.push_back(Tensor::Floats(result, y));
    return results;
  };
  return literal;
}

}  // namespace octavo::engine::literal
