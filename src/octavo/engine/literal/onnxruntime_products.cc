#include <algorithm>
#include <utility>

#include "octavo/arithmetic/onnxruntime/gemm.h"
#include "octavo/engine/literal/convolution.h"
#include "octavo/engine/literal/matmul.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/onnxruntime_sums.h"

// Matrix products and convolutions of float32 in MLAS's order of additions.

namespace octavo::engine::literal {
namespace {

namespace mlas = arithmetic::onnxruntime;

Result<std::vector<Tensor>> OneResult(const Sizes& sizes, const std::vector<float>& values) {
  std::vector<Tensor> results;
  results.push_back(Tensor::Floats(sizes, values));
  return results;
}

// A row of A and a column of B; `alone`: A has one row, and B is not packed.
float Element(mlas::Line a, mlas::Line b, std::int64_t depth, std::int64_t piece, bool alone) {
  return alone ? mlas::GemmElementOfRow(a, b, depth, 0) : mlas::GemmElement(a, b, depth, piece);
}

}  // namespace

Result<Prepared> MatMulOfFloats(Call& call, Prepared literal, bool packed) {
  const MatMulLayout l = OCTAVO_TRY(MatMulLayoutOf(call, 0, 1));
  const Sizes b = OCTAVO_TRY(call.sizes(1));
  // All rows are one matrix where B is one.
  const bool joined = b.size() == 2;
  const std::int64_t rows = joined ? l.rows * Product(l.batch) : l.rows;
  if (l.columns == 1 || l.depth == 0 || (packed && !joined)) return literal;
  const bool alone = rows == 1 && !packed;
  literal.compute = [l, alone, piece = mlas::GemmDepthOfPiece(l.columns, l.depth, packed),
                     result = *literal.outputs[0].sizes](const Operands& in) -> Result<std::vector<Tensor>> {
    const float *a = Data<float>(*in[0]), *b_data = Data<float>(*in[1]);
    std::vector<float> y(static_cast<std::size_t>(Product(result)));
    std::vector<std::int64_t> from_b(static_cast<std::size_t>(Product(l.batch)));
    ForEachOffset(l.batch, l.b_steps, 0,
                  [&](std::int64_t i, std::int64_t at) { from_b[static_cast<std::size_t>(i)] = at; });
    ForEachOffset(l.batch, l.a_steps, 0, [&](std::int64_t i, std::int64_t at) {
      const float* left = a + at * l.rows * l.depth;
      const float* right = b_data + from_b[static_cast<std::size_t>(i)] * l.depth * l.columns;
      float* to = y.data() + i * l.rows * l.columns;
      for (std::int64_t r = 0; r < l.rows; ++r) {
        for (std::int64_t c = 0; c < l.columns; ++c)
          *to++ = Element({left + r * l.depth, 1}, {right + c, l.columns}, l.depth, piece, alone);
      }
    });
    return OneResult(result, y);
  };
  return literal;
}

Result<Prepared> GemmOfFloats(Call& call, Prepared literal, bool packed) {
  const bool transposed = OCTAVO_TRY(call.Int("transB", 0)) != 0;
  if (OCTAVO_TRY(call.Real("alpha", 1.0)) != 1.0 || OCTAVO_TRY(call.Real("beta", 1.0)) != 1.0 ||
      OCTAVO_TRY(call.Int("transA", 0)) != 0)
    return literal;
  const Sizes a = OCTAVO_TRY(call.sizes(0)), result = *literal.outputs[0].sizes;
  const std::int64_t rows = result[0], columns = result[1], depth = a[1];
  const bool alone = rows == 1 && !packed;
  if (columns == 1 || depth == 0 || (alone && transposed)) return literal;
  literal.compute = [=, piece = mlas::GemmDepthOfPiece(columns, depth, packed)](
                        const Operands& in) -> Result<std::vector<Tensor>> {
    const float *x = Data<float>(*in[0]), *w = Data<float>(*in[1]);
    std::vector<float> y(static_cast<std::size_t>(rows * columns));
    const bool has_bias = in.size() > 2 && in[2] != nullptr;
    if (has_bias) y = Strided(*in[2], result, BroadcastStrides(in[2]->sizes, result), 0).ToFloats();
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      const std::int64_t r = i / columns, c = i % columns;
      const mlas::Line row = {x + r * depth, 1};
      const mlas::Line column = transposed ? mlas::Line{w + c * depth, 1} : mlas::Line{w + c, columns};
      float& to = y[static_cast<std::size_t>(i)];
      if (alone) {
        to = mlas::GemmElementOfRow(row, column, depth, to);
      } else {
        to = has_bias ? mlas::GemmElement(row, column, depth, piece, to)
                      : mlas::GemmElement(row, column, depth, piece);
      }
    }
    return OneResult(result, y);
  };
  return literal;
}

