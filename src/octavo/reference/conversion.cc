#include "octavo/reference/conversion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace octavo::reference {
namespace {

Error NoNumbers(DType dtype) {
  return Unsupported(fmt::format("arithmetic on {} is not supported", Name(dtype)));
}

// Beyond the range, what x86's conversions give: the lowest number of int64, or of int32.
template <typename To>
To Cut(double real) {
  using Wide =
      std::conditional_t<(sizeof(To) == 8 || std::is_same_v<To, std::uint8_t>), std::int64_t, std::int32_t>;
  constexpr double kLow = static_cast<double>(std::numeric_limits<Wide>::min());
  const bool inside = real > kLow - 1 && real < -kLow;
  return static_cast<To>(inside ? static_cast<Wide>(real) : std::numeric_limits<Wide>::min());
}

template <typename To, typename From>
To As(From number) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return Cut<To>(static_cast<double>(number));
  } else {
    return static_cast<To>(number);
  }
}

template <typename From>
Result<Tensor> StoredAs(const Array<From>& numbers, DType dtype) {
  std::optional<Tensor> result;
  WithElementType(dtype, [&](auto zero) {
    using To = decltype(zero);
    Array<To> stored(numbers.sizes);
    for (std::size_t i = 0; i < stored.data.size(); ++i) {
      stored.data[i] =
          dtype == DType::kBool ? static_cast<To>(numbers.data[i] != 0) : As<To>(numbers.data[i]);
    }
    result = ToTensor(stored, {.dtype = dtype});
  });
  if (!result || IsQuantized(dtype)) return NoNumbers(dtype);
  return *std::move(result);
}

// bool, integer, real.
int Kind(DType dtype) { return dtype == DType::kBool ? 0 : IsFloat(dtype) ? 2 : 1; }

DType Promoted(DType a, DType b) {
  if (a == b) return a;
  if (Kind(a) != Kind(b)) return Kind(a) > Kind(b) ? a : b;
  if (Kind(a) == 2) return a == DType::kFloat64 || b == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  if (a == DType::kUint8 || b == DType::kUint8) {
    const DType other = a == DType::kUint8 ? b : a;
    return other == DType::kInt8 ? DType::kInt16 : other;
  }
  return ElementSize(a) > ElementSize(b) ? a : b;
}

// A number counts as these where no tensor is of its kind.
DType DTypeOfNumber(DType dtype) {
  return dtype == DType::kBool ? dtype : IsFloat(dtype) ? DType::kFloat32 : DType::kInt64;
}

}  // namespace

Result<Tensor> Converted(const Tensor& x, DType dtype) {
  if (x.dtype == dtype) return x;
  if (IsQuantized(x.dtype) || IsQuantized(dtype)) {
    return Unsupported(fmt::format("conversion from {} to {} is not supported", Name(x.dtype), Name(dtype)));
  }
  if (x.dtype == DType::kFloat16 || x.dtype == DType::kBFloat16) {
    return Stored(OCTAVO_TRY(Numbers<double>(x)), dtype);
  }
  std::optional<Result<Tensor>> result;
  WithElementType(x.dtype, [&](auto zero) { result = StoredAs(Elements<decltype(zero)>(x), dtype); });
  if (!result) return NoNumbers(x.dtype);
  return *std::move(result);
}

template <typename T>
Result<Array<T>> Numbers(const Tensor& x) {
  Array<T> numbers({0});
  numbers.sizes = x.sizes;
  if (x.dtype == DType::kFloat16 || x.dtype == DType::kBFloat16) {
    for (const double number : x.ToDoubles()) numbers.data.push_back(As<T>(number));
    return numbers;
  }
  const bool known = WithElementType(x.dtype, [&](auto zero) {
    for (const auto number : Elements<decltype(zero)>(x).data) numbers.data.push_back(As<T>(number));
  });
  if (!known) return NoNumbers(x.dtype);
  return numbers;
}
template Result<Array<double>> Numbers(const Tensor& x);
template Result<Array<std::int64_t>> Numbers(const Tensor& x);

Result<Tensor> Stored(const Array<double>& numbers, DType dtype) { return StoredAs(numbers, dtype); }
Result<Tensor> Stored(const Array<std::int64_t>& numbers, DType dtype) { return StoredAs(numbers, dtype); }

