#include <cmath>

#include <fmt/format.h>

#include "octavo/reference/kernels.h"
#include "octavo/reference/levels.h"
#include "octavo/reference/movement.h"

// quantized::add, mul and their forms.  Sources: BinaryOps.cpp, qmul.cpp, QuantizedOpKernels.cpp; of quint8
// add qnnpack/src/q8vadd/sse2.c and compute_add_quantization_params; of qint8 XNNPACK's qs8-vadd and
// qs8-vmul.

namespace octavo::reference {
namespace {

// The two operands, and where their elements for each element of the result are.
struct Pair {
  Tensor a, b;
  Sizes sizes;
  std::vector<std::int64_t> a_places, b_places;
};

std::vector<std::int64_t> QuantizedRepeated(const Sizes& from, const Sizes& sizes) {
  const Sizes steps = Steps(from);
  const std::size_t missing = sizes.size() - from.size();
  std::vector<std::int64_t> places;
  ForEachIndex(sizes, [&](const Sizes& at) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < from.size(); ++d) place += from[d] == 1 ? 0 : at[d + missing] * steps[d];
    places.push_back(place);
  });
  return places;
}

Result<Pair> PairOf(const Call& call) {
  Pair pair{call.tensor("qa"), call.tensor("qb"), {}, {}, {}};
  if (pair.a.dtype != pair.b.dtype) {
    return Unsupported(fmt::format("the operands must have the same dtype, but are {} and {}",
                                   Name(pair.a.dtype), Name(pair.b.dtype)));
  }
  if (!pair.b.quantization || !pair.b.quantization->per_tensor()) {
    return Unsupported("both operands must be per-tensor quantized");
  }
  pair.sizes = OCTAVO_TRY(Broadcast(pair.a.sizes, pair.b.sizes));
  pair.a_places = QuantizedRepeated(pair.a.sizes, pair.sizes);
  pair.b_places = QuantizedRepeated(pair.b.sizes, pair.sizes);
  return pair;
}

template <bool kRelu, typename T>
std::int64_t Floor(const Affine& to) {
  return kRelu ? std::max(LowestOf<T>(), to.zero_point) : LowestOf<T>();
}

// f(a, b) of the levels.
template <typename T, typename F>
Results MapPairs(const Call& call, const Pair& pair, F f) {
  const TensorType type = OCTAVO_TRY(QuantizedResult(call, pair.a));
  const Array<T> a = Elements<T>(pair.a), b = Elements<T>(pair.b);
  Array<T> levels(pair.sizes);
  for (std::size_t i = 0; i < levels.data.size(); ++i) {
    levels.data[i] = static_cast<T>(f(a[pair.a_places[i]], b[pair.b_places[i]]));
  }
  return One(ToTensor(levels, type));
}

// ---- add

// Sums of fixed point: each level times its scale in the result's steps, with 22 bits (qnnpack) or 21
// (XNNPACK), and shifted back.
struct FixedPointSum {
  std::int64_t a_multiplier, b_multiplier, a_zero, b_zero;
  int shift;

  FixedPointSum(const Affine& a, const Affine& b, const Affine& to, int bits)
      : a_zero(a.zero_point), b_zero(b.zero_point) {
    const float a_scale = a.scale / to.scale, b_scale = b.scale / to.scale;
    shift = bits - std::ilogb(std::max(a_scale, b_scale));
    a_multiplier = std::lrint(std::ldexp(a_scale, shift));
    b_multiplier = std::lrint(std::ldexp(b_scale, shift));
  }
  std::int64_t Of(std::int64_t a, std::int64_t b) const {
    return a_multiplier * (a - a_zero) + b_multiplier * (b - b_zero);
  }
  // x / 2^shift to the nearest, ties away from zero.
  std::int64_t TiesAway(std::int64_t x) const {
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    return x < 0 ? -((-x + half) >> shift) : (x + half) >> shift;
  }
  // ... as qnnpack's q8vadd does on x86, where a shift by 32 bits and more counts for its last 5 bits, or, of
  // vectors, leaves the sign.  Fewer than 8 elements are no vector.
  std::int64_t AsQnnpack(std::int64_t x, std::int64_t elements) const {
    constexpr int kBits = 32;
    constexpr std::int64_t kVector = 8;
    if (shift < kBits) return TiesAway(x);
    const int cut = shift % kBits;
    const std::int64_t mask = (std::int64_t{1} << cut) - 1, negative = x < 0 ? 1 : 0;
    const std::int64_t shifted = elements < kVector ? x >> cut : -negative;
    return shifted + ((x & mask) - negative > (mask >> 1) ? 1 : 0);
  }
  // ... ties up.
  std::int64_t TiesUp(std::int64_t x) const { return (x + (std::int64_t{1} << (shift - 1))) >> shift; }
};

