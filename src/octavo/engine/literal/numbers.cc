#include "octavo/engine/literal/numbers.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace octavo::engine::literal {
namespace {

template <typename T>
std::vector<std::byte> BytesOf(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

// `real` rounded to a float of `mantissa` bits behind the point and exponents from `least`, as the bits of a
// 16-bit pattern with `exponent_bits`.
std::uint16_t ToSmallFloat(double real, int mantissa, int least, int greatest) {
  const std::uint16_t sign = std::signbit(real) ? 0x8000 : 0;
  const int exponent_mask = greatest - least + 2;  // all ones
  if (std::isnan(real)) {
    return static_cast<std::uint16_t>(sign | (exponent_mask << mantissa) | (1 << (mantissa - 1)));
  }
  const double magnitude = std::fabs(real);
  int exponent = magnitude == 0 || std::isinf(magnitude) ? least : std::max(std::ilogb(magnitude), least);
  // Steps of 2^(exponent - mantissa); nearbyint rounds ties to even.
  double steps =
      std::isinf(magnitude) ? magnitude : std::nearbyint(std::scalbn(magnitude, mantissa - exponent));
  const double full = std::scalbn(1.0, mantissa + 1);
  if (steps >= full && !std::isinf(steps)) {
    steps /= 2;
    ++exponent;
  }
  if (std::isinf(steps) || exponent > greatest)
    return static_cast<std::uint16_t>(sign | (exponent_mask << mantissa));
  const int bits = static_cast<int>(steps);
  const int implicit = 1 << mantissa;
  if (bits < implicit) return static_cast<std::uint16_t>(sign | bits);  // subnormal
  return static_cast<std::uint16_t>(sign | ((exponent - least + 1) << mantissa) | (bits - implicit));
}

// What a kernel answers that has not checked its dtype; none is known.
Tensor Zeros(DType dtype, const Sizes& sizes) {
  return Tensor::FromBytes(
      dtype, sizes, std::vector<std::byte>(static_cast<std::size_t>(Product(sizes)) * ElementSize(dtype)));
}

}  // namespace

std::uint16_t ToHalf(double real) { return ToSmallFloat(real, 10, -14, 15); }
std::uint16_t ToBFloat16(double real) { return ToSmallFloat(real, 7, -126, 127); }

bool IsNumber(DType dtype) { return IsInteger(dtype) || IsFloat(dtype); }

std::vector<double> Reals(const Tensor& tensor) {
  std::vector<double> reals;
  const bool native = WithType(tensor.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* data = Data<T>(tensor);
    reals.assign(data, data + tensor.num_elements());
  });
  return native ? reals : tensor.ToDoubles();
}

std::vector<std::int64_t> Integers(const Tensor& tensor) {
  std::vector<std::int64_t> integers;
  WithType(tensor.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      const T* data = Data<T>(tensor);
      integers.assign(data, data + tensor.num_elements());
    }
  });
  const auto count = static_cast<std::size_t>(tensor.num_elements());
  if (integers.size() == count) return integers;
  // Every kernel has checked the dtype.  Should one have forgotten, its answer is wrong, and nothing is read
  // past an end.
  assert(false && "integers were read from a float tensor");
  integers.resize(count);
  return integers;
}

Tensor FromReals(DType dtype, const Sizes& sizes, const std::vector<double>& reals) {
  switch (dtype) {
    case DType::kFloat64:
      return Tensor::FromBytes(dtype, sizes, BytesOf(reals));
    case DType::kFloat32: {
      std::vector<std::byte> bytes(reals.size() * sizeof(float));
      for (std::size_t i = 0; i < reals.size(); ++i) {
        const auto value = static_cast<float>(reals[i]);
        std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
      }
      return Tensor::FromBytes(dtype, sizes, std::move(bytes));
    }
    case DType::kFloat16:
    case DType::kBFloat16: {
      std::vector<std::uint16_t> halves(reals.size());
      std::transform(reals.begin(), reals.end(), halves.begin(),
                     dtype == DType::kFloat16 ? ToHalf : ToBFloat16);
      return Tensor::FromBytes(dtype, sizes, BytesOf(halves));
    }
    default:
      assert(false && "reals were written to a tensor that is not of floats");
      return Zeros(dtype, sizes);
  }
}

Tensor FromIntegers(DType dtype, const Sizes& sizes, const std::vector<std::int64_t>& integers) {
  Tensor tensor;
  WithType(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      std::vector<T> values(integers.size());
      for (std::size_t i = 0; i < integers.size(); ++i) {
        const std::int64_t value = dtype == DType::kUint4  ? integers[i] & 15
                                   : dtype == DType::kInt4 ? ((integers[i] & 15) ^ 8) - 8
                                                           : integers[i];
        values[i] = dtype == DType::kBool ? static_cast<T>(value != 0) : static_cast<T>(value);
      }
      tensor = Tensor::FromBytes(dtype, sizes, BytesOf(values));
    }
  });
  if (tensor.dtype != DType::kUnknown) return tensor;
  assert(false && "integers were written to a tensor that is not of integers");
  return Zeros(dtype, sizes);
}

