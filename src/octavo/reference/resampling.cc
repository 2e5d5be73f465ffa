#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"
#include "octavo/reference/windows.h"

// upsample_nearest, linear, bilinear, trilinear, bicubic, and torch.nn.functional.interpolate.  Sources:
// UpSample.h, UpSampleKernel.cpp; of quantized ones UpSampleNearest2d.cpp, UpSampleBilinear2d.cpp.

namespace octavo::reference {
namespace {

enum class Mode { kNearest, kNearestExact, kLinear, kCubic };

// The index that a place is at, which may be any number: a factor of the model decides.
std::int64_t IndexAt(double place, std::int64_t last) {
  if (!(place > 0)) return 0;
  return place < static_cast<double>(last) ? static_cast<std::int64_t>(place) : last;
}

// Of the last dimensions; `factors` are those that the call gives and that PyTorch uses for the positions.
struct Resampling {
  Mode mode = Mode::kNearest;
  bool align_corners = false;
  bool one_channel = false;  // of reals, over two or three dimensions
  Sizes in, out;
  std::vector<std::optional<double>> factors;

  // What lies between two elements of the result, in elements of the input.
  double Step(std::size_t d) const {
    if (align_corners) {
      return out[d] > 1 ? static_cast<double>(in[d] - 1) / static_cast<double>(out[d] - 1) : 0.0;
    }
    if (factors[d] && *factors[d] > 0) return 1.0 / *factors[d];
    return static_cast<double>(in[d]) / static_cast<double>(out[d]);
  }
  // In float32, as PyTorch has it.
  float FloatStep(std::size_t d) const {
    if (align_corners) return out[d] > 1 ? Ratio(in[d] - 1, out[d] - 1) : 0.0F;
    if (factors[d] && *factors[d] > 0) return static_cast<float>(1.0 / *factors[d]);
    return Ratio(in[d], out[d]);
  }
  // floor(o step), or floor((o + 1/2) step), in float32.  Of images of one channel, which count as
  // channels-last ones, PyTorch overlooks a factor that leaves the size as it is or doubles it.
  std::int64_t Nearest(std::size_t d, std::int64_t o) const {
    if (one_channel && mode == Mode::kNearest && out[d] == in[d]) return o;
    if (one_channel && mode == Mode::kNearest && out[d] == 2 * in[d]) return o / 2;
    const float at = static_cast<float>(o) + (mode == Mode::kNearestExact ? 0.5F : 0.0F);
    return IndexAt(std::floor(at * FloatStep(d)), in[d] - 1);
  }