// PyTorch refuses ratios of the scales that these kernels do not take.
bool RatiosWithin(const Affine& a, const Affine& b, const Affine& to, int lowest_exponent) {
  const float low = std::ldexp(1.0F, lowest_exponent), high = 256.0F;
  for (const float ratio : {a.scale / to.scale, b.scale / to.scale}) {
    if (!(ratio >= low && ratio < high)) return false;
  }
  return true;
}

template <bool kRelu>
Results QuantizedAdd(const Call& call) {
  const Pair pair = OCTAVO_TRY(PairOf(call));
  const bool given = call.has("scale");  // not into another tensor's quantization
  return WithLevels(pair.a, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, pair.a));
    const Affine a(*pair.a.quantization), b(*pair.b.quantization), to(*type.quantization);
    const std::int64_t floor = Floor<kRelu, T>(to), ceiling = HighestOf<T>();
    if (given && call.with_qnnpack() && pair.a.dtype == DType::kQUint8 && pair.a.sizes == pair.b.sizes &&
        RatiosWithin(a, b, to, -14)) {
      constexpr int kBits = 21;
      const FixedPointSum sum(a, b, to, kBits);
      const std::int64_t elements = pair.a.num_elements();
      return MapPairs<T>(call, pair, [&](T x, T y) {
        const std::int64_t exact = sum.Of(x, y);
        const std::int64_t rounded =
            call.faults() == Faults::kKeep ? sum.AsQnnpack(exact, elements) : sum.TiesAway(exact);
        return std::clamp(rounded + to.zero_point, floor, ceiling);
      });
    }
    if (given && !call.with_fbgemm() && pair.a.dtype == DType::kQInt8 && RatiosWithin(a, b, to, -10)) {
      constexpr int kBits = 20;
      const FixedPointSum sum(a, b, to, kBits);
      return MapPairs<T>(call, pair, [&](T x, T y) {
        return std::clamp(sum.TiesUp(sum.Of(x, y)) + to.zero_point, floor, ceiling);
      });
    }
    return MapPairs<T>(call, pair, [&](T x, T y) {
      const float sum = a.FusedReal(x) + b.FusedReal(y);
      return VectorLevelOf<T>(kRelu ? std::max(sum, 0.0F) : sum, to, call.faults());
    });
  });
}

// ---- mul: (a - a_zero) (b - b_zero) times the scales

template <bool kRelu>
Results QuantizedMul(const Call& call) {
  const Pair pair = OCTAVO_TRY(PairOf(call));
  const bool given = call.has("scale");
  return WithLevels(pair.a, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, pair.a));
    const Affine a(*pair.a.quantization), b(*pair.b.quantization), to(*type.quantization);
    const bool xnnpack =
        given && !call.with_fbgemm() && pair.a.dtype == DType::kQInt8 && to.zero_point < HighestOf<T>();
    const float multiplier = xnnpack ? a.scale * b.scale / to.scale : a.scale * b.scale * to.inverse;
    return MapPairs<T>(call, pair, [&](T x, T y) {
      const auto product = static_cast<std::int32_t>(static_cast<std::uint32_t>(x - a.zero_point) *
                                                     static_cast<std::uint32_t>(y - b.zero_point));
      return Requantized(product, multiplier, to.zero_point, Floor<kRelu, T>(to), HighestOf<T>(),
                         xnnpack ? Faults::kMeant : call.faults());
    });
  });
}

