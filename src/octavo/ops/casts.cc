#include "octavo/ops/casts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "octavo/lower/checks.h"
#include "octavo/row.h"

namespace octavo {
namespace {

// Constants up to this size are converted here, larger ones when the model runs.
constexpr std::int64_t kConvertedElements = 1 << 12;

template <typename To>
std::optional<Tensor> FromInts(const Tensor& x, DType dtype) {
  std::vector<To> numbers;
  for (const std::int64_t i : x.ToInts()) numbers.push_back(static_cast<To>(i));
  return Tensor::From(dtype, x.sizes, numbers);
}

template <typename To>
std::optional<Tensor> FromReals(const Tensor& x, DType dtype) {
  std::vector<To> numbers;
  for (const double d : x.ToDoubles()) {
    if constexpr (std::is_integral_v<To>) {
      constexpr double kLow = static_cast<double>(std::numeric_limits<To>::min());
      constexpr double kHigh = static_cast<double>(std::numeric_limits<To>::max());
      if (!(d > kLow && d < kHigh)) return std::nullopt;  // what a conversion gives then, the runtime decides
    }
    numbers.push_back(static_cast<To>(d));
  }
  return Tensor::From(dtype, x.sizes, numbers);
}

template <typename To>
std::optional<Tensor> As(const Tensor& x, DType dtype) {
  return IsFloat(x.dtype) ? FromReals<To>(x, dtype) : FromInts<To>(x, dtype);
}

std::optional<Tensor> ConvertedConstant(const Tensor& x, DType dtype) {
  if (x.num_elements() > kConvertedElements) return std::nullopt;
  switch (x.dtype) {
    case DType::kFloat32:
    case DType::kFloat64:
    case DType::kInt64:
    case DType::kInt32:
    case DType::kInt16:
    case DType::kInt8:
    case DType::kUint8:
    case DType::kBool:
      break;
    default:
      return std::nullopt;
  }
  switch (dtype) {
    case DType::kFloat32:
      return As<float>(x, dtype);
    case DType::kFloat64:
      return As<double>(x, dtype);
    case DType::kInt64:
      return As<std::int64_t>(x, dtype);
    case DType::kInt32:
      return As<std::int32_t>(x, dtype);
    case DType::kBool: {
      std::vector<std::uint8_t> flags;
      for (const double d : x.ToDoubles()) flags.push_back(d != 0);
      return Tensor::From(dtype, x.sizes, flags);
    }
    default:
      return std::nullopt;
  }
}

Tensor NumberTensor(const ir::Operand& number) {
  if (const auto* flag = std::get_if<bool>(&number)) {
    return Tensor::From(DType::kBool, {}, std::vector<std::uint8_t>{*flag});
  }
  if (const auto* dim = std::get_if<Dim>(&number)) {
    return Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{dim->value()});
  }
  return Tensor::From(DType::kFloat64, {}, std::vector<double>{std::get<double>(number)});
}

// When PyTorch runs a saved model, a 0-dimensional tensor among its constants is a number again, as which it
// was written in Python.
bool IsNumberOfProgram(const Arguments& a, std::string_view name) {
  const Value x = a.tensor(name);
  return x.constant() && x.rank() == 0 && a.graph().value(x.id()).name.starts_with("CONSTANTS.");
}

DType DTypeOfCast(DType dtype) {
  if (dtype == DType::kBool) return dtype;
  return IsFloat(dtype) ? DType::kFloat32 : DType::kInt64;
}

// bool, integer, floating point.
int CastKind(DType dtype) { return dtype == DType::kBool ? 0 : IsFloat(dtype) ? 2 : 1; }

}  // namespace

