#include <array>
#include <cmath>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

// grid_sampler over two and three dimensions.  Source: GridSampler.cpp, GridSampler.h.

namespace octavo::reference {
namespace {

enum Interpolation { kLinear, kNearest, kCubic };
enum Padding { kZeros, kBorder, kReflection };

struct Sampling {
  std::int64_t interpolation, padding;
  bool align_corners;

  // From [-1, 1] to elements of a dimension.
  double Place(double x, std::int64_t size) const {
    const auto n = static_cast<double>(size);
    return align_corners ? (x + 1) / 2 * (n - 1) : ((x + 1) * n - 1) / 2;
  }
  // A place outside moved inside, as `padding` says.
  double Inside(double x, std::int64_t size) const {
    if (padding == kZeros) return x;
    if (padding == kReflection)
      x = align_corners ? Reflected(x, 0, 2 * (size - 1)) : Reflected(x, -1, 2 * size - 1);
    return std::isnan(x) ? 0 : std::clamp(x, 0.0, static_cast<double>(size - 1));
  }
  // Between low / 2 and high / 2.
  static double Reflected(double x, std::int64_t low, std::int64_t high) {
    if (low == high) return 0;
    const double from = static_cast<double>(low) / 2, span = static_cast<double>(high - low) / 2;
    const double distance = std::abs(x - from), rest = std::fmod(distance, span);
    return std::fmod(std::floor(distance / span), 2.0) == 0 ? rest + from : span - rest + from;
  }
};

// Keys' cubic convolution with a = -3/4, at a distance.
double CubicAt(double distance) {
  constexpr double a = -0.75;
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

struct GridTap {
  std::int64_t index;  // -1: outside
  double weight;
};

std::vector<GridTap> GridTapsOf(const Sampling& s, double x, std::int64_t size) {
  // Far enough outside any tensor for an index to be made of it.
  constexpr double kFar = 1e9;
  const auto index_of = [&](double place) {
    return place >= 0 && place <= static_cast<double>(size - 1) ? static_cast<std::int64_t>(place) : -1;
  };
  double at = s.Place(x, size);
  if (s.interpolation != kCubic) at = s.Inside(at, size);
  if (std::isnan(at)) at = -1;
  at = std::clamp(at, -kFar, kFar);
  if (s.interpolation == kNearest) return {{index_of(std::nearbyint(at)), 1}};
  const double first = std::floor(at);
  std::vector<GridTap> taps;
  if (s.interpolation == kLinear) {
    return {{index_of(first), 1 - (at - first)}, {index_of(first + 1), at - first}};
  }
  for (double i = first - 1; i <= first + 2; ++i)
    taps.push_back({index_of(s.Inside(i, size)), CubicAt(at - i)});
  return taps;
}

Results GridSample(const Call& call) {
  const Tensor &x = call.tensor("input"), &grid = call.tensor("grid");
  const std::size_t rank = x.sizes.size(), dims = rank - 2;
  const Sampling s{call.integer("interpolation_mode"), call.integer("padding_mode"),
                   call.flag("align_corners")};
  if ((rank != 4 && rank != 5) || grid.sizes.size() != rank || grid.sizes[0] != x.sizes[0] ||
      grid.sizes[rank - 1] != static_cast<std::int64_t>(dims) || !IsFloat(x.dtype) || !IsFloat(grid.dtype)) {
    return Unsupported("the grid does not fit the input");
  }
  if (s.interpolation < kLinear || s.interpolation > (dims == 2 ? kCubic : kNearest) || s.padding < kZeros ||
      s.padding > kReflection) {
    return Unsupported("this combination of interpolation_mode and padding_mode is not supported");
  }
  Sizes in(x.sizes.begin() + 2, x.sizes.end()), out(grid.sizes.begin() + 1, grid.sizes.end() - 1);
  for (const std::int64_t size : in) {
    if (size < 1) return Unsupported("the input has no elements");
  }
  in.insert(in.begin(), 3 - dims, 1);
  Sizes sizes = {x.sizes[0], x.sizes[1]};
  sizes.insert(sizes.end(), out.begin(), out.end());
  const Array<double> numbers = OCTAVO_TRY(Numbers<double>(x)), places = OCTAVO_TRY(Numbers<double>(grid));
  Array<double> result(OCTAVO_TRY(Checked(std::move(sizes))));
  const std::int64_t channels = x.sizes[1], plane_size = Count(in), points = Count(out);
  for (std::int64_t point = 0; point < x.sizes[0] * points; ++point) {
    std::array<std::vector<GridTap>, 3> taps = {std::vector<GridTap>{{0, 1}}, {}, {}};
    for (std::size_t d = 0; d < dims; ++d) {  // the grid's last dimension is x, y, z
      const double place = places[point * static_cast<std::int64_t>(dims) + static_cast<std::int64_t>(d)];
      taps[2 - d] = GridTapsOf(s, place, in[2 - d]);
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      const double* plane = numbers.row((point / points * channels + c) * plane_size, plane_size);
      double sum = 0;
      for (const GridTap& z : taps[0]) {
        for (const GridTap& y : taps[1]) {
          for (const GridTap& v : taps[2]) {
            if (z.index < 0 || y.index < 0 || v.index < 0) continue;
            sum += z.weight * y.weight * v.weight * plane[(z.index * in[1] + y.index) * in[2] + v.index];
          }
        }
      }
      result[(point / points * channels + c) * points + point % points] = sum;
    }
  }
  return One(OCTAVO_TRY(Stored(result, x.dtype)));
}

}  // namespace

void AddGridSampling(Kernels& kernels) {
  for (const char* name : {"aten::grid_sampler", "aten::grid_sampler_2d", "aten::grid_sampler_3d"}) {
    kernels.Add(name, GridSample);
  }
}

}  // namespace octavo::reference