 private:
  static float Ratio(std::int64_t a, std::int64_t b) { return static_cast<float>(a) / static_cast<float>(b); }
};

// The elements that one of the result is made of along one dimension.
struct Tap {
  std::int64_t index;
  double weight;
};
using Taps = std::vector<Tap>;

// Keys' cubic convolution with a = -3/4, at a distance.
double Cubic(double distance) {
  constexpr double a = -0.75;
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

Taps TapsOf(const Resampling& r, std::size_t d, std::int64_t o) {
  if (r.mode == Mode::kNearest || r.mode == Mode::kNearestExact) return {{r.Nearest(d, o), 1}};
  const auto place = static_cast<double>(o);
  double at = r.align_corners ? place * r.Step(d) : (place + 0.5) * r.Step(d) - 0.5;
  const std::int64_t last = r.in[d] - 1;
  if (r.mode == Mode::kLinear) {
    if (r.in[d] == r.out[d]) return {{o, 1}};
    at = std::max(at, 0.0);
    const std::int64_t first = IndexAt(at, last);
    const double rest = at - static_cast<double>(first);
    return {{first, 1 - rest}, {std::min(first + 1, last), rest}};
  }
  Taps taps;
  if (std::isnan(at)) at = 0;
  at = std::clamp(at, -2.0, static_cast<double>(last) + 2);
  const auto first = static_cast<std::int64_t>(std::floor(at));
  for (std::int64_t i = first - 1; i <= first + 2; ++i) {
    taps.push_back({std::clamp<std::int64_t>(i, 0, last), Cubic(at - static_cast<double>(i))});
  }
  return taps;
}

// ---- reals and what only moves

Results Interpolated(const Tensor& x, const Resampling& r, Sizes sizes) {
  std::array<std::vector<Taps>, 3> taps;
  for (std::size_t d = 0; d < 3; ++d) {
    for (std::int64_t o = 0; o < r.out[d]; ++o) taps[d].push_back(TapsOf(r, d, o));
  }
  const std::int64_t plane_size = Count(r.in), planes = plane_size == 0 ? 0 : Count(x.sizes) / plane_size;
  const auto place = [&r](std::int64_t z, std::int64_t y, std::int64_t v) {
    return (z * r.in[1] + y) * r.in[2] + v;
  };
  if (r.mode == Mode::kNearest || r.mode == Mode::kNearestExact) {
    std::vector<std::int64_t> places;
    ForEachIndex({planes, r.out[0], r.out[1], r.out[2]}, [&](const Sizes& o) {
      std::array<std::int64_t, 3> at{};
      for (std::size_t d = 0; d < 3; ++d) at[d] = taps[d][static_cast<std::size_t>(o[d + 1])][0].index;
      places.push_back(o[0] * plane_size + place(at[0], at[1], at[2]));
    });
    return One(OCTAVO_TRY(Picked(x, std::move(sizes), places)));
  }
  const Array<double> numbers = OCTAVO_TRY(Numbers<double>(x));
  Array<double> result(std::move(sizes));
  std::int64_t next = 0;
  ForEachIndex({planes, r.out[0], r.out[1], r.out[2]}, [&](const Sizes& o) {
    double sum = 0;
    for (const Tap& z : taps[0][static_cast<std::size_t>(o[1])]) {
      for (const Tap& y : taps[1][static_cast<std::size_t>(o[2])]) {
        for (const Tap& v : taps[2][static_cast<std::size_t>(o[3])]) {
          sum +=
              z.weight * y.weight * v.weight * numbers[o[0] * plane_size + place(z.index, y.index, v.index)];
        }
      }
    }
    result[next++] = sum;
  });
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

// ---- quantized, over two dimensions: the levels are weighted in float32, and the zero point taken off

struct BetweenNeighbours {
  std::int64_t first, second;
  float first_weight, second_weight;
};

BetweenNeighbours BetweenOf(const Resampling& r, std::size_t d, std::int64_t o, bool fused) {
  const auto place = static_cast<float>(o);
  const float step = r.FloatStep(d);
  float at = r.align_corners ? step * place
             : fused         ? std::fma(step, place + 0.5F, -0.5F)
                             : step * (place + 0.5F) - 0.5F;
  at = std::max(at, 0.0F);
  BetweenNeighbours b{};
  b.first = IndexAt(at, r.in[d] - 1);
  b.second = std::min(b.first + 1, r.in[d] - 1);
  b.second_weight = at - static_cast<float>(b.first);
  b.first_weight = 1.0F - b.second_weight;
  return b;
}

// x a + y b, where the first or the second product is not rounded, or each one is.
enum class Fusing { kNone, kFirst, kSecond };
float WeightedSum(float a, float x, float b, float y, Fusing fusing) {
  switch (fusing) {
    case Fusing::kFirst:
      return std::fma(a, x, b * y);
    case Fusing::kSecond:
      return std::fma(b, y, a * x);
    default:
      return a * x + b * y;
  }
}

Results QuantizedBilinear(const Call& call, const Tensor& x, const Resampling& r, Sizes sizes) {
  if (r.in == r.out) return One(x);
  // The kernel for channels-last tensors, which those of one channel are as well: eight channels are a
  // vector.
  const std::int64_t channels = x.sizes[1];
  const bool channels_last = channels == 1 || call.memory_format(call.has("input") ? "input" : "self") ==
                                                  ir::MemoryFormat::kChannelsLast;
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Array<T> levels = Elements<T>(x);
    const std::int64_t zero_point = x.quantization->zero_point(), width = r.in[2];
    const Affine steps(1.0, zero_point);
    Array<T> result(std::move(sizes));
    std::int64_t next = 0;
    ForEachIndex(
        {Count(x.sizes) / std::max<std::int64_t>(Count(r.in), 1), r.out[1], r.out[2]}, [&](const Sizes& o) {
          const BetweenNeighbours h = BetweenOf(r, 1, o[1], channels_last),
                                  w = BetweenOf(r, 2, o[2], channels_last);
          const T* plane = levels.row(o[0] * Count(r.in), Count(r.in));
          constexpr std::int64_t kVector = 8;
          const Fusing fusing = !channels_last                                   ? Fusing::kNone
                                : o[0] % channels < channels / kVector * kVector ? Fusing::kSecond
                                                                                 : Fusing::kFirst;
          const auto row = [&](std::int64_t y) {
            return WeightedSum(w.first_weight, static_cast<float>(plane[y * width + w.first]),
                               w.second_weight, static_cast<float>(plane[y * width + w.second]), fusing);
          };
          const float level =
              WeightedSum(h.first_weight, row(h.first), h.second_weight, row(h.second), fusing) -
              static_cast<float>(zero_point);
          result[next++] = ScalarLevelOf<T>(level, steps, call.options());
        });
    return One(ToTensor(result, type));
  });
}

// ---- calls

Results Resampled(const Call& call, const Tensor& x, Mode mode, bool align_corners, std::size_t dims,
                  const std::vector<double>& factors) {
  if (x.sizes.size() != dims + 2)
    return Unsupported(fmt::format("an input of rank {} is not supported", x.rank()));
  const std::optional<Shape>& shape = call.result().shape;
  if (!shape || shape->size() != x.sizes.size()) return Unsupported("the output size must be known");
  Sizes sizes;
  for (const Dim& dim : *shape) {
    if (!dim.known()) return Unsupported("the output size must be known");
    sizes.push_back(dim.value());
  }
  sizes = OCTAVO_TRY(Checked(std::move(sizes)));
  if (!std::equal(sizes.begin(), sizes.begin() + 2, x.sizes.begin())) {
    return Unsupported(fmt::format("an input of shape {} does not give a result of {}", x.sizes, sizes));
  }
  Resampling r;
  r.mode = mode;
  r.align_corners = align_corners;
  r.one_channel = !x.quantization && dims > 1 && x.sizes[1] == 1;
  r.in = Sizes(3 - dims, 1);
  r.out = r.in;
  r.factors.resize(3 - dims);
  for (std::size_t d = 0; d < dims; ++d) {
    r.in.push_back(x.sizes[d + 2]);
    r.out.push_back(sizes[d + 2]);
    r.factors.push_back(factors.size() == dims ? std::optional<double>(factors[d]) : std::nullopt);
    if (r.in.back() < 1 || r.out.back() < 1) return Unsupported("the input or the output has no elements");
  }
  if (x.quantization && mode != Mode::kNearest && mode != Mode::kNearestExact) {
    if (mode != Mode::kLinear || dims != 2)
      return Unsupported("this interpolation of a quantized tensor is not supported");
    return QuantizedBilinear(call, x, r, std::move(sizes));
  }
  if (x.quantization && r.in == r.out) return One(x);
  return Interpolated(x, r, std::move(sizes));
}

// The factors: a list, or one argument a dimension, of which each may be missing.
Result<std::vector<double>> FactorsOf(const Call& call, std::size_t dims) {
  if (call.has("scale_factors")) return call.numbers("scale_factors");
  std::vector<double> factors;
  if (dims == 1) {
    if (call.has("scales")) factors.push_back(call.number("scales"));
    return factors;
  }
  for (const char* name : {"scales_d", "scales_h", "scales_w"}) {
    if (dims == 2 && name == std::string_view("scales_d")) continue;
    factors.push_back(call.has(name) ? call.number(name) : 0);
  }
  return factors;
}

template <Mode kMode, std::size_t dims>
Results Upsample(const Call& call) {
  const Tensor& x = call.tensor(call.has("input") ? "input" : "self");
  const bool align_corners = call.has("align_corners") && call.flag("align_corners");
  return Resampled(call, x, kMode, align_corners, dims, OCTAVO_TRY(FactorsOf(call, dims)));
}

std::optional<Mode> ModeNamed(std::string_view name, std::size_t dims) {
  if (name == "nearest") return Mode::kNearest;
  if (name == "nearest-exact") return Mode::kNearestExact;
  if (name == "linear" && dims == 1) return Mode::kLinear;
  if (name == "bilinear" && dims == 2) return Mode::kLinear;
  if (name == "trilinear" && dims == 3) return Mode::kLinear;
  if (name == "bicubic" && dims == 2) return Mode::kCubic;
  return std::nullopt;
}

Results Interpolate(const Call& call) {
  const Tensor& x = call.tensor("input");
  if (x.rank() < 3 || x.rank() > 5)
    return Unsupported(fmt::format("an input of rank {} is not supported", x.rank()));
  const std::size_t dims = x.sizes.size() - 2;
  const std::optional<Mode> mode = ModeNamed(call.text("mode"), dims);
  if (!mode || call.flag("antialias")) return Unsupported("this interpolation mode is not supported");
  std::vector<double> factors;
  const bool recompute = call.has("recompute_scale_factor") && call.flag("recompute_scale_factor");
  if (call.has("scale_factor") && !recompute) {
    factors = call.is_float("scale_factor") ? std::vector<double>{call.number("scale_factor")}
                                            : call.numbers("scale_factor");
  }
  if (factors.size() == 1) factors.assign(dims, factors[0]);
  return Resampled(call, x, *mode, call.has("align_corners") && call.flag("align_corners"), dims, factors);
}

}  // namespace

void AddResampling(Kernels& kernels) {
  kernels.Add("aten::upsample_nearest1d", Upsample<Mode::kNearest, 1>);
  kernels.Add("aten::upsample_nearest2d", Upsample<Mode::kNearest, 2>);
  kernels.Add("aten::upsample_nearest3d", Upsample<Mode::kNearest, 3>);
  kernels.Add("aten::_upsample_nearest_exact1d", Upsample<Mode::kNearestExact, 1>);
  kernels.Add("aten::_upsample_nearest_exact2d", Upsample<Mode::kNearestExact, 2>);
  kernels.Add("aten::_upsample_nearest_exact3d", Upsample<Mode::kNearestExact, 3>);
  kernels.Add("aten::upsample_linear1d", Upsample<Mode::kLinear, 1>);
  kernels.Add("aten::upsample_bilinear2d", Upsample<Mode::kLinear, 2>);
  kernels.Add("aten::upsample_trilinear3d", Upsample<Mode::kLinear, 3>);
  kernels.Add("aten::upsample_bicubic2d", Upsample<Mode::kCubic, 2>);
  kernels.Add("aten::__interpolate", Interpolate);
}

}  // namespace octavo::reference
