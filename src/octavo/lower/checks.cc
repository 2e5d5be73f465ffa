#include "octavo/lower/checks.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace octavo {

std::string StateQuantization(std::string_view spec) {
  return fmt::format(
      "Quantize it in the model, or state an input's scale and zero point: --input '{}', or --input "
      "'x.npy@quint8(0.02,128)' for an array.",
      spec);
}

namespace {

Error DependsOnSize(std::string_view name) {
  return NeedsInput(fmt::format("argument {} depends on an open size", name),
                    "Give the input's sizes as numbers, as in --input 'float32[1,3,224,224]'.");
}

enum class Integers { kRefused, kTaken };
enum class Quantized { kRefused, kEightBits, kNeeded };

Status CheckType(const TensorType& type, const std::string& argument, Integers integers,
                 Quantized quantized) {
  if (type.dtype == DType::kUnknown) return {};
  if (type.quantized()) {
    if (quantized == Quantized::kRefused) {
      return Unsupported(fmt::format("argument {} is {}, but this operator does not take quantized tensors",
                                     argument, type.ToString()),
                         "Call .dequantize() on it first.");
    }
    if ((type.dtype != DType::kQUint8 && type.dtype != DType::kQInt8) || !type.quantization->per_tensor()) {
      return Unsupported(
          fmt::format("argument {} must be per-tensor quint8 or qint8, not {}", argument, type.ToString()));
    }
    return {};
  }
  if (quantized == Quantized::kNeeded) {
    return NeedsInput(fmt::format("argument {} is {}, but this operator needs a quantized tensor", argument,
                                  type.ToString()),
                      StateQuantization());
  }
  if (integers == Integers::kRefused && !IsFloat(type.dtype)) {
    return Unsupported(
        fmt::format("argument {} is {}, but the ONNX operator takes floating-point tensors only", argument,
                    type.ToString()),
        "Call .float() on it first.");
  }
  return {};
}

TypeRule Checked(std::string argument, TypeRule rule, Integers integers, Quantized quantized) {
  return [argument = std::move(argument), rule = std::move(rule), integers,
          quantized](const Arguments& a) -> Result<std::vector<TensorType>> {
    OCTAVO_TRY(CheckType(a.tensor(argument).type(), argument, integers, quantized));
    return rule(a);
  };
}

// onnx.TensorProto.DataType.
std::optional<int> OnnxType(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return 1;
    case DType::kUint8:
      return 2;
    case DType::kInt8:
      return 3;
    case DType::kInt16:
      return 5;
    case DType::kInt32:
      return 6;
    case DType::kInt64:
      return 7;
    case DType::kBool:
      return 9;
    case DType::kFloat16:
      return 10;
    case DType::kFloat64:
      return 11;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<std::int64_t> KnownInt(const Arguments& a, std::string_view name) {
  const Dim dim = a.dim(name);
  if (!dim.known()) return DependsOnSize(name);
  return dim.value();
}

Result<std::vector<std::int64_t>> KnownInts(const Arguments& a, std::string_view name) {
  std::vector<std::int64_t> numbers;
  for (const Dim& dim : a.dims(name)) {
    if (!dim.known()) return DependsOnSize(name);
    numbers.push_back(dim.value());
  }
  return numbers;
}

TypeRule FloatOnly(std::string argument, TypeRule rule) {
  return Checked(std::move(argument), std::move(rule), Integers::kRefused, Quantized::kRefused);
}

TypeRule RealOnly(std::string argument, TypeRule rule) {
  return Checked(std::move(argument), std::move(rule), Integers::kTaken, Quantized::kRefused);
}

TypeRule FloatOrEightBits(std::string argument, TypeRule rule) {
  return Checked(std::move(argument), std::move(rule), Integers::kRefused, Quantized::kEightBits);
}

TypeRule RealOrEightBits(std::string argument, TypeRule rule) {
  return Checked(std::move(argument), std::move(rule), Integers::kTaken, Quantized::kEightBits);
}

TypeRule EightBits(std::string argument, TypeRule rule) {
  return Checked(std::move(argument), std::move(rule), Integers::kRefused, Quantized::kNeeded);
}

TensorType WithDType(TensorType type, DType dtype) {
  type.dtype = dtype;
  type.quantization.reset();
  return type;
}

IntegerRange RangeOf(DType dtype) {
  const bool is_signed = StorageType(dtype) == DType::kInt8;
  return is_signed ? IntegerRange{-128, 127} : IntegerRange{0, 255};
}

Value IntegerConstant(Builder& g, const TensorType& type, std::int64_t value) {
  return g.Constant(
      Tensor::From(StorageType(type.dtype), {}, std::vector<std::int8_t>{static_cast<std::int8_t>(value)}));
}

Result<Value> CastTo(Builder& g, Value x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const std::optional<int> number = OnnxType(dtype);
  if (!number) return Unsupported(fmt::format("ONNX cannot convert to {}", Name(dtype)));
  return g.As(g.Op("Cast", {x}, {{"to", *number}}), WithDType(x.type(), dtype));
}

}  // namespace octavo
