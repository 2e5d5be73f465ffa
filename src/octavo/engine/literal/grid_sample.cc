#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

struct Options {
  std::string mode, padding;
  bool align_corners = false;
};

// From -1 to 1 to an index.
double Unnormalized(double at, double size, bool align_corners) {
  return align_corners ? (at + 1) / 2 * (size - 1) : ((at + 1) * size - 1) / 2;
}

// Reflected at the borders until it is within them.
double Reflected(double at, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = std::fabs(at - low), turns = std::floor(distance / range);
  const double rest = distance - turns * range;
  return std::fmod(turns, 2) == 0 ? low + rest : high - rest;
}

// The index within the image, or -1 for a zero.
std::int64_t Padded(double at, std::int64_t size, const Options& o) {
  const auto last = static_cast<double>(size - 1);
  if (at >= 0 && at <= last) return static_cast<std::int64_t>(at);
  if (!std::isfinite(at) || o.padding == "zeros") return -1;
  if (o.padding == "border") return static_cast<std::int64_t>(std::clamp(at, 0.0, last));
  const double reflected = o.align_corners ? Reflected(at, 0, last) : Reflected(at, -0.5, last + 0.5);
  return static_cast<std::int64_t>(std::clamp(std::nearbyint(reflected), 0.0, last));
}

// Of PyTorch's cubic kernel, a = -0.75.
double CubicWeight(double distance) {
  constexpr double kA = -0.75;
  const double d = std::fabs(distance);
  if (d <= 1) return ((kA + 2) * d - (kA + 3)) * d * d + 1;
  if (d < 2) return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA;
  return 0;
}

struct GridTap {
  std::int64_t index;
  double weight;
};

std::vector<GridTap> GridTapsOf(double at, std::int64_t size, const Options& o) {
  if (o.mode == "nearest") return {{Padded(std::nearbyint(at), size, o), 1}};
  const double base = std::floor(at), ratio = at - base;
  std::vector<GridTap> taps;
  if (o.mode == "linear") {
    taps = {{Padded(base, size, o), 1 - ratio}, {Padded(base + 1, size, o), ratio}};
  } else {
    for (double i = -1; i <= 2; ++i) taps.push_back({Padded(base + i, size, o), CubicWeight(i - ratio)});
  }
  return taps;
}

Result<Prepared> GridSample(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckFloat(call, 0));
  OCTAVO_TRY(CheckFloat(call, 1));
  const ValueType type = OCTAVO_TRY(call.type(0));
  const Sizes& x = *type.sizes;
  const Sizes grid = OCTAVO_TRY(call.sizes(1));
  if (x.size() < 3 || grid.size() != x.size() || grid[0] != x[0] ||
      grid.back() != static_cast<std::int64_t>(x.size()) - 2)
    return call.Invalid("the shape of the grid does not fit the input");
  Options o;
  o.mode = OCTAVO_TRY(call.Text("mode", call.opset() < 20 ? "bilinear" : "linear"));
  if (call.opset() < 20 && (o.mode == "linear" || o.mode == "cubic"))
    return call.Invalid(fmt::format("attribute mode cannot be {} before opset 20", o.mode));
  if (o.mode == "bilinear") o.mode = "linear";
  if (o.mode == "bicubic") o.mode = "cubic";
  o.padding = OCTAVO_TRY(call.Text("padding_mode", "zeros"));
  o.align_corners = OCTAVO_TRY(call.Int("align_corners", 0)) != 0;
  if (o.mode != "linear" && o.mode != "cubic" && o.mode != "nearest")
    return call.Invalid(fmt::format("attribute mode cannot be {}", o.mode));
  if (o.padding != "zeros" && o.padding != "border" && o.padding != "reflection")
    return call.Invalid(fmt::format("attribute padding_mode cannot be {}", o.padding));
  constexpr std::size_t kMostDims = 5;
  if (x.size() > kMostDims)
    return call.NotSupported(fmt::format("inputs of rank {} are not supported", x.size()));
  Sizes result{x[0], x[1]};
  result.insert(result.end(), grid.begin() + 1, grid.end() - 1);
  if (!CountElements(result)) return call.Invalid("the result is too large");
  if (Product(x, 2, x.size()) == 0 && Product(result) > 0) return call.Invalid("the input has no elements");
  return One(type.dtype, result, [=, x = x](const Operands& in) -> Result<Tensor> {
    const std::vector<double> image = Reals(*in[0]), points = Reals(*in[1]);
    const std::size_t dims = x.size() - 2;
    const auto pixels = static_cast<std::size_t>(Product(result, 2, result.size()));
    const std::int64_t plane = Product(x, 2, x.size()), channels = x[1];
    std::vector<double> y(static_cast<std::size_t>(Product(result)));
    for (std::size_t p = 0; p < static_cast<std::size_t>(x[0]) * pixels; ++p) {
      const auto n = static_cast<std::int64_t>(p / pixels);
      // Offsets in a plane, with weights: all combinations of the dimensions' taps.
      std::vector<GridTap> taps{{0, 1}};
      for (std::size_t d = 0; d < dims; ++d) {
        // The grid has the last dimension first.
        const std::int64_t size = x[2 + d];
        const double at =
            Unnormalized(points[p * dims + dims - 1 - d], static_cast<double>(size), o.align_corners);
        std::vector<GridTap> next;
        const std::vector<GridTap> own = GridTapsOf(at, size, o);
        for (const GridTap& tap : taps) {
          for (const GridTap& more : own) {
            if (tap.index >= 0 && more.index >= 0)
              next.push_back({tap.index * size + more.index, tap.weight * more.weight});
          }
        }
        taps = std::move(next);
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (const GridTap& tap : taps)
          sum += tap.weight * image[static_cast<std::size_t>((n * channels + c) * plane + tap.index)];
        y[static_cast<std::size_t>(n * channels + c) * pixels + p % pixels] = sum;
      }
    }
    return FromReals(type.dtype, result, y);
  });
}

}  // namespace

void AddGridSample(Registry& registry) { registry.Add("GridSample", GridSample); }

}  // namespace octavo::engine::literal