// ---- with a number: PyTorch changes the quantization and, where it can, leaves the levels as they are

// x + c: the zero point moves by round(c / scale), and where it would leave the range, the levels are scaled
// into the range that the result gets.
template <bool kRelu>
Results AddNumber(const Call& call) {
  const Tensor& x = call.tensor("qa");
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const Affine from(*x.quantization), to(*type.quantization);
    constexpr double kFar = 1e15;  // beyond any range
    const double number = std::nearbyint(call.number("b") / x.quantization->scale());
    if (std::isnan(number)) return Unsupported("the added number must be finite");
    const auto steps = static_cast<std::int64_t>(std::clamp(number, -kFar, kFar));
    const bool moves = from.zero_point - steps >= LowestOf<T>() && from.zero_point - steps <= HighestOf<T>();
    const float multiplier = from.scale * to.inverse;
    Array<T> levels = Elements<T>(x);
    for (T& level : levels.data) {
      if (moves) {
        level = static_cast<T>(std::max<std::int64_t>(level, Floor<kRelu, T>(to)));
      } else {
        level = static_cast<T>(Requantized(level - from.zero_point + steps, multiplier, to.zero_point,
                                           Floor<kRelu, T>(to), HighestOf<T>(), call.faults()));
      }
    }
    return One(ToTensor(levels, type));
  });
}

// x c: the scale is multiplied; a negative number mirrors the range; with 0 all levels are 0.
template <bool kRelu>
Results MulNumber(const Call& call) {
  const Tensor& x = call.tensor("qa");
  return WithLevels(x, [&](auto zero) -> Results {
    using T = decltype(zero);
    const TensorType type = OCTAVO_TRY(QuantizedResult(call, x));
    const double factor = call.number("b");
    const Affine to(*type.quantization);
    Array<T> levels = Elements<T>(x);
    for (T& level : levels.data) {
      const std::int64_t mirrored = LowestOf<T>() + HighestOf<T>() - level;
      const std::int64_t product = factor > 0 ? level : factor == 0 ? 0 : mirrored;
      level = static_cast<T>(factor == 0 ? 0 : std::max(product, Floor<kRelu, T>(to)));
    }
    return One(ToTensor(levels, type));
  });
}

template <bool kRelu>
Results AddAny(const Call& call) {
  return call.has("qb") ? QuantizedAdd<kRelu>(call) : AddNumber<kRelu>(call);
}
template <bool kRelu>
Results MulAny(const Call& call) {
  return call.has("qb") ? QuantizedMul<kRelu>(call) : MulNumber<kRelu>(call);
}

}  // namespace

void AddQuantizedArithmetic(Kernels& kernels) {
  kernels.Add("quantized::add", AddAny<false>);
  kernels.Add("quantized::add_out", AddAny<false>);
  kernels.Add("quantized::add_relu", AddAny<true>);
  kernels.Add("quantized::add_relu_out", AddAny<true>);
  kernels.Add("quantized::add_scalar", AddNumber<false>);
  kernels.Add("quantized::add_scalar_out", AddNumber<false>);
  kernels.Add("quantized::add_scalar_relu", AddNumber<true>);
  kernels.Add("quantized::add_scalar_relu_out", AddNumber<true>);
  kernels.Add("quantized::mul", MulAny<false>);
  kernels.Add("quantized::mul_out", MulAny<false>);
  kernels.Add("quantized::mul_relu", MulAny<true>);
  kernels.Add("quantized::mul_relu_out", MulAny<true>);
  kernels.Add("quantized::mul_scalar", MulNumber<false>);
  kernels.Add("quantized::mul_scalar_out", MulNumber<false>);
  kernels.Add("quantized::mul_scalar_relu", MulNumber<true>);
  kernels.Add("quantized::mul_scalar_relu_out", MulNumber<true>);
}

}  // namespace octavo::reference