Result<Value> Converted(Builder& g, Value x, DType dtype) {
  if (KnownDType(x.dtype()) == dtype) return x;
  if (x.quantized()) {
    return Unsupported(fmt::format("conversion from {} to {} is not supported", Name(x.dtype()), Name(dtype)),
                       "Call .dequantize() first.");
  }
  if (const Tensor* constant = x.constant()) {
    if (auto converted = ConvertedConstant(*constant, dtype)) return g.Constant(std::move(*converted));
  }
  return CastTo(g, x, dtype);
}

Status CheckStorable(const ir::Operand& number, DType dtype) {
  if (!IsInteger(dtype)) return {};
  const std::int64_t highest = dtype == DType::kUint8   ? 255
                               : dtype == DType::kInt8  ? 127
                               : dtype == DType::kInt16 ? 32767
                               : dtype == DType::kInt32 ? std::numeric_limits<std::int32_t>::max()
                                                        : std::numeric_limits<std::int64_t>::max();
  // PyTorch lets negative numbers wrap around where the dtype is unsigned.
  const std::int64_t lowest = dtype == DType::kUint8 ? -highest : -highest - 1;
  bool fits = true;
  if (const auto* real = std::get_if<double>(&number)) {
    const auto low = static_cast<double>(dtype == DType::kUint8 ? 0 : lowest);
    fits = *real >= low && *real <= static_cast<double>(highest);
  } else if (const auto* whole = std::get_if<Dim>(&number)) {
    fits = !whole->known() || (whole->value() >= lowest && whole->value() <= highest);
  }
  if (fits) return {};
  return Unsupported(fmt::format("a number of the call is out of range for {}", Name(dtype)));
}

Result<Value> NumberOf(Builder& g, const ir::Operand& number, DType dtype) {
  Tensor tensor = NumberTensor(number);
  if (tensor.dtype == dtype) return g.Constant(std::move(tensor));
  if (auto converted = ConvertedConstant(tensor, dtype)) return g.Constant(std::move(*converted));
  // float16 and the like: by way of float32.
  auto real = ConvertedConstant(tensor, DType::kFloat32);
  return CastTo(g, g.Constant(std::move(*real)), dtype);
}

Result<DType> CommonDType(const Arguments& a, const std::vector<std::string_view>& names) {
  // What tensors with dimensions, those without, and numbers have in common.
  std::optional<DType> dimensioned, scalar, number;
  const auto join = [](std::optional<DType>& common, DType dtype) {
    common = common ? Promote(*common, dtype) : dtype;
  };
  for (const std::string_view name : names) {
    const ir::Operand& operand = a.operand(name);
    if (std::holds_alternative<bool>(operand)) {
      join(number, DType::kBool);
    } else if (std::holds_alternative<Dim>(operand)) {
      join(number, DType::kInt64);
    } else if (std::holds_alternative<double>(operand)) {
      join(number, DType::kFloat32);
    } else if (a.is_tensor(name)) {
      const Value x = a.tensor(name);
      if (x.quantized()) {
        return Unsupported(
            fmt::format(
                "argument {} is quantized ({}), but PyTorch has no quantized version of this operator", name,
                Name(x.dtype())),
            "Use torch.ops.quantized or torch.nn.quantized.FloatFunctional, or dequantize first.");
      }
      if (IsNumberOfProgram(a, name)) {
        join(number, DTypeOfCast(x.dtype()));
      } else {
        join(x.rank() == 0 ? scalar : dimensioned, KnownDType(x.dtype()));
      }
    }
  }
  std::optional<DType> common = dimensioned;
  for (const std::optional<DType>& lower : {scalar, number}) {
    if (!lower) continue;
    if (!common) {
      common = lower;
    } else if (CastKind(*lower) > CastKind(*common)) {
      common = Promote(*common, *lower);
    }
  }
  if (!common) return Unsupported("no argument is a tensor");
  return *common;
}

Result<Value> Operand(Builder& g, const Arguments& a, std::string_view name, DType dtype) {
  if (a.is_tensor(name)) return Converted(g, a.tensor(name), dtype);
  return NumberOf(g, a.operand(name), dtype);
}

}  // namespace octavo