double Rounded(double number, DType dtype) {
  return dtype == DType::kFloat32 ? static_cast<double>(static_cast<float>(number)) : number;
}

Tensor NumberTensor(const Call& call, std::string_view name) {
  if (call.is_tensor(name)) return call.tensor(name);
  if (call.is_float(name)) return Tensor::From(DType::kFloat64, {}, std::vector<double>{call.number(name)});
  const std::int64_t integer = call.integer(name);
  if (!call.is_bool(name)) return Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{integer});
  return Tensor::From(DType::kBool, {}, std::vector<std::uint8_t>{integer != 0});
}

Result<Tensor> FilledLike(const Tensor& x, const Tensor& number, const Options& options) {
  if (number.num_elements() != 1) return Unsupported("the fill value must be a single number");
  if (!x.quantization) return Converted(number, x.dtype);
  if (!x.quantization->per_tensor())
    return Unsupported("filling a per-channel quantized tensor is not supported");
  Array<float> real({});
  real[0] = static_cast<float>(OCTAVO_TRY(Numbers<double>(number))[0]);
  return Quantized(real, {.dtype = x.dtype, .shape = {}, .quantization = x.quantization}, options);
}

DType ResultDType(const Call& call, std::size_t index) {
  const DType dtype = call.result(index).dtype;
  return dtype == DType::kUnknown ? DType::kFloat32 : dtype;
}

DType CommonDType(const Call& call, std::initializer_list<std::string_view> names) {
  std::optional<DType> dimensioned, scalar, number;
  const auto join = [](std::optional<DType>& common, DType dtype) {
    common = common ? Promoted(*common, dtype) : dtype;
  };
  for (const std::string_view name : names) {
    if (!call.has(name)) continue;
    const Tensor x = NumberTensor(call, name);
    const DType dtype = IsQuantized(x.dtype) ? DType::kFloat32 : x.dtype;
    if (call.is_number(name)) {
      join(number, DTypeOfNumber(dtype));
    } else {
      join(x.rank() == 0 ? scalar : dimensioned, dtype);
    }
  }
  std::optional<DType> common = dimensioned;
  for (const std::optional<DType>& lower : {scalar, number}) {
    if (!lower) continue;
    common = !common ? *lower : Kind(*lower) > Kind(*common) ? Promoted(*common, *lower) : *common;
  }
  return common.value_or(DType::kFloat32);
}

Result<Sizes> CommonSizes(const Call& call, std::initializer_list<std::string_view> names) {
  Sizes sizes;
  for (const std::string_view name : names) {
    if (call.is_tensor(name)) sizes = OCTAVO_TRY(Broadcast(sizes, call.tensor(name).sizes));
  }
  return sizes;
}

Result<std::vector<std::int64_t>> RepeatedPlaces(const Sizes& from, const Sizes& sizes) {
  if (OCTAVO_TRY(Broadcast(from, sizes)) != sizes) {
    return Unsupported(fmt::format("a tensor of shape {} cannot be broadcast to {}", from, sizes));
  }
  const std::size_t added = sizes.size() - from.size();
  const Sizes steps = Steps(from);
  std::vector<std::int64_t> places;
  ForEachIndex(sizes, [&](const Sizes& at) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < from.size(); ++d) place += from[d] == 1 ? 0 : at[added + d] * steps[d];
    places.push_back(place);
  });
  return places;
}

template <typename T>
Result<Array<T>> Operand(const Call& call, std::string_view name, DType dtype, const Sizes& sizes) {
  Tensor x = NumberTensor(call, name);
  if (x.quantization) x = ToTensor(Dequantized(x), {.dtype = DType::kFloat32});
  x = OCTAVO_TRY(Converted(x, dtype));
  const Array<T> numbers = OCTAVO_TRY(Numbers<T>(x));
  if (x.sizes == sizes) return numbers;
  Array<T> repeated(sizes);
  const std::vector<std::int64_t> places = OCTAVO_TRY(RepeatedPlaces(x.sizes, sizes));
  for (std::size_t i = 0; i < places.size(); ++i) repeated.data[i] = numbers[places[i]];
  return repeated;
}
template Result<Array<double>> Operand(const Call&, std::string_view, DType, const Sizes&);
template Result<Array<std::int64_t>> Operand(const Call&, std::string_view, DType, const Sizes&);

}  // namespace octavo::reference
