#include "octavo/engine/literal/resizing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

struct Tap {
  std::int64_t index = 0;
  double weight = 0;
};
// For each result along an axis, the elements that make it; none: it has the extrapolation value.
using Taps = std::vector<std::vector<Tap>>;

// The position in the input that result i stands for.  In float32, the type of the scales, as runtimes
// compute it: floor(27 / 2.7) is 10 there, and 9 where the scale is the real number that is nearest to 2.7 in
// float32.
double Original(const ResizeMode& m, const ResizedAxis& a, std::int64_t i) {
  const auto x = static_cast<float>(i), from = static_cast<float>(a.from), to = static_cast<float>(a.to);
  const auto scale = static_cast<float>(a.scale), begin = static_cast<float>(a.begin),
             end = static_cast<float>(a.end);
  if (m.coordinates == "align_corners") return a.to == 1 ? 0 : x * (from - 1) / (to - 1);
  if (m.coordinates == "asymmetric") return x / scale;
  if (m.coordinates == "tf_half_pixel_for_nn") return (x + 0.5F) / scale;
  if (m.coordinates == "pytorch_half_pixel") return a.to > 1 ? (x + 0.5F) / scale - 0.5F : 0;
  if (m.coordinates == "tf_crop_and_resize") {
    return a.to > 1 ? begin * (from - 1) + x * (end - begin) * (from - 1) / (to - 1)
                    : 0.5F * (begin + end) * (from - 1);
  }
  if (m.coordinates == "half_pixel_symmetric") {
    const float adjustment = to / (scale * from);
    return from / 2 * (1 - adjustment) + (x + 0.5F) / scale - 0.5F;
  }
  return (x + 0.5F) / scale - 0.5F;
}

double NearestOf(const ResizeMode& m, double x) {
  if (m.nearest == "floor") return std::floor(x);
  if (m.nearest == "ceil") return std::ceil(x);
  if (m.nearest == "round_prefer_ceil") return std::floor(x + 0.5);
  return std::ceil(x - 0.5);
}

double Cubic(double a, double distance) {
  const double d = std::fabs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

std::vector<Tap> TapsAt(const ResizeMode& m, const ResizedAxis& a, double x) {
  const std::int64_t last = a.from - 1;
  const auto inside = [last](double i) {
    return static_cast<std::int64_t>(std::clamp(i, 0.0, static_cast<double>(last)));
  };
  if (m.mode == "nearest") return {{inside(NearestOf(m, x)), 1}};
  const bool cubic = m.mode == "cubic";
  // Without antialiasing the kernel has its own width; with it, it covers the elements that fall together.
  const double stretch = m.antialias ? std::min(a.scale, 1.0) : 1;
  const double radius = (cubic ? 2 : 1) / stretch, base = std::floor(x), ratio = x - base;
  std::vector<Tap> taps;
  double sum = 0;
  for (double i = std::floor(-radius) + 1; i <= 1 - (std::floor(-radius) + 1); ++i) {
    const double distance = (i - ratio) * stretch;
    double weight = cubic ? Cubic(m.cubic_a, distance) : std::max(0.0, 1 - std::fabs(distance));
    if (m.exclude_outside && (base + i < 0 || base + i > static_cast<double>(last))) weight = 0;
    if (weight == 0) continue;
    taps.push_back({inside(base + i), weight});
    sum += weight;
  }
  if (m.exclude_outside || m.antialias) {
    for (Tap& tap : taps) tap.weight /= sum;
  }
  return taps;
}

Taps TapsOf(const ResizeMode& m, const ResizedAxis& a) {
  Taps taps;
  for (std::int64_t i = 0; i < a.to; ++i) {
    const double x = Original(m, a, i);
    // Not a number, too, where the region is not.
    const bool outside =
        m.coordinates == "tf_crop_and_resize" && !(x >= 0 && x <= static_cast<double>(a.from - 1));
    taps.push_back(outside ? std::vector<Tap>() : TapsAt(m, a, x));
  }
  return taps;
}

// One axis after the other.
Result<Tensor> Resized(const Tensor& x, const ResizeMode& m, const std::vector<ResizedAxis>& axes,
                       const Sizes& result) {
  const bool moves = m.mode == "nearest" && m.coordinates != "tf_crop_and_resize";
  std::vector<double> values;
  std::vector<std::int64_t> source;
  if (moves) {
    source.resize(static_cast<std::size_t>(x.num_elements()));
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::int64_t>(i);
  } else {
    values = Reals(x);
  }
  std::vector<bool> outside(values.size());
  Sizes sizes = x.sizes;
  // What shrinks comes first, so that no partial result is larger than both ends.
  std::vector<std::size_t> order(axes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&axes](std::size_t i, std::size_t k) {
    return static_cast<double>(axes[i].to) * static_cast<double>(axes[k].from) <
           static_cast<double>(axes[k].to) * static_cast<double>(axes[i].from);
  });
  for (const std::size_t d : order) {
    const ResizedAxis& a = axes[d];
    if (a.from == a.to && a.scale == 1 && m.coordinates != "tf_crop_and_resize") continue;
    const Taps taps = TapsOf(m, a);
    Sizes next = sizes;
    next[d] = a.to;
    const auto count = static_cast<std::size_t>(Product(next));
    std::vector<double> new_values(moves ? 0 : count);
    std::vector<std::int64_t> new_source(moves ? count : 0);
    std::vector<bool> new_outside(new_values.size());
    const std::int64_t outer = Product(sizes, 0, d), inner = Product(sizes, d + 1, sizes.size());
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < a.to; ++i) {
        const std::vector<Tap>& sum = taps[static_cast<std::size_t>(i)];
        for (std::int64_t k = 0; k < inner; ++k) {
          const auto to = static_cast<std::size_t>((o * a.to + i) * inner + k);
          if (sum.empty()) new_outside[to] = true;
          for (const Tap& tap : sum) {
            const auto at = static_cast<std::size_t>((o * a.from + tap.index) * inner + k);
            if (moves) {
              new_source[to] = source[at];
            } else {
              new_values[to] += tap.weight * values[at];
              if (outside[at]) new_outside[to] = true;
            }
          }
        }
      }
    }
    values = std::move(new_values);
    source = std::move(new_source);
    outside = std::move(new_outside);
    sizes = next;
  }
  if (moves) return Picked(x, result, source);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (outside[i]) values[i] = m.extrapolation;
  }
  if (IsFloat(x.dtype)) return FromReals(x.dtype, result, values);
  std::vector<std::int64_t> integers(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    integers[i] = SaturatedInteger(std::nearbyint(values[i]), x.dtype);
  return FromIntegers(x.dtype, result, integers);
}

