#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/engine/literal/broadcast.h"
#include "octavo/engine/literal/numbers.h"
#include "octavo/engine/literal/registry.h"

namespace octavo::engine::literal {
namespace {

using Real = double (*)(double, double);
using Integer = std::int64_t (*)(std::int64_t, std::int64_t);

// Integer arithmetic wraps, as it does in a register.
std::int64_t Wrapped(std::uint64_t v) { return static_cast<std::int64_t>(v); }
std::uint64_t U(std::int64_t v) { return static_cast<std::uint64_t>(v); }

std::int64_t Add(std::int64_t a, std::int64_t b) { return Wrapped(U(a) + U(b)); }
std::int64_t Subtract(std::int64_t a, std::int64_t b) { return Wrapped(U(a) - U(b)); }
std::int64_t Multiply(std::int64_t a, std::int64_t b) { return Wrapped(U(a) * U(b)); }
// Towards zero.  The caller has refused b = 0.
std::int64_t Divide(std::int64_t a, std::int64_t b) { return b == -1 ? Subtract(0, a) : a / b; }
// The sign of b, as Python's %; with fmod the sign of a.
std::int64_t Modulo(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  const std::int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
std::int64_t Remainder(std::int64_t a, std::int64_t b) { return b == -1 ? 0 : a % b; }

double LeastOf(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }
double GreatestOf(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }

struct Pair {
  DType dtype;
  Sizes sizes;
};

Result<Pair> PairOf(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckSameType(call));
  const Sizes a = OCTAVO_TRY(call.sizes(0)), b = OCTAVO_TRY(call.sizes(1));
  const auto sizes = Broadcast(a, b);
  if (!sizes) return DoNotBroadcast(call, a, b);
  return Pair{OCTAVO_TRY(call.dtype(0)), *sizes};
}

Result<Prepared> ArithmeticOf(Call& call, Real real, Integer integer, bool divides = false) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckNumber(call, 0));
  const auto [dtype, sizes] = OCTAVO_TRY(PairOf(call));
  if (IsFloat(dtype)) {
    return One(dtype, sizes, [dtype = dtype, sizes = sizes, real](const Operands& in) -> Result<Tensor> {
      return FromReals(dtype, sizes,
                       Zip<double>(Reals(*in[0]), in[0]->sizes, Reals(*in[1]), in[1]->sizes, sizes, real));
    });
  }
  return One(
      dtype, sizes, [dtype = dtype, sizes = sizes, integer, divides](const Operands& in) -> Result<Tensor> {
        const std::vector<std::int64_t> b = Integers(*in[1]);
        if (divides && std::find(b.begin(), b.end(), 0) != b.end())
          return InvalidFile("integer division by zero");
        return FromIntegers(
            dtype, sizes, Zip<std::int64_t>(Integers(*in[0]), in[0]->sizes, b, in[1]->sizes, sizes, integer));
      });
}

Result<Prepared> Mod(Call& call) {
  const std::int64_t of_floats = OCTAVO_TRY(call.Int("fmod", 0));
  if (of_floats != 0 && of_floats != 1) return call.Invalid("attribute fmod must be 0 or 1");
  if (of_floats == 1)
    return ArithmeticOf(
        call, [](double a, double b) { return std::fmod(a, b); }, Remainder, true);
  if (IsFloat(OCTAVO_TRY(call.dtype(0)))) return call.Invalid("floats need fmod = 1");
  return ArithmeticOf(call, nullptr, Modulo, true);
}

// The exponent may have another type than the base.
Result<Prepared> Pow(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  OCTAVO_TRY(CheckNumber(call, 0));
  OCTAVO_TRY(CheckNumber(call, 1));
  const Sizes a = OCTAVO_TRY(call.sizes(0)), b = OCTAVO_TRY(call.sizes(1));
  const auto sizes = Broadcast(a, b);
  if (!sizes) return DoNotBroadcast(call, a, b);
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, *sizes, [dtype, sizes = *sizes](const Operands& in) -> Result<Tensor> {
    const std::vector<double> y = Zip<double>(Reals(*in[0]), in[0]->sizes, Reals(*in[1]), in[1]->sizes, sizes,
                                              [](double v, double e) { return std::pow(v, e); });
    if (IsFloat(dtype)) return FromReals(dtype, sizes, y);
    std::vector<std::int64_t> integers(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) integers[i] = SaturatedInteger(std::trunc(y[i]), dtype);
    return FromIntegers(dtype, sizes, integers);
  });
}

// Min, Max, Sum, Mean of any number of operands.
Result<Prepared> Variadic(Call& call, Real real, Integer integer, bool mean = false) {
  OCTAVO_TRY(call.Inputs(1, call.num_inputs()));
  OCTAVO_TRY(CheckNumber(call, 0));
  OCTAVO_TRY(CheckSameType(call));
  Sizes sizes = OCTAVO_TRY(call.sizes(0));
  for (std::size_t i = 1; i < call.num_inputs(); ++i) {
    const Sizes other = OCTAVO_TRY(call.sizes(i));
    const auto both = Broadcast(sizes, other);
    if (!both) return DoNotBroadcast(call, sizes, other);
    sizes = *both;
  }
  const DType dtype = OCTAVO_TRY(call.dtype(0));
  return One(dtype, sizes, [dtype, sizes, real, integer, mean](const Operands& in) -> Result<Tensor> {
    if (!IsFloat(dtype)) {
      std::vector<std::int64_t> y =
          Integers(Strided(*in[0], sizes, BroadcastStrides(in[0]->sizes, sizes), 0));
      for (std::size_t i = 1; i < in.size(); ++i)
        y = Zip<std::int64_t>(y, sizes, Integers(*in[i]), in[i]->sizes, sizes, integer);
      return FromIntegers(dtype, sizes, y);
    }
    std::vector<double> y = Reals(Strided(*in[0], sizes, BroadcastStrides(in[0]->sizes, sizes), 0));
    for (std::size_t i = 1; i < in.size(); ++i)
      y = Zip<double>(y, sizes, Reals(*in[i]), in[i]->sizes, sizes, real);
    if (mean) {
      for (double& v : y) v /= static_cast<double>(in.size());
    }
    return FromReals(dtype, sizes, y);
  });
}