Tensor FromBools(const Sizes& sizes, const std::vector<bool>& bools) {
  std::vector<std::byte> bytes(bools.size());
  for (std::size_t i = 0; i < bools.size(); ++i) bytes[i] = static_cast<std::byte>(bools[i]);
  return Tensor::FromBytes(DType::kBool, sizes, std::move(bytes));
}

std::pair<std::int64_t, std::int64_t> RangeOf(DType dtype) {
  std::pair<std::int64_t, std::int64_t> range;
  WithType(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>)
      range = {
          std::numeric_limits<T>::min(),
          std::min<std::uint64_t>(std::numeric_limits<T>::max(), std::numeric_limits<std::int64_t>::max())};
  });
  if (dtype == DType::kBool) range = {0, 1};
  if (dtype == DType::kUint4) range = {0, 15};
  if (dtype == DType::kInt4) range = {-8, 7};
  return range;
}

std::int64_t SaturatedInteger(double real, DType dtype) {
  const auto [low, high] = RangeOf(dtype);
  if (std::isnan(real)) return 0;
  if (real <= static_cast<double>(low)) return low;
  if (real >= static_cast<double>(high)) return high;
  return static_cast<std::int64_t>(real);
}

Sizes StridesOf(const Sizes& sizes) {
  Sizes strides(sizes.size());
  std::int64_t step = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = step;
    step *= sizes[i];
  }
  return strides;
}

std::int64_t Product(const Sizes& sizes, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t i = begin; i < end; ++i) product *= sizes[i];
  return product;
}

std::optional<Sizes> Broadcast(const Sizes& a, const Sizes& b) {
  Sizes result(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

Sizes BroadcastStrides(const Sizes& sizes, const Sizes& to) {
  const Sizes own = StridesOf(sizes);
  Sizes strides(to.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t at = to.size() - sizes.size() + i;
    strides[at] = sizes[i] == 1 ? 0 : own[i];
  }
  return strides;
}

Tensor Strided(const Tensor& from, const Sizes& sizes, const Sizes& strides, std::int64_t begin) {
  const std::size_t size = ElementSize(from.dtype);
  std::vector<std::byte> bytes(static_cast<std::size_t>(Product(sizes)) * size);
  const std::byte* data = Begin(from);
  ForEachOffset(sizes, strides, begin, [&](std::int64_t i, std::int64_t offset) {
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * size,
                data + offset * static_cast<std::int64_t>(size), size);
  });
  return Tensor::FromBytes(from.dtype, sizes, std::move(bytes));
}

Tensor Picked(const Tensor& from, const Sizes& sizes, const std::vector<std::int64_t>& source,
              const Tensor* otherwise) {
  const std::size_t size = ElementSize(from.dtype);
  std::vector<std::byte> bytes(source.size() * size);
  const std::byte* data = Begin(from);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] >= 0) {
      std::memcpy(bytes.data() + i * size, data + static_cast<std::size_t>(source[i]) * size, size);
    } else if (otherwise != nullptr) {
      std::memcpy(bytes.data() + i * size, Begin(*otherwise), size);
    }
  }
  return Tensor::FromBytes(from.dtype, sizes, std::move(bytes));
}

Prepared One(DType dtype, Sizes sizes, std::function<Result<Tensor>(const Operands&)> compute) {
  Prepared prepared;
  prepared.outputs = {{.dtype = dtype, .sizes = std::move(sizes)}};
  prepared.compute = [compute = std::move(compute)](const Operands& in) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> results;
    results.push_back(OCTAVO_TRY(compute(in)));
    return results;
  };
  return prepared;
}

Prepared SameElements(DType dtype, Sizes sizes) {
  return One(dtype, sizes, [sizes](const Operands& in) -> Result<Tensor> { return in[0]->Reshaped(sizes); });
}

Status CheckFloat(Call& call, std::size_t i) {
  const DType dtype = OCTAVO_TRY(call.dtype(i));
  if (IsFloat(dtype)) return {};
  return call.Invalid(fmt::format("input {} must be a float tensor, not {}", i, Name(dtype)));
}

Status CheckNumber(Call& call, std::size_t i) {
  const DType dtype = OCTAVO_TRY(call.dtype(i));
  if (IsNumber(dtype)) return {};
  return call.Invalid(fmt::format("input {} must be a numeric tensor, not {}", i, Name(dtype)));
}

Status CheckDType(Call& call, std::size_t i, std::initializer_list<DType> dtypes) {
  const DType dtype = OCTAVO_TRY(call.dtype(i));
  if (std::find(dtypes.begin(), dtypes.end(), dtype) != dtypes.end()) return {};
  return call.Invalid(fmt::format("input {} cannot be {}", i, Name(dtype)));
}

Status CheckSameType(Call& call) {
  const DType first = OCTAVO_TRY(call.dtype(0));
  for (std::size_t i = 1; i < call.num_inputs(); ++i) {
    if (!call.has(i)) continue;
    const DType dtype = OCTAVO_TRY(call.dtype(i));
    if (dtype != first) {
      return call.Invalid(fmt::format("input {} is {}, but input 0 is {}", i, Name(dtype), Name(first)));
    }
  }
  return {};
}

}  // namespace octavo::engine::literal