namespace {

// The elements under each tap, [channels of the group * taps, pixels]; 0 outside the image.
std::vector<float> Columns(const ConvLayout& l, const float* x) {
  const std::int64_t channels = l.channels / l.group;
  std::vector<float> columns(static_cast<std::size_t>(channels * l.taps * l.pixels));
  ForEachTap(l.window, [&](std::int64_t o, std::int64_t k, std::int64_t i) {
    for (std::int64_t c = 0; c < channels; ++c)
      columns[static_cast<std::size_t>((c * l.taps + k) * l.pixels + o)] = x[c * l.image + i];
  });
  return columns;
}

void AddBiases(const ConvLayout& l, const Operands& in, std::vector<float>& y) {
  if (in.size() < 3 || in[2] == nullptr) return;
  const float* bias = Data<float>(*in[2]);
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] += bias[static_cast<std::int64_t>(i) / l.pixels % l.outputs];
}

std::vector<float> Convolution(const ConvLayout& l, const Operands& in) {
  const std::int64_t in_group = l.channels / l.group, out_group = l.outputs / l.group,
                     depth = in_group * l.taps;
  const std::int64_t piece = mlas::GemmDepthOfPiece(l.pixels, depth, false);
  const float *x = Data<float>(*in[0]), *w = Data<float>(*in[1]);
  std::vector<float> y;
  y.reserve(static_cast<std::size_t>(Product(l.result)));
  for (std::int64_t n = 0; n < l.batch; ++n) {
    for (std::int64_t g = 0; g < l.group; ++g) {
      const std::vector<float> columns = Columns(l, x + (n * l.channels + g * in_group) * l.image);
      for (std::int64_t m = 0; m < out_group; ++m) {
        const mlas::Line filter = {w + (g * out_group + m) * depth, 1};
        for (std::int64_t p = 0; p < l.pixels; ++p)
          y.push_back(Element(filter, {columns.data() + p, l.pixels}, depth, piece, out_group == 1));
      }
    }
  }
  AddBiases(l, in, y);
  return y;
}

// A product for every tap, and then the sum of those that fall together.
std::vector<float> ConvolutionTransposed(const ConvLayout& l, const Operands& in) {
  const std::int64_t in_group = l.channels / l.group, out_group = l.outputs / l.group;
  const std::int64_t piece = mlas::GemmDepthOfPiece(l.image, in_group, false);
  const float *x = Data<float>(*in[0]), *w = Data<float>(*in[1]);
  std::vector<float> y(static_cast<std::size_t>(Product(l.result)));
  Window back = l.window;
  std::swap(back.input, back.output);
  struct Tap {
    std::int64_t pixel, tap, output;
  };
  std::vector<Tap> taps;
  ForEachTap(back, [&](std::int64_t o, std::int64_t k, std::int64_t i) { taps.push_back({o, k, i}); });
  std::stable_sort(taps.begin(), taps.end(), [](const Tap& a, const Tap& b) { return a.tap < b.tap; });
  for (std::int64_t n = 0; n < l.batch; ++n) {
    for (std::int64_t m = 0; m < l.outputs; ++m) {
      const std::int64_t g = m / out_group;
      const float* image = x + (n * l.channels + g * in_group) * l.image;
      const float* filter = w + (g * in_group * out_group + m % out_group) * l.taps;
      float* to = y.data() + (n * l.outputs + m) * l.pixels;
      for (const Tap& t : taps) {
        to[t.output] += mlas::GemmElement({filter + t.tap, out_group * l.taps}, {image + t.pixel, l.image},
                                          in_group, piece);
      }
    }
  }
  AddBiases(l, in, y);
  return y;
}

}  // namespace

Result<Prepared> ConvOfFloats(Call& call, Prepared literal, bool transposed) {
  const ConvLayout l = OCTAVO_TRY(ConvLayoutOf(call, 1, transposed));
  // What is held at once: the columns of an image, or the taps.
  constexpr std::int64_t kMostHeld = std::int64_t{1} << 26;
  const std::int64_t pixels = transposed ? l.image : l.pixels;
  const auto held = CountElements({transposed ? 1 : l.channels / l.group, l.taps, pixels});
  if (!held || *held > kMostHeld || l.channels == 0) return literal;
  literal.compute = [l, transposed](const Operands& in) -> Result<std::vector<Tensor>> {
    return OneResult(l.result, transposed ? ConvolutionTransposed(l, in) : Convolution(l, in));
  };
  return literal;
}

}  // namespace octavo::engine::literal