Result<Prepared> PRelu(Call& call) {
  OCTAVO_TRY(call.Inputs(2, 2));
  // The slope broadcasts to x, not x to the slope.
  const Sizes x = OCTAVO_TRY(call.sizes(0)), slope = OCTAVO_TRY(call.sizes(1));
  if (Broadcast(x, slope) != x) return DoNotBroadcast(call, slope, x);
  return ArithmeticOf(
      call, [](double v, double s) { return v < 0 ? s * v : v; },
      [](std::int64_t v, std::int64_t s) { return v < 0 ? Multiply(s, v) : v; });
}

// Bounds that are left out are the type's lowest and highest number, so that infinity is clipped, too.  Up to
// opset 10 they are attributes.
Result<Prepared> Clip(Call& call) {
  OCTAVO_TRY(call.Inputs(1, call.opset() < 11 ? 1 : 3));
  OCTAVO_TRY(CheckNumber(call, 0));
  const ValueType type = OCTAVO_TRY(call.type(0));
  double high = type.dtype == DType::kFloat64 ? std::numeric_limits<double>::max()
                                              : double{std::numeric_limits<float>::max()};
  double low = -high;
  if (call.opset() < 11) {
    low = OCTAVO_TRY(call.Real("min", low));
    high = OCTAVO_TRY(call.Real("max", high));
    if (!(low <= high)) return call.Invalid(fmt::format("nothing lies between {} and {}", low, high));
  }
  for (std::size_t i = 1; i < 3; ++i) {
    if (!call.has(i)) continue;
    if (OCTAVO_TRY(call.dtype(i)) != type.dtype)
      return call.Invalid("min and max must have the dtype of the input");
    if (Product(OCTAVO_TRY(call.sizes(i))) != 1) return call.Invalid("min and max must be scalars");
  }
  return One(type.dtype, *type.sizes, [low, high](const Operands& in) -> Result<Tensor> {
    const Tensor* least = in.size() > 1 ? in[1] : nullptr;
    const Tensor* greatest = in.size() > 2 ? in[2] : nullptr;
    if (IsInteger(in[0]->dtype)) {
      std::vector<std::int64_t> x = Integers(*in[0]);
      const std::int64_t l = least ? Integers(*least)[0] : std::numeric_limits<std::int64_t>::min();
      const std::int64_t h = greatest ? Integers(*greatest)[0] : std::numeric_limits<std::int64_t>::max();
      for (std::int64_t& v : x) v = std::min(std::max(v, l), h);
      return FromIntegers(in[0]->dtype, in[0]->sizes, x);
    }
    std::vector<double> x = Reals(*in[0]);
    const double l = least ? Reals(*least)[0] : low, h = greatest ? Reals(*greatest)[0] : high;
    for (double& v : x) v = std::isnan(v) ? v : std::min(std::max(v, l), h);
    return FromReals(in[0]->dtype, in[0]->sizes, x);
  });
}

}  // namespace

bool IsSpread(const Sizes& a, const Sizes& b, const Sizes& result) {
  for (std::size_t d = 0; d < result.size(); ++d) {
    if (result[result.size() - 1 - d] == 1) continue;
    const auto size = [d](const Sizes& s) { return d < s.size() ? s[s.size() - 1 - d] : 1; };
    return size(a) == 1 && size(b) != 1;
  }
  return false;
}

Error DoNotBroadcast(const Call& call, const Sizes& a, const Sizes& b) {
  return call.Invalid(fmt::format("shapes {} and {} cannot be broadcast", ToString(Shape(a.begin(), a.end())),
                                  ToString(Shape(b.begin(), b.end()))));
}

void AddBinary(Registry& registry) {
  registry.Add("Add", [](Call& call) {
    return ArithmeticOf(
        call, [](double a, double b) { return a + b; }, Add);
  });
  registry.Add("Sub", [](Call& call) {
    return ArithmeticOf(
        call, [](double a, double b) { return a - b; }, Subtract);
  });
  registry.Add("Mul", [](Call& call) {
    return ArithmeticOf(
        call, [](double a, double b) { return a * b; }, Multiply);
  });
  registry.Add("Div", [](Call& call) {
    return ArithmeticOf(
        call, [](double a, double b) { return a / b; }, Divide, true);
  });
  registry.Add("Mod", Mod);
  registry.Add("Pow", Pow);
  registry.Add("PRelu", PRelu);
  registry.Add("Clip", Clip);
  registry.Add("Min", [](Call& call) {
    return Variadic(call, LeastOf, [](std::int64_t a, std::int64_t b) { return std::min(a, b); });
  });
  registry.Add("Max", [](Call& call) {
    return Variadic(call, GreatestOf, [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
  });
  registry.Add("Sum", [](Call& call) {
    return Variadic(
        call, [](double a, double b) { return a + b; }, Add);
  });
  registry.Add("Mean", [](Call& call) -> Result<Prepared> {
    OCTAVO_TRY(call.Inputs(1, call.num_inputs()));
    OCTAVO_TRY(CheckFloat(call, 0));
    return Variadic(
        call, [](double a, double b) { return a + b; }, Add, true);
  });
}

}  // namespace octavo::engine::literal