Result<ResizeMode> ModeOf(Call& call) {
  ResizeMode m;
  OCTAVO_TRY(call.Text("keep_aspect_ratio_policy", "stretch"));
  m.mode = OCTAVO_TRY(call.Text("mode", "nearest"));
  if (m.mode == "bilinear") m.mode = "linear";  // Upsample of opset 7 to 9
  if (m.mode != "nearest" && m.mode != "linear" && m.mode != "cubic")
    return call.Invalid(fmt::format("attribute mode must be nearest, linear or cubic, not {}", m.mode));
  if (call.op() == "Upsample" || call.opset() < 11) {
    m.coordinates = "asymmetric";
    m.nearest = "floor";
    return m;
  }
  m.coordinates = OCTAVO_TRY(call.Text("coordinate_transformation_mode", "half_pixel"));
  m.nearest = OCTAVO_TRY(call.Text("nearest_mode", "round_prefer_floor"));
  m.cubic_a = OCTAVO_TRY(call.Real("cubic_coeff_a", -0.75));
  m.extrapolation = OCTAVO_TRY(call.Real("extrapolation_value", 0.0));
  m.exclude_outside = OCTAVO_TRY(call.Int("exclude_outside", 0)) != 0;
  m.antialias = OCTAVO_TRY(call.Int("antialias", 0)) != 0;
  const auto known = [](const std::string& word, std::initializer_list<const char*> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (!known(m.coordinates, {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                             "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"})) {
    return call.Invalid(fmt::format("coordinate_transformation_mode {} is not supported", m.coordinates));
  }
  if (!known(m.nearest, {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}))
    return call.Invalid(fmt::format("nearest_mode {} is not supported", m.nearest));
  return m;
}

// Either scales or sizes are given, for all dimensions or for `axes`.
struct Request {
  std::vector<double> scales;
  std::vector<std::int64_t> sizes;
  std::vector<double> region;
  std::vector<int> axes;
};

Result<std::vector<double>> RealInput(Call& call, std::size_t i) {
  const Tensor* value = OCTAVO_TRY(call.value(i));
  if (!IsFloat(value->dtype) || value->rank() != 1)
    return call.Invalid(fmt::format("input {} must be a list of floats", i));
  return Reals(*value);
}

Result<Request> RequestOf(Call& call, int rank) {
  Request r;
  std::vector<std::int64_t> axes = OCTAVO_TRY(call.Ints("axes", Sizes()));
  for (int d = 0; axes.empty() && d < rank; ++d) r.axes.push_back(d);
  if (!axes.empty()) r.axes = OCTAVO_TRY(call.Axes(axes, rank));
  if (call.op() == "Upsample" && call.opset() < 9) {
    OCTAVO_TRY(call.Inputs(1, 1));
    const ir::Operand* scales = call.Attribute("scales");
    const auto* list = scales == nullptr ? nullptr : std::get_if<std::vector<double>>(scales);
    if (list == nullptr) return call.Invalid("attribute scales is missing");
    r.scales = *list;
  } else if (call.op() == "Upsample" || call.opset() < 11) {
    OCTAVO_TRY(call.Inputs(2, 2));
    r.scales = OCTAVO_TRY(RealInput(call, 1));
  } else {
    OCTAVO_TRY(call.Inputs(1, 4));
    if (call.has(1) && OCTAVO_TRY(call.sizes(1)) != Sizes{0}) r.region = OCTAVO_TRY(RealInput(call, 1));
    if (call.has(2) && OCTAVO_TRY(call.sizes(2)) != Sizes{0}) r.scales = OCTAVO_TRY(RealInput(call, 2));
    if (call.has(3) && OCTAVO_TRY(call.sizes(3)) != Sizes{0}) r.sizes = OCTAVO_TRY(call.IntsOf(3));
  }
  if (r.scales.empty() == r.sizes.empty()) return call.Invalid("either scales or sizes must be given");
  const std::size_t count = r.axes.size();
  if ((!r.scales.empty() && r.scales.size() != count) || (!r.sizes.empty() && r.sizes.size() != count) ||
      (!r.region.empty() && r.region.size() != 2 * count)) {
    return call.Invalid(fmt::format("scales, sizes or roi do not fit {} dimensions", count));
  }
  for (const double scale : r.scales) {
    if (!(scale > 0) || scale > 0x1p30 || (call.op() == "Upsample" && scale < 1))
      return call.Invalid(fmt::format("a scale cannot be {}", scale));
  }
  for (const std::int64_t size : r.sizes) {
    if (size < 0 || size > std::int64_t{1} << 30)
      return call.Invalid(fmt::format("a size cannot be {}", size));
  }
  return r;
}

// One scale for all sizes that are asked for.
Status KeepAspectRatio(Call& call, const Sizes& x, Request& r) {
  const std::string policy = OCTAVO_TRY(call.Text("keep_aspect_ratio_policy", "stretch"));
  if (policy == "stretch" || r.sizes.empty()) return {};
  if (policy != "not_larger" && policy != "not_smaller")
    return call.Invalid(fmt::format("keep_aspect_ratio_policy {} is not supported", policy));
  std::optional<double> scale;
  for (std::size_t i = 0; i < r.axes.size(); ++i) {
    const double own = static_cast<double>(r.sizes[i]) /
                       static_cast<double>(std::max<std::int64_t>(x[static_cast<std::size_t>(r.axes[i])], 1));
    if (!scale || (policy == "not_larger" ? own < *scale : own > *scale)) scale = own;
  }
  for (std::size_t i = 0; i < r.axes.size(); ++i) {
    r.sizes[i] = static_cast<std::int64_t>(
        std::floor(*scale * static_cast<double>(x[static_cast<std::size_t>(r.axes[i])]) + 0.5));
  }
  r.scales.assign(r.axes.size(), *scale);
  return {};
}

}  // namespace

Result<ResizePlan> ResizePlanOf(Call& call) {
  const ValueType type = OCTAVO_TRY(call.type(0));
  const ResizeMode m = OCTAVO_TRY(ModeOf(call));
  const Sizes& x = *type.sizes;
  Request r = OCTAVO_TRY(RequestOf(call, static_cast<int>(x.size())));
  OCTAVO_TRY(KeepAspectRatio(call, x, r));
  if (m.mode != "nearest" || m.coordinates == "tf_crop_and_resize") OCTAVO_TRY(CheckNumber(call, 0));
  if (m.coordinates == "tf_crop_and_resize" && r.region.empty())
    return call.Invalid("tf_crop_and_resize needs the roi input");
  std::vector<ResizedAxis> axes;
  for (const std::int64_t size : x) axes.push_back({.from = size, .to = size});
  Sizes result = x;
  for (std::size_t i = 0; i < r.axes.size(); ++i) {
    const auto d = static_cast<std::size_t>(r.axes[i]);
    ResizedAxis& a = axes[d];
    // The size is found in float32, as shape inference does.
    const float scaled = r.scales.empty() ? 0 : static_cast<float>(r.scales[i]) * static_cast<float>(a.from);
    if (!(scaled < 0x1p40F)) return call.Invalid("the result is too large");
    a.to = r.sizes.empty() ? static_cast<std::int64_t>(std::floor(scaled)) : r.sizes[i];
    if (a.from == 0 && a.to > 0) return call.Invalid("the input has no elements");
    a.scale_is_given = !r.scales.empty();
    a.scale = !r.scales.empty() ? r.scales[i]
              : a.from == 0     ? 1
                                : static_cast<double>(a.to) / static_cast<double>(a.from);
    if (!r.region.empty()) {
      a.begin = r.region[i];
      a.end = r.region[i + r.axes.size()];
    }
    if (m.antialias && a.scale < 0x1p-12)
      return call.NotSupported(fmt::format("a scale of {} with antialias is not supported", a.scale));
    result[d] = a.to;
  }
  if (!CountElements(result)) return call.Invalid("the result is too large");
  return ResizePlan{.mode = m, .axes = axes, .result = result};
}

namespace {

Result<Prepared> Resize(Call& call) {
  ResizePlan plan = OCTAVO_TRY(ResizePlanOf(call));
  Sizes result = plan.result;
  return One(OCTAVO_TRY(call.dtype(0)), std::move(result), [plan](const Operands& in) -> Result<Tensor> {
    return Resized(*in[0], plan.mode, plan.axes, plan.result);
  });
}

}  // namespace

void AddResizing(Registry& registry) {
  registry.Add("Resize", Resize);
  registry.Add("Upsample", Resize);
}

}  // namespace octavo::engine::literal
